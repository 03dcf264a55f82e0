"""`jupyter agent run` as a child process: what it prints, what it changes, how it ends."""

import os
import signal
import socket
import sys
import threading

import nbformat
import pytest

DONE, FAILED, USAGE, DENIED, LIMIT, PROVIDER = 0, 1, 2, 3, 4, 5


def run(command, model, *arguments):
    return command.run("run", "work.ipynb", "-p", "go", "--model", f"script/{model}", *arguments)


def test_yes_allows_what_is_asked_and_the_notebook_holds_the_outcome(command):
    outcome = run(command, "edits", "--yes")
    assert outcome.returncode == DONE, outcome.stderr
    assert "Finished." in outcome.stdout
    cells = command.read_notebook().cells
    assert len(cells) == 2
    assert cells[1].execution_count is not None
    assert command.log() == ["once"]


def test_without_yes_what_needs_approval_is_denied_and_the_file_stays_byte_identical(command):
    before = command.notebook.read_bytes()
    outcome = run(command, "edits")
    assert outcome.returncode == DENIED
    assert "⊘" in outcome.stdout
    assert "denied" in outcome.stderr and "--yes" in outcome.stderr
    assert command.notebook.read_bytes() == before
    assert command.log() == []


def test_mode_auto_needs_no_yes(command):
    assert run(command, "edits", "--mode", "auto").returncode == DONE
    assert command.log() == ["once"]


def test_yes_never_lifts_a_deny(command):
    before = command.notebook.read_bytes()
    outcome = run(command, "edits", "--mode", "plan", "--yes")
    assert outcome.returncode == DONE  # the mode was chosen for this very run
    assert "may only read" in outcome.stdout
    assert command.notebook.read_bytes() == before
    assert command.log() == []


def test_json_prints_one_event_a_line_and_nothing_else(command):
    outcome = run(command, "edits", "--yes", "--json")
    types = [event["type"] for event in command.events(outcome.stdout)]
    assert types[0] == "run_start"
    assert types[-1] == "run_end"
    assert types.count("tool_end") == 1
    assert "Session ses_" in outcome.stderr


def test_text_has_no_colours_where_there_is_no_terminal(command):
    assert "\x1b" not in run(command, "edits", "--yes").stdout


def test_a_headless_question_has_nobody_to_answer_it(command):
    outcome = run(command, "asks", "--yes")
    assert outcome.returncode == DONE
    assert "nobody" in outcome.stdout.lower()


def test_the_prompt_may_come_from_standard_input(command):
    outcome = command.run(
        "run", "work.ipynb", "-p", "-", "--model", "script/says", "--json", stdin="from a pipe\n"
    )
    assert outcome.returncode == DONE
    prompts = [
        event["message"]["parts"][0]["text"]
        for event in command.events(outcome.stdout)
        if event["type"] == "message_start" and event["message"]["role"] == "user"
    ]
    assert prompts == ["from a pipe"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "none.ipynb", "-p", "x", "--model", "demo"], "no notebook none.ipynb"),
        (["run", "ran.csv", "-p", "x", "--model", "demo"], "not a notebook"),
        (["run", "work.ipynb", "-p", "x", "--model", "nonesuch/x"], "nonesuch"),
        (["run", "work.ipynb", "-p", "x", "--model", "script/none"], "script/none"),
        (["run", "work.ipynb", "--model", "demo"], "-p PROMPT"),
        (["run", "work.ipynb", "-p", "  ", "--model", "demo"], "-p PROMPT"),
        (["run", "work.ipynb", "-p", "x", "--mode", "yolo"], "invalid choice"),
        (["run", "work.ipynb", "-p", "x", "--timeout", "-1"], "more than 0"),
        (
            ["run", "work.ipynb", "-p", "x", "--timeout", "soon"],
            "'soon' is not a number of seconds",
        ),
        (["run", "work.ipynb", "-p", "x", "--timeout", "nan"], "more than 0"),
        (["run", "work.ipynb", "-p", "x", "--max-cost", "little"], "not an amount of US dollars"),
        (["run", "work.ipynb", "-p", "x", "--max-turns", "2.5"], "not a whole number"),
        (["verify", "work.ipynb", "--cell-timeout", "long"], "not a number of seconds"),
        (["demo", "--port", "http"], "'http' is not a port"),
        (["sessions", "nowhere"], "folder nowhere is not there"),
        (["sessions", "work.ipynb"], "is a file"),
        (["sessions", "--store", "none.db"], "no file of sessions at none.db"),
        (["run", "work.ipynb", "-p", "x", "--max-cost", "0"], "more than 0"),
        (["run", "work.ipynb", "-p", "x", "--max-turns", "0"], "more than 0"),
        (["run", "work.ipynb", "--resume"], "was interrupted"),
        (["run", "work.ipynb", "--resume", "ses_none"], "no such session"),
        (["run"], "NOTEBOOK"),
        (["dance"], "invalid choice"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_exit_code_2(command, arguments, says):
    (command.folder / "ran.csv").write_text("a,b\n1,2\n")
    outcome = command.run(*arguments)
    assert outcome.returncode == USAGE
    assert says in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert outcome.stdout == ""


def test_without_any_model_it_says_how_to_get_one(command):
    command.configure()
    outcome = command.run("run", "work.ipynb", "-p", "x")
    assert outcome.returncode == USAGE
    assert "No model is ready" in outcome.stderr
    assert "--model demo" in outcome.stderr


def test_wrong_settings_are_exit_code_2(command):
    command.configure(default_mode="yolo")
    outcome = command.run("run", "work.ipynb", "-p", "x", "--model", "demo")
    assert outcome.returncode == USAGE
    assert "default_mode" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_missing_key_is_exit_code_5(command):
    outcome = command.run("run", "work.ipynb", "-p", "x", "--model", "anthropic/claude-sonnet-5")
    assert outcome.returncode == PROVIDER
    assert "ANTHROPIC_API_KEY" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_provider_that_cannot_be_reached_is_exit_code_5(command):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        model = f"http://127.0.0.1:{port}/v1#model"
        outcome = command.run("run", "work.ipynb", "-p", "x", "--model", model)
    assert outcome.returncode == PROVIDER
    assert "Traceback" not in outcome.stderr


def test_a_limit_is_exit_code_4(command):
    outcome = run(command, "loops", "--json")
    assert outcome.returncode == LIMIT
    assert command.events(outcome.stdout)[-1]["status"] == "limit"
    assert "limit of" in outcome.stderr


def test_limits_of_ones_own_are_exit_code_4(command):
    outcome = run(command, "steps", "--yes", "--max-turns", "2")
    assert outcome.returncode == LIMIT
    assert "limit of 2 questions" in outcome.stderr
    assert command.log() == ["step 0", "step 1"]


def test_a_limit_of_cost_says_when_it_cannot_be_counted(command):
    outcome = run(command, "steps", "--yes", "--json", "--max-cost", "0.5")
    assert outcome.returncode == DONE
    notices = [e["text"] for e in command.events(outcome.stdout) if e["type"] == "notice"]
    assert len(notices) == 1 and "$0.50" in notices[0]


def test_the_timeout_is_exit_code_4(command):
    outcome = run(command, "waits", "--timeout", "1")
    assert outcome.returncode == LIMIT
    assert "--timeout" in outcome.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_cleanly(command, number):
    child = command.start(
        "run", "work.ipynb", "-p", "go", "--model", "script/sleeps", "--yes", "--json"
    )
    command.wait_for_event(child, lambda event: event["type"] == "tool_start")
    child.send_signal(number)
    output, errors = child.communicate(timeout=30)
    assert child.returncode == 128 + number
    last = command.events(output.decode())[-1]
    assert (last["type"], last["status"]) == ("run_end", "stopped")
    assert b"Traceback" not in errors
    command.read_notebook()
    # What it says to do next names the session; `--resume` alone finds the same.
    [session] = command.events(command.run("sessions", "--json").stdout)
    assert f"jupyter agent run work.ipynb --resume {session['id']}" in errors.decode()
    if number == signal.SIGINT:
        again = command.run("run", "work.ipynb", "--resume")
        assert again.returncode == DONE, again.stderr
        assert session["id"] in again.stderr
        assert "I was told" in again.stdout


def test_a_cell_that_still_runs_when_the_agent_ends_is_waited_for(command):
    source = "import time; time.sleep(1.5); print('late')"
    outcome = command.run("run", "work.ipynb", "-p", source, "--model", "script/leaves", "--yes")
    assert outcome.returncode == DONE, outcome.stderr
    assert "a cell still runs" in outcome.stderr
    cell = command.read_notebook().cells[-1]
    assert [output.text for output in cell.outputs] == ["late\n"]


def test_a_cell_that_fails_after_the_agent_ended_is_exit_code_1(command):
    source = "import time; time.sleep(1.5); 1/0"
    outcome = command.run("run", "work.ipynb", "-p", source, "--model", "script/leaves", "--yes")
    assert outcome.returncode == FAILED
    assert "did not succeed" in outcome.stderr
    assert command.read_notebook().cells[-1].outputs[0].ename == "ZeroDivisionError"


def test_the_timeout_ends_a_cell_that_still_runs_too(command):
    source = "print('begun'); import time; time.sleep(60)"
    arguments = ("-p", source, "--model", "script/leaves", "--yes", "--timeout", "8")
    outcome = command.run("run", "work.ipynb", *arguments)
    assert outcome.returncode == LIMIT
    kinds = [output.output_type for output in command.read_notebook().cells[-1].outputs]
    assert kinds == ["stream", "error"]


@pytest.mark.parametrize("arguments", [("--yes",), ("--mode", "auto")])
def test_what_a_rule_forbids_is_exit_code_3(command, arguments):
    command.configure(
        scripts={"edits": "command_scripts:edits"}, rules=[{"effect": "deny", "tool": "edit_*"}]
    )
    outcome = run(command, "edits", *arguments)
    assert outcome.returncode == DENIED
    assert "rule" in outcome.stderr
    assert "--yes allows" not in outcome.stderr
    assert command.log() == []


def test_a_call_is_shown_when_it_starts(command):
    child = command.start("run", "work.ipynb", "-p", "go", "--model", "script/sleeps", "--yes")
    shown = b""
    for line in child.stdout:
        shown += line
        if line.startswith("●".encode()):
            break
    assert shown.decode().splitlines()[-1].startswith("● ")
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send this signal to itself")
@pytest.mark.parametrize("module", ["pydantic", "jupyter_agent.kernel.managed"])
def test_ctrl_c_while_packages_are_imported_is_no_traceback(command, module):
    hook = command.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
    )
    command.environment["PYTHONPATH"] = f"{hook}{os.pathsep}{command.environment['PYTHONPATH']}"
    outcome = run(command, "says")
    assert outcome.returncode == 130
    assert "Traceback" not in outcome.stderr


def test_a_reader_that_leaves_is_no_traceback(command):
    child = command.start(
        "run", "work.ipynb", "-p", "go", "--model", "script/steps", "--yes", "--json"
    )
    command.wait_for_event(child, lambda event: event["type"] == "run_start")
    child.stdout.close()
    drained: list[bytes] = []
    reader = threading.Thread(target=lambda: drained.append(child.stderr.read()))
    reader.start()
    child.wait(timeout=60)
    reader.join()
    assert b"Traceback" not in drained[0]


def test_sessions_lists_what_was_run_here(command):
    run(command, "says")
    listed = command.run("sessions", "--json")
    assert listed.returncode == DONE
    [session] = command.events(listed.stdout)
    assert session["notebook_path"] == "work.ipynb"
    assert session["title"] == "go"
    assert session["id"] in command.run("sessions").stdout
    elsewhere = command.run("sessions", str(command.folder / "config"))
    assert elsewhere.stdout == ""


def test_a_session_can_be_gone_on_with_by_its_id(command):
    run(command, "says")
    [session] = command.events(command.run("sessions", "--json").stdout)
    again = command.run("run", "work.ipynb", "--resume", session["id"], "-p", "more")
    assert again.returncode == DONE, again.stderr
    [after] = command.events(command.run("sessions", "--json").stdout)
    assert after["id"] == session["id"]
    assert after["messages"] == session["messages"] + 2


def test_a_store_in_memory_leaves_nothing_behind(command):
    assert run(command, "says", "--store", "memory").returncode == DONE
    assert command.run("sessions").stdout == ""
    assert not (command.folder / "data").exists()


def test_a_store_that_cannot_be_used_does_not_keep_the_work_from_being_done(command):
    (command.folder / "file").write_text("not a folder")
    outcome = run(command, "says", "--store", "file/sessions.db")
    assert outcome.returncode == DONE
    assert "cannot be resumed" in outcome.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="links are POSIX's")
@pytest.mark.parametrize("how", ["run", "verify"])
def test_a_notebook_behind_a_link_runs_in_the_links_folder(command, tmp_path, how):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command.write_notebook("open('here.txt', 'x').close()")
    real = elsewhere / "real.ipynb"
    command.notebook.rename(real)
    command.notebook.symlink_to(real)
    verify = how == "verify"
    outcome = command.run("verify", "work.ipynb") if verify else run(command, "runs", "--yes")
    assert outcome.returncode == DONE, outcome.stdout + outcome.stderr
    assert (command.folder / "here.txt").exists()
    assert not (elsewhere / "here.txt").exists()
    assert command.notebook.is_symlink()
    if not verify:
        assert '"execution_count": 1' in real.read_text()


@pytest.mark.parametrize("how", ["run", "verify"])
def test_a_language_without_a_kernel_is_not_run_in_python(command, how):
    command.write_notebook("open('here.txt', 'x').close()")
    notebook = command.read_notebook()
    notebook.metadata = {"language_info": {"name": "klingon"}}
    nbformat.write(notebook, command.notebook)
    if how == "run":
        outcome = run(command, "runs", "--yes", "--json")
    else:
        outcome = command.run("verify", "work.ipynb")
    assert "no kernel for klingon is installed here" in outcome.stdout + outcome.stderr
    assert not (command.folder / "here.txt").exists()
