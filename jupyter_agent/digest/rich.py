"""Mime bundles in words: which representation to show, tables, charts in a line, JSON, SVG."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .html import Table, first_table, text_of
from .text import one_line

_BARE_REPR = re.compile(r"^<[^\n]{1,300}>\s*$")
_SHAPE = re.compile(
    r"\[?([\d,_]{1,20}) rows [×x] ([\d,_]{1,20}) columns\]?|shape: \(([\d,_]+), ([\d,_]+)\)"
)
_WORDS = ("text/markdown", "text/latex")
_SVG_TEXT = re.compile(r"<(?:text|title)\b[^<>]*>([^<]{1,200})")
_HTML_WINDOW = 250_000
_SHOWN_ROWS = 12
_HEAD_ROWS, _TAIL_ROWS = 8, 3
_CELL_WIDTH = 80


def as_text(value: Any) -> str:
    """Return an output's text: nbformat also allows a list of lines."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return "" if value is None else json.dumps(trimmed(value), ensure_ascii=False)


def plain_text(data: Mapping[str, Any], *, whole: bool = False) -> tuple[str, str]:
    """Return the mime type and the text that stands for a bundle, text/plain before HTML.

    A bare `<… object at 0x…>` says nothing, so anything else goes before it. `whole` leaves
    JSON and HTML unshortened.
    """
    plain = as_text(data["text/plain"]) if "text/plain" in data else ""
    if plain and not (len(plain) < 320 and _BARE_REPR.match(plain)):
        return "text/plain", plain
    for kind in _WORDS:
        if kind in data:
            return kind, as_text(data[kind])
    if "application/json" in data:
        return "application/json", json_text(data["application/json"], whole=whole)
    if "text/html" in data:
        html = as_text(data["text/html"])
        words = text_of(html if whole else html[:_HTML_WINDOW])
        return "text/html", f"[HTML, {len(html):,} characters]\n{words}".strip()
    if plain:
        return "text/plain", plain
    for kind, value in data.items():
        if kind.startswith("text/") or kind.endswith("+json"):
            return kind, as_text(value) if isinstance(value, (str, list)) else json_text(
                value, whole=whole
            )
    return "", ""


def json_text(value: Any, *, whole: bool = False) -> str:
    """Write JSON, long values shortened unless it is wanted `whole`."""
    return json.dumps(value if whole else trimmed(value), ensure_ascii=False, default=str)


def trimmed(value: Any, depth: int = 6, items: int = 60, characters: int = 2_000) -> Any:
    """Return JSON data with long strings, lists, objects and deep nesting shortened."""
    if isinstance(value, str):
        if len(value) <= characters:
            return value
        return f"{value[:characters]}… ({len(value):,} characters)"
    if isinstance(value, (list, tuple)):
        if depth == 0:
            return f"… ({len(value):,} items)"
        short = [trimmed(item, depth - 1, items, characters) for item in value[:items]]
        return [*short, f"… {len(value) - items:,} more"] if len(value) > items else short
    if isinstance(value, Mapping):
        if depth == 0:
            return f"… ({len(value):,} keys)"
        names = [name for name, _ in zip(value, range(items), strict=False)]
        cut = {str(name): trimmed(value[name], depth - 1, items, characters) for name in names}
        if len(value) > items:
            cut["…"] = f"{len(value) - items:,} more keys"
        return cut
    return value


def chart_line(data: Mapping[str, Any]) -> str | None:
    """Return a chart's specification in one line; None when the bundle is no known chart."""
    for kind, value in data.items():
        if kind.startswith("application/vnd.plotly") and isinstance(value, Mapping):
            return _plotly(value)
        if kind.startswith("application/vnd.vega") and isinstance(value, Mapping):
            return _vega(value)
        if kind.startswith("application/vnd.bokeh"):
            return "[Bokeh plot, shown in the notebook]"
    start = as_text(data.get("text/html", ""))[:4_000] if "text/html" in data else ""
    if "plotly" in start.lower() and "<script" in start.lower():
        return "[Plotly figure, shown in the notebook]"
    if "bokeh" in start.lower() and "<script" in start.lower():
        return "[Bokeh plot, shown in the notebook]"
    return None


def _title(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("text")
    return one_line(value, 120) if isinstance(value, str) else ""


def _length(value: Any) -> int | None:
    if isinstance(value, list):
        return len(value)
    if isinstance(value, Mapping) and isinstance(value.get("shape"), str):
        return int(value["shape"]) if value["shape"].isdigit() else None
    return None


def _plotly(figure: Mapping[str, Any]) -> str:
    traces = [trace for trace in _items(figure.get("data")) if isinstance(trace, Mapping)]
    told: list[str] = []
    for trace in traces[:8]:
        words = [one_line(str(trace.get("type", "scatter")), 40)]
        if isinstance(trace.get("name"), str) and trace["name"]:
            words.append(f"“{one_line(trace['name'], 60)}”")
        lengths = (_length(trace.get(key)) for key in ("x", "y", "values", "z", "labels"))
        count = next((length for length in lengths if length is not None), None)
        if count is not None:
            words.append(f"{count:,} points")
        told.append(" ".join(words))
    if len(traces) > 8:
        told.append(f"{len(traces) - 8} more")
    layout = figure.get("layout")
    layout = layout if isinstance(layout, Mapping) else {}
    pieces = [f"{len(traces)} trace{'' if len(traces) == 1 else 's'} ({'; '.join(told)})"]
    if title := _title(layout.get("title")):
        pieces.insert(0, f"title “{title}”")
    for axis in ("xaxis", "yaxis"):
        about = layout.get(axis)
        if isinstance(about, Mapping) and (title := _title(about.get("title"))):
            pieces.append(f"{axis[0]} “{title}”")
    return f"[Plotly figure: {', '.join(pieces)}]"


def _items(value: Any) -> list[Any]:
    return value[:200] if isinstance(value, list) else []


def _vega(spec: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    if title := _title(spec.get("title")):
        pieces.append(f"title “{title}”")
    layers = [spec, *(layer for layer in _items(spec.get("layer")) if isinstance(layer, Mapping))]
    for layer in layers[:6]:
        mark = layer.get("mark")
        mark = mark.get("type") if isinstance(mark, Mapping) else mark
        if isinstance(mark, str):
            pieces.append(f"mark {one_line(mark, 40)}")
        encoding = layer.get("encoding")
        for channel, about in list((encoding if isinstance(encoding, Mapping) else {}).items())[:8]:
            if isinstance(about, Mapping):
                words = (about.get(key) for key in ("aggregate", "field", "type"))
                told = " ".join(one_line(word, 60) for word in words if isinstance(word, str))
                pieces.append(f"{one_line(str(channel), 30)}={told}")
    values = spec.get("datasets")
    if isinstance(values, Mapping):
        counts = [len(rows) for rows in values.values() if isinstance(rows, list)]
        pieces.extend(f"{count:,} rows" for count in counts[:3])
    return f"[Vega chart: {', '.join(pieces) or 'no description'}]"


def table_text(data: Mapping[str, Any]) -> tuple[str, str, bool] | None:
    """Return a data frame as schema and first rows, its size in words, and whether rows lack.

    None when the bundle holds no data frame.
    """
    html = as_text(data["text/html"]) if "text/html" in data else ""
    if 'class="dataframe' not in html[:4_000] and "pl-dataframe" not in html[:4_000]:
        return None
    table = first_table(html[:_HTML_WINDOW])
    if table is None or not (table.head or table.body):
        return None
    cut_off = len(html) > _HTML_WINDOW
    plain = as_text(data.get("text/plain", ""))
    shape = _SHAPE.search(html[-600:]) or _SHAPE.search(plain[-300:]) or _SHAPE.search(plain[:300])
    rows: str | None = None
    columns: str | None = None
    if shape is not None:
        rows, columns = (group for group in shape.groups() if group)
    width = max((len(row) for row in (*table.head, *table.body)), default=0)
    size = f"{rows or f'{len(table.body):,}'} × {columns or max(width - 1, 1)}"
    return _table_words(table, size, cut_off), size, cut_off or _hidden(table) > 0


def _hidden(table: Table) -> int:
    return 0 if len(table.body) <= _SHOWN_ROWS else len(table.body) - _HEAD_ROWS - _TAIL_ROWS


def _table_words(table: Table, size: str, cut_off: bool) -> str:
    lines = [f"[DataFrame {size}]"]
    lines.extend(_row_text(row) for row in table.head[:4])
    body = table.body
    hidden = _hidden(table)
    if not hidden:
        lines.extend(_row_text(row) for row in body)
    else:
        lines.extend(_row_text(row) for row in body[:_HEAD_ROWS])
        lines.append(f"… {hidden:,}{' or more' if cut_off else ''} rows …")
        if not cut_off:
            lines.extend(_row_text(row) for row in body[-_TAIL_ROWS:])
    kinds = _kinds(body)
    if kinds:
        lines.insert(1, kinds)
    return "\n".join(lines)


def _row_text(row: list[str]) -> str:
    cells = [one_line(cell, _CELL_WIDTH) for cell in row[:40]]
    if len(row) > 40:
        cells.append(f"… {len(row) - 40} more columns")
    return " | ".join(cells)


def _kinds(body: list[list[str]]) -> str:
    """Say of what kind each column looks, from the cells shown."""
    rows = [row for row in body[:50] if row and row[0] != "..."]
    if not rows or len(rows[0]) < 2:
        return ""
    width = min(len(rows[0]), 40)
    found = [_kind([row[index] for row in rows if index < len(row)]) for index in range(1, width)]
    return "columns look like: " + ", ".join(found)


def _kind(cells: list[str]) -> str:
    known = [
        cell for cell in cells if cell not in ("NaN", "None", "NaT", "<NA>", "null", "...", "")
    ]
    if not known:
        return "missing"
    if all(re.fullmatch(r"[+-]?\d+", cell) for cell in known):
        return "int"
    if all(
        re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf", cell) for cell in known
    ):
        return "float"
    if all(cell in ("True", "False", "true", "false") for cell in known):
        return "bool"
    if all(re.match(r"\d{4}-\d\d-\d\d", cell) for cell in known):
        return "date"
    return "text"


def svg_words(svg: str) -> str:
    """Return an SVG image as its length and the text in it."""
    words = [one_line(found, 60) for found in _SVG_TEXT.findall(svg[:_HTML_WINDOW])[:60]]
    labels = ", ".join(word for word in words if word)
    return f"[SVG image, {len(svg):,} characters{'; text: ' + labels if labels else ''}]"
