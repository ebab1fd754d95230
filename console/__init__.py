"""What an operator types: each module is one command of `app.py`, with its arguments."""
