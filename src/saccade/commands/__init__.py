"""One file a verb, read top to bottom; nothing imports from here but `cli.py`."""
