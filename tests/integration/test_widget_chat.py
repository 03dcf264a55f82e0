"""The chat widget in a real kernel: what its front end would send, and what it is sent."""

import asyncio

import nbformat
import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from real_kernel import own_environment, write_settings

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

    async def until_shown(self, text: str) -> dict:
        """Return the first display data that holds a text."""
        while True:
            message = await asyncio.wait_for(self.next(), DEADLINE)
            data = message["content"].get("data", {})
            if text in str(data.get("text/html")):
                return data

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
    # On a slow machine the run is shown as ended before the cell has obeyed.
    await chat.until(lambda: [tool["status"] for tool in chat.of_kind("tool")] == ["interrupted"])


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


WORKED = """
from jupyter_agent import Agent
agent = Agent("demo", demo_pace=0)
result = await agent.run("Hello")
chat = agent.chat()
chat
"""


async def test_over_an_agent_that_has_worked_it_shows_the_conversation(chat: Chat):
    assert await chat.execute(WORKED) == "ok"
    chat.send(type="ready")
    await chat.until(lambda: chat.blocks)
    assert [block["kind"] for block in chat.blocks.values()] == ["user", "text"]
    # What the agent does from code is shown as well.
    assert await chat.execute("result = await agent.run('Thanks')") == "ok"
    await chat.until(lambda: len(chat.order) == 4)
    assert await chat.execute("result = agent.run_sync('Good day')") == "ok"
    await chat.until(lambda: len(chat.order) == 6)


async def test_the_document_beside_it_follows_what_is_typed_in_the_chat(chat: Chat):
    await show(chat, "demo", demo_pace=0)
    chat.send(type="prompt", text="Hello")
    data = await chat.until_shown("I am the demo")
    assert "<b>You:</b> Hello" in data["text/html"]
    assert data["text/markdown"].startswith("> You: Hello")
    assert "I am the demo" in data["text/plain"]


def test_a_notebook_that_is_run_and_exported_holds_the_conversation(tmp_path, monkeypatch):
    write_settings(tmp_path)
    for name, value in own_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    cells = [WORKED, "result = await agent.run('Thanks <img src=x>')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    shown = [output.data for output in notebook.cells[0].outputs]
    assert [sorted(data) for data in shown] == [
        ["application/vnd.jupyter.widget-view+json", "text/plain"],
        ["text/html", "text/markdown", "text/plain"],
    ]
    exported, _ = HTMLExporter().from_notebook_node(notebook)
    assert exported.count("I am the demo") == 2
    assert "You:</b> Thanks &lt;img src=x&gt;" in exported


async def test_in_voila_without_anywidget_there_is_the_document_and_no_view(chat: Chat):
    await chat.execute("import os; os.environ['SERVER_SOFTWARE'] = 'voila/0.5'")
    assert await chat.execute(WORKED) == "ok"
    assert chat.comm_id == ""
    sent = await chat.execute("result = await agent.run('Thanks')")
    assert sent == "ok"
