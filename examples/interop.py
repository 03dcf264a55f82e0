"""The five foreign interfaces, each asked through one provider of ours.

Runs as it is, with a scripted model: `python examples/interop.py`. For a real one, use
`make_provider` as in `docs/interop.md`.
"""

import asyncio

from jupyter_agent.interop import go_api, go_provider, greentic, llm_backend
from jupyter_agent.interop.notebook_provider import NotebookProvider
from jupyter_agent.testing import ScriptedProvider

QUESTION = "Which species is the heaviest?"


def scripted_provider() -> ScriptedProvider:
    """Return a model that gives each question the same answer."""
    return ScriptedProvider(lambda request: "Gentoo, by 1.4 kg.")


async def ask_go_provider() -> str:
    """A Go `provider` package: flat messages."""
    provider = go_provider.GoProvider(scripted_provider())
    message = go_provider.FlatMessage(Role="user", Content=QUESTION)
    request = go_provider.FlatRequest(Model="scripted", Messages=[message])
    return (await provider.complete(request)).Text


async def ask_go_api() -> str:
    """A Go `api` package: messages of parts, pieces by a callback."""
    provider = go_api.ChatCompletionProvider(scripted_provider())
    part = go_api.ContentPart(type="text", text=QUESTION)
    message = go_api.ApiMessage(Role="user", Parts=[part])
    params = go_api.RequestParameters(Model="scripted")
    chunks: list[go_api.Chunk] = []
    await provider.create_chat_completion_stream(params, [message], chunks.append)
    return "".join(chunk.Text for chunk in chunks)


async def ask_llm_backend() -> str:
    """A Python `LLMBackend`."""
    backend = llm_backend.ProviderBackend(scripted_provider(), model="scripted")
    message = llm_backend.BackendMessage(role="user", content=QUESTION)
    answer = await backend.complete([message])
    return answer.content or ""


async def ask_greentic() -> str:
    """The Rust crate greentic-llm: a stream of events."""
    provider = greentic.GreenticProvider(scripted_provider(), model="scripted")
    message = greentic.ChatMessage(role="User", content=QUESTION)
    events = provider.chat_stream(greentic.ChatRequest(messages=[message]))
    return "".join([event.text async for event in events if isinstance(event, greentic.TextChunk)])


async def ask_notebook() -> str:
    """A notebook's TypeScript layer: seven methods, normalised events."""
    provider = NotebookProvider(scripted_provider())
    stream = await provider.create_stream(
        model="scripted",
        max_tokens=100,
        system="Answer in one sentence.",
        tools=[],
        messages=[{"role": "user", "content": QUESTION}],
    )
    events = [event async for event in provider.parse_stream_events(stream)]
    return "".join(event["text"] for event in events if event["type"] == "text_delta")


async def main() -> None:
    """Ask all five."""
    for ask in (ask_go_provider, ask_go_api, ask_llm_backend, ask_greentic, ask_notebook):
        print(f"{ask.__name__}: {await ask()}")


if __name__ == "__main__":
    asyncio.run(main())
