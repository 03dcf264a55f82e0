"""The edits a model may ask for, as one flat model that forgives the frequent slips.

One object with an `op` and optional fields: weak models fill it better than a union of six, and
every provider accepts its schema. What each op needs is checked here; `edits.py` plans them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..protocol.rpc import CellType

OpName = Literal["insert", "replace", "str_replace", "delete", "move", "set_type", "clear_outputs"]

_OP_SLIPS = {
    "add": "insert",
    "create": "insert",
    "insert_cell": "insert",
    "update": "replace",
    "edit": "replace",
    "set_source": "replace",
    "replace_cell": "replace",
    "remove": "delete",
    "delete_cell": "delete",
    "move_cell": "move",
    "change_type": "set_type",
    "clear_output": "clear_outputs",
}
_FIELD_SLIPS = {
    "content": "source",
    "code": "source",
    "new_source": "source",
    "cell_id": "id",
    "cell": "id",
    "cell_type": "type",
    "operation": "op",
    "action": "op",
    "old_string": "old",
    "old_str": "old",
    "new_string": "new",
    "new_str": "new",
    "replace_all": "all",
    "insert_after": "after",
    "insert_before": "before",
}
_TYPE_SLIPS = {"md": "markdown", "text": "markdown", "python": "code"}
_NEEDED: dict[str, tuple[str, ...]] = {
    "insert": ("source",),
    "replace": ("id", "source"),
    "str_replace": ("id", "old", "new"),
    "delete": ("id",),
    "move": ("id",),
    "set_type": ("id", "type"),
    "clear_outputs": ("id",),
}
_ALLOWED: dict[str, frozenset[str]] = {
    "insert": frozenset({"source", "type", "after", "before"}),
    "replace": frozenset({"id", "source"}),
    "str_replace": frozenset({"id", "old", "new", "all"}),
    "delete": frozenset({"id"}),
    "move": frozenset({"id", "after", "before"}),
    "set_type": frozenset({"id", "type"}),
    "clear_outputs": frozenset({"id"}),
}


class EditOp(BaseModel):
    """One edit. Which fields it takes depends on `op`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    op: OpName
    id: str | None = None
    source: str | None = None
    type: CellType | None = Field(None, description="insert: default code.")
    after: str | None = None
    before: str | None = None
    old: str | None = None
    new: str | None = None
    all: bool | None = Field(None, description="Every occurrence.")

    @model_validator(mode="before")
    @classmethod
    def _forgive(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        found: dict[str, Any] = {}
        for key, value in data.items():
            name = _FIELD_SLIPS.get(str(key), str(key))
            if name != key and name in data:
                name = key
            if value is not None:
                found[name] = value
        if "op" not in found and found.get("type") in {*_NEEDED, *_OP_SLIPS}:
            found["op"] = found.pop("type")
        if isinstance(found.get("op"), str):
            found["op"] = _OP_SLIPS.get(found["op"], found["op"])
        if isinstance(found.get("type"), str):
            found["type"] = _TYPE_SLIPS.get(found["type"], found["type"])
        for name in ("source", "old", "new"):
            lines = found.get(name)
            if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
                found[name] = "".join(lines)
        return found

    @model_validator(mode="after")
    def _complete(self) -> EditOp:
        missing = [name for name in _NEEDED[self.op] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"{self.op} needs {' and '.join(missing)}")
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        extra = sorted(given - _ALLOWED[self.op] - {"op"})
        if extra:
            raise ValueError(f"{self.op} takes no {' or '.join(extra)}")
        if self.op in ("insert", "move") and (self.after is None) == (self.before is None):
            raise ValueError(f"{self.op} needs a place: either after or before")
        return self
