"""The loop on a scripted model: turns, calls, refusals, steering, limits, Stop."""

from __future__ import annotations

import asyncio
import time

import pytest
from pydantic import BaseModel

from jupyter_agent.agent.execute import Executor, Permits
from jupyter_agent.agent.inbox import Inbox
from jupyter_agent.agent.limits import Limits, Spent
from jupyter_agent.agent.loop import Loop
from jupyter_agent.policy.broker import Answer
from jupyter_agent.protocol.errors import ErrorInfo, UnknownCell
from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Request
from jupyter_agent.protocol.reduce import reduce_message
from jupyter_agent.protocol.usage import Usage
from jupyter_agent.providers.replay import Call, Fail, Report, Say, ScriptedProvider, Think
from jupyter_agent.tools.base import Preview, definition, text_output


class EchoArguments(BaseModel):
    text: str


class Echo:
    """Repeats its text. The permission, and what it does first, are the test's choice."""

    description = "Repeat."
    deadline = 5.0
    parallel = False
    arguments = EchoArguments

    def __init__(self, name="echo", permission="read", before=None, parallel=False):
        self.name = name
        self.ran = []
        self.parallel = parallel
        self.version = "1"
        self._permission = permission
        self._before = before

    def permissions(self, arguments):
        return frozenset({self._permission})

    def always_ask(self, arguments):
        return False

    async def preview(self, arguments):
        if arguments.text == "nowhere":
            raise UnknownCell("There is no cell nowhere.")
        return Preview(title=f"Echo {arguments.text}", bound_to=(("version", self.version),))

    async def run(self, arguments, context):
        self.ran.append(arguments.text)
        if self._before is not None:
            await self._before(arguments)
        return text_output(f"echo: {arguments.text}")


class Intents:
    def __init__(self):
        self.log = []

    async def begin(self, call):
        self.log.append(("begin", call.id))

    async def end(self, result):
        self.log.append(("end", result.tool_call_id))


class Rig:
    """A loop with everything recorded."""

    def __init__(
        self,
        script,
        *tools,
        mode="ask",
        answer=None,
        limits=None,
        clock=time.monotonic,
        deadlines=None,
    ):
        self.events = []
        self.recorded = []
        self.asked = []
        self.intents = Intents()
        self.history = [user_message("go")]
        self.inbox = Inbox(self.events.append)
        self.spent = Spent(limits or Limits(), clock)
        self.provider = ScriptedProvider(script)
        definitions = [definition(tool) for tool in tools]

        async def ask(approval):
            self.asked.append(approval)
            return answer(approval) if callable(answer) else (answer or Answer(allow=True))

        async def record(message):
            self.recorded.append(message)

        async def build(history):
            return Request(model="m", messages=tuple(history), tools=tuple(definitions))

        self.executor = Executor(
            run_id="run_1",
            tools={tool.name: tool for tool in tools},
            permits=Permits(mode=lambda: mode, ask=ask),
            emit=self.events.append,
            intents=self.intents,
            spent=self.spent,
            deadlines=deadlines,
        )
        self.loop = Loop(
            provider=self.provider,
            executor=self.executor,
            inbox=self.inbox,
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
        return [result for message in self.history for result in message.tool_results]


def turns(*answers):
    """A script that gives one list of steps a request, and then says nothing more."""

    def script(request):
        done = sum(message.role == "assistant" for message in request.messages)
        return answers[done] if done < len(answers) else [Say("Done.")]

    return script


async def test_calls_run_in_order_and_their_results_go_back_to_the_model():
    tool = Echo()
    rig = Rig(
        turns(
            [Think("hm"), Say("Looking."), Call("echo", {"text": "a"}), Call("echo", {"text": "b"})]
        ),
        tool,
    )
    outcome = await rig.loop.run()
    assert outcome.status == "done"
    assert tool.ran == ["a", "b"]
    assert [result.text for result in rig.results()] == ["echo: a", "echo: b"]
    assert [message.role for message in rig.history] == ["user", "assistant", "tool", "assistant"]
    assert rig.recorded == rig.history[1:]
    assert rig.intents.log == [
        (what, call.id) for call in rig.history[1].tool_calls for what in ("begin", "end")
    ]


async def test_the_events_of_a_message_rebuild_it():
    rig = Rig(
        turns([Think("why", signature="s"), Say("a b c"), Call("echo", {"text": "x"})]), Echo()
    )
    await rig.loop.run()
    first = rig.history[1]
    own = [
        event
        for event in rig.events
        if getattr(event, "message_id", None) == first.id
        or (event.type == "message_start" and event.message.id == first.id)
    ]
    assert reduce_message(own) == first
    assert first.thinking == "why" and first.text == "a b c"
    assert first.metadata.provider == "demo" and first.metadata.finish.kind == "tool_calls"


async def test_a_side_effect_is_announced_before_its_result():
    rig = Rig(turns([Call("echo", {"text": "a"})]), Echo())
    await rig.loop.run()
    types = rig.types()
    assert types.index("tool_start") < types.index("tool_end") < types.index("turn_end")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"text": "a"', "not valid JSON"),
        ('{"text": "a", "text": "b"}', "stands twice"),
        ('{"text": NaN}', "NaN"),
        ("[1]", "must be a JSON object"),
        ("{}", "Field required"),
        ('{"text": 5}', "string"),
    ],
)
async def test_arguments_that_are_not_whole_never_run(arguments, said):
    tool = Echo()
    rig = Rig(turns([Call("echo", arguments)]), tool)
    outcome = await rig.loop.run()
    assert outcome.status == "done"
    (result,) = rig.results()
    assert result.is_error and said in result.text
    assert tool.ran == [] and rig.intents.log == [] and rig.asked == []


async def test_an_unknown_tool_and_a_tool_that_cannot_are_results_not_ends():
    rig = Rig(
        turns([Call("ecko", {}), Call("echo", {"text": "nowhere"})]), Echo(permission="write")
    )
    assert (await rig.loop.run()).status == "done"
    unknown, nowhere = rig.results()
    assert "There is no tool 'ecko'" in unknown.text and "echo" in unknown.text
    assert nowhere.text.startswith("UNKNOWN_CELL")
    assert rig.asked == []


async def test_a_bug_in_a_tool_becomes_an_error_result():
    async def fail(arguments):
        raise ZeroDivisionError("oops")

    rig = Rig(turns([Call("echo", {"text": "a"})]), Echo(before=fail))
    assert (await rig.loop.run()).status == "done"
    assert rig.results()[0].is_error and "ZeroDivisionError" in rig.results()[0].text


@pytest.mark.parametrize("where", ["permissions", "always_ask", "preview"])
async def test_a_bug_in_what_a_tool_says_of_a_call_is_a_result_too(where):
    class Broken(Echo):
        pass

    def fail(self, arguments):
        raise OSError("503")

    async def fail_later(self, arguments):
        raise OSError("503")

    setattr(Broken, where, fail_later if where == "preview" else fail)
    rig = Rig(turns([Call("echo", {"text": "a"})]), Broken())
    assert (await rig.loop.run()).status == "done"
    assert rig.results()[0].text == "TOOL_ERROR: OSError: 503" and not rig.asked


async def test_a_preview_that_breaks_while_a_person_decides_runs_nothing():
    class Broken(Echo):
        looked = 0

        async def preview(self, arguments):
            self.looked += 1
            if self.looked > 1:
                raise OSError("503")
            return await super().preview(arguments)

    tool = Broken(permission="write")
    rig = Rig(turns([Call("echo", {"text": "a"})]), tool)
    assert (await rig.loop.run()).status == "done"
    assert rig.asked and not tool.ran
    assert rig.results()[0].text == "TOOL_ERROR: OSError: 503"


async def test_a_tool_that_takes_too_long_is_ended():
    async def wait(arguments):
        await asyncio.Event().wait()

    tool = Echo(before=wait)
    tool.deadline = 0.02
    rig = Rig(turns([Call("echo", {"text": "a"})]), tool)
    assert (await rig.loop.run()).status == "done"
    assert rig.results()[0].text.startswith("TIMED_OUT")


async def test_a_deadline_from_the_settings_goes_before_the_tools_own():
    async def wait(arguments):
        await asyncio.Event().wait()

    tool = Echo(before=wait)
    tool.deadline = None
    rig = Rig(turns([Call("echo", {"text": "a"})]), tool, deadlines={"echo": 0.02})
    assert (await rig.loop.run()).status == "done"
    assert rig.results()[0].text == "TIMED_OUT: echo did not finish within 0.02 s."


async def test_of_a_mixed_batch_only_the_approved_run_and_each_gets_its_result_in_order():
    tool = Echo(permission="exec")

    def answer(approval):
        if approval.arguments["text"] == "b":
            return Answer(allow=False, reason="not b")
        return Answer(allow=True)

    rig = Rig(turns([Call("echo", {"text": text}) for text in "abc"]), tool, answer=answer)
    await rig.loop.run()
    assert tool.ran == ["a", "c"]
    assert len(rig.asked) == 3
    assert [(result.rejected, result.is_error) for result in rig.results()] == [
        (False, False),
        (True, True),
        (False, False),
    ]
    assert "not b" in rig.results()[1].text


async def test_plan_mode_refuses_without_asking():
    tool = Echo(permission="write")
    rig = Rig(turns([Call("echo", {"text": "a"})]), tool, mode="plan")
    await rig.loop.run()
    assert tool.ran == [] and rig.asked == []
    assert rig.results()[0].rejected and "plan mode" in rig.results()[0].text


async def test_what_changed_while_it_waited_is_not_run():
    tool = Echo(permission="write")

    def answer(approval):
        tool.version = "2"
        return Answer(allow=True)

    rig = Rig(turns([Call("echo", {"text": "a"})]), tool, answer=answer)
    await rig.loop.run()
    assert tool.ran == []
    assert "changed while it waited" in rig.results()[0].text


async def test_reading_tools_run_side_by_side_and_others_wait():
    order = []
    gate = asyncio.Event()

    async def before(arguments):
        order.append(arguments.text)
        if arguments.text == "b":
            gate.set()
        await asyncio.wait_for(gate.wait(), 2)

    reader = Echo("look", before=before, parallel=True)
    rig = Rig(turns([Call("look", {"text": "a"}), Call("look", {"text": "b"})]), reader)
    await rig.loop.run()
    assert [result.text for result in rig.results()] == ["echo: a", "echo: b"]
    assert sorted(order) == ["a", "b"]


async def test_steering_enters_before_the_next_question():
    rig = None

    async def steer(arguments):
        rig.inbox.put(user_message("use medians"), "steer")
        rig.inbox.put(user_message("then plot"), "queue")

    rig = Rig(turns([Call("echo", {"text": "a"})]), Echo(before=steer))
    await rig.loop.run()
    second = rig.provider.requests[1].messages
    assert second[-1].text == "use medians"
    assert "then plot" not in [message.text for message in second]
    assert rig.inbox.first.text == "then plot"


async def test_steering_after_the_last_answer_is_answered_too():
    first = True

    def script(request):
        nonlocal first
        if first:
            first = False
            rig.inbox.put(user_message("one more thing"), "steer")
        return [Say("ok")]

    rig = Rig(script)
    assert (await rig.loop.run()).status == "done"
    assert len(rig.provider.requests) == 2
    assert rig.provider.requests[1].messages[-1].text == "one more thing"


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(max_turns=3), "max_turns"),
        (Limits(max_calls=2), "max_calls"),
        (Limits(max_identical_calls=2), "max_identical_calls"),
        (Limits(max_tokens=250), "max_tokens"),
    ],
)
async def test_a_run_that_goes_on_for_ever_meets_its_limit(limits, name):
    tool = Echo()
    steps = [Report(Usage(input=90, output=10, total=100)), Call("echo", {"text": "a"})]
    rig = Rig(lambda request: steps, tool, limits=limits)
    outcome = await rig.loop.run()
    assert outcome.status == "limit"
    assert outcome.error.details == {"limit": name}
    assert len(tool.ran) <= 3
    answered = {result.tool_call_id for result in rig.results()}
    assert answered == {call.id for message in rig.history for call in message.tool_calls}


async def test_time_is_a_limit_too():
    now = [0.0]

    async def later(arguments):
        now[0] += 6

    rig = Rig(
        lambda request: [Call("echo", {"text": str(now[0])})],
        Echo(before=later),
        limits=Limits(max_seconds=10),
        clock=lambda: now[0],
    )
    outcome = await rig.loop.run()
    assert outcome.status == "limit" and outcome.error.details == {"limit": "max_seconds"}


async def test_a_failed_answer_runs_nothing_and_keeps_what_was_said():
    tool = Echo()
    error = ErrorInfo(code="overloaded", message="The provider is overloaded.", retryable=True)
    rig = Rig(turns([Say("I will "), Call("echo", {"text": "a"}), Fail(error)]), tool)
    outcome = await rig.loop.run()
    assert outcome.status == "failed" and outcome.error.code == "overloaded"
    assert tool.ran == []
    last = rig.history[-1]
    assert last.text == "I will " and last.metadata.interrupted and not last.tool_calls


async def test_stop_while_a_tool_runs_leaves_a_history_that_can_go_on():
    started = asyncio.Event()

    async def wait(arguments):
        started.set()
        await asyncio.Event().wait()

    rig = Rig(turns([Call("echo", {"text": "a"}), Call("echo", {"text": "b"})]), Echo(before=wait))
    task = asyncio.ensure_future(rig.loop.run())
    await asyncio.wait_for(started.wait(), 2)
    task.cancel()
    outcome = await asyncio.wait_for(task, 1)
    assert outcome.status == "stopped"
    assert [result.tool_call_id for result in rig.results()] == [
        call.id for call in rig.history[1].tool_calls
    ]
    assert all("INTERRUPTED" in result.text for result in rig.results())
    assert rig.intents.log[-1][0] == "end"
    (end,) = [event for event in rig.events if event.type == "tool_end"]
    begun = next(event for event in rig.events if event.type == "tool_start")
    assert end.stopped and end.title == begun.title and end.duration is not None


async def test_stop_while_an_answer_streams_keeps_its_text_and_runs_nothing():
    tool = Echo()
    rig = Rig(turns([Say("word " * 2_000), Call("echo", {"text": "a"})]), tool)
    streaming = asyncio.Event()

    def emit(event):
        rig.events.append(event)
        if event.type == "text_delta":
            streaming.set()

    rig.loop.emit = emit
    task = asyncio.ensure_future(rig.loop.run())
    await asyncio.wait_for(streaming.wait(), 2)
    task.cancel()
    assert (await asyncio.wait_for(task, 1)).status == "stopped"
    assert tool.ran == []
    assert rig.history[-1].metadata.interrupted
    assert rig.types()[-1] == "message_end"


async def test_ids_that_a_server_uses_again_are_told_apart():
    rig = Rig(
        turns(
            [Call("echo", {"text": "a"}, id="call_0"), Call("echo", {"text": "b"}, id="call_1")],
            [Call("echo", {"text": "c"}, id="call_0")],
        ),
        Echo(),
    )
    await rig.loop.run()
    ids = [call.id for message in rig.history for call in message.tool_calls]
    assert len(set(ids)) == 3 and ids[0] == "call_0"
    assert [result.tool_call_id for result in rig.results()] == ids


async def test_length_and_refusal_are_said():
    from jupyter_agent.protocol.usage import Finish

    rig = Rig(turns([Say("half"), Finish(kind="length", raw="max_tokens")]))
    await rig.loop.run()
    notices = [event for event in rig.events if event.type == "notice"]
    assert [notice.code for notice in notices] == ["length"]


# -- answers without words ----------------------------------------------------------------------


@pytest.mark.parametrize("empty", [[], [Think("I look at the notebook.")], [Say("  \n")]])
async def test_an_empty_answer_is_asked_once_more(empty):
    rig = Rig(turns(empty, [Say("Here.")]))
    outcome = await rig.loop.run()
    assert outcome.status == "done" and rig.history[-1].text == "Here."
    assert [event.code for event in rig.events if event.type == "notice"] == ["empty_answer"]


@pytest.mark.parametrize("empty", [[], [Think("I look at the notebook.")]])
async def test_two_empty_answers_are_a_failure_and_not_a_silent_success(empty):
    rig = Rig(turns(empty, empty, [Say("too late")]))
    outcome = await rig.loop.run()
    assert outcome.status == "failed" and "twice" in outcome.error.message
    assert sum(message.role == "assistant" for message in rig.history) == 2


async def test_a_model_that_ends_without_a_word_after_its_calls_has_done_its_work():
    rig = Rig(turns([Call("echo", {"text": "a"})], [], []), Echo())
    outcome = await rig.loop.run()
    assert outcome.status == "done"
    assert [event.level for event in rig.events if event.type == "notice"] == ["info", "warning"]


async def test_calls_after_an_empty_answer_are_run_and_another_empty_one_is_asked_again():
    call = [Call("echo", {"text": "a"})]
    rig = Rig(turns([], call, [], [Say("Done.")]), Echo())
    assert (await rig.loop.run()).status == "done"
    assert rig.history[-1].text == "Done." and len(rig.results()) == 1


async def test_what_a_person_says_meanwhile_is_answered_instead_of_asking_again():
    def script(request):
        if len(request.messages) == 1:
            rig.inbox.put(user_message("are you there?"), "steer")
            return []
        return [Say("Yes.")]

    rig = Rig(script)
    assert (await rig.loop.run()).status == "done"
    assert rig.history[-1].text == "Yes."
    assert "notice" not in rig.types()


async def test_a_provider_says_whether_the_model_goes_on():
    """One that knows better than the calls in its answers is asked, each time."""

    class Patient(ScriptedProvider):
        asked = 0

        def should_continue(self, response):
            self.asked += 1
            return self.asked < 3

    rig = Rig(turns([]), Echo())
    rig.loop.provider = Patient(lambda request: "Still at it.")
    assert (await rig.loop.run()).status == "done"
    assert len(rig.loop.provider.requests) == 3
