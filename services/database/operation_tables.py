"""What administrators set and stop from Teams. Times as in `tables.py`."""
