"""What a sound contains: pitch, loudness, partials, and whether there is more than one voice."""
