"""Grants: what a person allowed beyond one call, for this session or this notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..protocol.tools import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Calls of one tool that need no more than `permissions` run without asking again.

    Scope `session` holds for all of the session's notebooks, `notebook` for that one. Both are one
    session's, and end with the process: nobody finds something allowed that they forgot.
    """

    scope: Literal["session", "notebook"]
    tool_name: str
    permissions: frozenset[Permission]
    notebook_path: str | None = None


def covers(
    grant: Grant, tool_name: str, permissions: frozenset[Permission], notebook_path: str | None
) -> bool:
    """Whether a grant speaks of such a call."""
    if grant.tool_name != tool_name or not permissions <= grant.permissions:
        return False
    return grant.scope == "session" or (
        notebook_path is not None and grant.notebook_path == notebook_path
    )
