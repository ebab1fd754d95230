"""What IRBot promises in numbers, measured: `python app.py bench`. Only that command loads this folder."""
