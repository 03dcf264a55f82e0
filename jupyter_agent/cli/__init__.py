"""The command line: `jupyter agent …`. Read `main.py` first; exit codes are in `exits.py`."""
