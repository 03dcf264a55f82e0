"""Changing a notebook's kernel: by the tab that has it open, else where kernels are kept."""

from __future__ import annotations

import pytest

from jupyter_agent.notebook.frontend import TabGone
from jupyter_agent.protocol.errors import KernelStartFailed
from jupyter_agent.workspace.kernel_choice import NotebookKernels


class Kernels:
    def __init__(self):
        self.changed = []

    async def kernel_names(self):
        return {"python3": "Python 3", "ir": "R"}

    async def change(self, path, kernel_name):
        self.changed.append((path, kernel_name))


class Browser:
    def __init__(self, gone=False):
        self.calls = []
        self.gone = gone

    def has_tab(self, path):
        return path == "open.ipynb"

    async def call(self, path, method, params, *, op_id, deadline, on_progress=None):
        if self.gone:
            raise TabGone("Gone.")
        self.calls.append((method, params))
        return {}


async def test_the_tab_changes_it_where_there_is_one():
    kernels, browser = Kernels(), Browser()
    choice = NotebookKernels(kernels, browser)
    await choice.select_kernel("open.ipynb", "ir")
    assert browser.calls == [("notebook.select_kernel", {"path": "open.ipynb", "name": "ir"})]
    assert kernels.changed == []
    await choice.select_kernel("closed.ipynb", "ir")
    assert kernels.changed == [("closed.ipynb", "ir")]


async def test_a_tab_that_goes_meanwhile_leaves_it_to_the_server():
    kernels = Kernels()
    await NotebookKernels(kernels, Browser(gone=True)).select_kernel("open.ipynb", "ir")
    assert kernels.changed == [("open.ipynb", "ir")]


async def test_a_kernel_that_is_not_there_is_refused_with_those_that_are():
    kernels = Kernels()
    with pytest.raises(KernelStartFailed, match="ir, python3"):
        await NotebookKernels(kernels, None).select_kernel("open.ipynb", "julia")
    assert kernels.changed == []
