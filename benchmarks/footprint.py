"""What the package costs before it does anything: to install, to import, to start.

Prints our figure beside the limit. Ratios are medians of interleaved rounds on this machine.
`python3 scripts/dev.py bench footprint`; `--no-install` leaves out the slow part.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7


def seconds(command: list[str], **more) -> float:
    started = time.perf_counter()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more
    )
    return time.perf_counter() - started


def imports() -> dict[str, float]:
    """Return the median seconds of each import, the interpreter's own start taken off."""
    rows = {"nothing": "pass", "httpx": "import httpx", "jupyter_agent": "import jupyter_agent"}
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, code in rows.items():
            times[name].append(seconds([sys.executable, "-c", code]))
    bare = statistics.median(times["nothing"])
    return {name: statistics.median(each) - bare for name, each in times.items()}


def start_once(*, enabled: bool) -> tuple[float, float]:
    """Return the seconds until a server answers, and its memory in MB."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": f"{folder}/config",
            "JUPYTER_DATA_DIR": f"{folder}/data",
            "JUPYTER_RUNTIME_DIR": f"{folder}/runtime",
        }
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            f"--ServerApp.port={port}",
            f"--ServerApp.root_dir={folder}",
            f"--IdentityProvider.token={secrets.token_hex(8)}",
            f"--ServerApp.jpserver_extensions={{'jupyter_agent': {enabled}}}",
        ]
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while time.perf_counter() - started < 60:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/api", timeout=2)
                    break
                except httpx.HTTPError:
                    time.sleep(0.02)
            took = time.perf_counter() - started
            return took, resident_megabytes(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process, 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def starts() -> dict[str, float]:
    rows: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    start_once(enabled=True)  # the first fills the disk cache
    for _ in range(ROUNDS):
        for enabled, row in rows.items():
            row.append(start_once(enabled=enabled))
    bare = [statistics.median(each) for each in zip(*rows[False], strict=True)]
    ours = [statistics.median(each) for each in zip(*rows[True], strict=True)]
    return {
        "bare_s": bare[0],
        "ours_s": ours[0],
        "bare_mb": bare[1],
        "ours_mb": ours[1],
    }


def install() -> dict[str, float]:
    """Install from a clone into a fresh environment, and beside JupyterLab."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        cold = {
            **os.environ,
            "YARN_GLOBAL_FOLDER": f"{folder}/yarn",
            "YARN_CACHE_FOLDER": f"{folder}/yarn/cache",
        }
        fresh = make_venv(Path(folder) / "fresh")
        took = seconds([str(fresh), "-m", "pip", "install", "-q", "."], cwd=clone, env=cold)
        beside = make_venv(Path(folder) / "beside")
        lab_alone = seconds([str(beside), "-m", "pip", "install", "-q", "jupyterlab"])
        before = packages(beside), megabytes(beside)
        seconds([str(beside), "-m", "pip", "install", "-q", "."], cwd=clone, env=cold)
        added = packages(beside) - before[0]
        print("added:", ", ".join(sorted(added)))
        return {
            "seconds": took,
            "lab_alone": lab_alone,
            "packages": len(added),
            "megabytes": megabytes(beside) - before[1],
        }


def make_venv(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def packages(python: Path) -> set[str]:
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=json"], check=True, capture_output=True
    )
    return {row["name"].lower() for row in json.loads(listed.stdout)}


def megabytes(python: Path) -> float:
    folder = python.parent.parent
    kept = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(p.stat().st_size for p in kept if "__pycache__" not in p.parts) / 1e6


def row(what: str, ours: str, limit: str, kept: bool) -> bool:
    print(f"{what:44} {ours:>12}   limit {limit:>8}   {'kept' if kept else 'MISSED'}")
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-install", action="store_true")
    chosen = parser.parse_args()
    kept = []
    took = imports()
    ratio = took["jupyter_agent"] / took["httpx"]
    kept.append(row("import jupyter_agent / import httpx", f"x{ratio:.2f}", "x0.5", ratio <= 0.5))
    start = starts()
    ratio = start["ours_s"] / start["bare_s"]
    kept.append(row("server start / bare JupyterLab", f"x{ratio:.2f}", "x1.1", ratio <= 1.1))
    more = start["ours_mb"] - start["bare_mb"]
    kept.append(row("memory beside bare JupyterLab, idle", f"{more:+.1f} MB", "+5 MB", more <= 5))
    if not chosen.no_install and shutil.which("git"):
        added = install()
        kept.append(
            row(
                "pip install . (yarn cold)",
                f"{added['seconds']:.0f} s",
                "60 s",
                added["seconds"] <= 60,
            )
        )
        lab_alone = f"{added['lab_alone']:.0f} s"
        print(f"{'  of which JupyterLab alone':44} {lab_alone:>12}")
        kept.append(
            row("packages beside JupyterLab", f"{added['packages']}", "12", added["packages"] <= 12)
        )
        kept.append(
            row(
                "size beside JupyterLab",
                f"{added['megabytes']:.1f} MB",
                "20 MB",
                added["megabytes"] <= 20,
            )
        )
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
