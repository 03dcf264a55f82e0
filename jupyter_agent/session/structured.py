"""One answer of a conversation in the shape that a program asks for, checked before it is returned.

The model is held to the shape where its server can do that (`Request.response_schema`), else asked
in words. Either way the answer is read and checked here, and asked for once more with what was
wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import JsonValue

from ..protocol.errors import WrongShape
from ..protocol.messages import Message, user_message
from ..protocol.models import Request, ResponseSchema

if TYPE_CHECKING:
    from .session import Session

T = TypeVar("T")

ATTEMPTS = 2
_ASK = (
    "Give the result of what was asked above as JSON for a program. Use what you have found out "
    "already, and call no tool."
)
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Generic[T]):
    """What an answer must be.

    Attributes:
        name: letters, digits, `_` and `-`.
        schema: its JSON Schema, an object at the top.
        read: makes the program's value of the JSON value; raises `ValueError` with a sentence that
            says what is wrong with it.
    """

    name: str
    schema: dict[str, JsonValue]
    read: Callable[[JsonValue], T]


async def shaped(session: Session, shape: Shape[T]) -> T:
    """Ask a session's model for the result of its conversation in a shape.

    The question and its answer are no part of the conversation; what they cost is counted.

    Raises:
        NotAllowed: a run goes on.
        ProviderError: the model cannot be asked, or gives no answer of that shape (`WrongShape`).
    """
    async with session.quiet.alone(), session.run_work.questions() as questions:
        request = replace(
            await questions.build(()),
            response_schema=ResponseSchema(name=shape.name, schema=shape.schema),
        )
        if request.tools:
            # Some servers demand the tools of the calls that stand in the conversation.
            request = replace(request, tool_choice="none")
        request = _with(request, user_message(_ASK))
        problem = ""
        for _ in range(ATTEMPTS):
            answer = await questions.answer(request)
            try:
                return shape.read(json_in(answer.text))
            except ValueError as error:
                problem = str(error)
            again = f"That is not what was asked for: {problem} Answer with the JSON value alone."
            request = _with(request, answer, user_message(again))
        raise WrongShape(
            f"The model gave no answer of the shape {shape.name}, asked {ATTEMPTS} times: {problem}",
            provider=questions.answering.current.provider.name,
            model=request.model,
        )


def json_in(text: str) -> JsonValue:
    """Return the JSON value of an answer, which may stand in a code fence or among words.

    Raises:
        ValueError: there is none, or it is cut off.
    """
    fenced = _FENCED.search(text)
    for candidate in (text, fenced[1] if fenced else ""):
        try:
            found: JsonValue = json.loads(candidate)
            return found
        except (ValueError, RecursionError):
            continue
    decoder = json.JSONDecoder()
    for start, character in enumerate(text):
        if character in "{[":
            try:
                found, _ = decoder.raw_decode(text, start)
            except (ValueError, RecursionError):
                break  # cut off, or no JSON: what stands inside of it is not the answer
            return found
    raise ValueError("It holds no whole JSON value.")


def _with(request: Request, *messages: Message) -> Request:
    return replace(request, messages=(*request.messages, *messages))
