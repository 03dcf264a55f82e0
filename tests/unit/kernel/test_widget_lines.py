"""Widgets other than `Output`: the model reads their last state, as a line."""

from __future__ import annotations

from typing import Any

from jupyter_agent.kernel.widgets import WIDGET_VIEW, OutputWidgets


def comm(model_id: str, **state: Any) -> dict[str, Any]:
    return {"comm_id": model_id, "data": {"state": state}}


def shown(widgets: OutputWidgets, model_id: str) -> str:
    output = {
        "output_type": "display_data",
        "data": {WIDGET_VIEW: {"model_id": model_id}, "text/plain": "as it was first"},
        "metadata": {},
    }
    (found,) = widgets.plain([output])
    return str(found["data"]["text/plain"])


def test_a_progress_bar_is_shown_as_it_ended() -> None:
    widgets = OutputWidgets()
    widgets.hear(comm("left", _model_name="HTMLModel", value=""))
    widgets.hear(comm("bar", _model_name="FloatProgressModel", value=0.0, min=0.0, max=30.0))
    widgets.hear(comm("right", _model_name="HTMLModel", value=" 0/30"))
    children = ["IPY_MODEL_left", "IPY_MODEL_bar", "IPY_MODEL_right"]
    widgets.hear(comm("box", _model_name="HBoxModel", children=children))
    for number in range(31):
        widgets.hear(comm("bar", value=float(number)))
        widgets.hear(comm("right", value=f" {number}/30 [00:00&lt;00:00]"))
    widgets.hear(comm("left", value="100%"))
    assert shown(widgets, "box") == (
        "100% FloatProgress: 30.0 (min 0.0, max 30.0) 30/30 [00:00<00:00]"
    )


def test_a_slider_is_a_line_of_its_value() -> None:
    widgets = OutputWidgets()
    state = {"value": 3, "min": 0, "max": 10, "description": "width"}
    widgets.hear(comm("s", _model_name="IntSliderModel", **state))
    widgets.hear(comm("s", value=7))
    assert shown(widgets, "s") == "IntSlider 'width': 7 (min 0, max 10)"


def test_a_widget_that_nothing_is_known_of_stays_as_it_is() -> None:
    assert shown(OutputWidgets(), "other") == "as it was first"


def test_widgets_that_hold_each_other_do_not_go_on_for_ever() -> None:
    widgets = OutputWidgets()
    widgets.hear(comm("a", children=["IPY_MODEL_b"]))
    widgets.hear(comm("b", children=["IPY_MODEL_a"]))
    assert shown(widgets, "a") == "as it was first"
