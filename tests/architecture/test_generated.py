"""What is generated from the protocol says what the protocol says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_typescript_types_are_up_to_date():
    command = [sys.executable, str(ROOT / "scripts" / "generate_types.py"), "--check"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
