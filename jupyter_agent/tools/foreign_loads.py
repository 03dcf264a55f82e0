"""What an edit would have browsers load from elsewhere: it needs `network`, and the preview says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..notebook.foreign import SCRIPT, added_loads, host_of
from ..protocol.rpc import CellState
from ..protocol.tools import PreviewBlock
from .base import Preview

_SHOWN = 20


def new_loads(before: Sequence[CellState], after: Iterable[CellState]) -> dict[str, list[str]]:
    """Return the foreign addresses that cells load afterwards and not before, by their hosts."""
    known: Mapping[str, CellState] = {cell.id: cell for cell in before}
    found = {
        address
        for cell in after
        if cell is not known.get(cell.id)
        for address in added_loads(known.get(cell.id), cell.source, cell.cell_type)
    }
    hosts: dict[str, list[str]] = {}
    for address in sorted(found):
        hosts.setdefault(host_of(address), []).append(address)
    return hosts


def with_loads(preview: Preview, hosts: Mapping[str, Sequence[str]]) -> Preview:
    """Return the preview of an edit that adds such addresses: it names the hosts."""
    if not hosts:
        return preview
    named = [host for host in hosts if host != SCRIPT]
    lines = [address for host in named for address in hosts[host]]
    text = "\n".join(lines[:_SHOWN])
    if len(lines) > _SHOWN:
        text += f"\n… {len(lines) - _SHOWN} more addresses"
    if SCRIPT in hosts:
        text = "\n".join(["code in the text, which may load anything", *text.split("\n")]).strip()
    label = "loads by itself, whenever the notebook is shown: "
    label += ", ".join([*named[:_SHOWN], *([SCRIPT] if SCRIPT in hosts else [])])
    return replace(
        preview,
        blocks=(PreviewBlock(kind="text", text=text, label=label), *preview.blocks),
        bound_to=(*preview.bound_to, *(("loads from", host) for host in hosts)),
        needs=preview.needs | {"network"},
    )
