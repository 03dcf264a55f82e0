"""Runs inside a Python kernel: code whose new and rebound names are rolled back afterwards.

Sent there as text; imports nothing of ours. Objects that the code changed in place stay changed:
that cannot be undone, so the names that may be affected are told.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

MIME = "application/vnd.jupyter-agent.report+json"
# IPython's own: the last results and inputs.
_OWN = re.compile(r"^(_+|_i+|_\d+|_i\d+|_oh|_dh|_ih|In|Out|exit|quit|get_ipython|_exit_code)$")
_MUTATORS = frozenset(
    "append extend insert pop remove clear update setdefault add discard sort reverse fill "
    "resize put partial_fit fit popitem appendleft extendleft rotate".split()
)


def probe(shell: Any, code: str) -> dict[str, Any]:
    """Run code and roll its names back.

    Returns:
        Lists of names: `added`, `rebound`, `deleted`, `mutated`; `ok` tells whether it ran well.
        Or `refused` alone: why it did not run.
    """
    if shell.should_run_async(code, transformed_cell=shell.transform_cell(code)):
        # The kernel's loop is running already, with this very call inside it.
        return {"refused": "a probe cannot use await at its top level"}
    namespace = shell.user_ns
    before = dict(namespace)
    try:
        result = shell.run_cell(code, store_history=False)
        ok = bool(result.success)
    finally:
        changes = roll_back(namespace, before)
    return {"ok": ok, "mutated": possibly_mutated(shell.transform_cell(code), before), **changes}


def roll_back(namespace: dict[str, Any], before: dict[str, Any]) -> dict[str, list[str]]:
    """Put a namespace back as it was, and say what was different."""
    added = [name for name in namespace if name not in before]
    rebound = [name for name in before if name in namespace and namespace[name] is not before[name]]
    deleted = [name for name in before if name not in namespace]
    for name in added:
        del namespace[name]
    for name in (*rebound, *deleted):
        namespace[name] = before[name]
    return {
        "added": sorted(name for name in added if not _OWN.match(name)),
        "rebound": sorted(name for name in rebound if not _OWN.match(name)),
        "deleted": sorted(name for name in deleted if not _OWN.match(name)),
    }


def possibly_mutated(code: str, before: dict[str, Any]) -> list[str]:
    """Return the earlier names whose objects the code may have changed in place."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            found.add(_root(node))
        elif isinstance(node, ast.AugAssign):
            found.add(_root(node.target))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            inplace = any(keyword.arg == "inplace" for keyword in node.keywords)
            if node.func.attr in _MUTATORS or inplace:
                found.add(_root(node.func))
    plain = (int, float, complex, str, bytes, bool, tuple, frozenset, type(None))
    return sorted(name for name in found if name in before and not isinstance(before[name], plain))


def _root(node: Any) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def main(arguments: dict[str, Any]) -> None:
    """Probe in the running shell and publish the report."""
    from IPython import get_ipython

    shell = get_ipython()
    report = probe(shell, arguments["code"])
    shell.display_pub.publish(data={MIME: report, "text/plain": ""})


if __name__ == "jupyter_agent_snippet":
    main(json.loads(globals()["ARGUMENTS"]))
