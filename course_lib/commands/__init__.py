"""`python -m course_lib …`: one file a command."""
