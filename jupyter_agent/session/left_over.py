"""Prompts that waited when the server ended: only the record of them is left, not the inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.errors import NotAllowed
from ..protocol.session_events import QueueChange

if TYPE_CHECKING:
    from ..protocol.transcript import Transcript


def left_over(transcript: Transcript, prompt_id: str) -> QueueChange:
    """Return the change that takes such a prompt out of the record.

    Raises:
        NotAllowed: it is not there, or a run goes on that has it.
    """
    rest = tuple(one for one in transcript.queued if one.id != prompt_id)
    if transcript.running or len(rest) == len(transcript.queued):
        raise NotAllowed("This prompt waits no longer: the agent has it.")
    return QueueChange(queued=rest)
