"""What a model cannot do is refused here, before any network call; nothing is silently dropped."""

from __future__ import annotations

from ..protocol.errors import BadRequest, ProviderError, UnsupportedCapability
from ..protocol.messages import AudioPart, DocumentPart, ImagePart, Part, ToolResultPart
from ..protocol.models import Capabilities, Request

_NEEDS: dict[type, tuple[str, str]] = {
    ImagePart: ("vision", "images"),
    AudioPart: ("audio", "sound"),
    DocumentPart: ("documents", "documents"),
}


def check_request(request: Request, capabilities: Capabilities, provider: str) -> None:
    """Refuse what the model cannot do and what no provider could answer.

    Raises:
        UnsupportedCapability: the request holds tools or media the model does not take.
        BadRequest: a tool result does not say which call it answers, or the choice names no tool.
    """

    def refuse(name: str, what: str) -> ProviderError:
        return UnsupportedCapability(
            f"{request.model} does not take {what}. Choose a model that does, or leave them out.",
            provider=provider,
            model=request.model,
            details={"capability": name},
        )

    if request.tools and not capabilities.tools:
        raise refuse("tools", "tools")
    for message in request.messages:
        for part in message.parts:
            for inner in _with_content(part):
                need = _NEEDS.get(type(inner))
                if need is None:
                    continue
                if not getattr(capabilities, need[0]):
                    raise refuse(*need)
                if message.role in ("system", "assistant") and inner is part:
                    raise refuse(need[0], f"{need[1]} in a message of the role {message.role}")
                if not (getattr(inner, "data", None) or getattr(inner, "url", None)):
                    raise BadRequest(
                        f"An attachment ({need[1]}) is empty: it holds neither data nor an address.",
                        provider=provider,
                        model=request.model,
                    )
            if isinstance(part, ToolResultPart) and not part.tool_call_id:
                raise BadRequest(
                    f"A result of the tool {part.tool_name!r} does not say which call it answers.",
                    provider=provider,
                    model=request.model,
                )
    choice = request.tool_choice
    if choice not in (None, "auto", "required", "none") and choice not in {
        tool.name for tool in request.tools
    }:
        raise BadRequest(
            f"The tool {choice!r} is required, but it is not among the tools offered.",
            provider=provider,
            model=request.model,
        )


def _with_content(part: Part) -> tuple[Part, ...]:
    if isinstance(part, ToolResultPart):
        return (part, *part.content)
    return (part,)


def require(usable: object, media_type: str, what: str) -> None:
    """Refuse media that a wire has no form for.

    Raises:
        UnsupportedCapability: always, unless `usable`.
    """
    if not usable:
        raise UnsupportedCapability(
            f"This model's API does not take {what} of type {media_type} as given here. Convert "
            "them, or leave them out.",
            details={"media_type": media_type},
        )
