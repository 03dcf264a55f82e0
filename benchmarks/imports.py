"""What it costs to import the package, and all its adapters, beside httpx and the vendors' SDKs.

CPU seconds of a fresh interpreter, its own start taken off. Ratios are medians of interleaved rounds on
this machine. `python3 scripts/dev.py bench imports`
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import _peers

ROUNDS = 7
_ROOM = "jupyter_agent.providers"
ADAPTERS = ("anthropic", "openai_chat", "openai_responses", "gemini", "ollama", "bedrock", "replay")
ROWS = {
    "nothing": "pass",
    "httpx": "import httpx",
    "jupyter_agent": "import jupyter_agent",
    "all adapters": f"import {', '.join(f'{_ROOM}.{name}' for name in ADAPTERS)}",
    "all adapters and httpx": f"import httpx, {', '.join(f'{_ROOM}.{name}' for name in ADAPTERS)}",
    "anthropic SDK": "import anthropic",
    "openai SDK": "import openai",
    "google-genai SDK": "from google import genai",
}
AIMS = {"jupyter_agent": 0.25, "all adapters": 1.5}


def once(code: str) -> float:
    """Return the CPU seconds of a child that runs this."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, env=_peers.environment())
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def measure() -> dict[str, float]:
    """Return the median seconds of each import; the first round fills the disk cache."""
    times: dict[str, list[float]] = {name: [] for name in ROWS}
    for at in range(ROUNDS + 1):
        for name, code in ROWS.items():
            took = once(code)
            if at:
                times[name].append(took)
    bare = statistics.median(times.pop("nothing"))
    return {name: statistics.median(each) - bare for name, each in times.items()}


def main() -> int:
    if not _peers.is_inside():
        return _peers.run_inside(__file__)
    print("beside", _peers.versions())
    found = measure()
    kept = True
    for name, seconds in found.items():
        ratio = seconds / found["httpx"]
        line = f"{name:26}{seconds * 1000:8.0f} ms{f'x{ratio:.2f}':>9}"
        if aim := AIMS.get(name):
            kept = kept and ratio <= aim
            line += f"   aim x{aim}   {'kept' if ratio <= aim else 'MISSED'}"
        print(line)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
