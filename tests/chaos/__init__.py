"""Whole stories while everything around them goes wrong, and what must be true all the same.

`python -m tests.chaos` plays rounds; `harms.py` says what is done to them, `invariants.py` what must hold afterwards.
"""
