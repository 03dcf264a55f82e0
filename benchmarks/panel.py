"""How the panel keeps up in a real Chromium on a real Lab: streaming, and scrolling a long session.

Prints the longest task of the page's main thread while 800 table rows and 500 lines of code come in,
and, for a session of 300 messages, the 95th percentile of the frames while it is scrolled, how far
the view jumped and how much the whole height changed. Each time is told twice: as it passed, which
tells of the machine's other load too, and as the processor spent it, which is what the limits are
held against. `python benchmarks/panel.py [--width 400]`; JUPYTER_AGENT_CHROMIUM names the browser.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "e2e"))

from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402
from real_lab import (  # noqa: E402
    BROWSER_FLAGS,
    Bench,
    choose_model,
    chromium_path,
    panel_state,
    say,
    start_lab,
    stop_lab,
)

MESSAGES = 300
LONGEST_TASK, FRAME = 50.0, 32.0  # milliseconds: the limits
TASKS = ("RunTask", "ThreadControllerImpl::RunTask")
MORE_TRACES = ("disabled-by-default-devtools.timeline", "blink.user_timing")
FRAMES_A_STEP = 2
STREAMS = {"800 table rows": "model_table", "500 lines of code": "model_code"}
# Scrolls up and down again by the same steps; the view must move by the step and no more.
SCROLL = """async step => {
  const box = document.querySelector('.jp-Agent-transcript');
  const frame = () => new Promise(done => requestAnimationFrame(done));
  const frames = [], jumps = [], heights = [];
  for (const sign of [-1, 1]) {
    for (let at = 0; at < 400; at++) {
      const anchor = [...box.querySelectorAll('.jp-Agent-message')].find(one =>
        one.getBoundingClientRect().bottom > box.getBoundingClientRect().top + 200);
      const before = anchor.getBoundingClientRect().top;
      const top = box.scrollTop;
      performance.mark('step');
      const begun = performance.now();
      box.scrollTop = top + sign * step;
      await frame();
      await frame();
      frames.push((performance.now() - begun) / 2);
      const moved = box.scrollTop - top;
      heights.push(box.scrollHeight);
      jumps.push(Math.abs(anchor.getBoundingClientRect().top - before + moved));
      if (moved === 0) break;
    }
  }
  performance.mark('step');
  return { frames, jumps, heights };
}"""
IDLE = """() => new Promise(done => {
  const panel = document.querySelector('.jp-Agent-panel');
  const look = () => panel.dataset.state === 'idle' && done();
  new MutationObserver(look).observe(panel, { attributes: true });
  look();
})"""
WIDTH = """width => {
  const panel = window.jupyterapp.shell._hsplitPanel;
  const right = width / panel.node.getBoundingClientRect().width;
  const left = panel.relativeSizes()[0];
  panel.setRelativeSizes([left, 1 - left - right, right]);
}"""


@dataclass(frozen=True)
class Task:
    """A task of the page's main thread, in milliseconds: as it passed, and of the processor."""

    start: float
    passed: float
    spent: float


class Trace:
    """What Chromium's tracing tells of the main threads of its pages."""

    def __init__(self, browser: Browser) -> None:
        events = json.loads(browser.stop_tracing())["traceEvents"]
        named = [one for one in events if one["name"] == "thread_name"]
        main = {
            (one["pid"], one["tid"]) for one in named if one["args"]["name"] == "CrRendererMain"
        }
        mine = [one for one in events if (one["pid"], one["tid"]) in main]
        self.tasks = [
            Task(one["ts"] / 1000, one.get("dur", 0) / 1000, one.get("tdur", 0) / 1000)
            for one in mine
            if one["name"] in TASKS and one.get("ph") == "X"
        ]
        self.steps = sorted(one["ts"] / 1000 for one in mine if one["name"] == "step")

    def longest(self) -> Task:
        """Return the task that took most of the processor."""
        return max(self.tasks, key=lambda task: task.spent)

    def frames(self) -> list[float]:
        """Return the processor's milliseconds for each frame of a step, sorted."""
        spent = [0.0] * len(self.steps)
        for task in self.tasks:
            at = bisect_right(self.steps, task.start) - 1
            if 0 <= at < len(spent) - 1:
                spent[at] += task.spent
        return sorted(one / FRAMES_A_STEP for one in spent[:-1])


def start_trace(browser: Browser, page: Page) -> None:
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline", *MORE_TRACES])


def streaming(browser: Browser, page: Page, model: str) -> Trace:
    """Return what the page did while an answer came and was made up."""
    page.locator(".jp-Agent-newButton").click()
    choose_model(page, f"script/{model}")
    start_trace(browser, page)
    say(page, "go")
    panel_state(page, "running")
    # The page itself tells when it is over: a locator that is asked again and again walks through
    # all elements each time, which would be measured with the rest.
    page.evaluate(IDLE)
    page.wait_for_timeout(2_000)
    trace = Trace(browser)
    expect(page.locator(".jp-Agent-message").last).to_contain_text("The end.")
    return trace


def long_session(browser: Browser, page: Page, messages: int) -> tuple[Trace, dict[str, Any]]:
    """Return what the page did while a long session was scrolled, and what was seen of it."""
    page.locator(".jp-Agent-newButton").click()
    choose_model(page, "script/model_chat")
    for number in range(messages // 3):  # a prompt, an answer with a call, and one with words
        say(page, f"step {number}")
        heading = page.get_by_role("heading", name=f"Step {number + 1}", exact=True)
        heading.wait_for(state="attached")
        panel_state(page, "idle")
    page.wait_for_timeout(1_500)
    start_trace(browser, page)
    found: dict[str, Any] = page.evaluate(SCROLL, 120)
    return Trace(browser), found


def report(name: str, value: float, limit: float, unit: str) -> None:
    verdict = "ok" if value <= limit else "ABOVE"
    print(f"{name:48} {value:8.1f} {unit}  (limit {limit:g}: {verdict})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=400, help="pixels of the panel")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--only", choices=["stream", "scroll"])
    given = parser.parse_args()
    names = [*STREAMS.values(), "model_chat"]
    scripts = {name: f"panel_models:{name}" for name in names}
    os.environ["PYTHONPATH"] = str(HERE)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = start_lab(Path(folder), f"--JupyterAgent.scripts={scripts!r}")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=BROWSER_FLAGS)
        try:
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            page = Bench(lab, context, ["1"]).open()
            page.evaluate(WIDTH, given.width)
            if given.only != "scroll":
                for name, model in STREAMS.items():
                    longest = streaming(browser, page, model).longest()
                    report(f"longest task, {name}", longest.spent, LONGEST_TASK, "ms")
                    print(f"    as it passed: {longest.passed:.0f} ms")
            if given.only != "stream":
                trace, found = long_session(browser, page, given.messages)
                frames, passed = trace.frames(), sorted(found["frames"])
                p95 = frames[int(0.95 * len(frames))]
                report(f"p95 frame, {given.messages} messages", p95, FRAME, "ms")
                print(
                    f"    as it passed: {passed[int(0.95 * len(passed))]:.1f} ms, {len(passed)} steps"
                )
                report("largest jump of the view", max(found["jumps"]), 2.0, "px")
                change = max(found["heights"]) - min(found["heights"])
                report("change of the whole height", change, 2.0, "px")
        finally:
            browser.close()
            stop_lab(lab)


if __name__ == "__main__":
    main()
