"""Tracebacks cut to the exception, the notebook's own frames and the last library frame."""

from __future__ import annotations

from typing import Any

from jupyter_agent.digest.outputs import digest_outputs
from jupyter_agent.protocol.messages import TextPart

RULE = "\x1b[31m" + "-" * 75 + "\x1b[39m"
HEAD = "\x1b[31mKeyError\x1b[39m              Traceback (most recent call last)"
LIBRARY = (
    "File /usr/lib/python3.11/site-packages/pandas/core/{name}.py:{line}, in get(self, key)\n"
    "   3800 try:\n-> {line}     return self._engine.get_loc(key)\n   3806 except KeyError:\n"
)


def cell(count: int, code: str, where: str = "") -> str:
    colour = f"\x1b[36mCell\x1b[39m \x1b[32mIn[{count}]\x1b[39m\x1b[32m, line 1\x1b[39m{where}"
    return f"{colour}\n\x1b[32m----> \x1b[39m\x1b[32m1\x1b[39m {code}"


def digested(name: str, value: str, *lines: str, cells: dict[int, str] | None = None) -> str:
    output: dict[str, Any] = {
        "output_type": "error",
        "ename": name,
        "evalue": value,
        "traceback": list(lines),
    }
    found = digest_outputs([output], cell_id="now", vision=False, cells=cells)
    assert found.error_name == name and found.summary == name
    (part,) = found.content
    assert isinstance(part, TextPart)
    return part.text


def test_own_frames_and_the_last_library_frame() -> None:
    shown = digested(
        "KeyError",
        "'price'",
        RULE,
        HEAD,
        cell(7, "total(df)"),
        cell(3, "return df['price']", ", in total(df)"),
        LIBRARY.format(name="frame", line=4090),
        LIBRARY.format(name="generic", line=100),
        LIBRARY.format(name="base", line=3805),
        "\x1b[31mKeyError\x1b[39m: 'price'",
        cells={3: "c3d4", 7: "a7b8"},
    )
    assert shown.startswith("error:\nKeyError: 'price'\n\nCell In[7] (id=a7b8), line 1\n")
    assert "Cell In[3] (id=c3d4), line 1, in total(df)\n----> 1 return df['price']" in shown
    assert "core/base.py:3805" in shown
    assert "core/frame.py" not in shown and "core/generic.py" not in shown
    assert shown.count("KeyError") == 2 and "except KeyError" in shown
    assert 'read on with read_cells(ids=["now"], output_index=0, offset=0)' in shown


def test_an_own_module_is_an_own_frame() -> None:
    own = "File ~/work/model.py:12, in fit(x)\n     11 def fit(x):\n---> 12     raise KeyError(x)"
    shown = digested("KeyError", "1", RULE, HEAD, cell(1, "fit(1)"), own, "KeyError: 1")
    assert "~/work/model.py:12" in shown


def test_repeated_frames_are_folded() -> None:
    frames = [cell(2, "return f(n + 1)", ", in f(n)")] * 900
    shown = digested("RecursionError", "maximum depth", RULE, HEAD, cell(3, "f(0)"), *frames)
    assert "(this frame ×900)" in shown and len(shown) < 500


def test_of_a_chain_the_last_is_shown_and_the_first_named() -> None:
    shown = digested(
        "ValueError",
        "wrapped",
        RULE,
        HEAD,
        cell(1, "1/0"),
        "ZeroDivisionError: division by zero",
        "\nThe above exception was the direct cause of the following exception:\n",
        RULE,
        cell(2, "raise ValueError('wrapped')"),
        "ValueError: wrapped",
    )
    first, last = shown.index("----> 1 1/0"), shown.index("----> 1 raise ValueError")
    assert first < last and "earlier exception" in shown


def test_a_syntax_error_shows_its_line() -> None:
    shown = digested(
        "SyntaxError",
        "invalid syntax",
        "  \x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[5]\x1b[39m\x1b[32m, line 1\x1b[39m\n"
        "    x = = 1\n        ^\nSyntaxError: invalid syntax\n",
        cells={5: "e5"},
    )
    assert "In[5] (id=e5), line 1\n    x = = 1\n        ^" in shown


def test_another_language_is_shown_as_it_is() -> None:
    shown = digested("ERROR", "object 'x' not found", "Error: object 'x' not found\nTraceback:\n")
    assert shown == "error:\nERROR: object 'x' not found\nError: object 'x' not found\nTraceback:"


def test_no_traceback_at_all() -> None:
    assert digested("MemoryError", "") == "error:\nMemoryError"


def test_ten_thousand_lines_and_a_long_message_are_bounded() -> None:
    frames = [cell(number, f"step_{number}()") for number in range(10_000)]
    shown = digested("ValueError", "v" * 10**6, RULE, HEAD, *frames)
    assert len(shown) < 11_000
    assert "step_0()" in shown and "step_9999()" in shown and "more frames" in shown
