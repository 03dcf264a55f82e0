"""The text of an .ipynb file, cut at its cells, so that one cell can change and no other byte.

Each cell keeps the text it was read from; only touched cells are written anew, in nbformat's
style. Ids that are missing or doubled are made up from content, the same at every reading, until
the cell is touched. Nothing here reads or writes files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from ..protocol.errors import NotANotebook
from ..protocol.rpc import CellState, CellType
from .cells import output_kinds
from .layout import Layout, layout_of, ordered, patched
from .scanning import Scanned, scan

MAJOR = 4
MINOR_WITH_IDS = 5


@dataclass(slots=True)
class FileCell:
    """A cell of a file: its data, and the text it was read from (None once it was changed).

    `made_up` tells that the id is not in the file; `lead` is the text between the cell before
    and this one, as it was read; `origin` the text of a cell that was changed.
    """

    id: str
    data: dict[str, Any]
    text: str | None
    made_up: bool = False
    lead: str | None = None
    origin: str | None = None

    def touch(self) -> None:
        """Give up the text; the id becomes part of the data."""
        if self.text is not None:
            self.origin, self.text = self.text, None
        if self.data.get("id") != self.id:
            self.data = _with_id(self.data, self.id)
            self.made_up = False


@dataclass(slots=True)
class NotebookFile:
    """A parsed notebook: `head` and `tail` are the text around its cells.

    `minor_place` says where the minor version stands: in `head` or `tail`, from, to. `gap` is
    what this file writes between two cells.
    """

    head: str
    tail: str
    cells: list[FileCell]
    minor: int
    metadata: dict[str, Any]
    minor_place: tuple[str, int, int]
    gap: str = ",\n  "
    layout: Layout = field(default_factory=Layout)
    was_empty: bool = False
    repairs: list[str] = field(default_factory=list)

    def free(self) -> None:
        """Give up the cells one by one: a hundred megabytes at once hold up all other threads."""
        while self.cells:
            self.cells.pop()


def parse(text: str | Iterable[str]) -> NotebookFile:
    """Read the text of a notebook of format 4; a large one may come in pieces.

    Raises:
        NotANotebook: it is not one; the sentence says why.
    """
    try:
        found = scan([text] if isinstance(text, str) else text)
    except UnicodeDecodeError:
        raise
    except (ValueError, IndexError) as error:
        raise NotANotebook("This is not a notebook: its JSON is damaged.", cause=error) from error
    except RecursionError as error:
        raise NotANotebook("This notebook is nested too deeply to be read.", cause=error) from error
    minor = _check_format(found)
    scanned = found.cells or []
    metadata = found.members.get("metadata")
    # Where the minor version is left out, it is written behind the major one.
    part, _, end = found.places["nbformat"]
    parsed = NotebookFile(
        head=found.head,
        tail=found.tail,
        cells=[],
        minor=minor,
        metadata=metadata if isinstance(metadata, dict) else {},
        minor_place=found.places.get("nbformat_minor", (part, end, end)),
        was_empty=not scanned,
        layout=layout_of(found.head, found.tail, [cell.text for cell in scanned]),
    )
    for cell, (cell_id, made_up) in zip(scanned, _ids([one.data for one in scanned]), strict=True):
        parsed.cells.append(
            FileCell(id=cell_id, data=cell.data, text=cell.text, made_up=made_up, lead=cell.lead)
        )
    parsed.gap = _gap(parsed)
    return parsed


def _gap(notebook: NotebookFile) -> str:
    """Return what stands between two cells here, or would if there were two."""
    leads = [cell.lead for cell in notebook.cells if cell.lead is not None]
    if leads:
        return leads[0]
    layout = notebook.layout
    if layout.indent is None:
        return "," if layout.colon == ":" else ", "
    if notebook.cells:  # one: the next stands where it does
        margin = notebook.head[len(notebook.head.rstrip(" \t")) :]
        return f",{layout.newline}{margin}"
    return f",{layout.newline}{layout.indent * 2}"


def render(notebook: NotebookFile) -> str:
    """Write the text of a notebook; cells that keep their text are written byte for byte."""
    return "".join(pieces(notebook))


def pieces(notebook: NotebookFile) -> Iterator[str]:
    """Yield the text of a notebook piece by piece: a large one never has to be joined."""
    gap = notebook.gap
    around = notebook.was_empty and bool(notebook.cells) and "\n" in gap
    yield notebook.head
    if around:
        yield gap[1:]
    for index, cell in enumerate(notebook.cells):
        if index:
            yield gap if cell.lead is None else cell.lead
        yield cell.text if cell.text is not None else _dump(cell, notebook)
    if around:
        yield notebook.layout.newline + (notebook.layout.indent or "")
    yield notebook.tail


def require_ids(notebook: NotebookFile) -> None:
    """Bring a notebook older than 4.5 to 4.5, giving every cell its id."""
    if notebook.minor >= MINOR_WITH_IDS:
        return
    name, start, end = notebook.minor_place
    text = getattr(notebook, name)
    # Nothing stands there when the file left the minor version out, which means 0.
    number = str(MINOR_WITH_IDS) if end > start else f', "nbformat_minor": {MINOR_WITH_IDS}'
    setattr(notebook, name, text[:start] + number + text[end:])
    for cell in notebook.cells:
        cell.touch()
    notebook.repairs.append(
        f"Brought the notebook from format 4.{notebook.minor} to 4.5, which gives cells ids."
    )
    notebook.minor = MINOR_WITH_IDS


def new_cell(
    cell_id: str,
    cell_type: CellType,
    source: str,
    metadata: dict[str, Any],
    attachments: dict[str, Any] | None = None,
) -> FileCell:
    """Make a cell, with its keys in nbformat's order."""
    data: dict[str, Any] = {} if attachments is None else {"attachments": in_order(attachments)}
    data["cell_type"] = cell_type
    if cell_type == "code":
        data["execution_count"] = None
    data.update(id=cell_id, metadata=in_order(metadata))
    if cell_type == "code":
        data["outputs"] = []
    data["source"] = split_lines(source)
    return FileCell(id=cell_id, data=data, text=None)


def like_the_others(notebook: NotebookFile, cell: FileCell) -> FileCell:
    """Put a new cell's keys in the order that the file's cells have theirs."""
    cells = [other for other in notebook.cells if other is not cell]
    of_its_type = [
        other for other in cells if other.data.get("cell_type") == cell.data.get("cell_type")
    ]
    for other in of_its_type[:1] or cells[:1]:
        if list(other.data) != sorted(other.data):
            cell.data = ordered(cell.data, list(other.data))
    return cell


def state_of(cell: FileCell, *, outputs: bool) -> CellState:
    """Return a cell as the port shows it, forgiving what is malformed."""
    data = cell.data
    kind = data.get("cell_type")
    cell_type: CellType = kind if kind in ("code", "markdown", "raw") else "raw"
    found = outputs_of(data) if cell_type == "code" else []
    count = data.get("execution_count")
    metadata = data.get("metadata")
    attachments = data.get("attachments") if outputs and cell_type != "code" else None
    return CellState(
        id=cell.id,
        cell_type=cell_type,
        source=source_of(data),
        execution_count=count if isinstance(count, int) and cell_type == "code" else None,
        output_kinds=output_kinds(found),
        metadata=metadata if isinstance(metadata, dict) else {},
        outputs=tuple(join_output(output) for output in found)
        if outputs and cell_type == "code"
        else None,
        attachments=attachments if isinstance(attachments, dict) else None,
    )


def source_of(data: dict[str, Any]) -> str:
    """Return a cell's source; a list of lines is joined."""
    return _joined(data.get("source", ""))


def outputs_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a cell's outputs as they stand in the file, without what is no output."""
    outputs = data.get("outputs")
    if not isinstance(outputs, list):
        return []
    return [output for output in outputs if isinstance(output, dict)]


def split_lines(text: str) -> list[str]:
    """Return text as nbformat writes it: a list of lines with their ends."""
    return text.splitlines(keepends=True)


def join_output(output: dict[str, Any]) -> dict[str, Any]:
    """Return an output with its texts joined, as nbformat has them in memory."""
    joined = dict(output)
    if "text" in joined:
        joined["text"] = _joined(joined["text"])
    if isinstance(joined.get("data"), dict):
        joined["data"] = {
            mime: value if _is_json(mime) else _joined(value)
            for mime, value in joined["data"].items()
        }
    return joined


def split_output(output: dict[str, Any]) -> dict[str, Any]:
    """Return an output as nbformat writes it: texts as lists of lines, keys sorted."""
    split = dict(output)
    if isinstance(split.get("text"), str):
        split["text"] = split_lines(split["text"])
    if isinstance(split.get("data"), dict):
        split["data"] = {
            mime: split_lines(value) if isinstance(value, str) and not _is_json(mime) else value
            for mime, value in split["data"].items()
        }
    ordered: dict[str, Any] = in_order(split)
    return ordered


def in_order(value: Any) -> Any:
    """Return JSON data with the keys of its objects sorted, as nbformat writes them."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value, key=str)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


# ---- reading -----------------------------------------------------------------------------------


def _check_format(found: Scanned) -> int:
    members = found.members
    major, minor = members.get("nbformat"), members.get("nbformat_minor", 0)
    if not isinstance(major, int) or isinstance(major, bool):
        raise NotANotebook("This is not a notebook: it does not say of which format it is.")
    if major > MAJOR:
        raise NotANotebook(
            f"This notebook is of format {major}, newer than this version can edit (4)."
        )
    if major < MAJOR:
        raise NotANotebook(
            f"This notebook is of the old format {major}. "
            "Open and save it in JupyterLab once, which brings it to format 4."
        )
    if found.cells is None or not all(isinstance(cell.data, dict) for cell in found.cells):
        raise NotANotebook("This is not a notebook: it has no list of cells.")
    return minor if isinstance(minor, int) and not isinstance(minor, bool) else 0


def _ids(cells: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """Return each cell's id and whether it is made up."""
    own = [cell.get("id") for cell in cells]
    taken: set[str] = {cell_id for cell_id in own if _is_id(cell_id)}
    copies: dict[bytes, int] = {}
    found: list[tuple[str, bool]] = []
    used: set[str] = set()
    for cell, cell_id in zip(cells, own, strict=True):
        if _is_id(cell_id) and cell_id not in used:
            found.append((cell_id, False))
            used.add(cell_id)
        else:
            found.append((_made_up(cell, taken, copies), True))
    return found


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 1 <= len(value) <= 64


def _made_up(cell: dict[str, Any], taken: set[str], copies: dict[bytes, int]) -> str:
    """Make an id of the content; equal cells are told apart by their order."""
    text = f"{cell.get('cell_type')}\0{source_of(cell)}".encode("utf-8", "surrogatepass")
    content = hashlib.sha256(text).digest()
    while True:
        copy = copies[content] = copies.get(content, -1) + 1
        made = hashlib.sha256(content + b"%d" % copy).hexdigest()[:12]
        if made not in taken:
            taken.add(made)
            return made


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(str(line) for line in value)
    return value if isinstance(value, str) else ""


def _is_json(mime: str) -> bool:
    return mime == "application/json" or mime.endswith("+json")


# ---- writing -----------------------------------------------------------------------------------


def _dump(cell: FileCell, notebook: NotebookFile) -> str:
    """Write a cell as the file's other cells are: their indentation, escapes and order of keys."""
    layout = notebook.layout
    if cell.origin is not None:
        text = patched(cell.origin, cell.data, layout)
        if text is not None:
            return text
    _, newline, margin = notebook.gap.rpartition("\n")
    if not newline:
        layout = replace(layout, indent=None)
    return layout.dump(cell.data, margin)


def _with_id(data: dict[str, Any], cell_id: str) -> dict[str, Any]:
    """Add the id; where the keys are sorted, as nbformat writes them, they stay sorted."""
    if "id" in data:
        return {**data, "id": cell_id}
    keys = list(data)
    added = {**data, "id": cell_id}
    return {key: added[key] for key in sorted(added)} if keys == sorted(keys) else added
