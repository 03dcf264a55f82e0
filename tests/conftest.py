"""Fixtures for all tests: a Jupyter server (`jp_serverapp`, `jp_fetch`, ...) in the test's own loop.

pytest-jupyter runs coroutines in its own way, which keeps pytest-asyncio's from working; and it
makes a server application around every test. So its fixtures are taken over, its hooks and its
automatic fixtures are not, and the server lives in the event loop of the test that asks for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from pytest_jupyter import jupyter_server

FIXTURES = ("echo_kernel_spec", "http_server", "io_loop", "jp_", "send_request")
AUTOMATIC = ("jp_asyncio_loop", "jp_server_cleanup")
REAL_PARTS = Path(__file__).parent / "real"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave `tests/real` out unless it is named: each of its folders needs its own environment."""
    named = any("real" in Path(argument).parts for argument in config.args)
    return True if collection_path == REAL_PARTS and not named else None


def pytest_configure(config: pytest.Config) -> None:
    fixtures = ModuleType("jupyter_fixtures")
    for name, value in vars(jupyter_server).items():
        if name.startswith(FIXTURES) and name not in AUTOMATIC:
            setattr(fixtures, name, value)
    config.pluginmanager.register(fixtures)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser last: Playwright leaves its loop running, and no other can run beside it."""
    items.sort(key=lambda item: "e2e" in item.path.parts)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the files out among the workers; the browser's tests, the last, go to one of them."""
    from xdist.scheduler import LoadFileScheduling

    class BrowserAlone(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "tests/e2e" if file.startswith("tests/e2e/") else file

    return BrowserAlone(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many recorded answers were replayed, for each API and dialect, or why none were."""
    counted: dict[str, dict[str, int]] = {}
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "recordings":
                api, dialect, count = str(value).split()
                counted.setdefault(api, {})[dialect] = int(count)
    if counted:
        terminalreporter.section("recorded answers replayed", sep="-")
        for api, dialects in counted.items():
            each = ", ".join(f"{name} {count}" for name, count in dialects.items())
            terminalreporter.write_line(f"{api} {sum(dialects.values())}: {each}")
    elif any(
        "test_recordings" in report.nodeid for report in terminalreporter.getreports("skipped")
    ):
        terminalreporter.section("recorded answers replayed", sep="-")
        terminalreporter.write_line("none: JUPYTER_AGENT_RECORDINGS does not name their folder")


@pytest.fixture
async def running_loop() -> AsyncIterator[asyncio.AbstractEventLoop]:
    yield asyncio.get_running_loop()


@pytest.fixture
def jp_asyncio_loop(running_loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """The loop of the test; it stands still while fixtures that are no coroutines are made."""
    return running_loop


@pytest.fixture
def jp_configurable_serverapp(
    jp_configurable_serverapp: Callable[..., ServerApp],
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Callable[..., ServerApp]]:
    yield jp_configurable_serverapp
    if ServerApp.initialized():
        application = ServerApp.instance()
        jp_asyncio_loop.run_until_complete(application._cleanup())
        application.kernel_manager.context.destroy()
        ServerApp.clear_instance()
