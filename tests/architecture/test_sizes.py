"""Files and functions stay small enough to read at one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

PYTHON_FILE = 500
ADAPTER_FILE = 600
PYTHON_FUNCTION = 60
TYPESCRIPT_FILE = 400
PLUGIN_FILE = 150

# Files that promise to be smaller than the rest.
PROMISED = {
    "jupyter_agent/agent/loop.py": 300,
    "labextension/src/index.ts": 60,
}

# Exceptions, with a reason each; keep it short. Keys are `file` or `file:function`.
ALLOWED: dict[str, int] = {}


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def python_files() -> Iterator[Path]:
    yield ROOT / "hatch_build.py"
    for folder in ("jupyter_agent", "scripts", "benchmarks"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def typescript_files() -> Iterator[Path]:
    for pattern in ("*.ts", "*.tsx"):
        for path in sorted((ROOT / "labextension" / "src").rglob(pattern)):
            if "Generated" not in path.read_text(encoding="utf-8").partition("\n")[0]:
                yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def limit(path: Path) -> int:
    own = name(path)
    if own in PROMISED:
        return PROMISED[own]
    if path.suffix != ".py":
        return PLUGIN_FILE if "/plugins/" in own else TYPESCRIPT_FILE
    return ADAPTER_FILE if "/providers/" in own else PYTHON_FILE


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name(path)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1


def too_long() -> dict[str, int]:
    files = [*python_files(), *typescript_files()]
    found = {name(path): lines(path) for path in files if lines(path) > limit(path)}
    for path in python_files():
        found |= {key: size for key, size in functions(path) if size > PYTHON_FUNCTION}
    return found


def test_files_and_functions_are_short():
    excess = {key: size for key, size in too_long().items() if size > ALLOWED.get(key, 0)}
    assert excess == {}


def test_the_allow_list_is_short_and_needed():
    assert len(ALLOWED) <= 5
    assert set(ALLOWED) <= set(too_long())
