"""What a loop outside the server and the server say to each other about models.

A question is answered by NDJSON, one `BridgeLine` a line: the provider's own events, and between
them that the server still waits or that the provider is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from .errors import ErrorInfo
from .models import ModelList, Request
from .provider_events import ProviderEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModels:
    """The models a server reaches; never a key.

    Attributes:
        models: those one can choose, the ready ones first.
        default_model: the one that was set there, None when none was.
        stored: providers for which the server keeps a key or an address, and addresses of
            people's own.
        moved: providers that it reaches elsewhere than at their usual address.
    """

    models: ModelList
    default_model: str | None = None
    stored: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuestion:
    """One request to a model, named by its id. `run` is the same for all questions of one run."""

    model: str
    run: str
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Nothing came for a while; the server is there and waits for the model."""

    type: Literal["waiting"] = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingAgain:
    """The provider failed before it began, and is asked again in `delay` seconds."""

    attempt: int
    delay: float
    error: ErrorInfo
    type: Literal["asking_again"] = "asking_again"


BridgeLine = Annotated[ProviderEvent | Waiting | AskingAgain, Field(discriminator="type")]
