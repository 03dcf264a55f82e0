"""The tool that shows the plan of a longer task."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..protocol.tools import PreviewBlock
from .base import Preview, ToolArguments, ToolCallContext, ToolOutput, text_output
from .workspace_tool import WorkspaceTool

_SLIPS = {"content": "text", "step": "text", "title": "text", "task": "text", "state": "status"}
_STATES = {"completed": "done", "complete": "done", "todo": "pending", "doing": "in_progress"}
_MARKS = {"done": "✓", "in_progress": "●", "pending": "○"}


class PlanItem(BaseModel):
    """A step of the plan."""

    model_config = ConfigDict(extra="ignore")

    text: str = Field(min_length=1, max_length=300)
    status: Literal["pending", "in_progress", "done"] = "pending"

    @model_validator(mode="before")
    @classmethod
    def _forgive(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"text": data}
        if not isinstance(data, dict):
            return data
        meant = {_SLIPS.get(key, key): value for key, value in data.items()}
        status = meant.get("status")
        if isinstance(status, str):
            meant["status"] = _STATES.get(status, status)
        return meant


class UpdatePlanArguments(ToolArguments):
    """The whole plan."""

    slips: ClassVar[dict[str, str]] = {"plan": "items", "steps": "items", "todos": "items"}

    items: list[PlanItem] = Field(min_length=1, max_length=40)


class UpdatePlan(WorkspaceTool):
    """Shows the plan; changes nothing else."""

    name = "update_plan"
    arguments = UpdatePlanArguments

    async def preview(self, arguments: UpdatePlanArguments) -> Preview:
        text = "\n".join(f"{_MARKS[item.status]} {item.text}" for item in arguments.items)
        return Preview(title="Plan", blocks=(PreviewBlock(kind="text", text=text),))

    async def run(self, arguments: UpdatePlanArguments, context: ToolCallContext) -> ToolOutput:
        done = sum(item.status == "done" for item in arguments.items)
        words = f"{done} of {len(arguments.items)} done"
        return text_output(f"plan shown: {words}", title="Plan", summary=words)
