"""Images for a model: checked to decode, made small enough, or told in words.

Pillow does it when it is installed; without it PNG, JPEG, GIF and WebP are checked by their
structure and sent as they are when they are small enough. Either takes long enough to be done in
a thread: nothing here knows others.
"""

from __future__ import annotations

import base64
import binascii
import io
import struct
import zlib
from dataclasses import dataclass
from types import ModuleType

from ..protocol.messages import ImagePart
from .limits import Limits

RASTER = ("image/png", "image/jpeg", "image/webp", "image/gif")
_PNG = b"\x89PNG\r\n\x1a\n"


class NotAnImage(ValueError):
    """The data is not an image that can be decoded; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A checked image. `part` is None when it is too large to send; sizes in pixels and bytes."""

    part: ImagePart | None
    width: int
    height: int
    size: int


def picture(media_type: str, data: str, limits: Limits) -> Picture:
    """Check base64 image data and make it small enough.

    Raises:
        NotAnImage: it is damaged, or of another type, or too large to look at.
    """
    if len(data) > limits.image_data_read:
        raise NotAnImage(f"{len(data):,} characters of image data are too many to look at")
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAnImage("the image data is not valid base64") from error
    actual, width, height = measure(raw)
    if width * height > limits.image_pixels:
        return Picture(part=None, width=width, height=height, size=len(raw))
    if actual == "image/png":
        _check_png(raw)  # Pillow decodes damaged data without a word
    pillow = _pillow()
    if pillow is not None:
        raw, actual = _decoded(pillow, raw, actual, limits)
    encoded = base64.b64encode(raw).decode("ascii")
    fits = len(encoded) <= limits.image_data
    if pillow is None:
        fits = fits and max(width, height) <= 4 * limits.image_side
    part = ImagePart(media_type=actual, data=encoded) if fits else None
    return Picture(part=part, width=width, height=height, size=len(raw))


def measure(raw: bytes) -> tuple[str, int, int]:
    """Return media type, width and height as the image's own first bytes say.

    Raises:
        NotAnImage: it is none of the four types, or cut off.
    """
    try:
        if raw.startswith(_PNG):
            width, height = struct.unpack(">II", raw[16:24])
            kind = "image/png"
        elif raw[:3] == b"GIF":
            width, height = struct.unpack("<HH", raw[6:10])
            kind = "image/gif"
        elif raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
            width, height = _webp_size(raw)
            kind = "image/webp"
        elif raw[:2] == b"\xff\xd8":
            width, height = _jpeg_size(raw)
            kind = "image/jpeg"
        else:
            raise NotAnImage("the data is no PNG, JPEG, GIF or WebP image")
    except (struct.error, IndexError) as error:
        raise NotAnImage("the image is cut off") from error
    if not width or not height:
        raise NotAnImage("the image has no size")
    return kind, width, height


def _jpeg_size(raw: bytes) -> tuple[int, int]:
    position = 2
    while position < len(raw):
        if raw[position] != 0xFF:
            raise NotAnImage("the JPEG image is damaged")
        marker = raw[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", raw[position + 5 : position + 9])
            return width, height
        (length,) = struct.unpack(">H", raw[position + 2 : position + 4])
        position += 2 + max(length, 2)
    raise NotAnImage("the JPEG image is cut off")


def _webp_size(raw: bytes) -> tuple[int, int]:
    kind = raw[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(raw[24:27], "little"), 1 + int.from_bytes(raw[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", raw[21:25])
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    width, height = struct.unpack("<HH", raw[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _check_png(raw: bytes) -> None:
    position = len(_PNG)
    while position + 12 <= len(raw):
        (length,) = struct.unpack(">I", raw[position : position + 4])
        body = raw[position + 4 : position + 8 + length]
        found = raw[position + 8 + length : position + 12 + length]
        if len(found) < 4 or struct.unpack(">I", found)[0] != zlib.crc32(body):
            raise NotAnImage("the PNG image is damaged")
        if body[:4] == b"IEND":
            return
        position += 12 + length
    raise NotAnImage("the PNG image is cut off")


def _pillow() -> ModuleType | None:
    try:
        import PIL.Image
    except ImportError:
        return None
    return PIL.Image


def _decoded(pillow: ModuleType, raw: bytes, kind: str, limits: Limits) -> tuple[bytes, str]:
    """Decode the whole image; encode it again only when it has to shrink."""
    formats = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
    try:
        image = pillow.open(io.BytesIO(raw), formats=(formats[kind],))
        image.load()
    except Exception as error:  # Pillow's decoders raise whatever they please
        raise NotAnImage(f"the image cannot be decoded: {error}") from error
    side = limits.image_side
    if max(image.size) <= side and len(raw) * 4 <= limits.image_data * 3:
        return raw, kind
    if image.mode not in ("RGB", "RGBA", "L"):
        image = image.convert("RGBA" if image.mode in ("P", "LA", "PA") else "RGB")
    image.thumbnail((side, side), pillow.Resampling.LANCZOS)
    target = io.BytesIO()
    image.save(target, format="PNG")
    if target.tell() * 4 <= limits.image_data * 3:
        return target.getvalue(), "image/png"
    paper = pillow.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    target = io.BytesIO()
    paper.save(target, format="JPEG", quality=85)
    return target.getvalue(), "image/jpeg"
