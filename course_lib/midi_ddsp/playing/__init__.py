"""From notes down to sound."""
