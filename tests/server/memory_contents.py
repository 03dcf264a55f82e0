"""Contents managers that keep notebooks in memory, as others keep them in a bucket or a database."""

from __future__ import annotations

import copy
import hashlib
import json
from datetime import datetime, timezone
from typing import Any

from jupyter_server.services.contents.manager import AsyncContentsManager, ContentsManager
from tornado.web import HTTPError
from traitlets import Dict


class MemoryContents(ContentsManager):
    """A manager of the old kind: it blocks, and knows no hashes."""

    kept = Dict()

    def get(self, path: str, content: bool = True, type: Any = None, format: Any = None) -> Any:
        path = path.strip("/")
        if path not in self.kept:
            raise HTTPError(404, f"{path} is not here")
        model = {
            "name": path.rpartition("/")[2],
            "path": path,
            "type": "notebook",
            "writable": True,
            "created": datetime.now(timezone.utc),
            "last_modified": datetime.now(timezone.utc),
            "mimetype": None,
            "format": "json" if content else None,
            "content": copy.deepcopy(self.kept[path]) if content else None,
        }
        if content:
            for cell in model["content"]["cells"]:
                cell.setdefault("metadata", {})["trusted"] = True  # as managers mark it
        return model

    def save(self, model: Any, path: str = "") -> Any:
        self.run_pre_save_hooks(model=model, path=path)
        content = copy.deepcopy(dict(model["content"]))
        assert not [cell for cell in content["cells"] if cell["metadata"].get("trusted")]
        self.kept = {**self.kept, path.strip("/"): content}
        return self.get(path, content=False)

    def dir_exists(self, path: str) -> bool:
        return not path.strip("/")

    def file_exists(self, path: str = "") -> bool:
        return path.strip("/") in self.kept

    def is_hidden(self, path: str) -> bool:
        return False

    def delete_file(self, path: str) -> None:
        self.kept = {name: kept for name, kept in self.kept.items() if name != path}

    def rename_file(self, old_path: str, new_path: str) -> None:
        self.kept = {
            new_path if name == old_path else name: kept for name, kept in self.kept.items()
        }


class AsyncMemoryContents(AsyncContentsManager):
    """A manager of the new kind: it is awaited, and knows hashes."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.inner = MemoryContents()

    async def get(
        self,
        path: str,
        content: bool = True,
        type: Any = None,
        format: Any = None,
        require_hash: bool = False,
    ) -> Any:
        model = self.inner.get(path, content)
        if require_hash:
            text = json.dumps(self.inner.kept[path.strip("/")], sort_keys=True)
            model["hash"] = hashlib.sha256(text.encode()).hexdigest()
            model["hash_algorithm"] = "sha256"
        return model

    async def save(self, model: Any, path: str = "") -> Any:
        self.run_pre_save_hooks(model=model, path=path)
        return self.inner.save(model, path)

    async def dir_exists(self, path: str) -> bool:
        return self.inner.dir_exists(path)

    async def file_exists(self, path: str = "") -> bool:
        return self.inner.file_exists(path)

    async def is_hidden(self, path: str) -> bool:
        return False

    async def delete_file(self, path: str) -> None:
        self.inner.delete_file(path)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        self.inner.rename_file(old_path, new_path)
