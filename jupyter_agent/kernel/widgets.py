"""What widgets show, as text: what ipywidgets' `Output` catches, the values of others. Pure.

While code is inside `with output:`, the widget's model carries the id of the request whose outputs
are to go into the widget; a front end takes them from the cell and tells the kernel. Source:
https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/jupyterwidgetmodels.latest.md
"""

from __future__ import annotations

import html
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from .outputs import OUTPUT_MESSAGES, OutputCollector, OutputLimits

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
COMM_MESSAGES = frozenset({"comm_open", "comm_msg"})

_LIMITS = OutputLimits(stream=1_000_000, data=4_000_000, outputs=200)
_WIDGETS_KEPT = 200
_STATES_KEPT = 2_000
_SHOWN_KEYS = frozenset({"_model_name", "value", "description", "children", "min", "max"})
_LONGEST = 2_000
_DEEPEST = 5
_CHILDREN_SHOWN = 20
_TAG = re.compile(r"<[^>]*>")


class OutputWidgets:
    """The `Output` widgets of one kernel, and what each shows."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, OutputCollector] = OrderedDict()
        # Widgets that catch the outputs of a request, the innermost last.
        self._catching: dict[str, list[str]] = {}
        self._untold: set[str] = set()
        # What other widgets show, of their models' state.
        self._states: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def hear(self, content: Mapping[str, Any]) -> str | None:
        """Take in a comm message; returns the widget whose content it sets, if it does."""
        model_id, data = content.get("comm_id"), content.get("data")
        state = data.get("state") if isinstance(data, Mapping) else None
        if not isinstance(model_id, str) or not isinstance(state, Mapping):
            return None
        if isinstance(request := state.get("msg_id"), str):
            self._note(model_id)
            self._catch(model_id, request)
        if model_id not in self._shown and self._keep(model_id, state):
            return model_id
        if model_id in self._shown and isinstance(outputs := state.get("outputs"), (list, tuple)):
            self._set(model_id, outputs)
            return model_id
        return None

    def take(self, request: str, kind: str, content: Mapping[str, Any]) -> str | None:
        """Give an output to the widget that catches those of its request; returns which."""
        catching = self._catching.get(request)
        if not catching or kind not in OUTPUT_MESSAGES or kind == "update_display_data":
            return None
        model_id = catching[-1]
        self._shown[model_id].apply(kind, content)
        self._untold.add(model_id)
        return model_id

    def untold(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Return what widgets have caught and the kernel does not know of yet, once."""
        found = [(model_id, self._shown[model_id].outputs()) for model_id in self._untold]
        self._untold.clear()
        return found

    def plain(self, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return a cell's outputs in which the plain text of a widget is what it has caught."""
        return [self._with_text(output) for output in outputs]

    def _with_text(self, output: dict[str, Any]) -> dict[str, Any]:
        model_id = view_of(output) or ""
        shown = self._shown.get(model_id)
        text = _text(shown.outputs()) if shown is not None else self._line(model_id)
        if not text:
            return output
        return {**output, "data": {**output["data"], "text/plain": text}}

    def _keep(self, model_id: str, state: Mapping[str, Any]) -> bool:
        """Keep what a widget shows; returns whether that has changed."""
        found = {
            key: value
            for key, value in state.items()
            if (key in _SHOWN_KEYS and isinstance(value, (str, int, float, bool, list, tuple)))
            and not (isinstance(value, str) and len(value) > _LONGEST)
        }
        if not found:
            return False
        self._states.setdefault(model_id, {}).update(found)
        while len(self._states) > _STATES_KEPT:
            self._states.popitem(last=False)
        return True

    def _line(self, model_id: str, depth: int = 0) -> str:
        """Return what a widget shows as a line; empty when nothing is known of it."""
        state = self._states.get(model_id, {})
        children = state.get("children")
        if isinstance(children, (list, tuple)) and depth < _DEEPEST:
            ids = [str(child).removeprefix("IPY_MODEL_") for child in children]
            lines = [self._line(one, depth + 1) for one in ids[:_CHILDREN_SHOWN]]
            return " ".join(line for line in lines if line)
        if "value" not in state:
            return str(state.get("description", ""))
        value = state["value"]
        name = str(state.get("_model_name", "")).removesuffix("Model")
        if name in ("HTML", "HTMLMath", "Label"):
            return html.unescape(_TAG.sub("", str(value))).strip()
        words = [name or "widget"]
        if state.get("description"):
            words.append(f"{state['description']!r}")
        bounds = [f"{key} {state[key]}" for key in ("min", "max") if key in state]
        return f"{' '.join(words)}: {value!r}" + (f" ({', '.join(bounds)})" if bounds else "")

    def _note(self, model_id: str) -> None:
        if model_id not in self._shown:
            self._shown[model_id] = OutputCollector(limits=_LIMITS)
        while len(self._shown) > _WIDGETS_KEPT:
            oldest, _ = self._shown.popitem(last=False)
            self._untold.discard(oldest)
            self._catch(oldest, "")

    def _catch(self, model_id: str, request: str) -> None:
        for known, catching in list(self._catching.items()):
            if model_id in catching:
                catching.remove(model_id)
            if not catching:
                del self._catching[known]
        if request:
            self._catching.setdefault(request, []).append(model_id)

    def _set(self, model_id: str, outputs: Sequence[Any]) -> None:
        collector = self._shown[model_id] = OutputCollector(limits=_LIMITS)
        for output in outputs:
            if isinstance(output, Mapping):
                collector.apply(str(output.get("output_type")), output)


def view_of(output: Mapping[str, Any]) -> str | None:
    """Return the id of the widget that an output shows."""
    data = output.get("data")
    view = data.get(WIDGET_VIEW) if isinstance(data, Mapping) else None
    model_id = view.get("model_id") if isinstance(view, Mapping) else None
    return model_id if isinstance(model_id, str) else None


def _text(outputs: Sequence[Mapping[str, Any]]) -> str:
    """Return outputs as plain text."""
    return "".join(map(_words, outputs)).rstrip("\n")


def _words(output: Mapping[str, Any]) -> str:
    if output["output_type"] == "stream":
        return str(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}\n"
    data = output["data"]
    if "text/plain" in data:
        return f"{data['text/plain']}\n"
    return f"[{', '.join(map(str, data))}]\n"
