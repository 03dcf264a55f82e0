"""The scripted provider: what it streams, how it stops, what it refuses."""

import asyncio

import pytest

from jupyter_agent.protocol.errors import ErrorInfo, Overloaded, RateLimited
from jupyter_agent.protocol.messages import ImagePart, system_message, user_message
from jupyter_agent.protocol.models import Capabilities, Request
from jupyter_agent.protocol.usage import Finish, Usage
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.replay import Call, Fail, Report, Say, ScriptedProvider, Think, Wait

REQUEST = Request(model="demo", messages=(user_message("Hello"),))


async def events_of(provider, request=REQUEST):
    return [event async for event in provider.stream(request)]


async def test_text_comes_word_by_word_and_is_whole_in_the_end():
    provider = ScriptedProvider(lambda request: [Say("Two  words,\nthree")])
    events = await events_of(provider)
    assert [event.text for event in events[:-1]] == ["Two  ", "words,\n", "three"]
    done = events[-1]
    assert done.type == "done"
    assert done.response.message.text == "Two  words,\nthree"
    assert done.response.finish == Finish(kind="stop", raw=None)
    assert done.response.message.metadata.provider == "demo"
    assert provider.requests == [REQUEST]


async def test_thinking_calls_and_usage_go_through_the_assembler():
    def script(request):
        yield Think("Let me see.", signature="seal")
        yield Say("I will look.")
        yield Call("read_cells", {"ids": ["a", "b"]})
        yield Call("read_cells", '{"broken": ', id="own")
        yield Report(Usage(input=3, output=4))

    response = await complete(ScriptedProvider(script), REQUEST)
    first, second = response.message.tool_calls
    assert first.arguments == {"ids": ["a", "b"]}
    assert (second.id, second.arguments, second.index) == ("own", None, 1)
    assert second.parse_error is not None
    assert first.id != second.id
    assert response.message.parts[0].signature == "seal"
    assert response.finish.kind == "tool_calls"
    assert response.usage == Usage(input=3, output=4, total=7)


async def test_the_script_is_asked_anew_and_reads_the_conversation():
    def script(request):
        yield Say(f"You have written {len(request.messages)} messages.")

    provider = ScriptedProvider(script)
    await complete(provider, REQUEST)
    longer = Request(model="demo", messages=(system_message("s"), user_message("u")))
    assert (await complete(provider, longer)).message.text == "You have written 2 messages."


async def test_an_asynchronous_script_is_closed_when_the_stream_is():
    closed = []

    async def script(request):
        try:
            yield Say("one two three")
            yield Wait(3600)
        finally:
            closed.append(True)

    stream = ScriptedProvider(script).stream(REQUEST)
    assert (await anext(stream)).text == "one "
    await stream.aclose()
    assert closed == [True]


async def test_a_waiting_stream_is_cancelled_at_once():
    provider = ScriptedProvider(lambda request: [Say("a"), Wait(3600)])
    seen = asyncio.Event()

    async def read():
        async for _ in provider.stream(REQUEST):
            seen.set()

    task = asyncio.create_task(read())
    await seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("raised", [True, False])
async def test_an_error_is_the_one_terminal_event(raised):
    def script(request):
        yield Say("half")
        if raised:
            raise Overloaded("No capacity now. Try again in a minute.")
        yield Fail(ErrorInfo(code="overloaded", message="No capacity now."))
        yield Say("never")

    events = await events_of(ScriptedProvider(script))
    assert [event.type for event in events] == ["text_delta", "error"]
    assert events[-1].error.code == "overloaded"
    assert events[-1].error.provider == "demo"


async def test_complete_raises_the_error():
    info = ErrorInfo(code="rate_limited", message="Too fast.", retry_after=2.0)
    with pytest.raises(RateLimited, match="Too fast"):
        await complete(ScriptedProvider(lambda request: [Fail(info)]), REQUEST)


async def test_what_the_model_cannot_do_is_refused_before_the_script_runs():
    asked = []

    def script(request):
        asked.append(request)
        return [Say("never")]

    provider = ScriptedProvider(script, capabilities=Capabilities(streaming=True))
    image = ImagePart(media_type="image/png", data="AAAA")
    events = await events_of(provider, Request(model="m", messages=(user_message("x", image),)))
    assert [event.type for event in events] == ["error"]
    assert events[0].error.code == "unsupported_capability"
    assert asked == []


async def test_a_finish_step_says_why_the_answer_ended():
    provider = ScriptedProvider(lambda request: [Say("cut"), Finish(kind="length", raw="max")])
    assert (await complete(provider, REQUEST)).finish == Finish(kind="length", raw="max")


async def test_the_one_model_is_listed():
    [model] = await ScriptedProvider(lambda request: [], "demo", model="tour").list_models()
    assert (model.id, model.provider, model.name) == ("demo/tour", "demo", "tour")


async def test_a_script_may_return_its_answer_as_text():
    provider = ScriptedProvider(lambda request: "Hello there.")
    assert (await complete(provider, REQUEST)).message.text == "Hello there."


async def test_what_is_no_step_is_refused_in_words():
    provider = ScriptedProvider(lambda request: ["Hello"])
    with pytest.raises(TypeError, match="Say and Call, not str"):
        await complete(provider, REQUEST)
