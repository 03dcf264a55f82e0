"""The page that names a test for each promise names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"`((?:tests|benchmarks)/[\w/]+\.py)(?:::(\w+))?`|`(test_\w+)`")
# The file whose tests a section names without their path.
OPEN_TAB = "tests/e2e/test_open_tab.py"


def named() -> list[tuple[str, str]]:
    found = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    return [(file or OPEN_TAB, name or bare) for file, name, bare in found]


def test_the_page_names_tests():
    assert len(named()) > 40


@pytest.mark.parametrize(("file", "name"), named())
def test_a_named_test_exists(file, name):
    path = ROOT / file
    assert path.is_file(), f"docs/reliability.md names {file}"
    if name:
        assert re.search(rf"def {name}\b", path.read_text(encoding="utf-8"))
