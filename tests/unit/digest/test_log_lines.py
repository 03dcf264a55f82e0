"""Logs: what differs in numbers alone is folded, and what decides is kept from the part that is cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agent.digest.folding import fold_numbers
from jupyter_agent.digest.limits import Limits, for_several, room_for
from jupyter_agent.digest.log_lines import notable_lines
from jupyter_agent.digest.outputs import digest_outputs
from jupyter_agent.digest.text import cut, rows


def shown(printed: str, limit: int = 8_000) -> str:
    output = {"output_type": "stream", "name": "stdout", "text": printed}
    found = digest_outputs([output], cell_id="c", vision=False)
    return "\n".join(getattr(part, "text", "") for part in found.content)


def various(lines: int) -> list[str]:
    """Return lines that no two neighbours of which have words in common, so that none is folded."""
    made = random.Random(8)
    return [f"{''.join(made.choices('ghjklpqxyz', k=12))} step {n} goes on" for n in range(lines)]


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
    filler = various(4_000)
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


@pytest.mark.parametrize(
    "line",
    [
        "ConvergenceWarning: lbfgs did not converge",
        "model_failed=True",
        "best_score: 0.99",
        "new_best 0.99",
        "newBest: 0.99",
        "val_loss=nan at step 2000",
        "OSError: disk full",
        "worker lost: timed out",
    ],
)
def test_a_notable_word_may_be_a_part_of_a_name(line: str) -> None:
    lines = various(4_000)
    lines[2_000] = line
    assert line in shown("\n".join(lines))


def test_an_exception_in_the_middle_is_told_with_its_place() -> None:
    lines = various(4_000)
    lines[2_000:2_000] = [
        "Traceback (most recent call last):",
        '  File "run.py", line 40, in <module>',
        "    main()",
        '  File "load.py", line 7, in read',
        '    return table["mass"]',
        "           ~~~~~^^^^^^^^",
        "KeyError: 'mass'",
    ]
    lines[3_000:3_000] = [
        "w1 | Traceback (most recent call last):",
        'w1 |   File "worker.py", line 12, in step',
        "w1 |     raise Stopped(3)",
        "w1 | pool.Stopped: 3",
    ]
    text = shown("\n".join(lines))
    assert 'File "load.py", line 7, in read\n    return table["mass"]\nKeyError: \'mass\'' in text
    assert 'File "worker.py", line 12, in step' in text and "w1 | pool.Stopped: 3" in text
    assert "run.py" not in text, "of a traceback the last place is told"


def test_a_line_that_follows_a_traceback_is_not_taken_for_its_exception() -> None:
    text = 'File "a.py", line 3, in f\n    g()\nKeyError: 1\nretrying\nerror again\n'
    assert notable_lines(text, 0, len(text), 1_000)[-1] == "error again"


def test_a_number_that_stands_out_among_notable_lines_is_told() -> None:
    lines = various(4_000)
    lines[1_000:3_000:10] = [f"worker {n} errors: 0" for n in range(200)]
    lines[2_000] = "worker 100 errors: 37"
    assert "worker 100 errors: 37" in shown("\n".join(lines))


# -- folded lines ----------------------------------------------------------------------------------


def test_a_number_that_stands_out_is_shown_in_whichever_column_it_stands() -> None:
    made = random.Random(9)
    lines = [
        f"epoch {n} loss {2 / (n + 1):.4f} acc 0.{500 + n % 50} lr {0.001 / (n + 1):.6f} "
        f"t {made.uniform(2, 3):.3f} grad {1 + n % 7}.0"
        for n in range(400)
    ]
    lines[213] = lines[213].rsplit(" ", 1)[0] + " 99999.0"
    text = shown("\n".join(lines))
    assert "99999.0" in text and len(text) < 1_500


@pytest.mark.parametrize(
    "stamp", ["{h:02d}:{m:02d}:{s:02d}", "{h} {m} {s}", "{h:02d}:{m:02d}:{s:02d},{n:03d}"]
)
@pytest.mark.parametrize("day", ["", "2026-11-29 "])
def test_a_spike_of_the_loss_is_shown_behind_the_time_of_a_log(stamp: str, day: str) -> None:
    lines = []
    for n in range(800):
        at = n * 50
        time = stamp.format(h=5 + at // 3600, m=at // 60 % 60, s=at % 60, n=n * 37 % 1000)
        lines.append(f"{day}{time} INFO step {n} loss {2 / (n + 1):.4f}")
    lines[413] = lines[413].rsplit(" ", 1)[0] + " 987.6543"
    text = shown("\n".join(lines))
    assert "987.6543" in text and len(text) < 1_200


def test_lines_of_a_few_kinds_in_turn_are_folded_together() -> None:
    lines = []
    for n in range(300):
        lines += [f"train {n} loss {2 / (n + 1):.4f}", f"valid {n} loss {3 / (n + 1):.4f}", ""]
    lines[601] = "valid 200 loss 55.5"
    lines[450] = "saved the model"
    text = shown("\n".join(lines))
    for line in (*lines[:2], *lines[-3:-1], "valid 200 loss 55.5", "saved the model", lines[449]):
        assert line in text.split("\n")
    assert len(text) < 800 and "lines like these" in text


def test_space_before_a_number_makes_no_other_kind() -> None:
    lines = [f"epoch {n:4d} done" for n in range(1_200)]
    assert len(shown("\n".join(lines))) < 300


def test_a_folded_log_that_is_still_too_long_keeps_what_stands_out_most() -> None:
    made = random.Random(10)
    lines = [
        f"a long line of a log with many words and numbers in it, step {n}: "
        + ", ".join(f"metric {name} {made.random():.4f}" for name in "abcdefgh")
        for n in range(300)
    ]
    lines[150] = lines[150].rsplit(" ", 1)[0] + " 1234.5"
    found = cut("\n".join(lines), 1_500, 250_000)
    assert "1234.5" in found.head and not found.skipped


def test_text_of_many_tokens_gets_less_room_where_several_cells_are_read() -> None:
    numbers = ", ".join(f"{n}: [{n}, {n}]" for n in range(2_000))
    prose = "the heaviest of these birds was seen in the south " * 200
    limits = for_several(Limits(), 10)
    assert room_for(prose, 1_500, limits) == 1_500
    assert 750 <= room_for(numbers, 1_500, limits) < 900
    assert room_for(numbers, 1_500, for_several(Limits(), 1)) == 1_500
    output = {"output_type": "stream", "name": "stdout", "text": numbers}
    text = digest_outputs([output], cell_id="c", vision=False, limits=limits).content[0].text
    assert len(text) < 1_100 and text.startswith("stdout:\n0: [0, 0]") and "1999" in text


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
