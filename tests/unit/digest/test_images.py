"""Images: checked to decode, made small enough, told in words, stubbed in later turns."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from jupyter_agent.digest.images import (
    NotAnImage,
    measure,
    picture,
)
from jupyter_agent.digest.limits import Limits
from jupyter_agent.digest.outputs import digest_outputs
from jupyter_agent.protocol.messages import (
    ImagePart,
)


def image(kind: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    target = io.BytesIO()
    Image.new(mode, size).save(target, kind)
    return target.getvalue()


def encoded(raw: bytes) -> str:
    return base64.encodebytes(raw).decode()  # in lines, as kernels send it


def digest(raw: str, kind: str = "image/png", **options: Any) -> tuple[Any, ...]:
    data = {kind: raw, "text/plain": "<Figure size 64x48 with 1 Axes>"}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    vision = options.pop("vision", True)
    found = digest_outputs([output], cell_id="a", vision=vision, limits=Limits(**options))
    assert found.summary == "1 plot"
    return found.content


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_each_type_is_measured_and_passed_on(kind: str) -> None:
    raw = image(kind)
    assert measure(raw) == (f"image/{kind.lower()}", 64, 48)
    text, part = digest(encoded(raw), f"image/{kind.lower()}")
    assert "64×48 pixels" in text.text
    assert part.media_type == f"image/{kind.lower()}"
    assert base64.b64decode(part.data) == raw and "\n" not in part.data


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}])
def test_webp_of_either_kind_is_measured(options: dict[str, bool]) -> None:
    target = io.BytesIO()
    Image.new("RGBA", (70, 30), (1, 2, 3, 4)).save(target, "WEBP", **options)
    assert measure(target.getvalue()) == ("image/webp", 70, 30)


def test_a_wrong_label_is_corrected() -> None:
    _, part = digest(encoded(image("JPEG")), "image/png")
    assert part.media_type == "image/jpeg"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "I;16"])
def test_a_large_image_is_made_smaller(mode: str) -> None:
    _, part = digest(encoded(image(size=(3_000, 1_000), mode=mode)))
    assert measure(base64.b64decode(part.data)) == ("image/png", 1_568, 523)


def test_an_image_that_stays_large_becomes_a_jpeg() -> None:
    noise = Image.effect_noise((1_000, 1_000), 100).convert("RGBA")
    target = io.BytesIO()
    noise.save(target, "PNG")
    found = picture("image/png", encoded(target.getvalue()), Limits(image_data=1_500_000))
    assert found.part is not None and found.part.media_type == "image/jpeg"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not an image",
        image()[:-20],
        image("JPEG")[:100],
        image("GIF")[:8],
        image("WEBP")[:20],
        image()[:60] + b"\xff" + image()[61:],
    ],
)
def test_what_does_not_decode_is_told(raw: bytes) -> None:
    (part,) = digest(encoded(raw))
    assert part.text.startswith("[image/png in output 0: ")
    assert "<Figure size 64x48 with 1 Axes>" in part.text


def test_what_is_not_base64_is_told() -> None:
    (part,) = digest("%%%")
    assert "not valid base64" in part.text


def test_a_bomb_is_not_decoded() -> None:
    small = Limits(image_pixels=1_000)
    found = picture("image/png", encoded(image()), small)
    assert found.part is None and (found.width, found.height) == (64, 48)
    with pytest.raises(NotAnImage):
        picture("image/png", "A" * 100, Limits(image_data_read=10))


def test_without_vision_an_image_is_words() -> None:
    (part,) = digest(encoded(image()), vision=False)
    assert "64×48 pixels" in part.text and "1 Axes" in part.text
    assert encoded(image())[:40] not in part.text


def test_only_some_images_are_shown() -> None:
    data = {"image/png": encoded(image())}
    outputs = [{"output_type": "display_data", "data": data} for _ in range(5)]
    found = digest_outputs(outputs, cell_id="a", vision=True, limits=Limits(images=2))
    assert sum(isinstance(part, ImagePart) for part in found.content) == 2
    assert found.summary == "5 plots"
