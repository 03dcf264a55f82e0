"""Logs: what differs in numbers alone is folded, and what decides is kept from the part that is cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agent.digest.log_lines import fold_numbers, notable_lines
from jupyter_agent.digest.outputs import digest_outputs
from jupyter_agent.digest.text import cut, rows


def shown(printed: str, limit: int = 8_000) -> str:
    output = {"output_type": "stream", "name": "stdout", "text": printed}
    found = digest_outputs([output], cell_id="c", vision=False)
    return "\n".join(getattr(part, "text", "") for part in found.content)


def training(epochs: int) -> list[str]:
    made = random.Random(7)
    return [
        f"epoch {number:3d} loss {2 / (number + 1):.4f} accuracy {made.uniform(0.5, 0.9):.3f}"
        for number in range(epochs)
    ]


def test_the_line_that_decides_reaches_the_model_from_the_middle_of_a_log() -> None:
    lines = training(400)
    lines[213:213] = ["WARNING metric diverged"]
    text = shown("\n".join(lines))
    assert "WARNING metric diverged" in text
    assert len(text) < 2_000
    assert "epoch   0" in text and "epoch 399" in text


def test_the_best_and_the_worst_of_a_folded_run_are_shown() -> None:
    lines = [f"trial {number} score {0.5 + (number % 7) / 100:.3f}" for number in range(200)]
    lines[123] = "trial 123 score 0.991"
    lines[77] = "trial 77 score 0.003"
    text = shown("\n".join(lines))
    assert "trial 123 score 0.991" in text and "trial 77 score 0.003" in text
    assert "lines like these" in text and "lines folded; read on with read_cells" in text


def test_a_loss_that_becomes_nan_ends_the_run_of_numbers() -> None:
    lines = training(60)
    lines[40] = "epoch  40 loss nan accuracy 0.100"
    assert "loss nan" in shown("\n".join(lines))


@pytest.mark.parametrize(
    "lines",
    [
        [f"{number} {number * 2}" for number in range(100)],  # data without words
        [f"run {number}" for number in range(16)],  # short enough to be read
        [f"{'ab'[number % 2]} {number}" for number in range(100)],  # other words
    ],
)
def test_what_is_data_or_short_or_differs_in_words_stays(lines: list[str]) -> None:
    assert shown("\n".join(lines)) == "stdout:\n" + "\n".join(lines)


def test_of_what_is_cut_the_most_important_lines_are_kept_in_their_order() -> None:
    filler = [f"{'abcdefg'[number % 7]} step {number} goes on" for number in range(4_000)]
    filler[1_500] = "best so far: 0.91"
    filler[2_000] = "ValueError: shapes differ, retrying"
    filler[2_500:2_600] = [f"DeprecationWarning: x{number} is old" for number in range(100)]
    found = cut("\n".join(filler), 4_000, 250_000)
    assert found.notable == (
        "best so far: 0.91",
        "ValueError: shapes differ, retrying",
        "DeprecationWarning: x0 is old",
    )
    assert len(found.head) + len(found.tail) + sum(map(len, found.notable)) <= 4_100


def test_words_that_only_contain_such_a_word_are_not_notable() -> None:
    assert notable_lines("the banana\nan infant\nthe bestiary", 0, 32, 1_000) == ()


def test_a_line_that_was_written_over_is_told_by_its_last_state() -> None:
    text = "x" * 10 + "\nerror 10 %\rerror 20 %\rerror 30 %\nrest"
    assert notable_lines(text, 0, len(text), 1_000) == ("error 30 %",)


words = st.sampled_from(["epoch", "loss", "error", "a", ""])
numbers = st.integers(-50, 50).map(str) | st.floats(0, 1).map(str)
line = st.lists(words | numbers, max_size=5).map(" ".join)


@given(st.lists(line, max_size=80))
def test_folding_keeps_the_order_and_invents_nothing(lines: list[str]) -> None:
    text = "\n".join(lines)
    before = rows(text)
    kept, folded = fold_numbers(before)
    own = [row for row in kept if not row.text.startswith("[… ")]
    assert [row.start for row in kept] == sorted(row.start for row in kept)
    assert all(row in before for row in own)
    assert len(own) + sum(one.count for one in folded) == len(before)
    assert all(text[one.start :].split("\n")[0] in lines for one in folded)


@given(st.lists(line, max_size=200), st.integers(100, 2_000))
def test_a_digest_of_a_log_is_bounded(lines: list[str], limit: int) -> None:
    found = cut("\n".join(lines), limit, 1_000)
    markers = 40 * (found.head + found.tail).count("lines like these")
    assert len(found.head) + len(found.tail) + sum(map(len, found.notable)) <= limit + markers + 40
