"""`jupyter agent keys`: which providers have a key and from where; enter, test and remove one.

A key is never an argument (others on the machine can read those) and is never printed.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from typing import Any

from ..access.model_access import ModelAccess
from ..access.provider_keys import ProviderKeys
from ..protocol.errors import ConfigError
from ..rendering.terminal import visible
from . import exits
from .access import own_access

DESCRIPTION = """\
Say which providers have a key, and from where: the environment, the system's keyring, or a file
that only you can read. Keys themselves are never shown.

A PROVIDER is a name (`jupyter agent models --providers` lists them) or the address of a server of
your own that speaks OpenAI's Chat API: http://host/v1. `set` asks for the key without showing it,
or reads it from standard input; a server that needs none gets none.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="print one provider a line, as JSON")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    entering = actions.add_parser("set", help="enter a key, an address, or both")
    entering.add_argument("provider", metavar="PROVIDER")
    entering.add_argument("--base-url", metavar="URL", help="another address; '' is its own again")
    testing = actions.add_parser("test", help="ask a provider for its models")
    testing.add_argument("provider", metavar="PROVIDER")
    testing.add_argument("--model", metavar="M", help="a model that it should have")
    removing = actions.add_parser("remove", help="forget the key and the address of a provider")
    removing.add_argument("provider", metavar="PROVIDER")


def main(arguments: argparse.Namespace) -> int:
    """Do what the arguments say."""
    access = own_access()
    if arguments.action == "set":
        return _set(access, arguments.provider, arguments.base_url)
    if arguments.action == "test":
        found = asyncio.run(access.keys.test(arguments.provider, arguments.model))
        print(visible(f"{'✓' if found['ok'] else '✗'} {found['message']}"))
        return exits.DONE if found["ok"] else exits.PROVIDER
    if arguments.action == "remove":
        return _remove(access, arguments.provider)
    _list(asyncio.run(access.keys.rows()), as_json=arguments.json)
    return exits.DONE


def _set(access: ModelAccess, name: str, base_url: str | None) -> int:
    # Before anything is typed: an unknown name, a forbidden provider, a locked address.
    provider = access.endpoints.canonical(name)
    access.keys.check_url(provider, base_url)
    optional = base_url is not None or "://" in provider or _keyless(access, provider)
    key = _read_key(provider, optional=optional)
    if not key and not optional:
        raise ConfigError("No key was entered; nothing was changed.")
    asyncio.run(access.keys.store(provider, key=key or None, base_url=base_url))
    row = _row(access.keys, provider)
    where = {"keyring": "in the system's keyring", "file": "in a file that only you can read"}
    if key and row["key_source"] == "environment":
        print(f"Kept, but the key in {row['key_variable']} comes first while it is set.")
    elif key:
        print(f"The key for {row['base_url']} is kept {where[row['key_source']]}.")
    else:
        print(
            f"{row['label']} is asked at {row['base_url'] or 'no address yet'}, without a new key."
        )
    if not row["ready"]:
        print(row["reason"])
    return exits.DONE


def _keyless(access: ModelAccess, provider: str) -> bool:
    return not access.endpoints.table[provider].capabilities.requires_key


def _read_key(provider: str, *, optional: bool) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    prompt = f"Key for {provider}{' (Enter for none)' if optional else ''}: "
    try:
        return getpass.getpass(prompt).strip()
    except EOFError:
        return ""


def _remove(access: ModelAccess, name: str) -> int:
    provider = access.endpoints.canonical(name)
    there = asyncio.run(access.keys.remove(provider))
    print(f"Forgotten: {provider}." if there else f"Nothing was stored for {provider}.")
    left = [row for row in asyncio.run(access.keys.rows()) if row["name"] == provider]
    if left and left[0]["key_source"] == "environment":
        print(f"The key in {left[0]['key_variable']} is still there.")
    return exits.DONE


def _row(keys: ProviderKeys, provider: str) -> dict[str, Any]:
    return next(row for row in asyncio.run(keys.rows()) if row["name"] == provider)


def _list(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        names = (
            "name",
            "label",
            "has_key",
            "key_source",
            "key_variable",
            "base_url",
            "own",
            "locked",
        )
        for row in rows:
            print(json.dumps({name: row[name] for name in names}, ensure_ascii=False))
        return
    width = max(len(row["name"]) for row in rows) if rows else 0
    for row in rows:
        print(visible(f"{row['name']:<{width}}  {_words(row):<22}  {row['base_url']}".rstrip()))


def _words(row: dict[str, Any]) -> str:
    if row["has_key"]:
        return f"key from the {row['key_source']}"
    return "no key" if row["requires_key"] or not row["ready"] else "needs no key"
