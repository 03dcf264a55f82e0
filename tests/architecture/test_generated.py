"""What is generated from the protocol says what the protocol says."""

import re
import subprocess
import sys
from pathlib import Path

from jupyter_agent.server.socket import MAX_FRAME_BYTES

ROOT = Path(__file__).parents[2]


def test_typescript_types_are_up_to_date():
    command = [sys.executable, str(ROOT / "scripts" / "generate_types.py"), "--check"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_the_socket_has_one_limit_on_both_sides():
    client = (ROOT / "labextension" / "src" / "client" / "socket.ts").read_text(encoding="utf-8")
    (limit,) = re.findall(r"const MAX_FRAME_BYTES = ([\d_]+);", client)
    assert int(limit) == MAX_FRAME_BYTES
