"""What the store gives back: plain rows. JSON stays JSON; the runtime knows what it means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session. Times in ISO 8601, UTC; `messages` is counted when read, ignored when written."""

    id: str
    owner: str
    title: str
    notebook_path: str | None
    model: str
    mode: str
    effort: str | None
    created_at: str
    updated_at: str
    status: str = "idle"
    messages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRow:
    """A tool call that was about to run. `status` None: whether it ran is unknown."""

    session_id: str
    run_id: str
    call_id: str
    tool: str
    arguments: bytes
    status: str | None = None
    result: bytes | None = None
