"""Message blasts: the frozen audience, one row per recipient, receipts and answers. Times as in `tables.py`."""
