"""`jupyter agent doctor`: what is set up, and whether a provider answers as it should."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict

from ..access.doctor import Check, check_provider, check_setup
from ..rendering.terminal import visible
from . import exits

DESCRIPTION = """\
Say what is set up: keys, proxy, certificates, model servers on this machine. That asks nobody
else. With a PROVIDER (openai) or URL (http://localhost:8000/v1), ask it for its models; with a
model as well (openai/gpt-5, http://localhost:8000/v1#qwen3), also ask the model up to three short
questions, to see whether answers stream, and tools and images arrive. That costs a few hundred
tokens.
"""
_MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "–"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("target", nargs="?", metavar="PROVIDER|URL", help="what to ask")
    parser.add_argument("--json", action="store_true", help="print one check a line, as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Print each check as it is made."""
    return asyncio.run(_check(arguments.target, as_json=arguments.json))


async def _check(target: str | None, *, as_json: bool) -> int:
    from .access import own_access

    access = own_access()
    failed = False
    if target is None:
        for check in await check_setup(access):
            _print(check, as_json=as_json)
            failed = failed or check.outcome == "failed"
    else:
        async for check in check_provider(access, target):
            _print(check, as_json=as_json)
            failed = failed or check.outcome == "failed"
    return exits.PROVIDER if failed else exits.DONE


def _print(check: Check, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(check), ensure_ascii=False), flush=True)
    else:
        print(f"{_MARKS[check.outcome]} {visible(check.message)}", flush=True)
