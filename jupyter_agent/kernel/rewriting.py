"""How cells with `%agent` are rewritten before IPython runs them.

IPython's magics are synchronous. Where a cell may `await`, `%agent` becomes
`await get_ipython().run_line_magic('agent_async', …)`, so that the event loop goes on meanwhile;
elsewhere, as inside a `def`, it becomes the magic `agent` itself, which blocks.
"""

from __future__ import annotations

import re
import sys
import tokenize
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.core.inputtransformer2 import (
    TokenTransformBase,
    assemble_continued_line,
    find_end_of_continued_line,
)
from IPython.core.interactiveshell import InteractiveShell

_CELL = re.compile(r"%%agent(?=\s|$)")
# A prompt that ends like IPython's way to ask for help, and the name it would look up.
_QUESTION = re.compile(r"^\s*(?:(\w+)\s*=\s*)?%agent[ \t]+(\S.*?)\s*$")
_HELP = re.compile(r"(%{0,2}(?!\d)[\w*]+(?:\.(?!\d)[\w*]+|\[-?[0-9]+\])*)\?\??$")
_NOT_CODE = (
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.NL,
    tokenize.COMMENT,
    tokenize.ENCODING,
)


def await_cell(lines: list[str]) -> list[str]:
    """Rewrite a `%%agent` cell."""
    if not lines or not _CELL.match(lines[0]):
        return lines
    line, cell = lines[0].removeprefix("%%agent").strip(), "".join(lines[1:])
    if not cell.strip():  # IPython refuses a cell magic without a cell
        return [f"{_call('line', may_await(), repr(line))}\n"]
    return [f"{_call('cell', may_await(), f'{line!r}, {cell!r}')}\n"]


# Not while a terminal asks whether the cell is complete: that still is a cell magic's own rule.
await_cell.has_side_effects = True  # type: ignore[attr-defined]


class AwaitLine(TokenTransformBase):
    """Rewrites `%agent …` and `x = %agent …`.

    Comes before the rules for other line magics, and for a question mark at the end: prompts are
    often questions.
    """

    priority = 4

    def __init__(self, statement: tuple[int, int], magic: tuple[int, int], awaits: bool) -> None:
        # IPython applies the rule first whose statement comes first, then by priority.
        super().__init__(statement)  # type: ignore[no-untyped-call]
        self._line, self._column = magic[0] - 1, magic[1]
        self._awaits = awaits

    @classmethod
    def find(cls, tokens_by_line: Any) -> AwaitLine | None:
        """Return the first `%agent` that begins a statement or is assigned."""
        for at, line in enumerate(tokens_by_line):
            tokens = [token for token in line if token.type not in _NOT_CODE]
            begins = _assigned(tokens)
            words = [token.string for token in tokens[begins : begins + 3]]
            if words[:2] == ["%", "agent"] and words[2:] != ["?"]:
                awaits = may_await() and not _in_function(tokens_by_line[:at], tokens[0].start[1])
                return cls(tokens[0].start, tokens[begins].start, awaits)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Return the lines with this one rewritten."""
        start, column = self._line, self._column
        end = find_end_of_continued_line(lines, start)
        line = assemble_continued_line(lines, (start, column), end).removeprefix("%")
        prompt = line.strip().removeprefix("agent").strip()
        call = _call("line", self._awaits, repr(prompt))
        return [*lines[:start], f"{lines[start][:column]}{call}\n", *lines[end + 1 :]]


def _call(kind: str, awaits: bool, arguments: str) -> str:
    if awaits:
        return f"await get_ipython().run_{kind}_magic('agent_async', {arguments})"
    return f"get_ipython().run_{kind}_magic('agent', {arguments})"


def _assigned(tokens: Sequence[tokenize.TokenInfo]) -> int:
    """Return where the value of an assignment begins, 0 when the line is none."""
    depth = 0
    for at, token in enumerate(tokens):
        if token.string in ("(", "[", "{"):
            depth += 1
        elif token.string in (")", "]", "}"):
            depth -= 1
        elif token.string == "=" and depth == 0:
            return at + 1
        elif token.string == "%":
            break
    return 0


def _in_function(lines_before: Sequence[Any], column: int) -> bool:
    """Return whether a statement at a column is in a block that cannot `await`."""
    for line in reversed(lines_before):
        tokens = [token for token in line if token.type not in _NOT_CODE]
        if not tokens or tokens[0].start[1] >= column:
            continue
        # The header of a block around the statement.
        column = tokens[0].start[1]
        words = [token.string for token in tokens[:2]]
        if words[0] in ("def", "class"):
            return True
        if words == ["async", "def"]:
            return False
    return False


def may_await() -> bool:
    """Return whether the cell that is rewritten may `await` at its top.

    Not when it is run by code of another cell (`%%time`, `%%capture`, `run_cell`), and not when
    the person turned IPython's autoawait off or chose another loop than asyncio's for it.
    """
    shell: Any = get_ipython()
    runner = getattr(getattr(shell, "loop_runner", None), "__class__", None)
    if shell is not None and not (shell.autoawait and "AsyncIO" in getattr(runner, "__name__", "")):
        return False
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is InteractiveShell.run_code.__code__:
            return False
        frame = frame.f_back
    return True


def install(shell: Any) -> None:
    """Have a shell rewrite its cells."""
    shell.input_transformers_cleanup.append(await_cell)
    shell.input_transformer_manager.token_transformers.append(AwaitLine)


def remove(shell: Any) -> None:
    """Have it do so no more."""
    for transformers, ours in (
        (shell.input_transformers_cleanup, await_cell),
        (shell.input_transformer_manager.token_transformers, AwaitLine),
    ):
        if ours in transformers:
            transformers.remove(ours)


def answer_questions(shell: Any, ask: Callable[[str], Any]) -> None:
    """Answer prompts that end in a question mark in the very cell that loads the magics.

    That cell was rewritten before they were there: IPython made `%agent what is df?` a look-up of
    `df`. Until the cell has run, such a look-up asks the agent.
    """
    raw = shell.history_manager.input_hist_raw[-1] if shell.history_manager is not None else ""
    waiting: list[tuple[str, str, str | None]] = []
    for line in raw.splitlines():
        asked = _QUESTION.match(line)
        looked_up = _HELP.search(asked[2]) if asked else None
        if asked and looked_up:
            waiting.append((looked_up[1].lstrip("%"), asked[2], asked[1]))
    if not waiting:
        return
    magics = shell.magics_manager.magics["line"]
    before: dict[str, Any] = {}

    def take_over() -> None:
        before.update({name: magics[name] for name in ("pinfo", "pinfo2", "psearch")})
        magics.update({name: instead_of(name) for name in before})

    def give_back() -> None:
        magics.update(before)
        before.clear()

    def instead_of(look_up: str) -> Callable[[str], Any]:
        def answer(name: str) -> Any:
            if not waiting or waiting[0][0] != name:
                give_back()  # some versions of IPython load the real one by its name now
                try:
                    return magics[look_up](name)
                finally:
                    if waiting:
                        take_over()
            _, prompt, variable = waiting.pop(0)
            result = ask(prompt)
            if variable is None:
                return result
            shell.user_ns[variable] = result
            return None

        return answer

    def end(result: object = None) -> None:
        waiting.clear()
        give_back()
        shell.events.unregister("post_run_cell", end)

    take_over()
    shell.events.register("post_run_cell", end)
