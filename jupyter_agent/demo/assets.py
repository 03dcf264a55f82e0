"""Where the demo's notebook and table lie: in the wheel, or in a checkout's `examples/`."""

from __future__ import annotations

from pathlib import Path

NOTEBOOK = "penguins.ipynb"
TABLE = "penguins.csv"


def demo_assets() -> Path:
    """Return the folder that holds `penguins.ipynb` and `penguins.csv`. They are to be copied.

    Raises:
        FileNotFoundError: this installation lacks them.
    """
    here = Path(__file__).resolve()
    for folder in (here.parent / "assets", here.parents[2] / "examples"):
        if (folder / NOTEBOOK).is_file() and (folder / TABLE).is_file():
            return folder
    raise FileNotFoundError(
        "This installation of jupyter-agent lacks the demo's notebook and table. Install it again."
    )
