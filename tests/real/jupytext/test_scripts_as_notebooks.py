"""A script that jupytext opens as a notebook: cells are known again, and no provenance is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

from jupyter_agent.notebook.contents import ContentsNotebook
from jupyter_agent.notebook.edits import plan
from jupyter_agent.notebook.operations import EditOp
from jupyter_agent.server.contents import notebooks_of

SCRIPT = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %%
a = 1
print(a)

# %%
b = 2
print(b)
"""
MARKDOWN = """---
jupyter:
  kernelspec:
    display_name: Python 3
    language: python
    name: python3
---

# Title

```python
b = 2
print(b)
```
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "text"), [("n.py", SCRIPT), ("n.md", MARKDOWN)])
async def test_cells_keep_their_ids_from_one_call_to_the_next(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)
    notebooks = notebooks_of(manager(root_dir=str(tmp_path)), tmp_path)
    document = notebooks.document(name)
    assert isinstance(document, ContentsNotebook)
    before = await document.read()
    again = await notebooks.document(name).read()
    assert [cell.id for cell in before.cells] == [cell.id for cell in again.cells]
    last = before.cells[-1]
    ops = [
        {"op": "replace", "id": last.id, "source": "b = 3\nprint(b)"},
        {"op": "insert", "after": "end", "source": "c = 4"},
    ]
    known = {cell.id: cell for cell in before.cells}
    batch = plan([EditOp.model_validate(op) for op in ops], again, known)
    result = await notebooks.document(name).apply(batch.changes, batch.expect, op_id="1")
    await document.set_outputs(last.id, [], 1)
    after = await document.read()
    assert [cell.id for cell in after.cells] == list(result.order)
    assert after.cells[-2].id == last.id
    assert after.cells[-2].source == "b = 3\nprint(b)"
    written = (tmp_path / name).read_text()
    assert "b = 3" in written and "c = 4" in written
    assert last.id not in written and "jupyter_agent" not in written
