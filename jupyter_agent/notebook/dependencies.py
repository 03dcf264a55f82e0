"""Which names a Python cell defines and uses, and which cells are stale because of it. Pure.

Read from the text alone: good enough to say "run that one first", never a proof. Lines that are
IPython's own (magics, shell, help) are left out.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..protocol.rpc import CellState

_BUILTIN = frozenset(dir(builtins))
# Characters of a cell that is parsed. Python does nothing else while it parses one, so a cell that
# is mostly data would hold up the server's event loop, from whichever thread.
_LONGEST = 40_000


@dataclass(frozen=True, slots=True)
class Names:
    """Names that a cell defines at its top level, and names it takes from elsewhere."""

    defined: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()


NOTHING = Names()

# What cells were found to name, by a hash of their source: most are as they were at the last look.
_known: dict[bytes, Names] = {}
_MOST_KNOWN = 60_000


@dataclass(slots=True)
class _Scope:
    defined: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)


def python_lines(source: str) -> str:
    """Return a cell with IPython's own lines blanked, line numbers kept."""
    lines = source.splitlines()
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%"):
        return ""
    return "\n".join(
        _indent(line) + "pass" if line.lstrip()[:1] in ("%", "!", "?") else line for line in lines
    )


def names_of(source: str) -> Names:
    """Return the names of a cell; nothing when it is not Python, or too long to be parsed."""
    if len(source) > _LONGEST:
        return NOTHING
    key = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    names = _known.get(key)
    if names is None:
        names = _parsed(source)
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = names
    return names


def _parsed(source: str) -> Names:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(python_lines(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return NOTHING
    scope = _Scope()
    try:
        for statement in tree.body:
            _visit(statement, scope)
    except RecursionError:
        return NOTHING
    return Names(frozenset(scope.defined), frozenset(scope.used) - _BUILTIN)


def stale_cells(cells: Sequence[CellState], ran: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of cells whose outputs no longer follow from what stands there, and why.

    Args:
        cells: the notebook's cells.
        ran: the source each cell last ran with, by id, as far as that was seen.

    Returns:
        By id: `edited`, or `upstream <id>` for the cell it depends on that is stale or ran later.
    """
    if not ran and all(cell.execution_count is None for cell in cells):
        return {}
    stale: dict[str, str] = {}
    definers: dict[str, CellState] = {}
    for cell in cells:
        if cell.cell_type != "code":
            continue
        names = names_of(cell.source)
        has_run = cell.id in ran or cell.execution_count is not None
        if cell.id in ran and ran[cell.id] != cell.source:
            stale[cell.id] = "edited"
        elif has_run:
            for name in sorted(names.used):
                source = definers.get(name)
                if source is not None and (source.id in stale or _ran_later(source, cell)):
                    stale[cell.id] = f"upstream {source.id}"
                    break
        definers.update(dict.fromkeys(names.defined, cell))
    return stale


def defining_cell(name: str, cells: Sequence[CellState]) -> CellState | None:
    """Return the first code cell that defines a name, None when no cell does."""
    for cell in cells:
        if cell.cell_type == "code" and name in names_of(cell.source).defined:
            return cell
    return None


def _ran_later(one: CellState, other: CellState) -> bool:
    return (
        one.execution_count is not None
        and other.execution_count is not None
        and one.execution_count > other.execution_count
    )


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _visit(node: ast.AST, scope: _Scope) -> None:
    """Collect names in the order they run: a name is used only where it is not defined before."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            if node.id not in scope.defined:
                scope.used.add(node.id)
        elif isinstance(node.ctx, ast.Store):
            scope.defined.add(node.id)
        return
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            scope.defined.add((alias.asname or alias.name).partition(".")[0])
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        _visit_definition(node, scope)
        return
    if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        _visit_inner(node, scope)
        return
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        _visit_assignment(node, scope)
        return
    if isinstance(node, (ast.For, ast.AsyncFor)):
        children: list[ast.AST] = [node.iter, node.target, *node.body, *node.orelse]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        _visit(child, scope)


def _visit_assignment(node: ast.Assign | ast.AnnAssign | ast.AugAssign, scope: _Scope) -> None:
    if node.value is not None:
        _visit(node.value, scope)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(node, ast.AugAssign):  # it reads before it writes
            names = {item.id for item in ast.walk(target) if isinstance(item, ast.Name)}
            scope.used |= names - scope.defined
        _visit(target, scope)


def _visit_definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: _Scope
) -> None:
    for decorator in node.decorator_list:
        _visit(decorator, scope)
    _visit_inner(node, scope)
    scope.defined.add(node.name)


def _visit_inner(node: ast.AST, scope: _Scope) -> None:
    """Names that an inner scope takes from outside; what it defines stays inside."""
    local = {item.arg for item in ast.walk(node) if isinstance(item, ast.arg)}
    local |= {
        item.id
        for item in ast.walk(node)
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
    }
    used = {
        item.id
        for item in ast.walk(node)
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load)
    }
    scope.used |= used - local - scope.defined
