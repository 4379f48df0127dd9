"""The player of several sounds: what Python knows of them (`facts.py`), and the scripts that play and show them."""
