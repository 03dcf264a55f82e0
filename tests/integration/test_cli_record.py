"""`jupyter agent record` against a small model server on this machine."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DONE, USAGE, PROVIDER = 0, 2, 5
KEY = "canary-key-0123456789"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.questions.append((question, self.headers.get("Authorization")))
        if self.server.broken:
            self._send(401, "application/json", json.dumps({"error": {"message": f"bad {KEY}"}}))
            return
        if "tools" in question and self.server.calls:
            function = {"name": question["tools"][0]["function"]["name"], "arguments": "{}"}
            delta = {"tool_calls": [{"index": 0, "id": "c1", "function": function}]}
            reason = "tool_calls"
        else:
            delta, reason = {"content": f"Your key is {KEY}."}, "stop"
        chunks = [{"index": 0, "delta": delta}, {"index": 0, "delta": {}, "finish_reason": reason}]
        lines = [f"data: {json.dumps({'choices': [chunk]})}\n\n" for chunk in chunks]
        self._send(200, "text/event-stream", "".join(lines) + "data: [DONE]\n\n")

    def _send(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def model_server(command, *, broken=False, calls=True):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.questions = True, []
    server.broken, server.calls = broken, calls
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    command.configure(providers={"openai": {"base_url": url}})
    command.environment["OPENAI_API_KEY"] = KEY
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_the_answer_is_kept_without_the_key_and_read_as_replay_reads_it(command):
    with model_server(command) as server:
        outcome = command.run("record", "openai/tiny", "sent", "-p", "hello")
    assert outcome.returncode == DONE, outcome.stderr
    [(question, authorization)] = server.questions
    assert authorization == f"Bearer {KEY}" and "tools" not in question
    [found] = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert (found["text"], found["finish"]) == ("Your key is [key].", "stop")
    files = sorted((command.folder / "sent").iterdir())
    assert [file.suffix for file in files] == [".json", ".sse"]
    assert all(KEY not in file.read_text() for file in files)
    assert all(str(file) in outcome.stderr for file in files)
    assert command.run("replay", "sent").stdout == outcome.stdout


def test_with_tools_the_model_may_call_one(command):
    with model_server(command):
        outcome = command.run("record", "openai/tiny", "sent", "-p", "hello", "--tools")
    assert json.loads(outcome.stdout)["tool_calls"] == [{"name": "get_weather", "arguments": {}}]


def test_a_refusal_is_kept_too(command):
    with model_server(command, broken=True):
        outcome = command.run("record", "openai/tiny", "sent", "-p", "hello")
    assert outcome.returncode == PROVIDER
    assert "key" in json.loads(outcome.stdout)["error"]
    assert KEY not in outcome.stdout + outcome.stderr


def test_what_speaks_over_no_network_has_nothing_to_record(command):
    outcome = command.run("record", "demo", "sent", "-p", "hello")
    assert outcome.returncode == USAGE and "nothing to record" in outcome.stderr


def test_the_setting_records_every_run(command):
    with model_server(command, calls=False) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        command.configure(providers={"openai": {"base_url": url}}, record_to="kept")
        command.run("run", "work.ipynb", "-p", "hello", "--model", "openai/tiny")
    assert len(server.questions) == 1
    kept = list((command.folder / "kept").iterdir())
    assert len(kept) == 2 and all(KEY not in file.read_text() for file in kept)


def test_a_folder_that_cannot_be_made_is_named(command):
    (command.folder / "taken").write_text("")
    with model_server(command) as server:
        outcome = command.run("record", "openai/tiny", "taken", "-p", "hello")
    assert outcome.returncode == USAGE and "taken" in outcome.stderr
    assert server.questions == [] and "Traceback" not in outcome.stderr
