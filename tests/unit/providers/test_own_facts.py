"""Context sizes that local servers state beside their list of models."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agent.protocol.errors import BadRequest
from jupyter_agent.providers._model_lists import model_info
from jupyter_agent.providers._own_facts import with_own_windows

PROPS = {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1}
LM_STUDIO = {"data": [{"id": "m", "loaded_context_length": 8192, "max_context_length": 131072}]}


class Server:
    """Answers some addresses and refuses the rest; notes what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {f"http://x:1/{path}": body for path, body in answers.items()}
        self.asked: list[str] = []

    async def get(self, url: str) -> Any:
        self.asked.append(url.removeprefix("http://x:1/"))
        if url not in self.answers:
            raise BadRequest("not here", status=404)
        return self.answers[url]


async def sizes(server: Server, *windows: int | None) -> list[int | None]:
    models = [
        model_info("p", name, context_window=w) for name, w in zip("mno", windows, strict=False)
    ]
    found = await with_own_windows(
        models, ("llamacpp", "lmstudio"), base_url="http://x:1/v1/", get=server.get
    )
    return [model.context_window for model in found]


async def test_llamacpp_states_the_size_of_a_slot() -> None:
    assert await sizes(Server(props=PROPS), None) == [4096]


async def test_lm_studio_states_the_loaded_size_of_each_model() -> None:
    server = Server(**{"api/v0/models": LM_STUDIO})
    assert await sizes(server, None, None) == [8192, None]


async def test_a_size_in_the_list_is_kept_and_nothing_else_is_asked() -> None:
    server = Server(props=PROPS)
    assert await sizes(server, 512) == [512]
    assert server.asked == []


@pytest.mark.parametrize("body", [None, [], {}, {"default_generation_settings": {"n_ctx": "x"}}])
async def test_a_server_of_another_kind_leaves_the_size_unknown(body: Any) -> None:
    assert await sizes(Server(props=body), None) == [None]
    assert await sizes(Server(), None) == [None]
