"""Models for kernels and programs that the tests here start; see `agent_home`."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jupyter_agent.protocol.models import Request
from jupyter_agent.providers.replay import Call, Say, Step

HERE = Path(__file__).parent
WHOLE = "The first words, and all the others, up to the very last one."


def agent_home(folder: Path) -> dict[str, str]:
    """Make Jupyter's folders in this one; return the environment that uses them, and the models."""
    config = folder / "config"
    config.mkdir()
    names = ("repair", "sleeper", "quote", "twice", "cells")
    scripts = {name: f"real_scripts:{name}" for name in names}
    settings = {"scripts": scripts, "discover_local_servers": False}
    (config / "jupyter_agent_config.json").write_text(json.dumps({"JupyterAgent": settings}))
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return kept | {
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "ASKED": str(folder / "asked.txt"),
        "TERM": "dumb",
    }


def _calls_done(request: Request) -> int:
    last = max(n for n, message in enumerate(request.messages) if message.role == "user")
    return sum(len(message.tool_results) for message in request.messages[last:])


def repair(request: Request) -> Iterator[Step]:
    """Run code that raises, then code that does not, and tell of it."""
    steps = ["1 / 0", "print(6 * 7)"]
    done = _calls_done(request)
    if done < len(steps):
        yield Call("run_code", {"code": steps[done]})
    else:
        for word in re.findall(r"\S+\s*", WHOLE):
            yield Say(word)


def twice(request: Request) -> Iterator[Step]:
    """Run two pieces of code, one after the other."""
    done = _calls_done(request)
    if done < 2:
        yield Call("run_code", {"code": f"mark_{done} = {done}"})
    else:
        yield Say("Both ran.")


def cells(request: Request) -> Iterator[Step]:
    """Insert two cells and run them, one after the other."""
    done = _calls_done(request)
    if done < 2:
        op = {"op": "insert", "after": "end", "source": f"mark_{done} = {done}"}
        yield Call("edit_cells", {"ops": [op], "reason": "to mark", "run": "changed"})
    else:
        yield Say("Both ran.")


def sleeper(request: Request) -> Iterator[Step]:
    """Run code that sleeps for long; each time this is asked it leaves a line in a file."""
    with Path(os.environ["ASKED"]).open("a") as asked:
        asked.write("asked\n")
    if _calls_done(request):
        yield Say("It went on.")
    else:
        code = "import time\nprint('sleeping', flush=True)\ntime.sleep(60)"
        yield Call("run_code", {"code": code})


def quote(request: Request) -> Iterator[Step]:
    """Repeat the mark that fences data in this conversation."""
    if not _calls_done(request):
        yield Call("run_code", {"code": "print('data')"})
    else:
        texts = [r.text for message in request.messages for r in message.tool_results]
        mark = re.search(r"data-[0-9a-f]{16}", "\n".join(texts))
        yield Say(f"The mark is {mark[0] if mark else 'nowhere'}.")
