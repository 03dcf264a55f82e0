"""What runs inside a kernel: variables in words without calling unknown code, probes rolled back."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from jupyter_agent.tools.inspection_snippet import inspect_namespace, short
from jupyter_agent.tools.probe_snippet import possibly_mutated, probe
from jupyter_agent.tools.snippets import MIME, snippet_code, split_report

matplotlib.use("Agg")


CALLED: list[str] = []


class Hostile:
    """Notes whatever of it is called; nothing must be."""

    def __init__(self) -> None:
        object.__setattr__(self, "size", 3)

    def __repr__(self) -> str:
        CALLED.append("repr")
        return "called"

    def __len__(self) -> int:
        CALLED.append("len")
        return 1

    def __getattr__(self, name: str) -> Any:
        CALLED.append(name)
        raise AttributeError(name)

    def __eq__(self, other: object) -> bool:
        CALLED.append("eq")
        return False

    def __hash__(self) -> int:
        CALLED.append("hash")
        return 1


@pytest.fixture(autouse=True)
def nothing_called() -> Iterator[None]:
    CALLED.clear()
    yield
    assert CALLED == []


def look(detail: bool = False, **values: Any) -> str:
    return inspect_namespace(values, [], None, detail)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "x: int 1"),
        (10**1000, "x: int of 3322 bits"),
        ("a" * 500, "(500 long)"),
        ([1, "a", None], "x: list of 3"),
        ({}, "x: dict of 0"),
        (pd.DataFrame({"a": [1, 2]}), "DataFrame 2 rows × 1 columns"),
        (pd.Series([1.0]), "Series float64, 1 values"),
        (np.zeros((2, 3)), "x: numpy.ndarray shape (2, 3), float64, 48 B"),
        (types, "x: module types"),
        (look, "x: function look("),
        (Hostile, "x: class Hostile"),
        ((item for item in "ab"), "x: generator"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_summaries(value: Any, words: str) -> None:
    assert words in look(x=value)


def test_details_of_a_frame() -> None:
    frame = pd.DataFrame(
        {"n": [1.0, None, 3.0, 4.0], "s": ["a", "b", "b", "c"], "o": [[1], [2], [3], [4]]}
    )
    lines = look(detail=True, df=frame).splitlines()
    assert "    n: float64, 25.0% null, 3 unique" in lines
    assert any(line.startswith("    s: ") and "3 unique" in line for line in lines)
    assert "    o: object, 0.0% null, objects" in lines
    assert len([line for line in lines if line.strip()[:1] in "012"]) == 3  # three rows


def test_details_of_arrays_and_figures() -> None:
    import matplotlib.pyplot as plt

    text = look(detail=True, a=np.array([1.0, np.nan, 5.0]))
    assert "NaN: 1" in text and "min 1.0, max 5.0, mean 3" in text
    figure, axes = plt.subplots()
    axes.set(title="Title", xlabel="X")
    assert "title 'Title', x 'X'" in look(detail=True, f=figure)
    plt.close(figure)


@pytest.mark.parametrize("detail", [False, True])
def test_unknown_objects_are_never_called(detail: bool) -> None:
    hostile = Hostile()
    array = np.array([1, hostile], dtype=object)
    CALLED.clear()
    text = look(detail, one=hostile, many=[hostile, {"k": hostile}], array=array)
    assert "Hostile" in text and "could not be inspected" not in text
    if detail:
        assert ".size = 3" in text


def test_a_subclass_of_a_frame_is_not_trusted() -> None:
    class Odd(pd.DataFrame):
        @property
        def shape(self) -> Any:  # type: ignore[override]
            raise SystemExit("called")

    assert "Odd" in look(detail=True, x=Odd({"a": [1]}))


class Meta(type):
    """Answers for its classes by properties."""

    @property
    def __module__(cls) -> str:  # type: ignore[override]
        CALLED.append("module")
        return "pandas"

    @property
    def __mro__(cls) -> tuple[type, ...]:  # type: ignore[override]
        CALLED.append("mro")
        return (object,)

    def __subclasscheck__(cls, other: type) -> bool:
        CALLED.append("subclass")
        return False


def properties(*names: str) -> dict[str, Any]:
    """Return a class's body of properties that note that they are read."""

    def noted(name: str) -> Any:
        return property(lambda self: CALLED.append(name))

    return {name: noted(name) for name in names}


def hostile_values() -> dict[str, Any]:
    """Return a value for each way in which looking at one could run its code."""
    asked = ("__dict__", "__class__", "shape", "dtype", "__len__", "__name__", "columns", "data")
    slots = type("Slots", (), {"__slots__": ("a",), **properties(*asked[1:])})
    forged = type("DataFrame", (pd.DataFrame,), properties("shape"))
    forged.__module__, forged.__qualname__ = "pandas.core.frame", "DataFrame"
    named = type("Named", (), {})
    named.__module__ = Hostile()  # type: ignore[assignment]
    frame = pd.DataFrame({"a": [1], "o": [Hostile()], Hostile(): [2]}, index=[Hostile()])
    object.__setattr__(frame, "memory_usage", lambda deep: CALLED.append("memory_usage"))
    objects = pd.DataFrame({"o": [Hostile(), Hostile()], Hostile(): [1, 2]})

    def function(a: Hostile = Hostile(), *rest: int, b: int = 1, **more: Any) -> None: ...  # noqa: B008

    function.__wrapped__ = Hostile()  # type: ignore[attr-defined]
    function.__signature__ = Hostile()  # type: ignore[attr-defined]
    function.__annotations__["a"] = Hostile()
    module = types.ModuleType("m")
    module.__name__ = module.__version__ = Hostile()  # type: ignore[assignment,attr-defined]
    return {
        "properties": type("Properties", (), properties(*asked))(),
        "beneath": type("Below", (type("Over", (), properties("__dict__")),), {})(),
        "slots": slots(),
        "of_meta": Meta("OfMeta", (), {})(),
        "meta": Meta("AClass", (), {}),
        "forged": forged({"a": [1]}),
        "named": named(),
        "frame": frame,
        "objects": objects,
        "function": function,
        "module": module,
        "hashed": pd.Series([Hostile(), Hostile()]),
    }


@pytest.mark.parametrize("name", hostile_values())
def test_looking_at_a_value_runs_nothing_of_it(name: str) -> None:
    value = hostile_values()[name]
    CALLED.clear()
    text = look(True, x=value, among=[value])
    assert text.startswith("among: list of 1") and "could not be inspected" not in text


def test_a_function_is_shown_with_its_arguments_and_its_source() -> None:
    def given(a: int, /, b: str = "x", *rest: int, c: float, **more: Any) -> None:
        """Do nothing."""

    text = look(True, f=given)
    assert "function given(a, b, *rest, c, **more)" in text
    assert "Do nothing." in text and "def given(a: int" in text


def test_bounds() -> None:
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    assert len(short(deep)) < 200
    assert len(short({str(n): "v" * 1_000 for n in range(10_000)}, 3)) < 10_000
    many = inspect_namespace({f"v{n}": n for n in range(500)}, [], None, False)
    assert many.splitlines()[-1].startswith("… 300 more left out")
    late = inspect_namespace({"a": 1, "b": 2}, [], None, False, seconds=-1)
    assert "out of time" in late


def test_names_and_patterns() -> None:
    values = {"df_a": 1, "df_b": 2, "other": 3, "_hidden": 4}
    assert inspect_namespace(values, [], "df*", False).splitlines() == [
        "df_a: int 1",
        "df_b: int 2",
    ]
    assert inspect_namespace(values, ["nope", "_hidden"], None, False).splitlines() == [
        "nope: not defined",
        "_hidden: int 4",
    ]
    assert inspect_namespace({}, [], None, False) == "no variables"


# ---- in a shell ----------------------------------------------------------------------------------


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.user_ns.update(kept=[1], rebound=1, removed=2)
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_a_probe_rolls_names_back(shell: InteractiveShell) -> None:
    before = dict(shell.user_ns)
    report = probe(shell, "new = 1\nrebound = 2\ndel removed\nkept.append(2)\nimport os as o")
    assert report == {
        "ok": True,
        "added": ["new", "o"],
        "rebound": ["rebound"],
        "deleted": ["removed"],
        "mutated": ["kept"],
    }
    assert {name: shell.user_ns.get(name) for name in before} == before
    assert "new" not in shell.user_ns


def test_a_probe_that_fails_is_rolled_back_too(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    report = probe(shell, "new = 1\n1/0")
    assert report["ok"] is False and report["added"] == ["new"]
    assert "new" not in shell.user_ns
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_a_probe_that_awaits_is_refused(shell: InteractiveShell) -> None:
    assert probe(shell, "new = await f()").keys() == {"refused"}
    assert "new" not in shell.user_ns


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("d['k'] = 1", ["d"]),
        ("d.attribute = 1", ["d"]),
        ("del d['k']", ["d"]),
        ("d += [1]", ["d"]),
        ("d.x.y[0].append(1)", ["d"]),
        ("d.drop('a', inplace=True)", ["d"]),
        ("d.head()\nx = d + d", []),
        ("n += 1", []),
        ("unknown.append(1)", []),
        ("((", []),
    ],
)
def test_what_may_be_changed_in_place(code: str, names: list[str]) -> None:
    assert possibly_mutated(code, {"d": [1], "n": 1}) == names


@pytest.mark.parametrize(
    ("name", "arguments", "key"),
    [
        ("inspection_snippet", {"names": ["rebound"], "pattern": None, "detail": False}, "text"),
        ("probe_snippet", {"code": "quiet = 'a\"b\\n'"}, "added"),
    ],
)
def test_a_snippet_leaves_no_name_behind(
    shell: InteractiveShell, name: str, arguments: dict[str, Any], key: str
) -> None:
    published: list[dict[str, Any]] = []
    shell.display_pub.publish = lambda data, **more: published.append(data)
    before = set(shell.user_ns)
    shell.run_cell(snippet_code(name, arguments), store_history=False, silent=True)
    assert set(shell.user_ns) == before
    report, others = split_report(
        [{"output_type": "display_data", "data": data} for data in published]
    )
    assert others == [] and report is not None
    assert report[key] in ("rebound: int 1", ["quiet"])
    assert MIME in published[0]
