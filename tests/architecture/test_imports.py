"""Who may import whom: the contracts in pyproject.toml, and what they cannot say."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp
import pytest

import jupyter_agent

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jupyter_agent"

# What an installation is sure to have: our dependencies, and what they rest on.
INSTALLED = {
    "httpx",
    "ipykernel",
    "IPython",
    "ipywidgets",
    "jsonschema",
    "jupyter_client",
    "jupyter_core",
    "jupyter_server",
    "jupyterlab",
    "nbformat",
    "pydantic",
    "pydantic_core",
    "tornado",
    "traitlets",
    "typing_extensions",
    "zmq",
}

LONGEST_CHAIN = 12

# Used when they are there; imported inside a function or under a guard, never at the top.
OPTIONAL = {"PIL", "keyring", "matplotlib", "numpy", "pandas", "pycrdt"}


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("jupyter_agent", include_external_packages=True)


def foreign_imports(room: str) -> set[str]:
    """The packages outside the standard library that the modules below `room` import."""
    modules = {room, *graph().find_descendants(room)}
    imported = {
        name for each in modules for name in graph().find_modules_directly_imported_by(each)
    }
    return {name for name in imported if not name.startswith("jupyter_agent")} - set(
        sys.stdlib_module_names
    )


def rooms() -> list[Path]:
    return sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))


def test_import_contracts_hold():
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_no_chain_of_imports_is_long():
    """How many modules a reader may have to open below the one at hand."""
    below = grimp.build_graph("jupyter_agent", exclude_type_checking_imports=True)
    chains: dict[str, tuple[str, ...]] = {}

    def longest(module: str) -> tuple[str, ...]:
        if module not in chains:
            imported = below.find_modules_directly_imported_by(module) - {"jupyter_agent"}
            chains[module] = (module, *max(map(longest, imported), key=len, default=()))
        return chains[module]

    chain = max(map(longest, below.modules - {"jupyter_agent"}), key=len)
    assert len(chain) - 1 <= LONGEST_CHAIN, chain


def test_protocol_rests_on_pydantic_alone():
    assert foreign_imports("jupyter_agent.protocol") <= {"pydantic", "pydantic_core"}


def test_nothing_undeclared_is_imported():
    assert foreign_imports("jupyter_agent") <= INSTALLED | OPTIONAL


def test_optional_packages_are_not_imported_at_the_top():
    def top(tree: ast.Module) -> set[str]:
        found = set()
        for node in tree.body:
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
        return found

    guilty = {
        str(path.relative_to(ROOT)): names
        for path in PACKAGE.rglob("*.py")
        if (names := top(ast.parse(path.read_text(encoding="utf-8"))) & OPTIONAL)
    }
    assert guilty == {}


def test_no_module_comes_in_through_the_package_itself():
    """Its other public names lead back up to `api`, past every floor."""
    words = "|".join(sorted(set(jupyter_agent.__all__) - {"__version__"}))
    back_door = re.compile(rf"^\s*from (jupyter_agent|\.+) import .*\b({words})\b", re.MULTILINE)
    guilty = [
        path
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "__init__.py" and back_door.search(path.read_text(encoding="utf-8"))
    ]
    assert guilty == []


@pytest.mark.parametrize("room", rooms(), ids=lambda path: path.name)
def test_a_rooms_init_is_a_docstring_and_no_barrel(room: Path):
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1
