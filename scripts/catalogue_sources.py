"""Where the catalogue's facts come from: two open data packages, read as files.

Nothing of theirs is imported or run: the wheels are downloaded by their names into a temporary
folder, and the one data file of each is taken out. `generate_catalogue.py` chooses from the rows.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

FACTS = "litellm"
FACTS_FILE = "litellm/model_prices_and_context_window_backup.json"
PRICES = "genai-prices"
PRICES_FILE = "genai_prices/data.py"


@dataclass(frozen=True)
class Source:
    """A package, and the text of its data file."""

    name: str
    version: str
    licence: str
    text: str = field(repr=False)

    def about(self) -> dict[str, str]:
        """Return what the catalogue's head says of it."""
        return {"name": self.name, "version": self.version, "licence": self.licence}


def fetch(folder: Path | None = None) -> tuple[Source, Source]:
    """Return the source of facts and that of prices and labels.

    Args:
        folder: one that holds the wheels already; None downloads the newest.
    """
    with tempfile.TemporaryDirectory(prefix="catalogue-") as temporary:
        place = folder or Path(temporary)
        if folder is None:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
            subprocess.run([*command, "--dest", str(place), FACTS, PRICES], check=True)
        return (_open(place, FACTS, FACTS_FILE), _open(place, PRICES, PRICES_FILE))


def _open(folder: Path, name: str, file: str) -> Source:
    [wheel] = folder.glob(f"{name.replace('-', '_')}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [entry for entry in archive.namelist() if entry.endswith("dist-info/METADATA")]
        about = dict(
            line.split(": ", 1)
            for line in archive.read(metadata).decode("utf-8").partition("\n\n")[0].splitlines()
            if ": " in line and not line.startswith(" ")
        )
        text = archive.read(file).decode("utf-8")
    licence = about.get("License-Expression") or about.get("License") or "unknown"
    return Source(name=name, version=about["Version"], licence=licence, text=text)


# -- facts: sizes, prices, abilities, by the source's own provider names ---------------------------


def read_facts(text: str) -> dict[str, list[dict[str, Any]]]:
    """Return the models that chat, as the catalogue writes them, by the source's provider.

    A row also has `until`, the day it is switched off, where one is known.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for key, row in json.loads(text).items():
        if row.get("mode") not in ("chat", "responses"):
            continue
        if row.get("supported_output_modalities", ["text"]) == ["image"]:
            continue
        found.setdefault(row["litellm_provider"], []).append({"name": key, **_facts(row)})
    return found


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for ours, theirs in (
        ("context_window", "max_input_tokens"),
        ("max_output", "max_output_tokens"),
    ):
        if isinstance(row.get(theirs), int) and row[theirs] > 0:
            found[ours] = row[theirs]
    price = _price(
        row.get("input_cost_per_token"),
        row.get("output_cost_per_token"),
        row.get("cache_read_input_token_cost"),
        row.get("cache_creation_input_token_cost"),
    )
    if price is not None:
        found["price"] = price
    found["able"] = _able(row)
    if row.get("deprecation_date"):
        found["until"] = row["deprecation_date"]
    return found


def _price(*per_token: Any) -> dict[str, float] | None:
    """Return dollars for a million tokens; nothing where input or output cost nothing or are unknown."""
    names = ("input", "output", "cache_read", "cache_write")
    found = {
        name: float(f"{value * 1_000_000:.6g}")
        for name, value in zip(names, per_token, strict=True)
        if isinstance(value, int | float) and value > 0
    }
    return found if "input" in found and "output" in found else None


def _able(row: dict[str, Any]) -> dict[str, Any]:
    tools = bool(row.get("supports_function_calling"))
    flags = {
        "tools": tools,
        "tool_choice": tools and row.get("supports_tool_choice") is not False,
        "parallel_tools": tools and row.get("supports_parallel_function_calling") is not False,
        "vision": bool(row.get("supports_vision")),
        "documents": bool(row.get("supports_pdf_input")),
        "audio": bool(row.get("supports_audio_input")),
        "thinking": bool(row.get("supports_reasoning")),
    }
    found: dict[str, Any] = {name: True for name, can in flags.items() if can}
    if levels := _effort_levels(row):
        found["effort_levels"] = levels
    return found


def _effort_levels(row: dict[str, Any]) -> list[str]:
    """Return the levels of effort the source tells, in the words we know (it has `max` as well)."""
    order = ("none", "minimal", "low", "medium", "high", "xhigh")
    told = row.get("reasoning_effort_levels")
    if isinstance(told, list):
        return [level for level in order if level in told]
    flags = {level: row.get(f"supports_{level}_reasoning_effort") for level in order}
    if not row.get("supports_reasoning") or not any(flags.values()):
        return []
    return [level for level in order if flags[level] or level in ("low", "medium", "high")]


# -- prices and labels: the other package's data file is Python, of which we read the literals -----


def read_prices(text: str, today: date) -> dict[str, list[dict[str, Any]]]:
    """Return name, label, context window and price of models, by the source's provider."""
    found: dict[str, list[dict[str, Any]]] = {}
    for provider in _providers(ast.parse(text)):
        rows = [_priced(_keywords(model), today) for model in _items(provider.get("models"))]
        found[_literal(provider["id"])] = [row for row in rows if row is not None]
    return found


def _providers(module: ast.Module) -> Iterator[dict[str, ast.expr]]:
    for statement in module.body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == "providers":
            yield from map(_keywords, _items(statement.value))


def _priced(model: dict[str, ast.expr], today: date) -> dict[str, Any] | None:
    if "deprecated" in model and _literal(model["deprecated"]):
        return None
    row: dict[str, Any] = {"name": _literal(model["id"])}
    if "name" in model:
        row["label"] = _literal(model["name"])
    if "context_window" in model:
        row["context_window"] = _literal(model["context_window"])
    price = _current(model["prices"], today)
    names = (("input", "input_mtok"), ("output", "output_mtok"))
    names += (("cache_read", "cache_read_mtok"), ("cache_write", "cache_write_mtok"))
    told = {ours: _number(price[theirs]) for ours, theirs in names if theirs in price}
    if told.get("input") and told.get("output"):
        row["price"] = {name: value for name, value in told.items() if value}
    return row


def _current(prices: ast.expr, today: date) -> dict[str, ast.expr]:
    """Return the price of today: of several, the last that has begun and knows no other condition."""
    if not isinstance(prices, ast.List):
        return _keywords(prices)
    found: dict[str, ast.expr] = {}
    for entry in map(_keywords, prices.elts):
        constraint = _keywords(entry["constraint"]) if "constraint" in entry else {}
        if constraint and "start_date" not in constraint:
            continue
        if constraint and date(*_arguments(constraint["start_date"])) > today:
            continue
        found = _keywords(entry["prices"])
    return found


def _number(node: ast.expr) -> float | None:
    """Return a price: `Decimal('3')`, or the base of one in tiers."""
    if isinstance(node, ast.Call) and (base := _keywords(node).get("base")) is not None:
        node = base
    arguments = _arguments(node)
    return float(arguments[0]) if arguments else None


def _keywords(node: ast.expr) -> dict[str, ast.expr]:
    found = node.keywords if isinstance(node, ast.Call) else ()
    return {keyword.arg: keyword.value for keyword in found if keyword.arg is not None}


def _arguments(node: ast.expr) -> list[Any]:
    return [_literal(argument) for argument in node.args] if isinstance(node, ast.Call) else []


def _items(node: ast.expr | None) -> Iterable[ast.expr]:
    return node.elts if isinstance(node, ast.List) else ()


def _literal(node: ast.expr) -> Any:
    return ast.literal_eval(node)
