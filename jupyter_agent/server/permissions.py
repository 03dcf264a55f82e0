"""What a person must be allowed to do on this server for each frame of theirs to be handled.

The agent acts with the server's rights: whoever may not run code or write notebooks may not have
the agent do it. A frame without an entry here is an error at import, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from ..protocol.frames import ClientFrame

# An action and a resource, as Jupyter's authorizer is asked for them.
Permission = tuple[str, str]

_AGENT = "jupyter_agent"
_ACT: tuple[Permission, ...] = (("execute", _AGENT), ("execute", "kernels"), ("write", "contents"))
_WRITE: tuple[Permission, ...] = (("write", _AGENT),)
# A person's own edits, and nothing the person has not seen: no approval is needed, but no less
# than what writing the notebook takes.
_PUT_BACK: tuple[Permission, ...] = (*_WRITE, ("write", "contents"))
# What only tells this connection's own state; to open the connection takes `read` already.
_OPEN: tuple[Permission, ...] = ()

_REQUIRED: dict[str, tuple[Permission, ...]] = {
    "attach": (("read", _AGENT),),
    "detach": _OPEN,
    "prompt": _ACT,
    "resume": _ACT,
    "compact": _ACT,
    "approve": _ACT,
    "answer": _ACT,
    "unqueue": _WRITE,
    "keep": _WRITE,
    "undo": _PUT_BACK,
    "look_again": _WRITE,
    "restore": _PUT_BACK,
    "stop": _WRITE,
    "configure": _WRITE,
    "move_notebook": _WRITE,
    "notebooks": _OPEN,
    "rpc_result": _OPEN,
    "rpc_progress": _OPEN,
}


def frame_types() -> frozenset[str]:
    """Return the `type` of every frame that a client may send."""
    union, _discriminator = get_args(ClientFrame)
    tags = [field for kind in get_args(union) for field in fields(kind) if field.name == "type"]
    return frozenset(str(tag.default) for tag in tags)


def required(frame: Any) -> tuple[Permission, ...]:
    """Return what a frame's sender must be allowed to do."""
    return _REQUIRED[frame.type]


def check_complete(table: Mapping[str, object]) -> None:
    """Compare a table by frame type with the frames there are.

    Raises:
        RuntimeError: a frame has no entry, or an entry no frame.
    """
    wrong = frame_types() ^ table.keys()
    if wrong:
        raise RuntimeError(f"Frames and their permissions differ in: {', '.join(sorted(wrong))}.")


check_complete(_REQUIRED)
