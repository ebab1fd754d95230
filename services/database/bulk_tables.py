"""Changes to very many mailboxes: the frozen list, one row per item. Times as in `tables.py`."""
