"""The demo model's script: one request in, the steps of one answer out.

It is a pure function of the request. What it does next depends on what the tools returned; it
holds no state, no answers and no numbers of its own. Read `analysis.py` next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..protocol.models import Request
from ..providers.replay import Say, Step
from .analysis import analyse, has_other_table
from .conversation import Setting, Task, current_task, setting_of
from .explain import explain
from .explore import explore
from .fix import fix
from .progress import read_progress
from .prompts import DEMO_PROMPT
from .variables import tell_variables

ABOUT = (
    "I am the demo: a script that drives the real tools, not a language model. I can analyse the "
    "penguins notebook (“{prompt}”), explore another table (“Explore the table here”), explain a "
    "notebook, list the variables, and fix a cell that fails because numbers were read as text. "
    "For anything else, choose a model: {choose}. "
    "`jupyter agent models` lists what can be reached."
)
# The panel, and a command on a notebook; a cell or a program, whose agents have no notebook.
_CHOOSE = "in the panel's model picker or with `/model`, on the command line with `--model`"
_CHOOSE_WITHOUT_NOTEBOOK = 'with `%agent model NAME` in a cell, or `Agent("NAME")` in Python'

_GREETING = re.compile(
    r"(hi|hello|hey|good (morning|day|evening)|thanks?|thank you)\b[\s\w,.!]{0,24}$"
)
_POLITE = r"/?((can|could|would) you )?(please )?"
_FIX = re.compile(_POLITE + r"(fix|repair)\b")
_EXPLAIN = re.compile(_POLITE + r"(explain|describe|summari[sz]e|what does|what is this)\b")
_VARIABLES = re.compile(r"\bvariables?\b|\bwhat( is|'s|’s) in\b")
_STOP = re.compile(r"(please )?(stop|halt|cancel|wait|abort)\b")
_EXPLORE = re.compile(
    _POLITE + r"(explore|look at|analy[sz]e) (the|this|my|our) (table|data|csv|frame)"
)
_QUESTION = re.compile(r"heav|mass|weigh|bill|penguin", re.IGNORECASE)
_TABLE_WORK = re.compile(r"compare|which|average|mean|plot|species|analy[sz]e", re.IGNORECASE)


def script(request: Request) -> Iterator[Step]:
    """Yield the steps of the next answer."""
    task = current_task(request.messages)
    if task is None:
        yield Say(_about(request))
        return
    if task.news:
        yield Say(_heard(task))
        if any(_STOP.match(news.lower()) for news in task.news):
            return
    yield from _answer(task, request)


def _answer(task: Task, request: Request) -> Iterator[Step]:
    prompt = task.prompt.strip()
    lowered = prompt.lower()
    if _GREETING.match(lowered):
        yield Say(f"Hello! {_about(request)}")
        return
    setting = setting_of(request)
    if _VARIABLES.search(lowered):
        yield from tell_variables(task, setting)
        return
    if _FIX.match(lowered):
        work = fix
    elif _EXPLAIN.match(lowered):
        work = explain
    elif _EXPLORE.match(lowered):
        work = explore
    elif _QUESTION.search(prompt) and _TABLE_WORK.search(prompt):
        work = _answer_or_explore
    else:
        yield Say(_about(request))
        return
    if not _has_notebook(setting):
        about = _about(request)
        yield Say(f"This conversation has no notebook, and the demo needs one. {about}")
        return
    yield from work(task, setting)


def _answer_or_explore(task: Task, setting: Setting) -> Iterator[Step]:
    """Answer the demo's own questions, or explore the table that is there in their place."""
    if has_other_table(read_progress(task)):
        return explore(task, setting)
    return analyse(task, setting)


def _heard(task: Task) -> str:
    """Acknowledge what was said in the middle of the work, without pretending to follow it."""
    said = " ".join(task.news)
    quoted = said if len(said) <= 80 else f"{said[:79]}…"
    if any(_STOP.match(news.lower()) for news in task.news):
        return f"I read “{quoted}”, so I stop here. What I did so far stays; you can undo it."
    return (
        f"I read “{quoted}”. I am a script and cannot change course for it: I go on with the task. "
        "Press Stop to end it.\n\n"
    )


def _has_notebook(setting: Setting) -> bool:
    return {"notebook_overview", "read_cells"} <= setting.tools


def _about(request: Request) -> str:
    choose = _CHOOSE if _has_notebook(setting_of(request)) else _CHOOSE_WITHOUT_NOTEBOOK
    return ABOUT.format(prompt=DEMO_PROMPT, choose=choose)
