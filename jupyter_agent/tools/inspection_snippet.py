"""Runs inside a Python kernel: variables in words. Sent there as text; imports nothing of ours.

Never calls code of unknown classes: no `repr`, no `len`, no properties. What is known (built-in
types, arrays, frames, figures, models) is described within bounds of size and time.
"""

from __future__ import annotations

import fnmatch
import json
import sys
import time
import types
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .class_slots import (
    PLAIN,
    derives,
    is_a,
    is_of_library,
    name_of,
    of_class,
    own_attributes,
    type_name,
)

MIME = "application/vnd.jupyter-agent.report+json"
TEXT = 300  # characters of one value
ITEMS = 8
MANY = 5_000_000  # values that are looked at to the last one
SAMPLE = 100_000  # rows looked at of a larger frame
_LIBRARIES = ("numpy", "pandas", "datetime", "decimal", "pyarrow")


def inspect_namespace(
    namespace: dict[str, Any],
    names: list[str],
    pattern: str | None,
    detail: bool,
    *,
    seconds: float = 5.0,
    most: int = 200,
) -> str:
    """Return a description of variables, one line or paragraph each."""
    end = time.monotonic() + seconds
    found = names or sorted(
        name
        for name in namespace
        if not name.startswith("_") and fnmatch.fnmatchcase(name, pattern or "*")
    )
    lines = []
    for index, name in enumerate(found):
        if index >= most or time.monotonic() > end:
            why = "too many" if index >= most else "out of time"
            lines.append(f"… {len(found) - index} more left out ({why}); ask for them by name")
            break
        if name not in namespace:
            lines.append(f"{name}: not defined")
            continue
        lines.append(_entry(name, namespace[name], detail))
    return "\n".join(lines) or "no variables"


def _entry(name: str, value: Any, detail: Any) -> str:
    try:
        text = f"{name}: {summary(value)}"
        if detail:
            more = details(value)
            if more:
                text += "\n" + "\n".join(f"    {line}" for line in more)
        return text
    except Exception as error:
        return f"{name}: {type_name(value)} (could not be inspected: {type(error).__name__})"


def summary(value: Any) -> str:
    """Return type, shape and size of a value, in one line."""
    for known, describe in SUMMARIES:
        if known(value):
            return describe(value)
    return type_name(value)


def details(value: Any) -> list[str]:
    """Return more lines about a value."""
    for known, describe in DETAILS:
        if known(value):
            return describe(value)
    return _attributes(value)


def short(value: Any, depth: int = 2) -> str:
    """Return a bounded text of built-in values; anything else by its type."""
    kind = type(value)
    if kind in (bool, float, complex, type(None)):
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() < 400 else f"of {value.bit_length()} bits"
    if kind in (str, bytes):
        text = repr(value[:TEXT])
        return text if len(value) <= TEXT else f"{text}… ({len(value):,} long)"
    if kind in (list, tuple, set, frozenset, dict):
        return _short_collection(value, kind, depth)
    return f"<{summary(value)}>" if depth > 0 else f"<{type_name(value)}>"


def _short_collection(value: Any, kind: Any, depth: int) -> str:
    if depth <= 0:
        return f"<{kind.__name__} of {len(value)}>"
    items = []
    for index, item in enumerate(value):
        if index == ITEMS:
            items.append(f"… {len(value) - ITEMS:,} more")
            break
        text = short(item, depth - 1)
        items.append(f"{text}: {short(value[item], depth - 1)}" if kind is dict else text)
    ends = {list: "[]", tuple: "()"}.get(kind, "{}")
    return ends[0] + ", ".join(items) + ends[1]


def size(count: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return ""


# ---- frames ------------------------------------------------------------------------------------


def _is_frame(value: Any) -> bool:
    return is_a(value, "pandas", "DataFrame")


def _frame(value: Any) -> str:
    rows, columns = value.shape
    memory = int(value.memory_usage(deep=False).sum())
    return f"{type_name(value)} {rows:,} rows × {columns:,} columns, {size(memory)}"


def _frame_details(value: Any) -> list[str]:
    rows, columns = value.shape
    sample = value if rows * max(columns, 1) <= MANY else value.head(SAMPLE)
    lines = []
    if len(sample) < rows:
        lines.append(f"(null and unique of the first {SAMPLE:,} rows)")
    for place in range(min(columns, 60)):
        column = sample.iloc[:, place]
        label = _label(value.columns[place])
        if not _is_known_column(column):
            lines.append(f"{label}: {type_name(column.dtype)}")
            continue
        # Of the array: a series would ask for the hash of its name.
        null = float(column.array.isna().mean()) if len(column) else 0.0
        lines.append(f"{label}: {column.dtype}, {null:.1%} null, {_unique(column)}")
    if columns > 60:
        lines.append(f"… {columns - 60} more columns")
    # A row of objects would call their repr.
    places = [place for place in range(min(columns, 20)) if _is_known_column(value.iloc[:, place])]
    columns_shown = [[_cell(item) for item in value.iloc[:3, place]] for place in places]
    plain = sys.modules["pandas"].DataFrame(
        list(zip(*columns_shown, strict=True)),
        columns=[_label(value.columns[place]) for place in places],
        index=[_label(label) for label in value.index[:3]] if places else None,
    )
    rows_text: str = plain.to_string(max_colwidth=40)
    return lines + rows_text.splitlines()


def _label(value: Any) -> str:
    return value[:60] if type(value) is str else str(_cell(value))


def _is_known_column(column: Any) -> bool:
    """Tell whether a column's values are kept as a library keeps them, not as unknown code does."""
    return is_of_library(type(column.dtype), _LIBRARIES) or column.dtype.kind == "O"


def _unique(column: Any) -> str:
    if column.dtype == object:
        # Unknown objects would be asked for their hash, and whether they are equal.
        column = column.iloc[:SAMPLE]
        unknown = {type(item) for item in column} - {*PLAIN}
        if not all(is_of_library(kind, _LIBRARIES) for kind in unknown):
            return "objects"
    return f"{column.nunique():,} unique"


def _cell(value: Any) -> Any:
    kind = type(value)
    if kind in (int, float, bool, type(None)) or is_of_library(kind, _LIBRARIES):
        return value
    return value[:80] if kind is str else short(value, 1)


def _is_series(value: Any) -> bool:
    return is_a(value, "pandas", "Series", "Index")


def _series(value: Any) -> str:
    return f"{type_name(value)} {value.dtype}, {len(value):,} values, {size(int(value.nbytes))}"


def _series_details(value: Any) -> list[str]:
    sample = value[:SAMPLE]
    lines = [f"null: {float(sample.isna().mean()) if len(sample) else 0.0:.1%}"]
    values = [_cell(item) for item in sample[:ITEMS].tolist()]
    return [*lines, f"first: {short(values)}"]


def _is_polars(value: Any) -> bool:
    return is_a(value, "polars", "DataFrame")


def _polars(value: Any) -> str:
    rows, columns = value.shape
    return f"{type_name(value)} {rows:,} rows × {columns:,} columns"


def _polars_details(value: Any) -> list[str]:
    lines = [f"{name}: {kind}" for name, kind in list(value.schema.items())[:60]]
    return lines + str(value.head(3)).splitlines()


# ---- arrays ------------------------------------------------------------------------------------


def _is_array(value: Any) -> bool:
    return is_a(value, "numpy", "ndarray")


def _array(value: Any) -> str:
    return f"{type_name(value)} shape {value.shape}, {value.dtype}, {size(value.nbytes)}"


def _array_details(value: Any) -> list[str]:
    if value.dtype.kind not in "iufb" or not value.size:
        return []
    flat = value.reshape(-1)[:MANY] if value.flags.c_contiguous else value.flat[:SAMPLE]
    lines = [f"first: {[item.item() for item in flat[:ITEMS]]}"]
    if value.dtype.kind == "f":
        numpy = sys.modules["numpy"]
        nan = numpy.isnan(flat)
        lines.append(f"NaN: {int(nan.sum()):,}")
        flat = flat[~nan]
    if len(flat):
        lines.append(f"min {flat.min()}, max {flat.max()}, mean {flat.mean():.6g}")
    if len(flat) < value.size:
        lines.append(f"(of the first {len(flat):,} values)")
    return lines


def _is_tensor(value: Any) -> bool:
    return is_a(value, "torch", "Tensor")


def _tensor(value: Any) -> str:
    return f"{type_name(value)} shape {tuple(value.shape)}, {value.dtype}, on {value.device}"


# ---- figures, models, code ---------------------------------------------------------------------


def _is_figure(value: Any) -> bool:
    return is_a(value, "matplotlib.figure", "Figure")


def _figure(value: Any) -> str:
    width, height = value.get_size_inches()
    return f"{type_name(value)} {width:g} × {height:g} inches, {len(value.axes)} axes"


def _figure_details(value: Any) -> list[str]:
    return [
        f"axes {index}: title {axes.get_title()!r}, x {axes.get_xlabel()!r}, y {axes.get_ylabel()!r}"
        f", {len(axes.lines)} lines, {len(axes.collections)} collections, {len(axes.patches)} patches"
        for index, axes in enumerate(value.axes[:ITEMS])
    ]


def _is_plotly(value: Any) -> bool:
    return is_a(value, "plotly.graph_objs", "Figure")


def _plotly(value: Any) -> str:
    return f"{type_name(value)} {len(value.data)} traces"


def _plotly_details(value: Any) -> list[str]:
    return [f"trace {index}: {trace.type}" for index, trace in enumerate(value.data[:ITEMS])]


def _is_estimator(value: Any) -> bool:
    # Their own and everyone else's: only attributes are read.
    return derives(value, sys.modules.get("sklearn.base"), ("BaseEstimator",))


def _estimator(value: Any) -> str:
    attributes = own_attributes(value)
    fitted = any(name.endswith("_") and not name.startswith("_") for name in attributes)
    return f"{type_name(value)} {'fitted' if fitted else 'not fitted'}"


def _estimator_details(value: Any) -> list[str]:
    attributes = own_attributes(value)
    parameters = {name: item for name, item in attributes.items() if not name.endswith("_")}
    learned = [name for name in attributes if name.endswith("_") and not name.startswith("_")]
    lines = [f"{name} = {short(item, 1)}" for name, item in list(parameters.items())[:30]]
    return lines + ([f"learned: {', '.join(learned[:30])}"] if learned else [])


def _is_network(value: Any) -> bool:
    return derives(value, sys.modules.get("torch.nn"), ("Module",))


def _network(value: Any) -> str:
    return f"{type_name(value)} {_count_parameters(value, set()):,} parameters"


def _count_parameters(network: Any, seen: set[int]) -> int:
    """Count as `parameters()` does, which a network may have another one of."""
    seen.add(id(network))
    count = 0
    for parameter in _held(network, "_parameters").values():
        if id(parameter) not in seen and is_a(parameter, "torch", "Tensor"):
            seen.add(id(parameter))
            count += parameter.numel()
    for child in _held(network, "_modules").values():
        if id(child) not in seen and _is_network(child):
            count += _count_parameters(child, seen)
    return count


def _held(network: Any, name: str) -> dict[str, Any]:
    held: Any = own_attributes(network).get(name)
    return held if type(held) in (dict, OrderedDict) else {}


def _network_details(value: Any) -> list[str]:
    children = list(_held(value, "_modules").items())
    return [f"{short(name)[1:-1]}: {type_name(child)}" for name, child in children[:30]]


def _module(value: Any) -> str:
    name, version = (vars(value).get(key) for key in ("__name__", "__version__"))
    words = [word[:80] for word in (name, version) if type(word) is str]
    return " ".join(["module", *words])


def _function(value: Any) -> str:
    name = value.__name__
    return f"function {name if type(name) is str else '?'}{_arguments(value)[:TEXT]}"


def _arguments(function: Any) -> str:
    # Of the names alone: the repr of a default or an annotation may be anybody's code.
    code = function.__code__
    names = code.co_varnames
    positional, count = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    given = list(names[:positional])
    if code.co_flags & 4:  # CO_VARARGS
        given.append(f"*{names[count]}")
        count += 1
    elif code.co_kwonlyargcount:
        given.append("*")
    given += names[positional : positional + code.co_kwonlyargcount]
    if code.co_flags & 8:  # CO_VARKEYWORDS
        given.append(f"**{names[count]}")
    return f"({', '.join(given)})"


def _function_details(value: Any) -> list[str]:
    import inspect
    import linecache

    text = value.__doc__
    lines = [text.strip().splitlines()[0][:TEXT]] if type(text) is str and text.strip() else []
    # Not `getsource`: it follows what a function says that it wraps.
    source = linecache.getlines(value.__code__.co_filename)
    source = source[value.__code__.co_firstlineno - 1 :]
    return lines + ("".join(inspect.getblock(source)).splitlines()[:20] or ["(no source)"])


def _class(value: Any) -> str:
    names = ", ".join(name_of(base, "__name__") for base in of_class(value, "__mro__")[1:-1][:5])
    return f"class {name_of(value, '__qualname__')}" + (f"({names})" if names else "")


def _class_details(value: Any) -> list[str]:
    found = [name for name in of_class(value, "__dict__") if type(name) is str]
    members = [name for name in found if name[:2] != "__"]
    return [f"members: {', '.join(members[:40])}"] if members else []


def _attributes(value: Any) -> list[str]:
    found = own_attributes(value)
    items = [(name, item) for name, item in found.items() if type(name) is str]
    lines = [f".{name} = {short(item, 1)}" for name, item in items[:20]]
    return lines + ([f"… {len(found) - 20} more attributes"] if len(found) > 20 else [])


def _is_plain(value: Any) -> bool:
    return type(value) in PLAIN


def _plain(value: Any) -> str:
    text = short(value[:80]) if type(value) in (str, bytes) else short(value)
    if type(value) in (str, bytes) and len(value) > 80:
        text += f"… ({len(value):,} long)"
    return f"{type(value).__name__} {text}"


def _plain_details(value: Any) -> list[str]:
    return [short(value)] if type(value) in (str, bytes) and len(value) > 80 else []


def _is_collection(value: Any) -> bool:
    return type(value) in (list, tuple, set, frozenset, dict)


def _collection(value: Any) -> str:
    return f"{type(value).__name__} of {len(value):,}"


def _collection_details(value: Any) -> list[str]:
    return [short(value, 3)[:2_000]]


def _is(*kinds: Any) -> Callable[[Any], bool]:
    return lambda value: type(value) in kinds


def _is_class(value: Any) -> bool:
    return any(base is type for base in of_class(type(value), "__mro__"))


SUMMARIES: list[tuple[Callable[[Any], bool], Callable[[Any], str]]] = [
    (_is_plain, _plain),
    (_is_collection, _collection),
    (_is_frame, _frame),
    (_is_series, _series),
    (_is_polars, _polars),
    (_is_array, _array),
    (_is_tensor, _tensor),
    (_is_figure, _figure),
    (_is_plotly, _plotly),
    (_is_estimator, _estimator),
    (_is_network, _network),
    (_is(types.ModuleType), _module),
    (_is(types.FunctionType), _function),
    (_is_class, _class),
]
DETAILS: list[tuple[Callable[[Any], bool], Callable[[Any], list[str]]]] = [
    (_is_plain, _plain_details),
    (_is_collection, _collection_details),
    (_is_frame, _frame_details),
    (_is_series, _series_details),
    (_is_polars, _polars_details),
    (_is_array, _array_details),
    (_is_tensor, lambda value: []),
    (_is_figure, _figure_details),
    (_is_plotly, _plotly_details),
    (_is_estimator, _estimator_details),
    (_is_network, _network_details),
    (_is(types.ModuleType), lambda value: []),
    (_is(types.FunctionType), _function_details),
    (_is_class, _class_details),
]


def main(arguments: dict[str, Any]) -> None:
    """Inspect the shell's namespace and publish the report."""
    from IPython import get_ipython

    shell = get_ipython()
    hidden = set(shell.user_ns_hidden)
    names = arguments["names"]
    visible = {name: value for name, value in shell.user_ns.items() if names or name not in hidden}
    text = inspect_namespace(visible, names, arguments["pattern"], arguments["detail"])
    shell.display_pub.publish(data={MIME: {"text": text}, "text/plain": ""})


if __name__ == "jupyter_agent_snippet":
    main(json.loads(globals()["ARGUMENTS"]))
