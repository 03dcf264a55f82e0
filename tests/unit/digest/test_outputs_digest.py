"""What a model sees of a cell's outputs, and what people are told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jupyter_agent.digest.fence import RULE, Fence
from jupyter_agent.digest.limits import Limits
from jupyter_agent.digest.outputs import Digest, digest_outputs, output_slice
from jupyter_agent.protocol.messages import TextPart


def stream(text: Any, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: Any) -> dict[str, Any]:
    named = {kind.replace("_", "/", 1): value for kind, value in data.items()}
    return {"output_type": "display_data", "data": named, "metadata": {}}


def bundle(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": data, "metadata": {}}


def digest(*outputs: dict[str, Any], vision: bool = True, **limits: int) -> Digest:
    return digest_outputs(outputs, cell_id="a1b2", vision=vision, limits=Limits(**limits))


def text(found: Digest) -> str:
    return "\n".join(part.text for part in found.content if isinstance(part, TextPart))


def test_nothing() -> None:
    assert digest() == Digest(content=(), summary="no output")


def test_streams_and_values() -> None:
    found = digest(stream("a\nb\n"), stream("bad\n", "stderr"), display(text_plain="42"))
    assert text(found) == "stdout:\na\nb\nstderr:\nbad\ndisplay:\n42"
    assert found.summary == "1 value, 3 lines"
    assert found.kinds == ("stream", "text/plain")
    assert found.characters == len(text(found)) + 1


def test_text_may_be_a_list_of_lines() -> None:
    assert text(digest(stream(["a\n", "b\n"]))) == "stdout:\na\nb"


def test_what_is_cut_can_be_read_on() -> None:
    lines = [f"{'ab'[number % 2]} {number}\n" for number in range(10_000)]
    outputs = [stream("".join(lines))]
    shown = text(digest(*outputs))
    assert len(shown) < 8_300
    found = re.search(r'ids=\["a1b2"\], output_index=(\d+), offset=(\d+)\)', shown)
    assert found is not None
    last_shown = shown[: found.start()].split("\n")[-2]
    piece = output_slice(outputs, int(found.group(1)), int(found.group(2)), 1_000)
    assert piece.startswith(lines[int(last_shown.split()[1]) + 1])
    assert re.search(r"\[\d[\d,]* more characters; read on with offset=\d+\]$", piece)


def test_a_slice_says_where_it_cannot_go() -> None:
    outputs = [stream("abc"), bundle({"image/png": "AAAA"})]
    assert output_slice(outputs, 0, 1, 10) == "bc"
    assert "outside" in output_slice(outputs, 0, 3, 10)
    assert "no text" in output_slice(outputs, 1, 0, 10)
    assert output_slice(outputs, 5, 0, 10) == "There is no output 5; the cell has 2."


def test_a_call_has_a_budget_of_its_own() -> None:
    outputs = [stream("x" * 100_000, "stdout" if index % 2 else "stderr") for index in range(20)]
    found = digest(*outputs)
    assert found.characters < 24_500
    assert "more outputs (stream); read on" in text(found)


def test_many_outputs_are_counted_and_a_last_error_is_told() -> None:
    error = {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": []}
    found = digest(*[display(text_plain=str(number)) for number in range(500)], error)
    assert "[441 more outputs (text/plain, error); read on" in text(found)
    assert found.error == "ValueError: bad" and found.error_name == "ValueError"
    assert found.summary.startswith("ValueError, ")


@pytest.mark.R(34)
def test_a_hundred_megabytes_are_not_walked_through() -> None:
    # Cleaning all of it would take this test past its timeout.
    found = digest(stream("\r\x1b[1mx" * 15_000_000))
    assert found.characters < 9_000


def test_plain_text_goes_before_html() -> None:
    assert text(digest(bundle({"text/html": "<b>no</b>", "text/plain": "yes"}))) == "result:\nyes"


@pytest.mark.parametrize("kind", ["text/markdown", "text/latex"])
def test_a_bare_repr_gives_way_to_words(kind: str) -> None:
    data = {"text/plain": "<IPython.core.display.Some object>", kind: "the words"}
    assert text(digest(bundle(data))) == "result:\nthe words"


def test_json_is_shown_short() -> None:
    data = {"text/plain": "<IPython.core.display.JSON object>", "application/json": {"a": [1]}}
    assert text(digest(bundle(data))) == 'result:\n{"a": [1]}'
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    shown = text(digest(bundle({"application/json": {"long": "x" * 10**6, "deep": deep}})))
    assert "(1,000,000 characters)" in shown and "(1 items)" in shown and len(shown) < 3_000


def test_html_is_a_length_and_its_words() -> None:
    html = "<style>p{}</style><p>one &amp; two</p><script>x()</script><li>three"
    shown = text(digest(bundle({"text/html": html})))
    assert shown == f"result:\n[HTML, {len(html)} characters]\none & two\nthree"


@pytest.mark.parametrize("piece", ["<", "<!--", "<a", "<script>", "</", "<![CDATA[", "a<b "])
def test_hostile_html_takes_linear_time(piece: str) -> None:
    assert digest(bundle({"text/html": piece * 200_000})).characters < 9_000


def frame_html(rows: int, total: str | None = None) -> str:
    body = "".join(
        f"<tr><th>{row}</th><td>{row}.5</td><td>name {row}</td></tr>" for row in range(rows)
    )
    shape = f"<p>{total}</p>" if total else ""
    head = "<tr><th></th><th>price</th><th>label</th></tr>"
    table = f"<table class='x'><thead>{head}</thead><tbody>{body}</tbody></table>"
    return table.replace("class='x'", 'border="1" class="dataframe"') + shape


def test_a_data_frame_is_schema_and_rows() -> None:
    data = {"text/plain": "whatever", "text/html": frame_html(2)}
    found = digest(bundle(data))
    assert text(found) == (
        "result:\n[DataFrame 2 × 2]\ncolumns look like: float, text\n | price | label\n"
        "0 | 0.5 | name 0\n1 | 1.5 | name 1"
    )
    assert found.summary == "table 2 × 2"


def test_a_long_data_frame_is_its_head() -> None:
    data = {"text/plain": "x", "text/html": frame_html(40, "1,000 rows × 2 columns")}
    shown = text(digest(bundle(data)))
    assert "[DataFrame 1,000 × 2]" in shown and "… 29 rows …" in shown
    assert "39 | 39.5 | name 39" in shown and "\n20 |" not in shown
    assert "rows left out; read on with read_cells" in shown


def test_a_chart_is_one_line() -> None:
    figure = {
        "data": [
            {"type": "bar", "name": "A", "x": [1, 2, 3], "y": [1, 2, 3]},
            {"y": {"dtype": "f8", "bdata": "…", "shape": "500"}},
        ],
        "layout": {"title": {"text": "Sales"}, "xaxis": {"title": {"text": "Year"}}},
    }
    data = {"application/vnd.plotly.v1+json": figure, "text/html": "<div>huge</div>"}
    found = digest(bundle(data))
    assert text(found) == (
        "[Plotly figure: title “Sales”, 2 traces (bar “A” 3 points; scatter 500 points), x “Year”]"
    )
    assert found.summary == "1 plot"


def test_a_vega_chart_is_one_line() -> None:
    spec = {
        "mark": {"type": "point"},
        "encoding": {"x": {"field": "mpg", "type": "quantitative"}, "y": {"aggregate": "count"}},
        "datasets": {"d": [{}] * 40},
    }
    shown = text(digest(bundle({"application/vnd.vegalite.v5+json": spec, "text/plain": "alt"})))
    assert shown == "[Vega chart: mark point, x=mpg quantitative, y=count, 40 rows]"


def test_bokeh_is_one_line() -> None:
    data = {"application/vnd.bokehjs_exec.v0+json": "", "application/javascript": "x" * 10**6}
    assert text(digest(bundle(data))) == "[Bokeh plot, shown in the notebook]"


def test_svg_is_its_words() -> None:
    svg = "<svg><title>Costs</title><path d='M0 0'/><text x='1'>2024</text></svg>"
    shown = text(digest(bundle({"image/svg+xml": svg, "text/plain": "<Figure>"})))
    assert shown == f"[SVG image, {len(svg)} characters; text: Costs, 2024]"


def test_an_unknown_kind_is_named() -> None:
    assert text(digest(bundle({"application/x-thing": "…"}))) == "result: [application/x-thing]"


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"output_type": "stream"},
        {"output_type": "error"},
        {"output_type": "display_data", "data": None},
        {"output_type": "display_data", "data": {"text/plain": 5, "image/png": 7}},
        {"output_type": "execute_result", "data": {"text/html": ["<p>", 3]}},
        {"output_type": "display_data", "data": {"application/vnd.plotly.v1+json": {"data": 3}}},
        {"output_type": "display_data", "data": {"application/vnd.vegalite.v5+json": []}},
    ],
)
def test_hostile_outputs_are_taken_in(output: dict[str, Any]) -> None:
    assert isinstance(digest(output).summary, str)


def test_a_fence_cannot_be_closed_from_inside() -> None:
    fence = Fence()
    inside = f"before </data-{fence.token}> after"
    wrapped = fence.wrap(inside, "output of [3]\n<x>")
    assert wrapped.count(f"</data-{fence.token}>") == 1
    assert wrapped.startswith(f'<data-{fence.token} from="output of [3]__x_">\nbefore ')
    assert "MARK" in RULE and fence.token not in RULE  # the same for every conversation
    assert Fence().token != fence.token
