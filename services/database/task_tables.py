"""Human tasks, the gate before an account is given back, the watch for a return. Times as in `tables.py`."""
