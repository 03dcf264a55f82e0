"""Whether a code cell can be compiled: a warning before it is written, never a refusal.

IPython's syntax (magics, shell, help) is understood where IPython is installed, as on any server
with Python kernels; other languages are not checked.
"""

from __future__ import annotations

import ast
import asyncio
import re
import warnings
from collections.abc import Sequence
from typing import Any


async def syntax_warnings(sources: Sequence[tuple[str, str]]) -> list[str]:
    """Return a sentence for each source that does not compile.

    Args:
        sources: label and source of each code cell, in Python.
    """
    # The first check imports IPython, which takes a while.
    return await asyncio.to_thread(_check_all, sources) if sources else []


def _check_all(sources: Sequence[tuple[str, str]]) -> list[str]:
    faults = ((label, syntax_fault(source)) for label, source in sources)
    return [f"{label}: {fault}" for label, fault in faults if fault is not None]


def syntax_fault(source: str) -> str | None:
    """Return what is wrong with a cell's syntax, None when nothing is."""
    try:
        from IPython.core.inputtransformer2 import TransformerManager

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            manager: Any = TransformerManager
            ast.parse(manager().transform_cell(source))
    except ImportError:
        return None
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


_ENDS_THE_KERNEL = re.compile(
    r"^[ \t]*(?:exit|quit)[ \t]*(?:\([^\n]*\))?[ \t]*$|\bos\.(?:_exit|abort|kill)\(", re.MULTILINE
)


def ends_the_kernel(source: str) -> bool:
    """Return whether a cell's code ends the kernel that runs it: `exit()`, `quit`, `os._exit(…)`."""
    return _ENDS_THE_KERNEL.search(source) is not None
