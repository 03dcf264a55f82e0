"""`jupyter agent doctor` against a small model server on this machine, well and ill."""

import itertools
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from jupyter_agent.access.doctor import check_provider
from jupyter_agent.access.model_access import ModelAccess
from jupyter_agent.config import Settings
from jupyter_agent.models.credentials import Credentials

DONE, USAGE, PROVIDER = 0, 2, 5


class ModelServer(ThreadingHTTPServer):
    """An OpenAI-style server; `faults` says what is wrong with it."""

    daemon_threads = True

    def __init__(self, *faults, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = faults
        self.questions = []
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """Say nothing of clients that end a handshake: they are what is tested."""

    def __exit__(self, *exception):
        self.shutdown()
        super().__exit__(*exception)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""

    def date_time_string(self, timestamp=None):
        late = {"ahead": -7200, "behind": 600}
        shift = next((late[fault] for fault in self.server.faults if fault in late), 0)
        return super().date_time_string(time.time() + shift)

    def is_nowhere(self):
        return "versioned" in self.server.faults and not self.path.startswith("/v1/")

    def do_GET(self):
        if self.is_nowhere():
            self.answer(404, {"detail": "Not Found"})
        elif "key" in self.server.faults:
            self.answer(401, {"error": {"message": "bad key", "type": "invalid_request_error"}})
        elif "list" in self.server.faults:
            self.answer(404, {"error": {"message": "no such route"}})
        else:
            rows = [{"id": name, "object": "model"} for name in ("tiny", "gpt-4o")]
            self.answer(200, {"object": "list", "data": rows})

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.is_nowhere():
            self.answer(404, {"detail": "Not Found"})
            return
        self.server.questions.append(question)
        if "forces" in self.server.faults and question.get("tool_choice") == "required":
            self.answer(400, {"error": {"message": "tool_choice is not supported"}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        held = "holds" in self.server.faults
        chunks = self.text_chunks()
        if self.calls(question):
            chunks = self.tool_chunks()
        elif "image_url" in json.dumps(question["messages"]):
            chunks = self.colour_chunks()
        if held:
            time.sleep(1.7)
        for chunk in itertools.cycle(chunks) if "endless" in self.server.faults else chunks:
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

    def colour_chunks(self):
        words = "I see no picture." if "blind" in self.server.faults else "Red."
        yield {"choices": [{"index": 0, "delta": {"content": words}, "finish_reason": "stop"}]}

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
        "clock": "ok",
        "models": "ok",
        "model": "ok",
        "answer": "ok",
        "tools": "ok",
        "images": "skipped",
    }


def test_an_address_on_this_machine_needs_neither_scheme_nor_v1(command):
    with ModelServer("versioned") as server:
        address = f"127.0.0.1:{server.server_port}"
        outcome = command.run("doctor", f"{address}#tiny", "--json")
        assert f"http://{address} can be asked" in outcome.stdout
    assert outcome.returncode == DONE, outcome.stderr
    assert outcomes(command, outcome)["models"] == outcomes(command, outcome)["answer"] == "ok"


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
        ("ahead", "tiny", ("clock", "warning", "2 hours ahead of")),
        ("behind", "tiny", ("clock", "warning", "10 minutes behind")),
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


def sees(command, server):
    """Make the server the place of a model that is known to see images."""
    command.configure(providers={"openai": {"base_url": server.url}})
    command.environment["OPENAI_API_KEY"] = "sk-of-a-test"
    return command.run("doctor", "openai/gpt-4o", "--json")


def test_a_model_that_sees_is_shown_a_picture(command):
    with ModelServer() as server:
        outcome = sees(command, server)
        shown = json.dumps(server.questions[-1]["messages"])
    assert checks(command, outcome)["images"]["outcome"] == "ok", outcome.stdout
    assert "data:image/png;base64," in shown


def test_a_model_that_cannot_be_made_to_call_a_tool_is_asked_to(command):
    with ModelServer("forces") as server:
        outcome = sees(command, server)
        choices = [question.get("tool_choice") for question in server.questions]
    assert outcomes(command, outcome)["tools"] == "ok", outcome.stdout
    assert "required" in choices


def test_a_gateway_that_takes_pictures_out_is_named(command):
    with ModelServer("blind") as server:
        outcome = sees(command, server)
    check = checks(command, outcome)["images"]
    assert check["outcome"] == "warning"
    assert "I see no picture" in check["message"] and "gateway" in check["message"]


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_a_certificate_that_is_not_trusted_is_named_with_what_to_do(command, tls):
    with ModelServer(tls=tls) as server:
        outcome = command.run("doctor", f"{server.url}#tiny", "--json")
        words = command.run("doctor", f"{server.url}#tiny").stdout
    check = checks(command, outcome)["certificates"]
    assert check["outcome"] == "failed" and outcome.returncode == PROVIDER
    for word in ("not trusted", "ca_bundle", "SSL_CERT_FILE"):
        assert word in check["message"] and word in words
    assert "✗" in words


@pytest.mark.parametrize("way", ["settings", "environment"])
def test_the_bundle_named_makes_it_trusted(command, tls, authority, way):
    file = command.folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    if way == "settings":
        command.configure(ca_bundle=str(file))
    else:
        command.environment["SSL_CERT_FILE"] = str(file)
    with ModelServer(tls=tls) as server:
        outcome = command.run("doctor", server.url, "--json")
    assert outcomes(command, outcome)["models"] == "ok", outcome.stdout


def test_a_self_signed_certificate_is_called_that(command, authority, tmp_path):
    file = tmp_path / "own.pem"
    authority.private_key_pem.write_to_path(file)
    authority.cert_pem.write_to_path(file, append=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with ModelServer(tls=context) as server:
        outcome = command.run("doctor", server.url, "--json")
    assert "self-signed" in checks(command, outcome)["certificates"]["message"]


def test_a_proxy_that_is_not_there_is_at_fault(command):
    with ModelServer() as server:
        gone = server.server_port
    command.configure(proxy=f"http://me:secret@127.0.0.1:{gone}")
    outcome = command.run("doctor", "https://models.test/v1#tiny", "--json")
    check = checks(command, outcome)["proxy"]
    assert check["outcome"] == "failed" and f"127.0.0.1:{gone}" in check["message"]
    assert "secret" not in outcome.stdout


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


@pytest.mark.parametrize("target", ["demo", "script/says"])
def test_of_a_script_there_is_nothing_to_check(command, target):
    outcome = command.run("doctor", target)
    assert outcome.returncode == 0, outcome.stderr
    assert "is a script" in outcome.stdout
    outcome = command.run("doctor", "script/none")
    assert outcome.returncode == 5
    assert "script/says" in outcome.stdout


async def checked(folder, server, seconds=0.5):
    settings = Settings(discover_local_servers=False)
    nowhere = Credentials(folder, environment={}, find_keyring=lambda: None)
    found = check_provider(
        ModelAccess(settings, nowhere), f"{server.url}#tiny", question_seconds=seconds
    )
    return {check.name: check async for check in found}


async def test_a_model_that_never_stops_is_cut_off_and_told(tmp_path):
    with ModelServer("endless") as server:
        found = await checked(tmp_path, server)
        assert all(question["max_tokens"] for question in server.questions)
    assert found["answer"].outcome == "warning" and "did not stop" in found["answer"].message
    assert found["tools"].outcome != "failed" and found["images"].outcome == "skipped"
