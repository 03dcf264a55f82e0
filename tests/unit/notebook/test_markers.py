"""A marker that stands for a key is never written where the key is."""

from __future__ import annotations

import pytest

from jupyter_agent.notebook.refusals import check_source
from jupyter_agent.protocol.errors import EditRefused

MARKED = 'key = "[redacted: API key]"'


@pytest.mark.R(13)
@pytest.mark.parametrize("before", ["", 'key = "sk-1"', 'key = "[redacted: token]"'])
def test_a_marker_of_ours_is_refused(before: str) -> None:
    with pytest.raises(EditRefused, match=r"\[redacted: API key\], which stands for a key"):
        check_source(f"{before}\n{MARKED}", "code", before)


def test_a_marker_that_the_person_wrote_stays() -> None:
    check_source(f"{MARKED}\nx = 1", "code", MARKED)
    check_source("redacted: [nothing]", "markdown")
