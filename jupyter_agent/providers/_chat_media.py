"""What a person or a tool attaches, as content of Chat Completions. Forms differ: see `Dialect`.

Source: https://platform.openai.com/docs/api-reference/chat/create (content parts)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..protocol.errors import BadRequest
from ..protocol.messages import AudioPart, DocumentPart, ImagePart, Part, TextPart
from ._guards import require
from .dialects import Dialect

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_PDF = "application/pdf"


def to_wire_content(parts: Iterable[Part], dialect: Dialect) -> str | list[dict[str, Any]]:
    """Write a message's content: plain text when there is nothing else.

    Raises:
        UnsupportedCapability: the dialect has no form for an attachment.
    """
    parts = tuple(parts)
    if all(isinstance(part, TextPart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    return [to_wire_part(part, dialect) for part in parts]


def to_wire_part(part: Part, dialect: Dialect) -> dict[str, Any]:
    """Write one part.

    Raises:
        UnsupportedCapability: the dialect has no form for it.
    """
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            require(part.media_type in IMAGE_TYPES or part.url, part.media_type, "images")
            url = part.url or f"data:{part.media_type};base64,{part.data}"
            return {"type": "image_url", "image_url": {"url": url}}
        case AudioPart():
            return {"type": "input_audio", "input_audio": _audio(part, dialect)}
        case DocumentPart():
            return _document(part, dialect)
        case _:
            raise BadRequest(f"A {part.type} part cannot stand in this message.")


def _audio(part: AudioPart, dialect: Dialect) -> str | dict[str, str]:
    form = AUDIO_FORMATS.get(part.media_type)
    if dialect.audio_form == "text":  # an address or the data themselves
        require(part.url or form, part.media_type, "sound")
        return part.url or part.data or ""
    require(form and part.data, part.media_type, "sound")
    return {"data": part.data or "", "format": form or ""}


def _document(part: DocumentPart, dialect: Dialect) -> dict[str, Any]:
    usable = dialect.document_addresses if part.url else part.media_type == _PDF
    require(usable, part.media_type, "documents")
    name = part.name or "document.pdf"
    source = part.url or f"data:{part.media_type};base64,{part.data}"
    match dialect.document_form:
        case "document_url":
            return {"type": "document_url", "document_url": source, "document_name": name}
        case "file_url":  # the bare base64 here, without what it is
            return {
                "type": "file_url",
                "file_url": {"url": part.url or part.data},
                "file_name": name,
            }
        case _:
            return {"type": "file", "file": {"filename": name, "file_data": source}}
