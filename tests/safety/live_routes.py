"""The routes of ours, walked from a server's live router."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jupyter_server.serverapp import ServerApp
from tornado.web import RequestHandler

from jupyter_agent.server.bridge import BridgeHandler

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
WITH_BODY = ("POST", "PUT", "PATCH")


def our_routes(server: ServerApp) -> list[tuple[str, type[RequestHandler]]]:
    """Walk the router; returns a path below `jupyter-agent/api/` and the handler of each route."""
    return [found for found in all_routes(server) if not issubclass(found[1], BridgeHandler)]


def bridge_routes(server: ServerApp) -> list[tuple[str, type[RequestHandler]]]:
    """Return the routes for kernels, as paths below the server's base URL."""
    return [found for found in all_routes(server) if issubclass(found[1], BridgeHandler)]


def all_routes(server: ServerApp) -> list[tuple[str, type[RequestHandler]]]:
    """Return each route of ours: a path in its place, and its handler."""
    found = []
    for rule in walk(server.web_app.default_router.rules):
        handler = rule.target
        if isinstance(handler, type) and handler.__module__.startswith("jupyter_agent"):
            pattern = rule.matcher.regex.pattern
            path = re.sub(r"\([^)]*\)", "x", pattern.rstrip("$")).replace("\\", "")
            for_kernels = issubclass(handler, BridgeHandler)
            place = "jupyter-agent/bridge/" if for_kernels else "jupyter-agent/api/"
            base, found_place, rest = path.partition(place)
            assert base and found_place, f"a route of ours outside its place: {pattern}"
            found.append((f"{place}{rest}" if for_kernels else rest, handler))
    return found


def walk(rules: Any) -> Iterator[Any]:
    for rule in rules:
        inner = getattr(rule.target, "rules", None)
        if inner is not None:
            yield from walk(inner)
        else:
            yield rule


def implements(handler: type[RequestHandler], method: str) -> bool:
    return getattr(handler, method.lower()) is not RequestHandler._unimplemented_method
