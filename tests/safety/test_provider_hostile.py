"""A provider that turned hostile: a typed error in time and in bounded memory, and nothing runs.

The server is `provider_hostile_server.py`, in a process of its own.
"""

import asyncio
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Request, ToolDefinition
from jupyter_agent.providers._body import Timeouts
from jupyter_agent.providers.registry import ProviderSpec, make_provider

KEY = "sk-canary-0123456789abcdef"
TIMEOUTS = Timeouts(connect=1, first_event=0.8, gap=0.4)
DEADLINE = 100  # seconds: floods end by size, at whatever speed this machine has to spare
MEMORY = 64 << 20
REQUEST = Request(
    model="m",
    messages=(user_message("Hello"),),
    tools=(ToolDefinition(name="run", description="", parameters={}),),
)

BROKEN = {"connection_failed"}
CUT = {"stream_interrupted"}
LATE = {"timed_out"}
NONSENSE = {"parse_failed"}

ERRORS = {
    "closes_at_once": BROKEN,
    "never_answers": LATE,
    "garbage": BROKEN,
    "not_http": BROKEN,
    "http2_preface": BROKEN,
    "huge_header": BROKEN,
    "endless_headers": BROKEN,
    "slow_headers": LATE | BROKEN,
    "endless_continue": LATE | BROKEN,
    "bad_status_line": BROKEN,
    "bad_length": BROKEN | CUT,
    "two_lengths": BROKEN | CUT,
    "resets": BROKEN,
    "redirects": {"bad_request"},
    "redirects_away": {"bad_request"},
    "echoes_the_key": {"unauthorized"},
    "wants_a_year": {"rate_limited"},
    "huge_error_page": {"overloaded"},
    "endless_error_page": {"overloaded"},
    "gzip_error": {"overloaded"},
    "html": NONSENSE,
    "json_error": {"bad_request"},
    "plain_text": NONSENSE,
    "json_array": {"bad_request"} | NONSENSE,
    "nothing": CUT,
    "gzip_bomb": NONSENSE,
    "gzip_bomb_unannounced": NONSENSE,
    "short_length": CUT,
    "long_length": CUT,
    "bad_chunk": CUT,
    "huge_chunk": CUT,
    "cut_chunk": CUT,
    "cut_event": CUT,
    "stalls_in_an_event": LATE,
    "stalls_after_an_event": LATE,
    "stalls_before_an_event": LATE,
    "endless_line": NONSENSE,
    "endless_zeros": NONSENSE,
    "endless_data_lines": NONSENSE,
    "endless_comments": NONSENSE | LATE,
    "endless_names": NONSENSE | LATE,
    "endless_noise": NONSENSE | LATE,
    "endless_text": NONSENSE,
    "endless_pieces": NONSENSE,
    "endless_thinking": NONSENSE,
    "endless_nothing": NONSENSE | LATE,
    "endless_arguments": NONSENSE,
    "slow_comments": LATE,
    "slow_line": LATE,
    "slow_empty_events": LATE,
    "slow_blank_lines": LATE,
    "deep_json": NONSENSE,
    "deep_list": NONSENSE,
    "broken_json": NONSENSE,
    "not_objects": CUT,
    "wrong_types": NONSENSE,
    "wrong_shape": NONSENSE,
    "many_calls": NONSENSE,
    "error_event": {"overloaded"},
    "error_line": {"bad_request"},
    "error_finish": {"overloaded"},
    "call_then_cut": CUT,
    "call_then_error": {"bad_request"},
}
ANSWERS = (
    "bad_utf8",
    "lone_surrogate",
    "repeats_the_end",
    "old_macintosh",
    "lies_about_gzip",
    "tool_not_offered",
    "doubled_keys",
    "deep_arguments",
    "not_a_number",
    "huge_numbers",
    "huge_names",
)


@pytest.fixture(scope="module")
def server():
    script = Path(__file__).with_name("provider_hostile_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def ask(url):
    """Return the last event and how many there were of each kind."""
    made = make_provider(
        ProviderSpec(
            provider="openai-compatible",
            base_url=url,
            api_key=KEY,
            timeouts=TIMEOUTS,
            max_retries=0,
        )
    )
    kinds = {}
    last = None
    async for last in made.stream(REQUEST):
        kinds[last.type] = kinds.get(last.type, 0) + 1
    await made.aclose()
    return last, kinds


async def measured(url):
    """Ask within the deadline and the memory that R39 allows."""
    await ask("http://127.0.0.1:9/warm-up")
    tracemalloc.start()
    try:
        last, kinds = await asyncio.wait_for(ask(url), DEADLINE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY, f"{peak >> 20} MiB"
    assert kinds.get("done", 0) + kinds.get("error", 0) == 1
    return last, kinds


@pytest.mark.R(39, 40)
@pytest.mark.parametrize("name", ERRORS)
async def test_misbehaviour_becomes_a_typed_error(server, name):
    last, kinds = await measured(f"{server}/{name}/v1")
    assert last.type == "error"
    assert last.error.code in ERRORS[name]
    assert "tool_call_end" not in kinds
    sentence = last.error.message
    assert KEY not in sentence and not set("{}<>") & set(sentence)
    assert sentence.endswith(".")


@pytest.mark.R(39)
@pytest.mark.parametrize("name", ANSWERS)
async def test_what_is_odd_and_yet_an_answer_is_one(server, name):
    last, _ = await measured(f"{server}/{name}/v1")
    assert last.type == "done"
    message = last.response.message
    assert message.text.encode().decode() == message.text
    for call in message.tool_calls:
        assert len(call.id) < 600 and len(call.name) < 600
        runnable = name in ("tool_not_offered", "huge_names")
        assert (call.arguments is not None) is runnable


@pytest.mark.R(39)
async def test_plain_http_where_tls_is_expected(server):
    last, _ = await measured(f"{server.replace('http:', 'https:')}/html/v1")
    assert last.error.code == "connection_failed"


@pytest.mark.R(39)
async def test_many_at_once_do_not_disturb_each_other(server):
    names = ("endless_line", "stalls_after_an_event", "repeats_the_end", "many_calls", "html")
    found = await asyncio.gather(*(ask(f"{server}/{name}/v1") for name in names))
    kinds = [last.type for last, _ in found]
    assert kinds == ["error", "error", "done", "error", "error"]


def test_there_are_at_least_forty():
    assert len(ERRORS) + len(ANSWERS) >= 40
