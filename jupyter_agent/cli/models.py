"""`jupyter agent models`: what can be chosen, what is missing for the rest, what you know better."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..protocol.codec import from_data
from ..protocol.errors import ConfigError
from ..protocol.models import Capabilities, ModelInfo, ModelList
from . import exits

if TYPE_CHECKING:
    from ..access.model_access import ModelAccess

DESCRIPTION = """\
List the models that can be chosen, those that are ready first. Model servers on this machine are
asked; other providers are listed from the catalogue, without a network call. With --live, every
provider that has a key is asked for its models. A provider of whose models nothing is known yet is
listed with * for the model's name.

With --providers, list the providers: how each is spoken to, what its models can do, and what is
missing before it can be used.

With --set MODEL, say what you know better of a model, as JSON: it wins over catalogue and provider,
also for a model that is on no list. --reset MODEL forgets it.

  jupyter agent models --set openai/gpt-x '{"context_window": 200000, "capabilities": {"vision": true}}'
"""
ANY = "*"
_ABILITIES = (
    ("vision", "sees images"),
    ("documents", "reads PDF"),
    ("audio", "hears"),
    ("thinking", "thinks"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--live", action="store_true", help="ask the providers that have a key")
    parser.add_argument("--json", action="store_true", help="print one model a line, as JSON")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--providers", action="store_true", help="list the providers instead")
    what.add_argument(
        "--set", nargs=2, metavar=("MODEL", "FACTS"), help="say what you know better of a model"
    )
    what.add_argument("--reset", metavar="MODEL", help="forget what was said of a model")


def main(arguments: argparse.Namespace) -> int:
    """Do what the arguments say."""
    from .access import own_access

    access = own_access()
    if arguments.set is not None:
        model, facts = arguments.set
        asyncio.run(access.say(model, _facts_of(facts)))
        print(f"Kept for {model}.")
    elif arguments.reset is not None:
        asyncio.run(access.say(arguments.reset, None))
        print(f"Nothing is said of {arguments.reset} any more.")
    elif arguments.providers:
        _show_providers(asyncio.run(access.keys.rows()), as_json=arguments.json)
    else:
        return _show_models(access, live=arguments.live, as_json=arguments.json)
    return exits.DONE


def _facts_of(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"The facts are not JSON: {error}.", cause=error) from error
    if not isinstance(found, dict):
        raise ConfigError('The facts are a JSON object, such as {"context_window": 200000}.')
    return found


# -- models -----------------------------------------------------------------------------------------


def _show_models(access: ModelAccess, *, live: bool, as_json: bool) -> int:
    found = asyncio.run(_models(access, live=live))
    if as_json:
        from ..protocol.codec import to_json

        for model in found.models:
            print(to_json(ModelInfo, model).decode("utf-8"))
    else:
        _print_table(found)
    # On the other stream: a list stays one that programs can read.
    for failure in found.failures:
        print(f"{failure.label} was asked and did not answer: {failure.message}", file=sys.stderr)
    return exits.PROVIDER if live and found.failures else exits.DONE


async def _models(access: ModelAccess, *, live: bool) -> ModelList:
    """Return all models, and `provider/*` for each provider that none is known of."""
    found = await access.models(live=live)
    listed = {model.id.partition("/")[0] for model in found.models}
    others = [
        _any_model(access, row)
        for row in await access.keys.rows()
        if not row["own"] and row["name"] not in listed
    ]
    return replace(found, models=(*found.models, *others))


def _any_model(access: ModelAccess, row: Mapping[str, Any]) -> ModelInfo:
    name = row["name"]
    twin = access.endpoints.table[name].twin
    reason = row["reason"]
    if row["local"]:
        reason = f"Ready where it runs: start it at {row['base_url']}, or enter its address."
    if twin and row["ready"]:
        reason = f"As {twin}, by another protocol: write {name}/ and a name of {twin}'s models."
    return ModelInfo(
        id=f"{name}/{ANY}",
        provider=name,
        name=ANY,
        label=row["label"],
        capabilities=from_data(Capabilities, row["capabilities"]),
        available=False,
        reason=reason or f"Write {name}/ and the name of a model, or ask it with --live.",
    )


def _print_table(found: ModelList) -> None:
    from ..rendering.terminal import visible

    ready = [model for model in found.models if model.available]
    width = max((len(model.id) for model in ready), default=0)
    for model in ready:
        print(visible(f"{model.id:<{width}}  {_facts(model)}".rstrip()))
    missing: dict[str, int] = {}
    for model in found.models:
        if not model.available:
            key = f"{model.provider}: {model.reason}"
            missing[key] = missing.get(key, 0) + (model.name != ANY)
    if missing:
        print("\nNot ready:")
    for reason, count in missing.items():
        models = f" ({count} model{'s' if count != 1 else ''})" if count else ""
        print(visible(f"  {reason}{models}"))
    source = "--live asks the providers"
    if found.live:
        source = "those that could be asked list theirs as they are now"
    print(f"\nPrices and sizes from the catalogue of {found.dated}; {source}.")


def _facts(model: ModelInfo) -> str:
    facts = []
    if model.context_window:
        facts.append(f"{model.context_window // 1000:,}k context")
    if model.price is not None:
        facts.append(f"${model.price.input:g} in, ${model.price.output:g} out per million tokens")
    facts += _abilities(model.capabilities)
    if model.reason:
        facts.append(model.reason.rstrip("."))
    return " · ".join(facts)


def _abilities(able: Capabilities) -> list[str]:
    found = [words for name, words in _ABILITIES if getattr(able, name)]
    return found if able.tools else [*found, "no tools"]


# -- providers --------------------------------------------------------------------------------------


def _show_providers(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    from ..rendering.terminal import visible

    table = [("NAME", "PROVIDER", "PROTOCOL", "KEY", "MODELS CAN", "STATE")]
    for row in rows:
        able: Capabilities = from_data(Capabilities, row["capabilities"])
        can = [*(["use tools"] if able.tools else []), *_abilities(able)]
        key = "local" if row["local"] and not row["has_key"] else row["key_variable"] or "–"
        state = "ready" if row["ready"] else row["reason"]
        if row["local"]:  # servers on this machine are asked when models are listed
            can, state = can if row["own"] else ["what the server tells"], "ready where it runs"
        if row["locked"]:
            state = f"{state} (address set by the administrator)"
        table.append((row["name"], row["label"], row["api"], key, ", ".join(can), state))
    widths = [max(len(line[column]) for line in table) for column in range(5)]
    for line in table:
        cells = [f"{cell:<{width}}" for cell, width in zip(line, widths, strict=False)]
        print(visible("  ".join([*cells, line[5]])))
