"""The tool that asks the person."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from .base import Preview, ToolArguments, ToolCallContext, ToolOutput, text_output
from .workspace_tool import WorkspaceTool


class AskUserArguments(ToolArguments):
    """The question, and answers to choose from."""

    slips: ClassVar[dict[str, str]] = {
        "text": "question",
        "prompt": "question",
        "choices": "options",
    }

    question: str = Field(min_length=1, max_length=2_000)
    options: list[str] = Field(default_factory=list, max_length=10)

    @field_validator("options", mode="before")
    @classmethod
    def _labels(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [item.get("label", item) if isinstance(item, dict) else item for item in value]


class AskUser(WorkspaceTool):
    """Asks and waits as long as the person needs; Stop ends the waiting."""

    name = "ask_user"
    arguments = AskUserArguments
    parallel = False
    deadline: float | None = None  # a person takes the time they take

    async def preview(self, arguments: AskUserArguments) -> Preview:
        return Preview(title="Ask you")

    async def run(self, arguments: AskUserArguments, context: ToolCallContext) -> ToolOutput:
        answer = await self._workspace.ask(context.call_id, arguments.question, arguments.options)
        if answer is None:
            return text_output(
                "nobody to ask, or no answer: decide yourself where it is safe, say what you "
                "assumed, or stop",
                title="Asked you",
                summary="no answer",
            )
        return text_output(f"answer: {answer}", title="Asked you", summary=answer[:200])
