"""Sessions on disk: one SQLite file, used from one thread. Read `sessions.py` first."""
