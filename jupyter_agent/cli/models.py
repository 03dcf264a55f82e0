"""`jupyter agent models`: what can be chosen, what is missing for the rest."""

from __future__ import annotations

import argparse
import asyncio

from ..config import data_folder, load_settings
from ..models.credentials import Credentials
from ..protocol.models import ModelInfo
from . import exits

DESCRIPTION = """\
List the models that can be chosen, those that are ready first. Model servers on this machine are
asked; other providers are listed from the catalogue, without a network call.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="print one model a line, as JSON")


def main(arguments: argparse.Namespace) -> int:
    """List the models."""
    found = asyncio.run(_list())
    if arguments.json:
        from ..protocol.codec import to_json

        for model in found:
            print(to_json(ModelInfo, model).decode("utf-8"))
        return exits.DONE
    _print_table(found)
    return exits.DONE


async def _list() -> list[ModelInfo]:
    from ..runtime.access import ModelAccess

    return await ModelAccess(load_settings(), Credentials(data_folder())).models()


def _print_table(found: list[ModelInfo]) -> None:
    ready = [model for model in found if model.available]
    width = max((len(model.id) for model in ready), default=0)
    for model in ready:
        print(f"{model.id:<{width}}  {_facts(model)}".rstrip())
    missing: dict[str, list[str]] = {}
    for model in found:
        if not model.available:
            missing.setdefault(f"{model.provider}: {model.reason}", []).append(model.name)
    if missing:
        print("\nNot ready:")
    for reason, names in missing.items():
        print(f"  {reason} ({len(names)} model{'s' if len(names) != 1 else ''})")


def _facts(model: ModelInfo) -> str:
    facts = []
    if model.context_window:
        facts.append(f"{model.context_window // 1000:,}k context")
    if model.price is not None:
        facts.append(f"${model.price.input:g} in, ${model.price.output:g} out per million tokens")
    if model.capabilities.vision:
        facts.append("sees images")
    if not model.capabilities.tools:
        facts.append("no tools")
    return " · ".join(facts)
