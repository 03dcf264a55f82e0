"""What the tests of the seed statements share: a server of one answer, and a loop laid open."""

from __future__ import annotations

import json

import httpx
from pydantic import BaseModel

from jupyter_agent.agent.execute import Executor, Permits
from jupyter_agent.agent.inbox import Inbox
from jupyter_agent.agent.limits import Limits, Spent
from jupyter_agent.agent.loop import Loop
from jupyter_agent.policy.broker import Answer
from jupyter_agent.protocol.messages import Message, TextPart, ToolCallPart, ToolResultPart
from jupyter_agent.protocol.messages import user_message as said
from jupyter_agent.protocol.models import Capabilities, Request, ToolDefinition
from jupyter_agent.protocol.usage import Usage
from jupyter_agent.providers.registry import ProviderSpec, make_provider
from jupyter_agent.providers.replay import Say, ScriptedProvider
from jupyter_agent.tools.base import Preview, definition, text_output

ABLE = Capabilities(
    tools=True,
    streaming=True,
    vision=True,
    audio=True,
    documents=True,
    thinking=True,
    tool_choice=True,
    parallel_tools=True,
    system_prompt=True,
)
HELLO = Request(model="m", messages=(said("Hello"),))
SCHEMA = {"type": "object", "properties": {"x": {"$comment": "kept", "type": "integer"}}}
TOOL = ToolDefinition(name="look", description="Look.", parameters=SCHEMA)
WIRES = ("anthropic", "gemini", "bedrock", "ollama", "openai", "mistral")


class Server:
    """Answers every request with one body, and keeps what was asked."""

    def __init__(self, body=b"", status=200):
        self.body = body
        self.status = status
        self.asked = []
        self.headers = []

    def __call__(self, request):
        if request.url.path.endswith("/api/show"):
            return httpx.Response(404)
        self.asked.append(json.loads(request.content))
        self.headers.append(request.headers)
        return httpx.Response(self.status, content=self.body)

    def provider(self, name="openai", api=None, **spec):
        given = {"api_key": "k", "capabilities": ABLE, "max_retries": 0, **spec}
        transport = httpx.MockTransport(self)
        api = "openai_chat" if name == "openai" else api
        return make_provider(ProviderSpec(provider=name, api=api, transport=transport, **given))


async def events_of(provider, request=HELLO):
    try:
        return [event async for event in provider.stream(request)]
    finally:
        await provider.aclose()


async def sent(name, *messages, **fields):
    """Return the body that a provider sends for a conversation."""
    server = Server()
    spec = {key: fields.pop(key) for key in ("capabilities",) if key in fields}
    request = Request(model="m", messages=messages or HELLO.messages, **fields)
    await events_of(server.provider(name, **spec), request)
    assert server.asked, f"{name} sent nothing"
    return server.asked[0]


def sse(*payloads, done=False):
    body = b"".join(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads)
    return body + (b"data: [DONE]\n\n" if done else b"")


def chunk(finish=None, **delta):
    choice = {"delta": delta, **({"finish_reason": finish} if finish else {})}
    return {"choices": [choice]}


def call_chunk(index, id, name, arguments):
    function = {"name": name, "arguments": arguments}
    return chunk(tool_calls=[{"index": index, "id": id, "function": function}])


STOP = chunk("stop")
CALL = call_chunk(0, "c", "look", '{"x": 1}')
TURN = sse(chunk(reasoning="hm"), chunk(content="Hi"), CALL, STOP, done=True)


def call(id="c", name="look", arguments='{"x": 1}', index=0, **more):
    return ToolCallPart(
        id=id,
        index=index,
        name=name,
        arguments_raw=arguments,
        arguments=json.loads(arguments),
        **more,
    )


def result(id="c", text="ok", name="look", **more):
    content = (TextPart(text=text),)
    return ToolResultPart(tool_call_id=id, tool_name=name, content=content, **more)


def assistant(*parts, **meta):
    return Message(role="assistant", parts=parts, **meta)


def results(*parts):
    return Message(role="tool", parts=parts)


class EchoArguments(BaseModel):
    text: str


class Echo:
    """Repeats its text; permission, and what it does first, are the test's choice."""

    description = "Repeat."
    deadline = 5.0
    parallel = False
    arguments = EchoArguments

    def __init__(self, name="echo", permission="read", before=None):
        self.name = name
        self.ran = []
        self._permission = permission
        self._before = before

    def permissions(self, arguments):
        return frozenset({self._permission})

    def always_ask(self, arguments):
        return False

    async def preview(self, arguments):
        return Preview(title=f"Echo {arguments.text}")

    async def run(self, arguments, context):
        self.ran.append(arguments.text)
        if self._before is not None:
            await self._before(arguments)
        return text_output(f"echo: {arguments.text}")


class NoIntents:
    async def begin(self, call):
        pass

    async def end(self, result):
        pass


class Rig:
    """A loop with its events, its questions to the person and its conversation laid open."""

    def __init__(self, script, *tools, mode="ask", answer=None, limits=None):
        self.events, self.asked = [], []
        self.history = [said("go")]
        self.spent = Spent(limits or Limits())
        self.provider = ScriptedProvider(script)
        offered = tuple(definition(tool) for tool in tools)

        async def ask(approval):
            self.asked.append(approval)
            return answer(approval) if answer else Answer(allow=True)

        async def record(message):
            pass

        async def build(history):
            return Request(model="m", messages=tuple(history), tools=offered)

        self.executor = Executor(
            run_id="run_1",
            tools={tool.name: tool for tool in tools},
            permits=Permits(mode=lambda: mode, ask=ask),
            emit=self.events.append,
            intents=NoIntents(),
            spent=self.spent,
        )
        self.loop = Loop(
            provider=self.provider,
            executor=self.executor,
            inbox=Inbox(self.events.append),
            history=self.history,
            spent=self.spent,
            emit=self.events.append,
            record=record,
            build_request=build,
            on_usage=lambda usage, request: self.spent.add(usage or Usage(), None),
        )

    def types(self):
        return [event.type for event in self.events]

    def results(self):
        return [found for message in self.history for found in message.tool_results]


def turns(*answers):
    """A script that gives one list of steps a request, and then says nothing more."""

    def script(request):
        done = sum(message.role == "assistant" for message in request.messages)
        return answers[done] if done < len(answers) else [Say("Done.")]

    return script
