"""What a whole notebook costs a model, and how much of what matters arrives.

A notebook of 60 cells and about 6 MB is made: logs, progress bars, tables, plots, tracebacks, a
long print, widgets. Twelve kinds of facts are planted in it, each in several places. Counted are the
tokens (estimated as the product does, the same way for each row) of what a model would be sent, and the
kinds of facts that stand in it. Beside ours: nbconvert's Markdown without pictures, and the raw file.

Aims: 17,500 tokens at a recall of 0.95.

`python3 scripts/dev.py bench digest`
"""

from __future__ import annotations

import base64
import json
import random
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nbformat

from jupyter_agent.context.request import estimate_tokens
from jupyter_agent.digest.limits import for_several
from jupyter_agent.digest.outputs import digest_outputs
from jupyter_agent.protocol.messages import ImagePart, user_message
from jupyter_agent.tools.read_cells import BRIEF

CELLS_A_CALL = 10
AIM_TOKENS, AIM_RECALL = 17_500, 0.95
Cell = dict[str, Any]


class Maker:
    """Makes cells, and notes the facts that are planted in them by their kind."""

    def __init__(self) -> None:
        self.random = random.Random(20261129)
        self.facts: dict[str, list[str]] = {}

    def fact(self, kind: str) -> str:
        """Return a word that stands nowhere else."""
        word = f"{kind.split(maxsplit=1)[0]}{self.random.randrange(10**9):09d}"
        self.facts.setdefault(kind, []).append(word)
        return word

    def training_log(self) -> Cell:
        lines = [f"epoch {n:3d} loss {2 / (n + 1):.4f} lr 0.001" for n in range(400)]
        lines.insert(213, f"WARNING metric diverged {self.fact('warning in a log')}")
        lines.append(f"final accuracy {self.fact('last line')}")
        return code("train(model)", stream("\n".join(lines)))

    def chatter(self) -> Cell:
        words = "reading parsing joining sorting writing".split()
        lines = [f"{words[n % 5]} part {n} of the table, rows {n * 13}" for n in range(3_000)]
        lines.insert(0, f"config: seed {self.fact('first line')}")
        lines.insert(1_700, f"best model so far {self.fact('best of a search')}")
        return code("run_all()", stream("\n".join(lines)))

    def progress(self) -> Cell:
        bars = "\r".join(f"{n:3d}%|{'#' * (n // 2):50s}| {n * 10}/1000" for n in range(101))
        return code(
            "download()", stream(f"{bars} done {self.fact('progress bar')}\n", name="stderr")
        )

    def table(self) -> Cell:
        first = self.fact("table row")
        rows = "".join(
            f"<tr><th>{n}</th><td>{first if n == 0 else f'name {n}'}</td><td>{n * 3}</td></tr>"
            for n in range(60)
        )
        html = f"<table><thead><tr><th></th><th>name</th><th>n</th></tr></thead>{rows}</table>"
        plain = f"{first} 0\n" + "\n".join(f"name {n} {n * 3}" for n in range(1, 60))
        return code("df", result({"text/html": html, "text/plain": plain}))

    def plot(self) -> Cell:
        width, height = 900, 600
        raw = b"".join(b"\0" + self.random.randbytes(width) for _ in range(height))
        caption = f"<Figure of {self.fact('plot caption')}>"
        png = base64.b64encode(_png(width, height, raw)).decode()
        return code("plt.show()", display({"image/png": png, "text/plain": caption}))

    def failure(self) -> Cell:
        frames = [f"File lib/module_{n}.py:{n}, in step(x)\n    x = step(x)\n" for n in range(40)]
        value = f"could not convert {self.fact('exception')}"
        error = {
            "output_type": "error",
            "ename": "ValueError",
            "evalue": value,
            "traceback": ["Traceback (most recent call last)", *frames, f"ValueError: {value}"],
        }
        return code("convert(df)", error)

    def value(self) -> Cell:
        return code("shape", result({"text/plain": f"(344, {self.fact('value')})"}))

    def markdown(self) -> Cell:
        return {"cell_type": "markdown", "source": f"## Step {self.fact('heading')}\n\nWhy this."}

    def deep_print(self) -> Cell:
        data = {f"key_{n}": {"a": n, "b": [n] * 5} for n in range(2_000)}
        text = f"{{'version': '{self.fact('head of a print')}', 'data': {data}}}"
        return code("print(settings)", stream(text))

    def stacked_errors(self) -> Cell:
        lines = [f"{'abcd'[n % 4]} worker {n} ready" for n in range(2_000)]
        lines[900] = f"worker 900 failed: {self.fact('failure in a log')}"
        return code("pool.map(f, parts)", stream("\n".join(lines)))


def code(source: str, *outputs: Cell) -> Cell:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def stream(text: str, name: str = "stdout") -> Cell:
    return {"output_type": "stream", "name": name, "text": text}


def result(data: dict[str, str]) -> Cell:
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}


def display(data: dict[str, str]) -> Cell:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def _png(width: int, height: int, raw: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(raw))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def make() -> tuple[list[Cell], dict[str, list[str]]]:
    maker = Maker()
    kinds: list[Callable[[], Cell]] = [
        maker.markdown,
        maker.value,
        maker.training_log,
        maker.table,
        maker.plot,
        maker.progress,
        maker.failure,
        maker.chatter,
        maker.deep_print,
        maker.stacked_errors,
    ]
    return [kind() for _ in range(6) for kind in kinds], maker.facts


def ours(cells: list[Cell]) -> str:
    """Return what `read_cells` sends for all cells, some a call, without the pictures."""
    told: list[str] = []
    for first in range(0, len(cells), CELLS_A_CALL):
        limits = for_several(BRIEF, CELLS_A_CALL)
        for number, cell in enumerate(cells[first : first + CELLS_A_CALL], start=first):
            told.append(f"[{number}] {cell['cell_type']} id=c{number:03d}\n{cell['source']}")
            if cell["cell_type"] != "code":
                continue
            found = digest_outputs(
                cell["outputs"], cell_id=f"c{number:03d}", vision=True, limits=limits
            )
            limits = replace(limits, call=max(0, limits.call - found.characters))
            told += [part.text for part in found.content if not isinstance(part, ImagePart)]
    return "\n".join(told)


def as_file(cells: list[Cell]) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook()
    for cell in cells:
        if cell["cell_type"] == "markdown":
            made.cells.append(nbformat.v4.new_markdown_cell(cell["source"]))
        else:
            outputs = [nbformat.from_dict(output) for output in cell["outputs"]]
            made.cells.append(nbformat.v4.new_code_cell(cell["source"], outputs=outputs))
    return made


def as_markdown(notebook: nbformat.NotebookNode) -> str:
    from nbconvert import MarkdownExporter

    return str(MarkdownExporter().from_notebook_node(notebook)[0])


def main() -> int:
    """Print the table; returns 1 when an aim is missed."""
    cells, facts = make()
    notebook = as_file(cells)
    raw = json.dumps(notebook)
    texts = {"ours": ours(cells), "nbconvert": as_markdown(notebook), "raw JSON": raw}
    print(
        f"{len(cells)} cells, {len(raw) / 1e6:.1f} MB, {len(facts)} kinds of facts, six of each\n"
    )
    print(f"{'':10} {'characters':>12} {'tokens':>10} {'recall':>7}  missing")
    rows = {}
    for name, text in texts.items():
        tokens = estimate_tokens([user_message(text)])
        arrived = {kind: sum(word in text for word in words) for kind, words in facts.items()}
        recall = sum(arrived.values()) / sum(map(len, facts.values()))
        missing = ", ".join(
            f"{kind} {len(facts[kind]) - count}"
            for kind, count in arrived.items()
            if count < len(facts[kind])
        )
        rows[name] = tokens, recall
        print(f"{name:10} {len(text):12,} {tokens:10,} {recall:7.2f}  {missing}")
    tokens, recall = rows["ours"]
    print(f"\naims: at most {AIM_TOKENS:,} tokens at a recall of at least {AIM_RECALL}")
    return 0 if tokens <= AIM_TOKENS and recall >= AIM_RECALL else 1


if __name__ == "__main__":
    sys.exit(main())
