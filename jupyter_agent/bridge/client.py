"""The Jupyter server that started this kernel, as a server of models.

`find_bridge` finds it in the environment. Whatever is wrong with it (another machine, a server
that is gone, an older one) is an error of ours within seconds, and everything else still works.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ..protocol.bridge import ServedModels
from ..protocol.bridge_address import (
    BRIDGE_PATH,
    HEARTBEAT,
    SECRET_HEADER,
    SECRET_VARIABLE,
    URL_VARIABLE,
)
from ..protocol.codec import from_data, from_json
from ..protocol.errors import (
    AgentError,
    BadFrame,
    ConnectionFailed,
    ErrorInfo,
    NotAllowed,
    ParseFailed,
    ProviderError,
    error_from_info,
)
from ..protocol.models import ModelInfo
from ..providers._body import Timeouts
from ..providers._http import (
    Endpoint,
    HttpCall,
    HttpClient,
    HttpRefused,
    OnRetry,
    Refusal,
)
from .provider import ServerProvider

SERVER = "The Jupyter server"
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 4.0
LIST_SECONDS = 8.0  # providers may be asked, each for five
# A server that did not answer is not waited for again before this.
_FORGIVEN_AFTER = 20.0


class Bridge:
    """A server that reaches models for this process.

    Args:
        url: the server's base URL.
        secret: what the server gave to its kernels; good for the bridge alone.
        connect: seconds to connect.
        answer: seconds until an answer must have begun, where no provider is asked.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        connect: float = CONNECT_SECONDS,
        answer: float = ANSWER_SECONDS,
    ) -> None:
        self.url = f"{url.rstrip('/')}/{BRIDGE_PATH}"
        self._secret = secret
        self._connect = connect
        self._answer = answer
        self._failure: tuple[float, str] | None = None

    def __repr__(self) -> str:
        return f"Bridge({self.url!r})"

    @property
    def problem(self) -> str | None:
        """Why it does not answer, in a sentence; None as far as is known it does."""
        if self._failure is None or time.monotonic() - self._failure[0] > _FORGIVEN_AFTER:
            return None
        return self._failure[1]

    async def models(self, *, live: bool = False, listed: bool = True) -> ServedModels:
        """Return the models it reaches; `live`: it asks the providers; `listed`: else it asks nobody.

        Raises:
            AgentError: it does not answer.
        """
        found: ServedModels = await self._ask(
            ServedModels,
            f"models?live={int(live)}&listed={int(listed)}",
            seconds=LIST_SECONDS if listed else None,
        )
        return found

    async def describe(self, model_id: str) -> ModelInfo:
        """Return what it knows of a model.

        Raises:
            UnknownModel, MissingKey, ConfigError: it cannot use the model.
            ProviderError: it does not answer.
        """
        found: ModelInfo = await self._ask(ModelInfo, f"model?id={quote(model_id, safe='')}")
        return found

    def provider(self, info: ModelInfo, on_retry: OnRetry | None = None) -> ServerProvider:
        """Return a way to a model through it; nothing is asked yet."""
        # The server shows that it lives while the model thinks: longer silence means it is gone.
        silence = 6 * HEARTBEAT
        return ServerProvider(self, self._client(silence), info, on_retry)

    def headers(self) -> dict[str, str]:
        """Return what authorises a request."""
        return {SECRET_HEADER: self._secret}

    def refused(self, refusal: Refusal) -> AgentError:
        """Return the error for an HTTP answer that is none: the server's own, where it gave one."""
        try:
            error = error_from_info(from_json(ErrorInfo, refusal.body))
        except BadFrame:
            return _refused(refusal.status)
        return error

    async def _ask(self, kind: Any, what: str, *, seconds: float | None = None) -> Any:
        problem = self.problem
        if problem is not None:
            raise ConnectionFailed(problem)
        client = self._client(seconds or self._answer)
        try:
            call = HttpCall(url=f"{self.url}/{what}", method="GET")
            found = from_data(kind, await client.get_json(call, self.headers()))
        except HttpRefused as refused:
            error = self.refused(refused.refusal)
            if refused.refusal.status in (403, 404):
                self._fail(error)
            raise error from None
        except BadFrame as error:
            raise self._fail(_not_understood(error)) from None
        except ProviderError as error:
            raise self._fail(error) from None
        finally:
            await client.aclose()
        self._failure = None
        return found

    def _fail(self, error: AgentError) -> AgentError:
        self._failure = time.monotonic(), error.user_message
        return error

    def _client(self, silence: float) -> HttpClient:
        timeouts = Timeouts(connect=self._connect, first_event=silence, gap=silence)
        endpoint = Endpoint(base_url=self.url, api_key=self._secret, timeouts=timeouts, direct=True)
        return HttpClient(endpoint, SERVER, "bridge")


def find_bridge(environment: Mapping[str, str]) -> Bridge | None:
    """Return the server whose address and secret stand in the environment, None without one."""
    url = environment.get(URL_VARIABLE, "")
    secret = environment.get(SECRET_VARIABLE, "")
    if not secret or urlsplit(url).scheme != "http":
        return None
    return Bridge(url, secret)


def _not_understood(error: BadFrame) -> ParseFailed:
    return ParseFailed(
        f"{SERVER} answered with something that this kernel's version does not understand. Install "
        "the same version of jupyter-agent for both.",
        cause=error,
    )


def _refused(status: int) -> AgentError:
    if status == 403:
        return NotAllowed(
            f"{SERVER} no longer knows this kernel: it was started anew, or its bridge is off. "
            "Restart the kernel."
        )
    if status == 404:
        return NotAllowed(
            f"{SERVER} has no bridge to its models: its jupyter-agent is of another version."
        )
    return ConnectionFailed(f"{SERVER} answered with HTTP {status}. Its log may say why.")
