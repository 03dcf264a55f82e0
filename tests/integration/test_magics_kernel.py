"""`%agent` and `%%agent` in a real kernel, as a front end sees them."""

import asyncio
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from awkward_server import ANSWER, MODELS, awkward_server
from real_kernel import running_kernel

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


# One kernel for all tests: each begins without the magics' conversation and without variables.
pytestmark = pytest.mark.asyncio(loop_scope="module")
ANEW = """\
%unload_ext jupyter_agent
%autoawait asyncio
for name in "x y z df f code out".split():
    globals().pop(name, None)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel(tmp_path_factory):
    async with running_kernel(tmp_path_factory.mktemp("kernel")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(kernel) -> Cells:
    """A kernel in which the magics are not loaded yet."""
    made = Cells(kernel)
    assert (await made.run(ANEW)).status == "ok"
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def cells(fresh) -> Cells:
    assert (await fresh.run("%load_ext jupyter_agent")).status == "ok"
    return fresh


@pytest.fixture(scope="module")
def awkward():
    with awkward_server() as made:
        yield made


@pytest.fixture
def configure(kernel):
    """Change the settings for a test."""
    path = kernel.folder / "config" / "jupyter_agent_config.json"
    before = path.read_text()

    def configure(**settings) -> None:
        settings = json.loads(before)["JupyterAgent"] | settings
        path.write_text(json.dumps({"JupyterAgent": settings}))

    yield configure
    path.write_text(before)


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
async def test_what_is_wrong_is_one_sentence(cells, configure, cell, says):
    configure(scripts={})
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


# -- wherever the magic may stand ------------------------------------------------------------------


LOAD = "%load_ext jupyter_agent\n"


@pytest.mark.parametrize(
    "lines",
    [
        "%agent --model demo Hello there",
        "%agent --model demo What are you, and what is df?",
        "if True:\n    %agent --model demo Hello",
        "get_ipython().run_line_magic('agent', '--model demo Hello')",
        "get_ipython().run_cell_magic('agent', '--model demo', 'Hello')",
    ],
)
async def test_it_answers_in_the_very_cell_that_loads_it(fresh, lines):
    outcome = await fresh.run(LOAD + lines)
    assert outcome.status == "ok", outcome.error
    assert "I am the demo" in outcome.lines[-1]
    assert outcome.text == ""
    assert "not found" not in (await fresh.run("1")).text


async def test_help_is_help_again_after_that_cell(fresh):
    asks = "%agent --model demo what is df?\ny = %agent Hello you?\nprint(y.text[:5])\n"
    outcome = await fresh.run(f"{LOAD}df = 5\ndf?\n{asks}df?")
    assert outcome.status == "ok", outcome.error
    assert (len(outcome.lines), outcome.text) == (2, "I am \n")
    outcome = await fresh.run("df?")
    assert outcome.lines == [] and outcome.status == "ok"


@pytest.mark.parametrize(
    "code",
    [
        "x = %agent --model demo Hello",
        "x = get_ipython().run_line_magic('agent', '--model demo Hello')",
        "x = await get_ipython().run_line_magic('agent_async', '--model demo Hello')",
        "def f():\n    y = %agent --model demo Hello\n    return y\nx = f()",
        "async def f():\n    y = %agent --model demo Hello\n    return y\nx = await f()",
        "x = [get_ipython().run_line_magic('agent', '--model demo Hello') for _ in range(2)][1]",
        "def f():\n    %agent --model demo Hello\nf(); x = %agent Hello",
        "%agent --model demo Hello\ndef f():\n    y = %agent Hello\n    return y\nx = f()",
    ],
)
async def test_its_result_can_be_kept(cells, code):
    outcome = await cells.run(code)
    assert outcome.status == "ok", outcome.error
    assert "I am the demo" in outcome.lines[-1]
    kept = await cells.run("print(x.text[:5], x.status, len(x.messages))")
    assert kept.text == "Hello done 2\n"
    # Shown by the cell that asked, and in another one only when it is asked for there.
    assert outcome.text == ""
    assert (await cells.run("x")).lines[0].startswith("Hello")


@pytest.mark.parametrize("magic", ["%%time", "%%capture out", "%time %agent Hello"])
async def test_it_works_inside_other_magics(cells, magic):
    await cells.run("%agent model demo")
    inner = "" if "%agent" in magic else "\n%agent Hello"
    outcome = await cells.run(magic + inner)
    assert outcome.status == "ok", outcome.error
    if "capture" in magic:
        outcome = await cells.run("out.show()")
    assert any("I am the demo" in line for line in outcome.lines)


async def test_the_conversation_is_one_whichever_way_it_was_asked(fresh):
    await fresh.run(LOAD + "%agent --model script/turns one")
    await fresh.run("%agent two")
    await fresh.run("def f():\n    %agent three\nf()")
    outcome = await fresh.run("x = %agent four\nx")
    assert outcome.lines == ["Turn 4: one, two, three, four."]
    assert (await fresh.run("%agent mode")).text == "The mode is ask.\n"
    await fresh.run("get_ipython().run_line_magic('agent', 'mode auto')")
    assert (await fresh.run("%agent mode")).text == "The mode is auto.\n"


async def test_this_session_holds_for_both_ways(cells):
    first = await cells.run("def f():\n    %agent --model script/code 1\nf()", "s")
    again = await cells.run("%agent 2")
    assert (len(first.prompts), again.prompts) == (1, [])
    assert again.lines[1].startswith("✓")


@pytest.mark.parametrize(
    "code",
    [
        "import time; print('go'); time.sleep(60)",
        "import asyncio; print('go'); await asyncio.sleep(60)",
    ],
)
async def test_an_interrupt_stops_it_inside_a_function_too(cells, code):
    begun = time.monotonic()
    await cells.run(f"code = {code!r}")
    call = "run_line_magic('agent', '--model script/code --mode auto ' + code)"
    outcome = await cells.run(f"def f():\n    get_ipython().{call}\nf()", interrupt_when="go")
    assert time.monotonic() - begun < 10
    assert outcome.error.endswith("Stopped.")
    assert (await cells.run("1")).text == "1"


async def test_asked_by_its_own_code_it_says_that_it_is_at_work(cells):
    outcome = await cells.run("%agent --model script/code --mode auto %agent Hello")
    assert "at work already" in outcome.lines[-1]
    inner = "get_ipython().run_line_magic('agent', 'Hello')"
    outcome = await cells.run(f"%agent {inner}")
    assert "at work already" in outcome.lines[-1]
    outcome = await cells.run(f"def f():\n    %agent {inner}\nf()")
    assert "at work already" in outcome.lines[-1]


async def test_where_autoawait_is_off_it_blocks(cells):
    await cells.run("%autoawait False")
    outcome = await cells.run("%agent --model demo Hello")
    assert outcome.status == "ok"
    assert "I am the demo" in outcome.lines[-1]


async def test_a_model_that_is_not_there_is_refused_and_the_others_are_named(cells):
    outcome = await cells.run("%agent model nosuch/x")
    assert outcome.status == "error"
    assert "nosuch" in outcome.error and "anthropic" in outcome.error
    outcome = await cells.run("%agent --model nosuch/x hi")
    assert outcome.status == "error"
    assert (await cells.run("%agent model demo")).text == "The model is demo.\n"
    assert (await cells.run("%agent model nosuch/x")).status == "error"
    assert (await cells.run("%agent model")).text == "The model is demo.\n"
    assert (await cells.run("%agent hi")).status == "ok"


async def test_the_demo_in_a_cell_names_the_way_to_other_models_there(cells):
    outcome = await cells.run("%agent --model demo Tell me a story")
    assert "%agent model" in outcome.lines[-1]
    assert "picker" not in outcome.lines[-1]


async def test_the_limit_of_time_ends_code_that_holds_the_kernel(cells, configure):
    configure(max_seconds=2)
    begun = time.monotonic()
    outcome = await cells.run("%agent --model script/code --mode auto while True: pass")
    assert time.monotonic() - begun < 15
    assert outcome.status == "error"
    assert "limit of 2 seconds" in outcome.error
    outcome = await cells.run("await __import__('asyncio').sleep(2.5)\n1")
    assert outcome.text == "1"


# -- what the documents show --------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]
MODEL = re.compile(r"\b(ollama|anthropic|openai)/[\w.-]+")


def magic_blocks(document: Path) -> list[str]:
    """Return the blocks of a document that hold a magic of ours, with a scripted model in them."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text("utf-8"), re.M | re.S)
    blocks = [block for language, block in fenced if language in ("", "python", "ipython")]
    ours = [block for block in blocks if re.search(r"^[^#\n]*%(agent|load_ext)\b", block, re.M)]
    return [MODEL.sub("script/turns", block) for block in ours]


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(
    "document", [d for d in DOCUMENTS if magic_blocks(d)], ids=lambda d: d.name
)
async def test_what_the_documents_show_works_as_it_is_pasted(fresh, configure, document):
    configure(default_model="script/turns")
    blocks = magic_blocks(document)
    await fresh.run("df = [1, 2]")
    for block in blocks:
        outcome = await fresh.run(block)
        assert outcome.status == "ok", (block, outcome.error)
        if re.search(r"%agent (?!model|mode|reset)", block):
            assert outcome.lines[-1].startswith("Turn"), block
        assert "not found" not in outcome.text and "coroutine" not in outcome.text
    # All in one cell, too, where none of them is a cell magic.
    together = "\n".join(block for block in blocks if not block.startswith("%%"))
    await fresh.run(ANEW)
    assert (await fresh.run("df = [1, 2]")).status == "ok"
    outcome = await fresh.run(together)
    assert outcome.status == "ok", outcome.error
    assert outcome.lines[0].startswith("Turn 1")


async def test_the_readme_and_the_guide_show_magics():
    assert {d.name for d in DOCUMENTS if magic_blocks(d)} >= {"README.md", "guide.md"}


async def shown_kinds(cells, code, message_id=None):
    """Run a cell; return kind and Markdown of each display message, in order."""
    client = cells.client
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    message = client.session.msg("execute_request", content)
    if message_id is not None:
        message["header"]["msg_id"] = message["msg_id"] = message_id
    client.shell_channel.send(message)
    found = []
    while True:
        heard = await client.get_iopub_msg(timeout=DEADLINE)
        if heard["parent_header"].get("msg_id") != message["msg_id"]:
            continue
        if heard["content"].get("execution_state") == "idle":
            break
        if heard["msg_type"].endswith("display_data"):
            found.append((heard["msg_type"], heard["content"]["data"]["text/markdown"]))
        assert heard["msg_type"] != "error", heard["content"]
    await client.get_shell_msg(timeout=DEADLINE)
    return found


async def test_a_front_end_without_display_updates_gets_the_whole_text(cells):
    ask = "%agent --mode auto --model script/code print(6 * 7)"
    plain = await shown_kinds(cells, ask)
    assert {kind for kind, _ in plain} == {"display_data"}
    texts = [text for _, text in plain]
    assert texts[0] == "I run it. " and "42" in texts[-1]
    assert [text.startswith("✓") for text in texts] == [False, True, False]


async def test_a_browsers_front_end_sees_the_calls_while_they_go_on(cells):
    ask = "%agent --mode auto --model script/code print(6 * 7)"
    live = await shown_kinds(cells, ask, message_id=str(uuid.uuid4()))
    assert "update_display_data" in {kind for kind, _ in live}
    assert any(text.startswith("●") for _, text in live)


async def test_an_error_of_the_agents_code_is_no_error_of_the_cell(cells):
    outcome = await cells.run("%agent --mode auto --model script/code 1/0")
    assert (outcome.status, outcome.error) == ("ok", "")
    assert "ZeroDivisionError" in outcome.text


@pytest.mark.parametrize("model", MODELS)
async def test_a_model_that_misbehaves_is_met_as_on_the_command_line(cells, awkward, model):
    address = awkward.model(model)
    outcome = await cells.run(f"%agent model {address}\n%agent What is in this notebook?")
    shown = "\n".join(outcome.lines) + outcome.error + outcome.text
    if model == "strict-roles":
        assert "memory" in shown, shown
    elif model in ("no-tools", "no-tools-404"):
        assert f"does not let {model} use tools" in shown, shown
    else:
        assert ANSWER in shown, shown
        assert "<tool_call>" not in shown
    assert "Traceback" not in shown
