"""Recordings of real answers: written without keys, read back as they were."""

import json
import os
import stat

import httpx
import pytest

from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Request
from jupyter_agent.providers.registry import ProviderSpec, make_provider
from jupyter_agent.providers.replay import UnknownRecording, read_recordings

KEY = "canary-key-0123456789"
BODY = (
    b'data: {"choices":[{"delta":{"content":"Your key is canary-key-0123456789."}}]}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


async def ask(folder, answer, text="Hello"):
    made = make_provider(
        ProviderSpec(
            provider="openai-compatible",
            base_url=f"https://model.test/v1?key={KEY}",
            api_key=KEY,
            max_retries=0,
            transport=httpx.MockTransport(lambda request: answer),
            record_to=str(folder),
        )
    )
    request = Request(model="m", messages=(user_message(text),))
    events = [event async for event in made.stream(request)]
    await made.aclose()
    return events


async def test_an_answer_is_written_down_and_read_back(tmp_path):
    folder = tmp_path / "new" / "folder"
    events = await ask(folder, httpx.Response(200, content=BODY, headers={"x-request-id": "r1"}))
    assert events[-1].type == "done"
    [found] = read_recordings(folder)
    assert found["api"] == "openai_chat"
    assert found["text"] == "Your key is [key]."
    assert (found["finish"], found["error"]) == ("stop", None)
    about = json.loads(next(folder.glob("*.request.json")).read_text())
    assert about["status"] == 200 and about["headers"] == {"x-request-id": "r1"}
    assert about["request"]["messages"] == [{"role": "user", "content": "Hello"}]


@pytest.mark.R(9)
async def test_no_key_is_written(tmp_path):
    await ask(tmp_path, httpx.Response(200, content=BODY), text=f"my key is {KEY}")
    await ask(tmp_path, httpx.Response(401, json={"error": {"message": f"bad {KEY}"}}))
    files = list(tmp_path.iterdir())
    assert len(files) == 4
    for file in files:
        assert KEY not in file.read_text()
        if os.name == "posix":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_errors_are_recorded_and_read_with_their_adapter(tmp_path):
    await ask(tmp_path, httpx.Response(401, json={"error": {"message": "no"}}))
    [found] = read_recordings(tmp_path)
    assert "does not accept the API key" in found["error"]


def test_what_is_no_recording_is_refused(tmp_path):
    with pytest.raises(UnknownRecording, match="No recording"):
        list(read_recordings(tmp_path))
    (tmp_path / "x.sse").write_bytes(BODY)
    with pytest.raises(UnknownRecording, match="which API"):
        list(read_recordings(tmp_path))
    [found] = read_recordings(tmp_path / "x.sse", api="openai_chat")
    assert found["finish"] == "stop"


def test_error_bodies_are_of_the_kind_errors_with_the_wire_beside_it(tmp_path):
    folder = tmp_path / "errors"
    folder.mkdir()
    (folder / "x.body").write_text('{"error": {"message": "No such model."}}')
    about = {"api": "openai_chat", "status": 404, "request": {"model": "m"}}
    (folder / "x.request.json").write_text(json.dumps(about))
    [found] = read_recordings(tmp_path)
    assert (found["api"], found["wire"]) == ("errors", "openai_chat")
    assert found["error"]
