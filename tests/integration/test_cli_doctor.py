"""`jupyter agent doctor` against a small model server on this machine, well and ill."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

DONE, USAGE, PROVIDER = 0, 2, 5


class ModelServer(ThreadingHTTPServer):
    """An OpenAI-style server; `faults` says what is wrong with it."""

    daemon_threads = True

    def __init__(self, *faults):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = faults
        self.questions = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __exit__(self, *exception):
        self.shutdown()
        super().__exit__(*exception)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""

    def do_GET(self):
        if "key" in self.server.faults:
            self.answer(401, {"error": {"message": "bad key", "type": "invalid_request_error"}})
        elif "list" in self.server.faults:
            self.answer(404, {"error": {"message": "no such route"}})
        else:
            self.answer(200, {"object": "list", "data": [{"id": "tiny", "object": "model"}]})

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.questions.append(question)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        held = "holds" in self.server.faults
        chunks = self.tool_chunks() if self.calls(question) else self.text_chunks()
        if held:
            time.sleep(1.7)
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps({'id': 'a', **chunk})}\n\n".encode())
            if not held:
                self.wfile.flush()
                time.sleep(0.01)
        self.wfile.write(b"data: [DONE]\n\n")

    def calls(self, question):
        return "tools" in question and "strips" not in self.server.faults

    def text_chunks(self):
        for number in range(8):
            yield {"choices": [{"index": 0, "delta": {"content": f"{number} "}}]}
        yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}

    def tool_chunks(self):
        call = {"index": 0, "id": "c1", "function": {"name": "ping", "arguments": "{}"}}
        yield {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
        yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def checks(command, outcome):
    return {check["name"]: check for check in command.events(outcome.stdout)}


def outcomes(command, outcome):
    return {name: check["outcome"] for name, check in checks(command, outcome).items()}


def test_a_healthy_server_with_a_model_named(command):
    with ModelServer() as server:
        outcome = command.run("doctor", f"{server.url}#tiny", "--json")
    assert outcome.returncode == DONE, outcome.stderr
    assert outcomes(command, outcome) == {
        "setup": "ok",
        "models": "ok",
        "answer": "ok",
        "tools": "ok",
    }


def test_without_a_model_no_question_is_asked(command):
    with ModelServer() as server:
        outcome = command.run("doctor", server.url, "--json")
        assert server.questions == []
    assert outcome.returncode == DONE
    assert outcomes(command, outcome)["answer"] == "skipped"


@pytest.mark.parametrize(
    ("fault", "model", "expected"),
    [
        ("key", "tiny", ("models", "failed", "key")),
        ("list", "tiny", ("models", "warning", "no list")),
        ("none", "tniy", ("models", "warning", "near it are tiny")),
        ("holds", "tiny", ("answer", "warning", "all at once")),
        ("strips", "tiny", ("tools", "warning", "did not call")),
    ],
)
def test_an_ill_server_is_named_for_its_fault(command, fault, model, expected):
    name, found, words = expected
    with ModelServer(fault) as server:
        outcome = command.run("doctor", f"{server.url}#{model}", "--json")
    check = checks(command, outcome)[name]
    assert check["outcome"] == found
    assert words in check["message"]
    assert outcome.returncode == (PROVIDER if found == "failed" else DONE)


def test_the_setup_is_told_without_asking_anybody(command):
    outcome = command.run("doctor")
    assert outcome.returncode == DONE
    assert "No key for: " in outcome.stdout
    assert "openai" in outcome.stdout


def test_a_proxy_is_named_without_its_password(command):
    command.environment["HTTPS_PROXY"] = "http://me:secret@proxy.example:3128"
    outcome = command.run("doctor")
    assert "http://proxy.example:3128" in outcome.stdout
    assert "secret" not in outcome.stdout


def test_an_unknown_provider_is_exit_code_2(command):
    outcome = command.run("doctor", "opneai")
    assert outcome.returncode == USAGE
    assert "openai" in outcome.stderr


def test_a_missing_key_is_exit_code_5(command):
    outcome = command.run("doctor", "openai")
    assert outcome.returncode == PROVIDER
    assert "OPENAI_API_KEY" in outcome.stdout
