"""An agent that lives in the notebook.

The public names are `Agent`, `Result` and `tool`; they, and the version, are looked up on first
use, so that `import jupyter_agent` itself costs nothing. The hooks below are the doors through
which Jupyter finds the front end, the server extension and the magics. Read `api.py` next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_agent.api import Agent, Result, tool

    __version__: str

__all__ = ["Agent", "Result", "__version__", "tool"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("jupyter-agent")
    elif name in __all__:
        from jupyter_agent import api

        value = getattr(api, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-agent"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_agent.server.extension import JupyterAgentApp

    return [{"module": "jupyter_agent", "app": JupyterAgentApp}]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register `%agent` and `%%agent` (`%load_ext jupyter_agent`)."""
    from jupyter_agent.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics (`%unload_ext jupyter_agent`)."""
    from jupyter_agent.magics import unload

    unload(shell)
