"""What counts as the same output of two runs, and what does not."""

from __future__ import annotations

import pytest

from jupyter_agent.digest.comparison import difference
from jupyter_agent.testing import error, result, stream


def image(text: str = "<Figure size 640x480 with 1 Axes>") -> dict:
    data = {"image/png": f"base64 of {text}", "text/plain": text}
    return {"output_type": "display_data", "data": data, "metadata": {}}


@pytest.mark.parametrize(
    ("shown", "fresh"),
    [
        ("<Thing at 0x7f01deadbeef>", "<Thing at 0x10cafe0042>"),
        ("ran at 2024-01-02 03:04:05.678", "ran at 2026-11-26T07:10:01+00:00"),
        ("Wall time: 1.21 s", "Wall time: 940 ms"),
        ("12.3 ns ± 0.1 ns per loop", "14 ns ± 0.25 ns per loop"),
        ("5%\r 50%\r100%| 10/10 [00:01<00:00,  9.53it/s]", "100%| 10/10 [00:03<00:00,  3.1it/s]"),
        ("\x1b[31mred\x1b[0m  ", "red"),
        ("saved to /tmp/tmpab12cd_9/x.csv", "saved to /tmp/tmpzz99yy_1/x.csv"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-e89b-12d3-a456-426614174fff"),
        ("/tmp/ipykernel_12/345.py:1: UserWarning", "/tmp/ipykernel_9/87.py:1: UserWarning"),
    ],
)
def test_what_is_new_with_every_run_is_no_difference(shown: str, fresh: str) -> None:
    assert difference([stream(shown)], [stream(fresh)]) is None
    assert difference([result(shown)], [result(fresh)]) is None


@pytest.mark.parametrize(
    ("shown", "fresh"),
    [
        ([stream("mean 3.5")], [stream("mean 3.6")]),
        ([result("42")], [result("43")]),
        ([result("42")], []),
        ([], [stream("new")]),
        ([stream("a", "stdout")], [image()]),
        ([error("ValueError", "a")], [error("ValueError", "b")]),
        ([error("ValueError", "a")], [error("KeyError", "a")]),
        ([image(), image()], [image()]),
        ([stream("2024-01-02")], [stream("2024-01-03")]),
    ],
)
def test_what_a_person_would_see_is_one(shown: list, fresh: list) -> None:
    assert difference(shown, fresh) is not None


def test_our_own_random_marks_are_no_difference() -> None:
    texts = (f'<data-{c * 16} from="result">run_{c * 32}</data-{c * 16}>' for c in "a7")
    shown, fresh = ([{"output_type": "stream", "name": "stdout", "text": t}] for t in texts)
    assert difference(shown, fresh) is None


def test_streams_cut_at_other_places_are_the_same() -> None:
    assert difference([stream("a"), stream("b\n")], [stream("ab\n")]) is None
    mixed = [stream("a"), stream("warn", "stderr"), stream("b")]
    assert difference(mixed, [stream("ab"), stream("warn", "stderr")]) is None


def test_of_pictures_and_widgets_only_their_presence_counts() -> None:
    assert difference([image("one")], [image("two")]) is None
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "0/10"}
    other = {"application/vnd.jupyter.widget-view+json": {"model_id": "2"}, "text/plain": "3/10"}
    shown = {"output_type": "display_data", "data": view, "metadata": {}}
    assert difference([shown], [{**shown, "data": other}]) is None


def test_html_counts_by_its_words() -> None:
    def html(text: str) -> dict:
        return {"output_type": "display_data", "data": {"text/html": text}, "metadata": {}}

    assert difference([html('<b id="T_1">x</b>')], [html('<b id="T_2">x</b>')]) is None
    assert difference([html("<b>x</b>")], [html("<b>y</b>")]) is not None
