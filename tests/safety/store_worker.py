"""A process that writes sessions until it is killed, and says what was acknowledged.

Reads "<path> <session>" lines; forks a writer for each, so that a round costs no interpreter start.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from jupyter_agent.store.rows import SessionRow
from jupyter_agent.store.sessions import open_store


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def write_until_killed(path: Path, session_id: str) -> None:
    store = await open_store(path)
    await store.create_session(
        SessionRow(
            id=session_id,
            owner="ada",
            title="",
            notebook_path=None,
            model="demo",
            mode="ask",
            effort=None,
            created_at="2026-11-20T12:00:00+00:00",
            updated_at="2026-11-20T12:00:00+00:00",
        )
    )
    say("session 0")
    await store.acquire_lease(session_id, str(os.getpid()), ttl=60)
    await store.start_run(session_id, "run")
    say("run 0")
    for step in range(10_000):
        first = step * 3 + 1
        await store.append_events(session_id, first, [b"%d" % (first + i) for i in range(3)])
        say(f"event {first + 2}")
        await store.put_message(session_id, step, f"m{step}", b"%d" % step)
        say(f"message {step}")
        await store.put_intent(session_id, "run", f"call{step}", "edit_cells", b"{}")
        say(f"intent {step}")
        await store.finish_intent(session_id, "run", f"call{step}", b"[]", "done")
        say(f"finish {step}")


def main() -> None:
    for line in sys.stdin:
        path, session_id = line.split("\t")
        writer = os.fork()
        if writer == 0:
            asyncio.run(write_until_killed(Path(path), session_id.strip()))
            os._exit(0)
        say(f"writer {writer}")
        os.waitpid(writer, 0)
        say("dead 0")


if __name__ == "__main__":
    main()
