"""What can play the pitched part of a tone: one file each, chosen by name in `choose`."""
