"""Write `jupyter_agent/models/catalogue.json`: facts about current models, dated.

`python scripts/generate_catalogue.py` reads the newest packages of `catalogue_sources.py`, chooses
by `catalogue_corrections.json` (which models of which provider, and what we know better) and
writes the file. `--check` says what would change, and fails when anything would. `--from FOLDER`
takes wheels that lie there instead of downloading.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from catalogue_sources import Source, fetch, read_facts, read_prices

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "jupyter_agent" / "models" / "catalogue.json"
CORRECTIONS = Path(__file__).with_name("catalogue_corrections.json")
SMALLEST_WINDOW = 32_000  # an agent's first question fills less of one than that, and not much less
_DATED = re.compile(r"(-\d{8}|-\d{4}-\d{2}-\d{2}|-\d{4})$")
_ACRONYMS = {
    "vl": "VL",
    "gpt": "GPT",
    "glm": "GLM",
    "oss": "OSS",
    "minimax": "MiniMax",
    "deepseek": "DeepSeek",
}

FACTS = ("label", "context_window", "max_output", "price")
TOOLS = ("tools", "tool_choice", "parallel_tools")

ROUTER = "openrouter"  # it lists the models of nearly everyone, with their labels

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]


def main() -> int:
    """Write the catalogue, or say what would change."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="say what would change, write nothing")
    parser.add_argument("--from", dest="folder", type=Path, metavar="FOLDER", help="wheels to read")
    arguments = parser.parse_args()
    facts, prices = fetch(arguments.folder)
    made = make(facts, prices, json.loads(CORRECTIONS.read_text(encoding="utf-8")), date.today())
    kept = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    changes = list(differences(kept, made))
    print("\n".join(changes) if changes else "The catalogue is up to date.")
    if arguments.check:
        return 1 if changes else 0
    if changes:
        TARGET.write_text(write(made), encoding="utf-8")
        print(f"{len(made['models'])} models, {TARGET.stat().st_size // 1024} kB.")
    return 0


def make(facts: Source, prices: Source, corrections: Mapping[str, Any], today: date) -> Row:
    """Return the whole catalogue.

    The order is what people see, and the first model of a ready provider is the default one:
    providers as in the corrections; of each the models named `first`, those that are corrected, then
    the others by name, later versions first.
    """
    sources = read_facts(facts.text), read_prices(prices.text, today)
    models: list[Row] = []
    for provider, rule in corrections["providers"].items():
        chosen = {row["name"]: row for row in choose(rule, *sources, corrections, today)}
        known = {
            row["id"].removeprefix(f"{provider}/"): row
            for row in corrections["models"]
            if row["id"].startswith(f"{provider}/")
        }
        first = [*rule.get("first", ()), *known]
        rest = sorted((name for name in chosen if name not in first), key=later_first)
        for name in dict.fromkeys([*first, *rest]):
            models.append(corrected(provider, name, chosen.get(name, {}), known.get(name, {})))
    return {
        "date": today.isoformat(),
        "sources": [facts.about(), prices.about()],
        "note": corrections["note"],
        "not_chat": corrections["not_chat"],
        "models": models,
    }


def choose(
    rule: Row, facts: Rows, prices: Rows, corrections: Mapping[str, Any], today: date
) -> list[Row]:
    """Return a provider's current models that chat, each once, under its own name."""
    if "priced" in rule:
        rows = _with_facts(rule, facts, prices)
    else:
        rows = [dict(row) for source in rule["from"] for row in facts.get(source, ())]
        for row in rows:
            row["name"] = row["name"].removeprefix(rule.get("prefix", ""))
    dropped = [*rule.get("drop", ()), *corrections["not_chat"]]
    rows = [
        row
        for row in rows
        if _matches(row["name"], rule.get("keep", ["*"]))
        and not _matches(row["name"], dropped)
        and row.get("until", "9999") > today.isoformat()
        and row.get("context_window", SMALLEST_WINDOW) >= SMALLEST_WINDOW
        and (row["able"].get("tools") or rule.get("tools") is False)
    ]
    labels = _labels(prices, (ROUTER, rule.get("labels", "")))
    return [_finished(row, rule, labels) for row in _without_snapshots(rows)]


def _with_facts(rule: Row, facts: Rows, prices: Rows) -> list[Row]:
    """Return models of a router: its own sizes and prices, and the abilities of the same model elsewhere.

    One that is nowhere else is left out: nothing is known of what it can do.
    """
    twins = {_plain(row["name"]): row["able"] for rows in facts.values() for row in rows}
    found: dict[str, Row] = {}
    for source in rule["priced"]:
        for row in prices.get(source, ()):
            able = twins.get(_plain(row["name"]))
            if able is None or "/" not in row["name"] or "context_window" not in row:
                continue
            known = found.setdefault(row["name"], {**row, "able": dict(able)})
            # Of several hosts of one model, the smallest window is safe on each.
            known["context_window"] = min(known["context_window"], row["context_window"])
    return list(found.values())


def _without_snapshots(rows: Sequence[Row]) -> list[Row]:
    """Leave out dated names of models that are there without a date, and names that stand twice."""
    names = {row["name"] for row in rows}
    plain = {
        row["name"]: row for row in rows if _DATED.sub("", row["name"]) not in names - {row["name"]}
    }
    return list(plain.values())


def _labels(prices: Rows, sources: Iterable[str]) -> dict[str, str]:
    """Return labels by plain name, those of the last source winning."""
    return {
        _plain(row["name"]): row["label"].rpartition(": ")[2]  # a router's "Vendor: Model"
        for source in sources
        for row in prices.get(source, ())
        if row.get("label", "").lower() != row.get("label", "")
    }


def _finished(row: Row, rule: Row, labels: Mapping[str, str]) -> Row:
    label = labels.get(_plain(row["name"])) or label_of(row["name"])
    able = dict(row["able"])
    if rule.get("efforts") is False:
        able.pop("effort_levels", None)
    if rule.get("tools") is False:
        able = {name: can for name, can in able.items() if name not in TOOLS}
    found = {**row, "label": f"{label} on {rule['on']}" if "on" in rule else label, "able": able}
    if rule.get("unpriced"):
        found.pop("price", None)
    return found


def corrected(provider: str, name: str, row: Row, correction: Row) -> Row:
    """Return an entry of the catalogue; what the correction says wins."""
    able = {**row.get("able", {}), **correction.get("able", {})}
    entry = {"id": f"{provider}/{name}", **{key: row[key] for key in FACTS if key in row}}
    entry |= {key: value for key, value in correction.items() if key in FACTS}
    if entry.get("max_output", 0) > entry.get("context_window", 1 << 62):
        del entry["max_output"]
    return {**entry, "able": {key: can for key, can in able.items() if can}}


def label_of(name: str) -> str:
    """Return a name as people write it: `global.openai.gpt-6-sol` -> `GPT 6 Sol`."""
    words = re.split(r"[-_ ]+", _bare(name))
    return " ".join(_word(word) for word in words if word)


def _word(word: str) -> str:
    if re.fullmatch(r"[a-z]?\d+(\.\d+)?[bt]", word):  # sizes: 30b, a22b
        return word.upper()
    return _ACRONYMS.get(word.lower(), word[:1].upper() + word[1:])


def later_first(name: str) -> list[tuple[int, float, str]]:
    """Return a key that sorts by name, and of one name the later version first."""
    parts = re.split(r"(\d+(?:\.\d+)?)", name)
    return [(1, -float(part), "") if part[:1].isdigit() else (0, 0.0, part) for part in parts]


def differences(kept: Row, made: Row) -> Iterable[str]:
    """Yield in words what differs between two catalogues, their dates and versions apart."""
    before = {row["id"]: row for row in kept.get("models", ())}
    after = {row["id"]: row for row in made["models"]}
    for id in [*after, *(id for id in before if id not in after)]:
        old, new = before.get(id), after.get(id)
        if old is None:
            yield f"+ {id}"
        elif new is None:
            yield f"- {id}"
        elif old != new:
            changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
            words = ", ".join(f"{key} {old.get(key)} -> {new.get(key)}" for key in changed)
            yield f"~ {id}: {words}"
    if kept and list(before) != list(after) and set(before) == set(after):
        yield "~ the order of the models"
    for key in ("note", "not_chat"):
        if kept.get(key) != made[key]:
            yield f"~ {key}"


def write(made: Row) -> str:
    """Return the catalogue as JSON, one model a line: what changed is one line of a diff."""
    head = "".join(
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n"
        for key, value in made.items()
        if key != "models"
    )
    lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in made["models"])
    return f'{{\n{head}  "models": [\n{lines}\n  ]\n}}\n'


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)


def _bare(name: str) -> str:
    """Return a model's name without its vendor, region and revision."""
    last = re.sub(r"^([a-z-]+\.)+(?=[a-z])", "", name.rpartition("/")[2])
    return re.sub(r"(-\d{8})?(-v\d+(:\d+)?|-1:0)?$", "", last)


def _plain(name: str) -> str:
    """Return a model's name in the one spelling by which it is found in other lists."""
    return re.sub(r"[._]", "-", _bare(name).lower())


if __name__ == "__main__":
    sys.exit(main())
