"""A Python object as what a notebook would show of it: a mime bundle.

Follows the methods that IPython's display protocol knows (https://ipython.readthedocs.io, “Rich
display”), without IPython. A matplotlib figure has none of them: it is drawn.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

_METHODS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_latex_": "text/latex",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
}


def is_rich(made: Any) -> bool:
    """Return whether a notebook would show more of an object than its `repr`."""
    kind = type(made)
    return _is_figure(made) or any(hasattr(kind, name) for name in ("_repr_mimebundle_", *_METHODS))


def displayed(made: Any) -> dict[str, Any]:
    """Return an object's mime bundle; images in base64, as in a notebook.

    Raises:
        Exception: whatever its own methods raise.
    """
    bundle: dict[str, Any] = {"text/plain": repr(made)}
    if _is_figure(made):
        picture = io.BytesIO()
        made.savefig(picture, format="png", bbox_inches="tight")
        return bundle | {"image/png": base64.b64encode(picture.getvalue()).decode("ascii")}
    for name, mime in _METHODS.items():
        shown = getattr(made, name)() if hasattr(type(made), name) else None
        if shown is not None:
            bundle[mime] = _encoded(shown)
    if hasattr(type(made), "_repr_mimebundle_"):
        shown = made._repr_mimebundle_(include=None, exclude=None)
        data = shown[0] if isinstance(shown, tuple) else shown
        if isinstance(data, Mapping):
            bundle |= {str(mime): _encoded(value) for mime, value in data.items()}
    return bundle


def _is_figure(made: Any) -> bool:
    # By its class's name: importing matplotlib only to ask would be slow.
    return any(
        base.__module__ == "matplotlib.figure" and base.__name__ == "FigureBase"
        for base in type(made).__mro__
    ) and hasattr(made, "savefig")


def _encoded(shown: Any) -> Any:
    if isinstance(shown, tuple):  # data and metadata
        shown = shown[0]
    return base64.b64encode(shown).decode("ascii") if isinstance(shown, bytes) else shown
