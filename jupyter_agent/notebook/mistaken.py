"""What a file is that was taken for a notebook and is none, in words that say what to do. Pure."""

from __future__ import annotations

import re

_LFS = b"version https://git-lfs"
_OURS = re.compile(rb"^<<<<<<< .*$", re.MULTILINE)
_THEIRS = re.compile(rb"^>>>>>>> ", re.MULTILINE)
_KINDS = {b"[": "list", b'"': "string"}


def mistaken_for_a_notebook(data: bytes) -> str | None:
    """Return what the bytes of a file are that is no notebook; None when nothing is known of them."""
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        return (
            "This file is empty. It was created and never written, or a save of it was cut off: "
            "restore it from a copy, or delete it and create the notebook anew."
        )
    if text.startswith(_LFS):
        return (
            "This is not the notebook but a Git LFS pointer to it. Fetch the notebook with "
            "`git lfs pull`."
        )
    ours = _OURS.search(data)
    if ours is not None and _THEIRS.search(data):
        line = data.count(b"\n", 0, ours.start()) + 1
        return (
            f"This notebook holds Git's merge markers (<<<<<<< in line {line}), so that it is not "
            "JSON. Resolve the merge first, for instance with nbdime or `git checkout --ours`."
        )
    if text[:1] in _KINDS:
        return f"This is not a notebook: it holds a JSON {_KINDS[text[:1]]}, not an object."
    return None
