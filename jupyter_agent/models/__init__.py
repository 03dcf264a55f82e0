"""Which models there are, what they cost, and what it takes to reach one. Read `resolve.py` first."""
