"""How `%agent` cells are rewritten, and what of a model's Markdown reaches a cell's output."""

import ast

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from jupyter_agent.kernel.rewriting import AwaitLine, await_cell
from jupyter_agent.magics import _options, _plain
from jupyter_agent.protocol.errors import ConfigError
from jupyter_agent.rendering.inert import inert_markdown


def transform(cell: str) -> str:
    manager = TransformerManager()
    manager.cleanup_transforms.append(await_cell)
    manager.token_transformers.append(AwaitLine)
    return manager.transform_cell(cell)


LINE = "await get_ipython().run_line_magic('agent_async', {!r})"
CELL = "await get_ipython().run_cell_magic('agent_async', {!r}, {!r})"


@pytest.mark.parametrize(
    ("cell", "becomes"),
    [
        ("%agent hello", LINE.format("hello")),
        ("%agent", LINE.format("")),
        ("%agent What's wrong here?", LINE.format("What's wrong here?")),
        ('%agent say "hi" (twice', LINE.format('say "hi" (twice')),
        ("%agent fix [4]\\\nand [5]", LINE.format("fix [4] and [5]")),
        ("%%agent\nfirst\nsecond\n", CELL.format("", "first\nsecond\n")),
        ("%%agent --model demo\nfirst", CELL.format("--model demo", "first\n")),
        ("\n\n%%agent\nfirst", CELL.format("", "first\n")),
        ("%%agent all in one line", LINE.format("all in one line")),
        ("x = %agent why?", f"x = {LINE.format('why?')}"),
        ("z[f(a=1)] = %agent hi", f"z[f(a=1)] = {LINE.format('hi')}"),
    ],
)
def test_the_magic_is_awaited(cell, becomes):
    made = transform(cell)
    assert made.strip() == becomes
    compile(made, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_lines_around_stay_as_they_are():
    made = transform("x = 1\nif x:\n    %agent hello\ny = '''\n%agent no\n'''\n")
    assert "    await get_ipython().run_line_magic('agent_async', 'hello')\n" in made
    assert "\n%agent no\n" in made


@pytest.mark.parametrize(
    ("cell", "awaits"),
    [
        ("def f():\n    %agent hello", False),
        ("def f():\n    if x:\n        y = 1\n        z = %agent hello", False),
        ("def f(\n  a,\n  b,\n):\n    '''\nText.\n'''\n    %agent hello", False),
        ("class A:\n    %agent hello", False),
        ("async def f():\n    %agent hello", True),
        ("def f():\n    async def g():\n        %agent hello", True),
        ("async def f():\n    def g():\n        %agent hello", False),
        ("def f():\n    pass\nfor x in y:\n    %agent hello", True),
        ("def f():\n    pass\n%agent hello", True),
    ],
)
def test_it_is_awaited_where_a_cell_may_await(cell, awaits):
    made = transform(cell)
    assert ("await get_ipython().run_line_magic('agent_async', 'hello')" in made) is awaits
    assert ("get_ipython().run_line_magic('agent', 'hello')" in made) is not awaits
    compile(made, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("cell", ["%agents x", "%%agents\nx", "x %agent", "%time 1", "agent = 5"])
def test_nothing_else_is_touched(cell):
    assert transform(cell) == TransformerManager().transform_cell(cell)


def test_a_terminal_goes_on_reading_a_cell_magic_until_an_empty_line():
    manager = TransformerManager()
    manager.cleanup_transforms.append(await_cell)
    assert manager.check_complete("%%agent")[0] == "incomplete"
    assert manager.check_complete("%%agent\nfirst")[0] == "incomplete"
    assert manager.check_complete("%%agent\nfirst\n\n")[0] == "complete"


@pytest.mark.parametrize(
    ("line", "options", "prompt"),
    [
        ("hello --model x", {}, "hello --model x"),
        ("--model a/b hello there", {"model": "a/b"}, "hello there"),
        ("--model=a/b --mode plan go", {"model": "a/b", "mode": "plan"}, "go"),
        ("--mode   auto", {"mode": "auto"}, ""),
    ],
)
def test_options_stand_before_the_prompt(line, options, prompt):
    assert _options(line) == (options, prompt)


@pytest.mark.parametrize("line", ["--depth 3 go", "--model", "--model="])
def test_wrong_options_are_refused(line):
    with pytest.raises(ConfigError):
        _options(line)


@pytest.mark.R(14)
@pytest.mark.parametrize(
    "text",
    [
        "![x](https://evil.example/1)",
        "![x][y]\n\n[y]: https://evil.example/1",
        "![y]\n\n[y]: https://evil.example/1",
        "![a[b]](https://evil.example/1)",
        "- a\n\n  ```\n![x](https://evil.example/1)\n",
    ],
)
def test_no_image_is_left_to_load(text):
    assert "![" not in inert_markdown(text)


@pytest.mark.R(14)
@pytest.mark.parametrize(
    "text",
    [
        "<img src=https://evil.example/1>",
        "<IMG\nsrc=https://evil.example/1>",
        "<video><source src=https://evil.example/1></video>",
        "<p style='background:url(https://evil.example/1)'>",
        "<svg/onload=x>",
        "<link rel=stylesheet href=https://evil.example/1>",
        "<img src=https://evil.example/1",
    ],
)
def test_no_html_is_left_to_load(text):
    assert "&lt;" in inert_markdown(text)


@pytest.mark.parametrize("text", ["a < b", "`List<int>`", "let v = vec![1, 2];", "[a](b)", "x![0]"])
def test_other_text_stays_as_it_is(text):
    assert inert_markdown(text) == text


def test_a_line_about_a_tool_holds_no_markdown_and_nothing_hidden():
    assert _plain("run_code *x* ![a](b)\n\u202e<b>") == (
        "run\\_code \\*x\\* \\!\\[a\\](b) \\\\u\\{202e\\}\\<b\\>"
    )
