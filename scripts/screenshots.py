"""Take the README's pictures: the demo, played in a real JupyterLab and a real browser.

`python3 scripts/dev.py screenshots` writes docs/images/panel-light.png, panel-dark.png and
notebook7.png. It uses the browser tests' own means.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402
from real_lab import (  # noqa: E402
    BROWSER_FLAGS,
    EXAMPLES,
    Bench,
    chromium_path,
    panel_state,
    start_lab,
    stop_lab,
    write_setting,
)

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1440, "height": 900}


def play(page: Page) -> None:
    """Play the demo to its end, allowing what it asks."""
    page.locator(".jp-Agent-demoButton").click()
    page.locator(".jp-Agent-panel:not([data-state='idle'])").wait_for()
    ask = page.locator(".jp-Agent-approval [data-action='allow-session']")
    idle = page.locator(".jp-Agent-panel[data-state='idle']")
    while True:
        expect(idle.or_(ask).first).to_be_visible(timeout=90_000)
        if not ask.first.is_visible():
            break
        ask.first.click()
        expect(ask).to_have_count(0)
    panel_state(page, "idle")


def arrange(page: Page) -> None:
    """Show the plot: Lab draws only what is in view, so scroll until it is there."""
    outer = page.locator(".jp-WindowedPanel-outer").first
    plot = page.locator(".jp-Notebook .jp-OutputArea-output img").last
    for _ in range(40):
        if plot.count() and plot.is_visible():
            break
        outer.evaluate("node => { node.scrollTop += 300; }")
        page.wait_for_timeout(150)
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(1_000)


def shoot(lab, browser, name: str, *, app: str = "lab/tree") -> None:
    context = browser.new_context(viewport=SIZE, device_scale_factor=1)
    bench = Bench(lab, context, name="penguins.ipynb")
    for kept in ("penguins.ipynb", "penguins.csv"):
        shutil.copy(EXAMPLES / kept, bench.file.parent / kept)
    page = bench.open(app=app)
    play(page)
    arrange(page)
    page.screenshot(path=str(IMAGES / f"{name}.png"))
    context.close()
    print(f"docs/images/{name}.png")


def choose_theme(lab, name: str) -> None:
    write_setting(lab.root.parent, "themes", json.dumps({"theme": name}))


def main() -> int:
    path = chromium_path()
    if path is None:
        print("There is no Chromium. Run `python3 scripts/dev.py setup` first.", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    lab = start_lab(Path(tempfile.mkdtemp()), "--JupyterAgent.default_model=demo")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
            choose_theme(lab, "JupyterLab Light")
            shoot(lab, browser, "panel-light")
            shoot(lab, browser, "notebook7", app="notebooks")
            choose_theme(lab, "JupyterLab Dark")
            shoot(lab, browser, "panel-dark")
            browser.close()
    finally:
        stop_lab(lab)
        shutil.rmtree(lab.root.parent, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
