"""`%agent` and `%%agent` in a real kernel, as a front end sees them."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest

DEADLINE = 30.0
INTERRUPT = object()


@dataclass
class Outcome:
    """What a cell showed. `shown` holds each display's latest Markdown, in order."""

    status: str = ""
    error: str = ""
    text: str = ""
    shown: dict[str, str] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return list(self.shown.values())


class Cells:
    """Runs cells, answers their `input()`, interrupts."""

    def __init__(self, kernel):
        self.client, self.manager = kernel.client, kernel.manager

    async def run(self, code, *answers, interrupt_when=None) -> Outcome:
        """Run a cell. `interrupt_when` is text that, once shown, gets the kernel interrupted."""
        waiting, outcome = list(answers), Outcome()
        sent = self.client.execute(code, allow_stdin=True)
        answering = asyncio.create_task(self._answer(waiting, outcome))
        try:
            await asyncio.wait_for(self._watch(sent, outcome, interrupt_when), DEADLINE)
        finally:
            answering.cancel()
        reply = await self.client.get_shell_msg(timeout=DEADLINE)
        # Of a kernel that was slow to start, answers to earlier questions may still come.
        while reply["parent_header"].get("msg_id") != sent:
            reply = await self.client.get_shell_msg(timeout=DEADLINE)
        outcome.status = reply["content"]["status"]
        return outcome

    async def _watch(self, sent, outcome, interrupt_when):
        while True:
            message = await self.client.get_iopub_msg(timeout=DEADLINE)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return
            if kind in ("display_data", "update_display_data"):
                key = content["transient"].get("display_id", f"{len(outcome.shown)}")
                data = content["data"]
                outcome.shown[key] = data.get("text/markdown", f"({', '.join(data)})")
            elif kind == "stream":
                outcome.text += content["text"]
            elif kind == "execute_result":
                outcome.text += content["data"]["text/plain"]
            elif kind == "error":
                outcome.error = "\n".join(content["traceback"])
            if interrupt_when and interrupt_when in outcome.text:
                interrupt_when = None
                await self.manager.interrupt_kernel()

    async def _answer(self, waiting, outcome):
        while True:
            message = await self.client.get_stdin_msg(timeout=None)
            outcome.prompts.append(message["content"]["prompt"])
            answer = waiting.pop(0)
            if answer is INTERRUPT:
                await self.manager.interrupt_kernel()
            else:
                self.client.input(answer)


@pytest.fixture
async def cells(kernel) -> Cells:
    made = Cells(kernel)
    assert (await made.run("%load_ext jupyter_agent")).status == "ok"
    return made


async def test_a_line_is_answered_in_the_cells_own_output(cells):
    outcome = await cells.run("%agent --model demo What's this?")
    assert outcome.status == "ok"
    [answer] = outcome.lines
    assert answer.startswith("I am the demo")


async def test_code_is_asked_for_with_input_and_runs_in_the_shell(cells):
    await cells.run("x = 41")
    outcome = await cells.run("%%agent --model script/code\nx += 1\nprint('x is', x)\nx", "y")
    assert outcome.status == "ok"
    [prompt] = outcome.prompts
    assert "│ x += 1\n" in prompt and "│ print('x is', x)\n" in prompt
    assert "x is 42" in outcome.text
    assert "✓ Ran code" in outcome.lines[1]
    assert (await cells.run("x")).text == "42"


async def test_no_does_not_run_it_and_a_reason_reaches_the_model(cells):
    outcome = await cells.run("%agent --model script/code y = 1", "not on a Friday")
    assert outcome.lines[1].startswith("⊘")
    assert "not on a Friday" in outcome.lines[-1]
    assert (await cells.run("y")).status == "error"


async def test_this_session_is_asked_once(cells):
    first = await cells.run("%agent --model script/code 1", "s")
    again = await cells.run("%agent 2")
    assert len(first.prompts) == 1
    assert again.prompts == []
    assert again.lines[1].startswith("✓")


async def test_plots_are_seen_where_the_agent_made_them(cells):
    code = "import matplotlib.pyplot as plt; _ = plt.plot([1, 2]); plt.show()"
    outcome = await cells.run(f"%agent --model script/code --mode auto {code}")
    assert any("image/png" in line for line in outcome.lines), outcome.lines


async def test_a_failing_cell_of_the_agent_is_no_failure_of_the_magic(cells):
    outcome = await cells.run("%agent --model script/code --mode auto 1/0")
    assert outcome.status == "ok"
    assert "ZeroDivisionError" in outcome.lines[1]


async def test_the_models_question_is_answered_by_number(cells):
    outcome = await cells.run("%agent --model script/asks go", "2")
    assert "1. red" in outcome.prompts[0]
    assert "blue" in outcome.lines[-1]


@pytest.mark.parametrize(
    "code",
    [
        "import time; print('go'); time.sleep(60)",
        "import asyncio; print('go'); await asyncio.sleep(60)",
    ],
)
async def test_an_interrupt_stops_code_and_agent_within_a_second(cells, code):
    begun = time.monotonic()
    outcome = await cells.run(f"%agent --model script/code --mode auto {code}", interrupt_when="go")
    assert time.monotonic() - begun < 5
    assert outcome.status == "error"
    assert outcome.error.endswith("Stopped.")
    assert "■" in outcome.lines[1]
    assert (await cells.run("1")).text == "1"


async def test_an_interrupt_while_it_asks_stops_too(cells):
    outcome = await cells.run("%agent --model script/code z = 1", INTERRUPT)
    assert outcome.status == "error"
    assert outcome.error == "Stopped."
    assert (await cells.run("z")).status == "error"


async def test_the_conversation_goes_on_until_it_is_reset(cells):
    await cells.run("%agent --model demo Hello")
    held = "len((await get_ipython().magics_manager.magics['line']['agent'].__self__._agent"
    held += ".open_session()).history)"
    await cells.run("%agent Hello")
    assert (await cells.run(held)).text == "4"
    await cells.run("%agent reset")
    await cells.run("%agent Hello")
    assert (await cells.run(held)).text == "2"


async def test_the_model_can_be_changed_in_between(cells):
    await cells.run("%agent --model demo Hello")
    assert (await cells.run("%agent model script/code")).text == "The model is script/code.\n"
    assert (await cells.run("%agent 1", "n")).prompts


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%agent --model nonesuch/x hi", "nonesuch"),
        ("%agent --mode yolo hi", "yolo"),
        ("%agent --depth 3 hi", "--depth"),
        ("%agent --model", "needs a value"),
        ("%agent mode yolo", "yolo"),
        ("%agent hi", "No model is ready"),
    ],
)
async def test_what_is_wrong_is_one_sentence(cells, kernel, cell, says):
    (kernel.folder / "config" / "jupyter_agent_config.json").write_text(
        '{"JupyterAgent": {"discover_local_servers": false}}'
    )
    outcome = await cells.run(cell)
    assert outcome.status == "error"
    assert says in outcome.error
    assert "\n" not in outcome.error


async def test_a_cell_magic_may_have_its_whole_prompt_in_the_first_line(cells):
    outcome = await cells.run("%%agent --model demo Hello")
    assert outcome.lines[0].startswith("Hello! I am the demo")


async def test_help_says_how(cells):
    for cell in ("%agent", "%agent --help", "%%agent\n"):
        assert "%agent reset" in (await cells.run(cell)).text


async def test_unloading_takes_the_magics_away_and_loading_brings_them_back(cells):
    assert (await cells.run("%unload_ext jupyter_agent")).status == "ok"
    assert "not found" in (await cells.run("%agent --help")).text
    await cells.run("%load_ext jupyter_agent")
    assert "%agent reset" in (await cells.run("%agent --help")).text


async def test_a_front_end_without_input_boxes_denies(cells, kernel):
    sent = kernel.client.execute("%agent --model script/code y = 1", allow_stdin=False)
    shown = []
    while True:
        message = await kernel.client.get_iopub_msg(timeout=DEADLINE)
        if message["parent_header"].get("msg_id") != sent:
            continue
        if message["content"].get("execution_state") == "idle":
            break
        shown.append(str(message["content"].get("data", {}).get("text/markdown")))
    await kernel.client.get_shell_msg(timeout=DEADLINE)
    assert any(line.startswith("⊘") for line in shown)
    assert (await cells.run("y")).status == "error"
