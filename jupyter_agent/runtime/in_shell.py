"""What an agent without a notebook is made of: the IPython shell it is in, and the tools for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..kernel.inprocess import ShellRunner
    from ..session.session import Session
    from ..tools.base import Tool

# What needs no notebook, and is offered beside the shell's own tools.
SHELL_TOOLS = frozenset(
    ("list_files", "read_file", "search_files", "write_file", "ask_user", "update_plan")
)


def find_ipython() -> Any:
    """Return the IPython shell this runs in, None outside; never imports it."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def shell_runner() -> ShellRunner | None:
    """Return a runner of the IPython shell this runs in, None outside."""
    shell = find_ipython()
    if shell is None:
        return None
    from ..kernel.inprocess import ShellRunner

    return ShellRunner(shell)


def keep_to_shell(
    session: Session, shell: ShellRunner, own: Sequence[Tool[Any]], max_seconds: float | None
) -> None:
    """Offer the tools that need no notebook and those of the shell, and bound what runs in it."""
    from ..tools.shell import shell_tools

    kept = {name: tool for name, tool in session.tools.items() if name in SHELL_TOOLS}
    shells = {tool.name: tool for tool in shell_tools(shell, lambda: session.vision)}
    session.tools = {**shells, **kept, **{tool.name: tool for tool in own}}

    def bound(seq: int, event: Any, data: bytes) -> None:
        if event.type == "run_start":
            shell.bound(max_seconds)
        elif event.type == "run_end":
            shell.bound(None)

    if max_seconds is not None:
        session.journal.attach(bound, session.journal.seq)
