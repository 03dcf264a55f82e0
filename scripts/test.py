"""The one command that says whether the project is in order: `python3 scripts/test.py`.

It makes the environment, runs every check and every test, and ends with pytest's closing lines.
`--fast` runs the unit and contract tests only; other arguments are handed to pytest.
"""

from __future__ import annotations

import sys

from dev import main

if __name__ == "__main__":
    sys.exit(main(["test", *sys.argv[1:]]))
