"""The chat widget as a person sees it: in a notebook's output, in a real JupyterLab."""

from playwright.sync_api import Page, expect
from real_lab import tidy

SETTINGS = '{"JupyterAgent": {"scripts": {"shell": "scripted_models:model_shell"}}}'
CELL = "from jupyter_agent import Agent\nAgent({model!r}, demo_pace=0).chat()"


def open_chat(lab, context, bench, model: str) -> Page:
    # The widget's agent lives in the kernel and reads the settings itself.
    folder = lab.root.parent / "config"
    (folder / "jupyter_agent_config.json").write_text(SETTINGS)
    notebook = bench([CELL.format(model=model)])
    page = context.new_page()
    page.goto(lab.address(notebook.path))
    # Run before the kernel is there, the cell would lead to a dialog instead.
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    page.locator(".ja-Chat").wait_for()
    return page


def say(page: Page, text: str) -> None:
    page.locator(".ja-Chat textarea").fill(text)
    page.keyboard.press("Enter")


def test_an_answer_streams_into_the_widget(lab, context, bench):
    page = open_chat(lab, context, bench, "demo")
    say(page, "Hello")
    expect(page.locator(".ja-User")).to_have_text("Hello")
    expect(page.locator(".ja-Markdown")).to_contain_text("I am the demo")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()


def test_code_is_shown_whole_and_runs_after_a_click(lab, context, bench):
    page = open_chat(lab, context, bench, "script/shell")
    say(page, "import matplotlib.pyplot as plt\n" + "plt.plot([1, 2])\nplt.show()")
    card = page.locator(".ja-Card")
    expect(card.locator("pre")).to_have_text(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    )
    card.get_by_role("button", name="Allow", exact=True).click()
    expect(page.locator(".ja-Tool summary")).to_contain_text("✓ Ran code")
    expect(page.locator(".ja-Chat img")).to_be_visible()
    expect(card).to_have_count(0)


def test_what_the_model_says_never_becomes_html(lab, context, bench):
    page = open_chat(lab, context, bench, "script/shell")
    foreign = []
    page.on(
        "request",
        lambda request: foreign.append(request.url) if "evil.example" in request.url else None,
    )
    say(
        page,
        "SAY <img src=https://evil.example/1> ![x](https://evil.example/2) "
        "<script>document.title='owned'</script> [go](javascript:alert(1)) "
        "[there](https://evil.example/3) **bold** `code <b>`",
    )
    answer = page.locator(".ja-Markdown")
    expect(answer).to_contain_text("<script>")
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer.locator("code")).to_have_text("code <b>")
    expect(answer.locator("img, script, b")).to_have_count(0)
    hrefs = [link.get_attribute("href") for link in answer.locator("a").all()]
    assert hrefs and all(href.startswith("https://evil.example/") for href in hrefs)
    expect(answer).to_contain_text("there (evil.example)")
    assert foreign == []
    assert page.title() != "owned"


def test_typing_in_the_widget_does_not_reach_the_notebook(lab, context, bench):
    page = open_chat(lab, context, bench, "demo")
    cells = page.locator(".jp-Notebook .jp-Cell")
    before = cells.count()
    page.locator(".ja-Chat textarea").click()
    page.keyboard.type("abddx")
    expect(page.locator(".ja-Chat textarea")).to_have_value("abddx")
    expect(cells).to_have_count(before)


def test_the_document_for_saved_notebooks_is_hidden_while_the_chat_is_drawn(lab, context, bench):
    page = open_chat(lab, context, bench, "demo")
    say(page, "Hello")
    expect(page.locator(".ja-Markdown")).to_contain_text("I am the demo")
    document = page.locator("[class^='ja-Record']")
    expect(document).to_have_count(1)
    expect(document).to_contain_text("I am the demo")
    expect(document).to_be_hidden()
    # Saved, and opened again without its kernel, the notebook shows the document.
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    address = page.url.partition("?")[0]
    page.goto("about:blank")
    tidy(lab)
    page.goto(f"{address}?token={lab.token}&reset")
    expect(document).to_be_visible()
    expect(document).to_contain_text("I am the demo")
