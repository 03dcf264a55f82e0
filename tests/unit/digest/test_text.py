"""Printed text as a terminal shows it, cut to head and tail, and read on from any offset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agent.digest.text import clean, cut, fold, one_line, read_on, strip_ansi


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("a\nb\n", "a\nb\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("long line\rshort", "shortline"),
        ("long line\r\x1b[Kshort", "short"),
        ("working…\r", "working…"),
        ("abc\b\bX", "aX"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07text", "red text"),
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("first\nsecond\x1b[A\rFIRST\n", "FIRST\nsecond"),
        ("same\n" * 5, "same (×5)\n"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("\x00\x07bell", "bell"),
        ("tab\there", "tab\there"),
    ],
)
def test_clean(printed: str, shown: str) -> None:
    assert clean(printed) == shown


def test_nested_progress_bars_end_in_their_last_state() -> None:
    printed = "".join(
        f"\router {outer}\n\rinner {inner}\x1b[A" for outer in range(20) for inner in range(20)
    )
    assert clean(printed) == "outer 19\ninner 19"


def test_fold_counts_runs_only() -> None:
    assert fold(["a", "a", "b", "a"]) == ["a (×2)", "b", "a"]


def test_short_text_is_whole() -> None:
    found = cut("a\nb", 100, 1_000)
    assert (found.head, found.tail, found.skipped) == ("a\nb", "", 0)


def test_long_text_keeps_head_and_tail_at_line_ends() -> None:
    text = "".join(f"{'ab'[number % 2]} ; {number}\n" for number in range(10_000))
    found = cut(text, 600, 50_000)
    assert found.head.startswith("a ; 0\nb ; 1\n")
    assert found.tail.endswith("a ; 9998\nb ; 9999\n")
    assert len(found.head) + len(found.tail) <= 600
    assert text[found.offset + 1 :].startswith(" ; ")
    assert found.skipped == len(text) - found.offset - len(found.tail)


def test_one_endless_line_keeps_head_and_tail() -> None:
    text = "a" * 50_000 + "z" * 50_000
    found = cut(text, 300, 1_000)
    assert found.head == "a" * 200 and found.tail == "z" * 100
    assert found.offset == 200 and found.skipped == len(text) - 300


def test_only_windows_of_a_huge_text_are_looked_at() -> None:
    # Anything but windows of it would take this test past its timeout.
    text = "\r".join(["#" * 80] * 1_000) * 1_000
    found = cut(text, 8_000, 10_000)
    assert len(found.head) + len(found.tail) <= 8_000
    assert found.offset == 10_000


@given(st.lists(st.text(alphabet="ab \n", max_size=30), max_size=60).map("".join))
def test_head_the_rest_and_tail_are_the_whole(text: str) -> None:
    found = cut(text, 40, 60)
    if not found.skipped:
        return
    end = found.offset + found.skipped
    assert clean(text[: found.offset]).rstrip("\n") == found.head.rstrip("\n")
    assert clean(text[end:]).rstrip("\n") == found.tail.rstrip("\n")


@given(st.text(alphabet="a\r\n\x1b[3mAK\b", max_size=200))
def test_no_control_character_survives(text: str) -> None:
    shown = clean(text)
    assert not set(shown) & {"\x1b", "\r", "\b"}


def test_reading_on_walks_the_whole_text() -> None:
    text = "".join(f"line {number}\n" for number in range(1_000))
    pieces, offset = [], 0
    while offset < len(text):
        piece, offset = read_on(text, offset, 500)
        pieces.append(piece)
    assert "".join(pieces) == text


def test_reading_on_does_not_split_an_escape_sequence() -> None:
    text = "abc\x1b[31mred\x1b[0m"
    pieces, offset = [], 0
    while offset < len(text):
        piece, offset = read_on(text, offset, 5)
        pieces.append(piece)
    assert "".join(pieces) == "abcred"


def test_one_line() -> None:
    assert one_line("  a\n\x1b[1mb\x1b[0m  ", 10) == "a b"
    assert one_line("abcdefghij", 5) == "abcd…"
    assert len(one_line("x " * 1_000_000, 80)) == 80


def test_unfinished_sequences_are_removed() -> None:
    assert "\x1b" not in strip_ansi("text \x1b[38;5")
