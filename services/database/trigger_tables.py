"""Risks and alerts that were seen, and the rules for them. Times as in `tables.py`."""
