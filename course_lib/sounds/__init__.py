"""Sounds: the clips that come with the course, and files."""
