"""Stored figures of the book, each made by one command: `python -m course_lib.benchmark NAME`."""
