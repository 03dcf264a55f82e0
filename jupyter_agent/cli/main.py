"""`jupyter agent COMMAND`, also `jupyter-agent COMMAND`. A command is imported when it is called.

A command's module has `DESCRIPTION`, `add_arguments(parser)` and `main(arguments) -> exit code`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from . import exits

COMMANDS = {
    "run": "work on a notebook with a prompt, headless",
    "verify": "run a notebook from the top in a new kernel, and compare; needs no model",
    "demo": "open the demo in JupyterLab; needs no key",
    "models": "list the models that can be chosen",
    "keys": "list, enter, test and remove the keys of providers",
    "doctor": "check keys, addresses and models, and say what is wrong",
    "sessions": "list the conversations about the notebooks of a folder",
    "undo": "take back what the last run did to a notebook",
    "mcp": "give other agents (Claude Code, Codex, …) the tools for notebooks",
    "record": "ask a model once and keep what it really sent, for a report of a fault",
    "replay": "read recorded answers of model APIs",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no ✓ shows a question mark instead of ending the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        try:
            return _main(argv)
        finally:  # also when --help ends it
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone (`… | head`); nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.FAILED
    except KeyboardInterrupt:  # also while a command is being imported
        return exits.INTERRUPTED


def _main(argv: Sequence[str] | None) -> int:
    chosen = _parser().parse_args(argv)
    if chosen.command is None:
        _parser().print_help()
        return exits.USAGE
    return _call(chosen.command, chosen.arguments)


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="jupyter agent",
        description="An agent that lives in the notebook.",
        epilog=f"commands:\n{listed}\n\n`jupyter agent COMMAND --help` says more.\n\n"
        f"{exits.MEANING}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument("command", nargs="?", choices=list(COMMANDS), metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"{version('jupyter-agent')}\n")


def _call(name: str, argv: Sequence[str]) -> int:
    from ..protocol.errors import AgentError

    command = importlib.import_module(f".{name}", __package__)
    parser = argparse.ArgumentParser(
        prog=f"jupyter agent {name}",
        description=command.DESCRIPTION,
        epilog=exits.MEANING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    arguments = parser.parse_args(argv)
    try:
        code: int = command.main(arguments)
        return code
    except AgentError as error:
        print(f"jupyter agent {name}: {error.user_message}", file=sys.stderr)
        return exits.code_of(error)


if __name__ == "__main__":
    sys.exit(main())
