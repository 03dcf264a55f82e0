"""The chat widget in a real kernel: what its front end would send, and what it is sent."""

import asyncio

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient

DEADLINE = 30.0


class Chat:
    """A widget's front end, without a browser."""

    def __init__(self, client: AsyncKernelClient) -> None:
        self.client = client
        self.comm_id = ""
        self.blocks: dict[str, dict] = {}
        self.order: list[str] = []
        self.status: dict = {}

    async def execute(self, code: str) -> str:
        """Run a cell to its end and return its status."""
        sent = self.client.execute(code)
        while True:
            message = await self.next()
            about = message["parent_header"].get("msg_id")
            if about == sent and message["content"].get("execution_state") == "idle":
                break
        reply = await self.client.get_shell_msg(timeout=DEADLINE)
        # Of a kernel that was slow to start, answers to earlier questions may still come.
        while reply["parent_header"].get("msg_id") != sent:
            reply = await self.client.get_shell_msg(timeout=DEADLINE)
        return reply["content"]["status"]

    async def next(self) -> dict:
        """Return the kernel's next message, having taken in what it says to the widget."""
        message = await self.client.get_iopub_msg(timeout=DEADLINE)
        content = message["content"]
        if message["msg_type"] == "comm_open" and "_esm" in content["data"].get("state", {}):
            self.comm_id = content["comm_id"]
        is_ours = message["msg_type"] == "comm_msg" and content["comm_id"] == self.comm_id
        if is_ours and content["data"].get("method") == "custom":
            self.take(content["data"]["content"])
        return message

    def take(self, update: dict) -> None:
        assert update["type"] == "update"
        self.blocks |= {block["key"]: block for block in update["blocks"]}
        self.order = update.get("order", self.order)
        self.status = update["status"]

    def send(self, **content) -> None:
        """Send what a click or a key sends."""
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": self.comm_id, "data": data})
        self.client.shell_channel.send(message)

    def of_kind(self, kind: str) -> list[dict]:
        return [self.blocks[key] for key in self.order if self.blocks[key]["kind"] == kind]

    async def until(self, met) -> None:
        async def wait() -> None:
            while not met():
                await self.next()

        await asyncio.wait_for(wait(), DEADLINE)

    async def ended(self) -> None:
        await self.until(lambda: self.status.get("running") is True)
        await self.until(lambda: self.status.get("running") is False)


@pytest.fixture
def chat(kernel) -> Chat:
    return Chat(kernel.client)


async def show(chat: Chat, model: str, **settings) -> None:
    given = "".join(f", {name}={value!r}" for name, value in settings.items())
    code = f"from jupyter_agent import Agent\nchat = Agent({model!r}{given}).chat()\nchat"
    assert await chat.execute(code) == "ok"
    chat.send(type="ready")


async def test_a_prompt_is_answered_while_the_kernel_stays_free(chat: Chat):
    await show(chat, "demo", demo_pace=0)
    chat.send(type="prompt", text="Hello")
    await chat.ended()
    [asked] = chat.of_kind("user")
    [answer] = chat.of_kind("text")
    assert asked["text"] == "Hello"
    assert answer["text"].startswith("Hello! I am the demo")
    assert "demo" in chat.status["text"]


async def test_code_waits_for_a_click_and_then_runs_in_the_persons_shell(chat: Chat):
    await show(chat, "script/code")
    await chat.execute("x = 41")
    chat.send(type="prompt", text="x += 1")
    await chat.until(lambda: chat.of_kind("approval"))
    [approval] = chat.of_kind("approval")
    assert [part["text"] for part in approval["code"]] == ["x += 1"]
    # The person's own cells run while the question is open: nothing holds the kernel.
    assert await chat.execute("assert x == 41") == "ok"
    chat.send(type="approve", id=approval["key"], fingerprint=approval["fingerprint"], allow=True)
    await chat.until(lambda: not chat.status["running"])
    assert chat.of_kind("approval") == []
    assert [tool["status"] for tool in chat.of_kind("tool")] == ["ok"]
    assert await chat.execute("assert x == 42") == "ok"


async def test_denied_code_does_not_run_and_the_reason_is_told(chat: Chat):
    await show(chat, "script/code")
    chat.send(type="prompt", text="y = 1")
    await chat.until(lambda: chat.of_kind("approval"))
    [approval] = chat.of_kind("approval")
    chat.send(
        type="approve",
        id=approval["key"],
        fingerprint=approval["fingerprint"],
        allow=False,
        reason="not today",
    )
    await chat.until(lambda: not chat.status["running"])
    assert [tool["status"] for tool in chat.of_kind("tool")] == ["denied"]
    assert "not today" in chat.of_kind("text")[-1]["text"]
    assert await chat.execute("y") == "error"


async def test_an_answer_for_another_call_is_refused(chat: Chat):
    await show(chat, "script/code")
    chat.send(type="prompt", text="y = 1")
    await chat.until(lambda: chat.of_kind("approval"))
    [approval] = chat.of_kind("approval")
    chat.send(type="approve", id=approval["key"], fingerprint="other", allow=True)
    await chat.until(lambda: "problem" in chat.order)
    assert "another call" in chat.blocks["problem"]["text"]
    assert chat.of_kind("approval")
    chat.send(type="stop")
    await chat.until(lambda: not chat.status["running"])
    assert await chat.execute("y") == "error"


async def test_a_question_of_the_model_is_answered_in_the_chat(chat: Chat):
    await show(chat, "script/asks")
    chat.send(type="prompt", text="go")
    await chat.until(lambda: chat.of_kind("question"))
    [question] = chat.of_kind("question")
    assert question["options"] == ["red", "blue"]
    chat.send(type="answer", id=question["key"], answer="blue")
    await chat.until(lambda: not chat.status["running"])
    assert "blue" in chat.of_kind("text")[-1]["text"]


async def test_stop_ends_code_that_awaits(chat: Chat):
    await show(chat, "script/code", mode="auto")
    chat.send(type="prompt", text="import asyncio; await asyncio.sleep(60)")
    await chat.until(lambda: any(tool["status"] == "running" for tool in chat.of_kind("tool")))
    chat.send(type="stop")
    await chat.until(lambda: not chat.status["running"])
    assert [tool["status"] for tool in chat.of_kind("tool")] == ["error"]


async def test_a_fault_is_a_sentence_in_the_chat(chat: Chat):
    await show(chat, "nonesuch/model")
    chat.send(type="prompt", text="Hello")
    await chat.until(lambda: "problem" in chat.order)
    assert "nonesuch" in chat.blocks["problem"]["text"]


async def test_a_view_that_joins_later_gets_everything(chat: Chat):
    await show(chat, "demo", demo_pace=0)
    chat.send(type="prompt", text="Hello")
    await chat.ended()
    chat.blocks.clear()
    chat.send(type="ready")
    await chat.until(lambda: chat.blocks)
    assert [block["kind"] for block in chat.blocks.values()] == ["user", "text"]
