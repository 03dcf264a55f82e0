"""A notebook of 60 cells as a model is sent it: the aims of `benchmarks/digest.py` are kept."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from jupyter_agent.context.request import estimate_tokens
from jupyter_agent.protocol.messages import user_message

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "digest.py"


def test_what_matters_of_a_large_notebook_arrives_in_few_tokens() -> None:
    spec = importlib.util.spec_from_file_location("benchmark_of_digests", BENCHMARK)
    assert spec is not None and spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    cells, facts = benchmark.make()
    text = benchmark.ours(cells)
    words = [word for kind in facts.values() for word in kind]
    assert len(cells) == 60 and len(words) == 72
    assert sum(word in text for word in words) >= benchmark.AIM_RECALL * len(words)
    assert estimate_tokens([user_message(text)]) <= benchmark.AIM_TOKENS
