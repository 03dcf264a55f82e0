"""Nothing in the package serves its tests alone."""

import ast
import re
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "jupyter_agent"

# Called by name from outside: by Jupyter, IPython, tornado, asyncio, pydantic.
CALLED = {
    "_config_file_name_default",
    "_jupyter_labextension_paths",
    "_jupyter_server_extension_points",
    "_one_choice",
    "_range",
    "_render_traceback_",
    "_start_jupyter_server_extension",
    "_word",
    "data_received",
    "initialize_handlers",
    "load_ipython_extension",
    "max_message_size",
    "on_message",
    "stop_extension",
    "transform",
    "unload_ipython_extension",
}
# Why a name may stand here that no module of ours uses.
ALLOWED = {
    "code_cell": "for people's own tests (jupyter_agent.testing)",
    "markdown_cell": "for people's own tests (jupyter_agent.testing)",
    "open_intents": "what a crash leaves is looked at from outside",
    "read_events": "recordings are read in pieces of any size",
    "reduce_message": "the two reducers are held to shared fixtures by it",
}


def package_files() -> list[Path]:
    # The foreign interfaces are there for others: no room of ours uses them.
    return [path for path in PACKAGE.rglob("*.py") if "interop" not in path.parts]


def used_once() -> set[str]:
    """The functions and classes whose name stands once in the package: where they are defined."""
    texts = {path: path.read_text(encoding="utf-8") for path in package_files()}
    words = Counter(word for text in texts.values() for word in re.findall(r"\b\w+\b", text))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {
        node.name
        for text in texts.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds) and words[node.name] == 1 and not node.name.startswith("__")
    }


def test_no_name_is_used_by_tests_alone():
    assert used_once() - CALLED - ALLOWED.keys() == set()


def test_the_list_of_exceptions_is_needed():
    assert (CALLED | ALLOWED.keys()) - used_once() == set()
