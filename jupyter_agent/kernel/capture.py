"""Capturing what a cell prints and shows in an IPython shell, while the person still sees it."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

Apply = Callable[[str, dict[str, Any]], object]


class _Tee(io.TextIOBase):
    """A stream that hands everything to the collector, and on to the stream it stands for."""

    def __init__(self, name: str, apply: Apply, shown: Any) -> None:
        super().__init__()
        self._name = name
        self._apply = apply
        self._shown = shown

    def write(self, text: str) -> int:
        self._apply("stream", {"name": self._name, "text": text})
        if self._shown is not None:
            self._shown.write(text)
        return len(text)

    def flush(self) -> None:
        if self._shown is not None:
            self._shown.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False


class _Publisher:
    """Stands for the shell's display publisher; everything else is the publisher's own."""

    def __init__(self, publisher: Any, apply: Apply, echo: bool) -> None:
        self._publisher = publisher
        self._apply = apply
        self._echo = echo

    def publish(self, data: dict[str, Any], metadata: Any = None, **more: Any) -> None:
        kind = "update_display_data" if more.get("update") else "display_data"
        content = {"data": data, "metadata": metadata, "transient": more.get("transient")}
        self._apply(kind, content)
        if self._echo:
            self._publisher.publish(data, metadata, **more)

    def clear_output(self, wait: bool = False) -> None:
        self._apply("clear_output", {"wait": wait})
        if self._echo:
            self._publisher.clear_output(wait)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._publisher, name)


@contextlib.contextmanager
def captured(shell: Any, apply: Apply, *, echo: bool) -> Iterator[None]:
    """Hand outputs of the shell to `apply` (kind and content of a kernel message) meanwhile.

    Args:
        shell: The `InteractiveShell`.
        apply: Takes each output.
        echo: Whether the person sees them as well, where the shell shows outputs.
    """
    stdout, stderr, publisher = sys.stdout, sys.stderr, shell.display_pub
    hook, formatter = shell.displayhook, shell.display_formatter
    active_types = formatter.active_types
    write_result, show_error = hook.write_format_data, shell._showtraceback

    def result(data: dict[str, Any], metadata: Any = None) -> None:
        count = getattr(hook, "prompt_count", None)
        apply("execute_result", {"data": data, "metadata": metadata, "execution_count": count})
        if echo:
            with _streams(stdout, stderr):
                write_result(data, metadata)

    def error(kind: type[BaseException], value: Any, lines: list[str]) -> None:
        apply("error", {"ename": kind.__name__, "evalue": str(value), "traceback": lines})
        if echo and hasattr(shell, "kernel"):
            # Not as an `error` output of the cell that we run in: that one has not failed, and
            # programs that run notebooks, such as papermill, would stop at it.
            print("\n".join(lines), file=stderr, flush=True)
        elif echo:
            with _streams(stdout, stderr):
                show_error(kind, value, lines)

    def prompt() -> None:
        if echo:
            with _streams(stdout, stderr):
                type(hook).write_output_prompt(hook)

    # Instance attributes over the class's methods: deleting them restores what was there.
    hook.write_format_data = result
    hook.write_output_prompt = prompt
    shell._showtraceback = error
    shell.system = shell.system_piped  # the terminal's own would write past sys.stdout
    formatter.active_types = formatter.format_types  # a terminal makes text alone
    shell.display_pub = _Publisher(publisher, apply, echo)
    tees = (
        _Tee("stdout", apply, stdout if echo else None),
        _Tee("stderr", apply, stderr if echo else None),
    )
    try:
        with _streams(*tees):
            yield
    finally:
        shell.display_pub = publisher
        formatter.active_types = active_types
        del hook.write_format_data, hook.write_output_prompt, shell._showtraceback, shell.system


@contextlib.contextmanager
def _streams(stdout: Any, stderr: Any) -> Iterator[None]:
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        yield
