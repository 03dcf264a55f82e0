"""Sending a snippet to a Python kernel, and taking its report out of what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from ..kernel.runner import KernelRunner
from ..protocol.errors import AgentError, KernelBusy, NoKernel

MIME = "application/vnd.jupyter-agent.report+json"
_FUTURE = "from __future__ import annotations\n"
# A module beside a snippet that is sent along with it.
_PART = re.compile(r"^from \.(\w+) import (?:\([^)]*\)|[^(\n]*)\n", re.MULTILINE)


def snippet_code(name: str, arguments: dict[str, Any]) -> str:
    """Return code that runs a snippet without leaving a name behind.

    Args:
        name: the module beside this one, such as `probe_snippet`.
        arguments: what its `main` gets; JSON data.
    """
    source = _source(name)
    part = _PART.search(source)
    if part is not None:  # one text: in the kernel there is nothing of ours to import
        rest = source.replace(_FUTURE, "").replace(part[0], "")
        source = f"{_source(part[1])}\n{rest}"
    scope = {"__name__": "jupyter_agent_snippet", "ARGUMENTS": json.dumps(arguments)}
    built_in = "__import__('builtins')"
    return f"{built_in}.exec({built_in}.compile({source!r}, '<jupyter-agent>', 'exec'), {scope!r})"


def _source(name: str) -> str:
    return (files(__package__) / f"{name}.py").read_text(encoding="utf-8")


def split_report(
    outputs: Sequence[dict[str, Any]],
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the snippet's report, None when it made none, and all other outputs."""
    report: dict[str, Any] | None = None
    others: list[dict[str, Any]] = []
    for output in outputs:
        data = output.get("data")
        found = data.get(MIME) if isinstance(data, dict) else None
        if isinstance(found, dict):
            report = found
        else:
            others.append(output)
    return report, others


class Unsupported(AgentError):
    """The kernel speaks another language."""

    code = "UNSUPPORTED"


async def require_python(runner: KernelRunner, what: str) -> None:
    """Return when a snippet can be evaluated now.

    Args:
        runner: the notebook's runner.
        what: the snippet in words, for the refusal.

    Raises:
        NoKernel: none is there.
        KernelBusy: it runs something.
        Unsupported: it is no Python kernel.
    """
    status = await runner.status()
    if status.state in ("none", "dead"):
        raise NoKernel("The notebook has no running kernel, so there are no variables yet.")
    if status.state == "busy":
        raise KernelBusy("The kernel is busy running something else.")
    if status.language not in (None, "python"):
        raise Unsupported(f"This kernel speaks {status.language}; {what} work in Python alone.")
