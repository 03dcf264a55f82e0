"""Frames of the one WebSocket, `/jupyter-agent/api/socket`: JSON objects tagged by `type`.

A client opens the socket with its cookie, gets `welcome`, attaches to sessions and tells which
notebooks it has open. Each session's events carry a sequence number; after a break a client
attaches with the last one it saw and gets the rest, or a snapshot. Calls to the tab that owns a
notebook travel as `rpc` frames, answered by `rpc_result` (methods: `rpc.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from .errors import ErrorInfo
from .messages import Effort, ImagePart, Mention
from .session_events import SessionEvent
from .tools import GrantScope, Mode
from .transcript import Transcript

# ---- from the client ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    """Watch a session. `after` is the last sequence number seen, None for all of it."""

    id: str
    session_id: str
    after: int | None = None
    type: Literal["attach"] = "attach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detach:
    """Stop watching a session."""

    session_id: str
    type: Literal["detach"] = "detach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Say something. While a run goes on it steers (enters at the next step) or queues.

    `op_id` makes a repeat after a reconnect harmless. `mode` is for this prompt alone; it can
    only be the one that allows least.
    """

    id: str
    op_id: str
    session_id: str
    text: str
    images: tuple[ImagePart, ...] = ()
    mentions: tuple[Mention, ...] = ()
    mode: Literal["plan"] | None = None
    delivery: Literal["steer", "queue"] = "steer"
    type: Literal["prompt"] = "prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unqueue:
    """Take a waiting prompt back."""

    id: str
    session_id: str
    prompt_id: str
    type: Literal["unqueue"] = "unqueue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the session's run now, kernel included."""

    id: str
    session_id: str
    type: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Go on with a run that a crash or a restart interrupted."""

    id: str
    session_id: str
    type: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact:
    """Have the older turns summarised for the model now."""

    id: str
    session_id: str
    type: Literal["compact"] = "compact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Change the session's settings; None leaves as is."""

    id: str
    session_id: str
    model: str | None = None
    mode: Mode | None = None
    effort: Effort | None = None
    title: str | None = None
    type: Literal["configure"] = "configure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """Answer an approval. `nonce` is this socket's, `fingerprint` the approval's."""

    id: str
    session_id: str
    approval_id: str
    fingerprint: str
    nonce: str
    allow: bool
    scope: GrantScope = "once"
    reason: str | None = None
    type: Literal["approve"] = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer a question of the model; None declines."""

    id: str
    session_id: str
    question_id: str
    nonce: str
    answer: str | None = None
    type: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Keep what the agent changed: one cell of a notebook, or, with neither, all of it."""

    id: str
    session_id: str
    path: str | None = None
    cell_id: str | None = None
    type: Literal["keep"] = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """Undo what the agent changed: one cell of a notebook, or, with neither, all of it.

    A cell that the person has changed since is left as it is and reported, unless `force`.
    """

    id: str
    session_id: str
    path: str | None = None
    cell_id: str | None = None
    force: bool = False
    type: Literal["undo"] = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAgain:
    """Changes of the agent that are up for review may be gone from a notebook: look whether."""

    id: str
    session_id: str
    path: str
    type: Literal["look_again"] = "look_again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Put the notebooks back to before the prompt `message_id`; the person's edits stay."""

    id: str
    session_id: str
    message_id: str
    type: Literal["restore"] = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotebook:
    """A notebook open in a tab. `focused_at` in milliseconds since the epoch, 0 for never."""

    path: str
    kernel_id: str | None = None
    focused_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebooks:
    """The notebooks this client has open now, whole; sent at the start and on each change.

    `page` is drawn anew by each page that is loaded, and the same on all its sockets.
    """

    notebooks: tuple[OpenNotebook, ...]
    page: str | None = None
    type: Literal["notebooks"] = "notebooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveNotebook:
    """The person has renamed or moved a notebook, or a folder of them: sessions go along."""

    id: str
    path: str
    to: str
    type: Literal["move_notebook"] = "move_notebook"


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcResult:
    """The answer to an `rpc` frame: `result`, or `error`."""

    id: str
    result: JsonValue | None = None
    error: ErrorInfo | None = None
    type: Literal["rpc_result"] = "rpc_result"


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcProgress:
    """News of a running `rpc` (a cell was sent to the kernel)."""

    id: str
    data: JsonValue
    type: Literal["rpc_progress"] = "rpc_progress"


ClientFrame = Annotated[
    Attach
    | Detach
    | Prompt
    | Unqueue
    | Stop
    | Resume
    | Compact
    | Configure
    | Approve
    | Answer
    | Keep
    | Undo
    | LookAgain
    | Restore
    | Notebooks
    | MoveNotebook
    | RpcResult
    | RpcProgress,
    Field(discriminator="type"),
]

# ---- from the server ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """First frame. `can_approve` False: this socket may not approve, and `reason` says why."""

    client_id: str
    nonce: str
    version: str
    can_approve: bool = True
    reason: str | None = None
    type: Literal["welcome"] = "welcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a frame with an `id`: done, or `error`."""

    id: str
    error: ErrorInfo | None = None
    type: Literal["reply"] = "reply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A session as it stands after event `seq`. Replaces what the client had."""

    session_id: str
    seq: int
    transcript: Transcript
    type: Literal["snapshot"] = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Events of a session; the first has number `seq`, the others follow without gaps."""

    session_id: str
    seq: int
    events: tuple[SessionEvent, ...]
    type: Literal["events"] = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsChanged:
    """The list of sessions changed (created, renamed, deleted, started, ended)."""

    type: Literal["sessions_changed"] = "sessions_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpc:
    """A call to this client's tab. The same `op_id` again must not act again."""

    id: str
    op_id: str
    method: str
    params: JsonValue
    deadline: float
    type: Literal["rpc"] = "rpc"


ServerFrame = Annotated[
    Welcome | Reply | Snapshot | Events | SessionsChanged | Rpc,
    Field(discriminator="type"),
]

# ---- REST --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """A session in a list. Times in ISO 8601, UTC."""

    id: str
    title: str
    notebook_path: str | None
    model: str
    mode: Mode
    effort: Effort | None
    created_at: str
    updated_at: str
    status: Literal["idle", "running", "waiting", "interrupted"]
    messages: int = 0


# When the panel opens by itself: the first time, at each start, never.
OpenPanel = Literal["first", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """What the panel needs to know when it starts."""

    version: str
    default_model: str | None
    default_mode: Mode
    modes: tuple[Mode, ...]
    open_panel: OpenPanel
    demo_prompt: str
    demo_explore_prompt: str
    looked_for: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A name in the kernel, and in a line what it is."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableList:
    """The variables of a notebook's kernel; `problem` says in words why there are none."""

    variables: tuple[Variable, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileList:
    """Paths of files below the server's root that match a search; `more`: there are others."""

    files: tuple[str, ...] = ()
    more: bool = False
