"""Everything a developer does, by name: `python3 scripts/dev.py <name> [arguments]`.

Each command first makes what it needs of the environment; see `environment.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from environment import (
    FRONT_END,
    PYTHON,
    REAL_PARTS,
    ROOT,
    build_front_end,
    ensure_chromium,
    make_environment,
    make_part_environment,
    run,
)


def setup(_: list[str]) -> int:
    """Make `.venv`, install everything, link the front end into it."""
    make_environment()
    link = ("jupyter-builder", "develop", ".", "--overwrite")
    return ensure_chromium() | build_front_end() | run(*link)


def check(_: list[str]) -> int:
    """Lint, format, types, imports; Python and TypeScript; and the front end's own tests."""
    make_environment()
    return report(failed_checks())


def test(arguments: list[str]) -> int:
    """Run every check and every test; `--fast`: unit and contract tests only."""
    if "--fast" in arguments:
        make_environment()
        rest = [argument for argument in arguments if argument != "--fast"]
        return run(PYTHON, "-m", "pytest", "tests/unit", "tests/contract", *rest)
    failed = [] if ensure_chromium() == 0 else ["chromium"]
    make_environment()
    failed += failed_checks()
    failed += ["front end"] if build_front_end() else []
    # In the order they are collected in: the browser's tests last, when no others run beside them.
    shared = ("-n", str(min(os.cpu_count() or 1, 4)), "--no-loadscope-reorder")
    failed += ["pytest"] if run(PYTHON, "-m", "pytest", *shared, *arguments) else []
    return report(failed)


def e2e(arguments: list[str]) -> int:
    """Run the tests in a real browser on a real Lab."""
    make_environment()
    missing = ensure_chromium() | build_front_end()
    return missing or run(PYTHON, "-m", "pytest", "tests/e2e", *arguments)


def real(arguments: list[str]) -> int:
    """Run the tests against real servers and clients: all parts of `tests/real`, or those named."""
    known = sorted(path.parent.name for path in REAL_PARTS.glob("*/test_*.py"))
    known = list(dict.fromkeys(known))
    parts = [name for name in arguments if name in known] or known
    rest = [argument for argument in arguments if argument not in known]
    make_environment()
    missing = ensure_chromium() | build_front_end()
    failed = ["front end or Chromium"] if missing else []
    for part in parts:
        python = make_part_environment(part)
        command = (python, "-m", "pytest", REAL_PARTS.relative_to(ROOT) / part, *rest)
        failed += [part] if run(*command, scripts=python.parent) else []
    return report(failed)


def watch(_: list[str]) -> int:
    """Rebuild the front end at every change; reload the page to see it."""
    make_environment()
    return run("jlpm", "watch", folder=FRONT_END)


def lab(arguments: list[str]) -> int:
    """Start JupyterLab from this checkout."""
    make_environment()
    return build_front_end() or run("jupyter", "lab", *arguments)


def demo(arguments: list[str]) -> int:
    """Show the agent at work without any key."""
    make_environment()
    return build_front_end() or run("jupyter", "agent", "demo", *arguments)


def screenshots(_: list[str]) -> int:
    """Take the pictures in `docs/images/` anew."""
    make_environment()
    missing = ensure_chromium() | build_front_end()
    return missing or run(PYTHON, ROOT / "scripts" / "screenshots.py")


def bench(arguments: list[str]) -> int:
    """Run the benchmarks in `benchmarks/`: all, or those named."""
    make_environment()
    folder = ROOT / "benchmarks"
    names = arguments or sorted(path.stem for path in folder.glob("[0-9a-z]*.py"))
    return report([name for name in names if run(PYTHON, folder / f"{name}.py")])


def docs(arguments: list[str]) -> int:
    """Build the documentation into `site/`; a broken link is an error."""
    make_environment()
    missing = run(PYTHON, "-m", "pip", "install", "--quiet", "--editable", f"{ROOT}[docs]")
    return missing or run("mkdocs", "build", "--strict", *arguments)


def build(_: list[str]) -> int:
    """Build the sdist and the wheel into `dist/`."""
    make_environment()
    return run(PYTHON, "-m", "build")


def failed_checks() -> list[str]:
    """Run every check, also after a failure; return the names of those that failed."""
    checks: dict[str, Callable[[], int]] = {
        "ruff check": lambda: run("ruff", "check", "."),
        "ruff format": lambda: run("ruff", "format", "--check", "."),
        "mypy": lambda: run("mypy"),
        "imports": lambda: run("lint-imports", "--no-cache"),
        "eslint and prettier": lambda: run("jlpm", "lint", folder=FRONT_END),
        "tsc": lambda: run("jlpm", "typecheck", folder=FRONT_END),
        "vitest": lambda: run("jlpm", "test", folder=FRONT_END),
    }
    return [name for name, passes in checks.items() if passes() != 0]


def report(failed: list[str]) -> int:
    """Name what failed on stderr, so that stdout ends with the last tool's own words."""
    sys.stdout.flush()
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


COMMANDS = (setup, check, test, e2e, real, watch, lab, demo, screenshots, bench, docs, build)


def main(arguments: list[str]) -> int:
    """Run the command that the first argument names."""
    lines = "\n".join(f"  {each.__name__:11} {each.__doc__}" for each in COMMANDS)
    parser = argparse.ArgumentParser(
        description="Everything a developer does, by name.",
        epilog=f"commands:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=[each.__name__ for each in COMMANDS])
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="handed on to the tool")
    chosen = parser.parse_args(arguments)
    return next(each for each in COMMANDS if each.__name__ == chosen.command)(chosen.rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
