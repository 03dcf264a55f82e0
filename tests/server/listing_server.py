"""A model server on this machine that only lists its models: it answers, refuses, or hangs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Listing:
    """What a server answers, and the keys it was asked with."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    key: str | None = None  # what it wants to be asked with; None: it does not care
    hangs: bool = False
    keys: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        listing: Listing = self.server.listing  # type: ignore[attr-defined]
        listing.keys.append(self.headers.get("Authorization"))
        if listing.hangs:
            listing.released.wait(30)
        refusal = {"error": {"message": "Wrong key."}}
        wrong = listing.key is not None and listing.keys[-1] != f"Bearer {listing.key}"
        status = 401 if wrong else listing.status
        body = json.dumps({"data": listing.rows} if status == 200 else refusal).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(
    *rows: dict[str, Any], status: int = 200, key: str | None = None, hangs: bool = False
) -> Iterator[Listing]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    listing = Listing(list(rows), status=status, key=key, hangs=hangs)
    listing.url = f"http://127.0.0.1:{server.server_port}/v1"
    server.listing = listing  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield listing
    finally:
        listing.released.set()
        server.shutdown()
        server.server_close()


def row(name: str, **facts: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", **facts}
