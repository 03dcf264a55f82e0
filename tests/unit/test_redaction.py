"""Keys in texts: found whatever is around them, and little else is taken for one."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agent.access.redactor import secrets_in
from jupyter_agent.digest.text import cut, read_on
from jupyter_agent.protocol.redaction import marker, markers, redact

PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n"
    + "MIIEowIBAAKCAQEA7bq1/abcdefghijklmnopqrstuvwxyz0123456789+/ABCDEFGH\n" * 24
    + "shortEnd==\n-----END RSA PRIVATE KEY-----"
)
# Made up, and put together here so that no scanner takes them for real ones.
SECRETS = {
    "openai": "sk-" + "proj-Ab12cdEFgh34ijKLmn56opQR",
    "anthropic": "sk-ant-" + "api03-Ab12cdEFgh34ijKLmn56",
    "google": "AIza" + "Sy0123456789abcdefghijklmnopqrstuvw",
    "groq": "gsk_" + "Ab12cdEFgh34ijKLmn56opQR",
    "hugging face": "hf_" + "AbcdEFghijKLmnopQRstUVwxyzABcdEFgh",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + "Ab12cdEFgh34ijKLmn56opQRst78uvWXyz90",
    "github fine": "github_pat_" + "11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
    "gitlab": "glpat-" + "Ab12cdEFgh34ijKLmn56",
    "slack": "xoxb-" + "123456789012-Ab12cdEFgh34",
    "stripe": "sk_live_" + "Ab12cdEFgh34ijKLmn56",
    "jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "pem": PEM,
}
AROUND = {
    "line": "{}",
    "json": '{{"key": "{}"}}',
    "repr": "'a\\n{}\\nb'",
    "assigned": "TOKEN={};",
    "url": "https://example.org/?token={}&x=1",
    "words": "the key ({}), they said",
}
NAMED = {
    "header": ("Authorization: Bearer {}", "abcdefgh.ijklmnop12"),
    "basic": ("'authorization': 'Basic {}'", "dXNlcjpwYXNzd29yZA=="),
    "own header": ('"x-api-key": "{}"', "0123456789abcdef0123"),
    "url": ("postgresql://ada:{}@db.example.org/x", "s3cret!"),
    "query": ("https://example.org/a?x=1&api_key={}", "abcdef012345678"),
    "aws": ("aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "aws json": ('"SecretAccessKey": "{}"', "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "webhook": (
        "https://hooks.slack.com/services/{}",
        "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    ),
}
PLAIN = (
    hashlib.sha256(b"x").hexdigest(),
    hashlib.md5(b"x").hexdigest(),
    str(uuid.UUID(int=2**100 + 17)),
    "from sklearn.linear_model import LogisticRegression  # risk-adjusted-returns-2026-model",
    "sk-learn-contrib-and-a-long-name",
    "task-0123456789abcdef0123456789",
    "data:image/png;base64," + base64.b64encode(random.Random(1).randbytes(60_000)).decode(),
    "https://user@example.org/path?page=1234567890123&key=name",
    "http://localhost:8888/lab?token=",
    'f"postgresql://{user}:{password}@{host}/db"',
    "ssh -i key.pem host:/path@2",
    "the bearer of this letter is well known",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQ\n-----END CERTIFICATE-----",
    "eyJ is how a JSON Web Token begins",
    "hf_hub_download(repo_id, filename)",
    "gsk_model = load()",
)


@pytest.mark.R(13)
@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", AROUND)
def test_keys_are_found_by_their_shape(kind: str, around: str) -> None:
    secret = SECRETS[kind]
    if around == "repr":
        secret = secret.replace("\n", "\\n")
    text = AROUND[around].format(secret)
    found = redact(text)
    assert secret not in found and len(markers(found)) == 1
    assert found == AROUND[around].format(markers(found)[0])
    assert redact(found) == found


@pytest.mark.R(13)
@pytest.mark.parametrize("kind", NAMED)
def test_keys_are_found_by_what_stands_before_them(kind: str) -> None:
    around, secret = NAMED[kind]
    found = redact(around.format(secret))
    assert found == around.format(markers(found)[0])
    assert redact(found) == found


@pytest.mark.parametrize("text", PLAIN, ids=lambda text: text[:20])
def test_what_is_no_key_stays(text: str) -> None:
    assert redact(text) == text


def test_known_keys_are_named_whatever_they_look_like() -> None:
    known = {"hunter2hunter2": "GATEWAY_KEY", "hunter2hunter2-and-more": "key of x", "abc": "short"}
    text = "a hunter2hunter2-and-more, hunter2hunter2. abc"
    assert redact(text, known) == "a [redacted: key of x], [redacted: GATEWAY_KEY]. abc"
    assert marker("key of https://h/v1") == "[redacted: key of https   h v1]"


def test_the_environment_is_searched_for_what_is_named_a_key() -> None:
    found = secrets_in(
        {
            "GATEWAY": "plain-words",
            "MY_TOKEN": "a1b2c3d4e5f6g7",
            "DB_PASSWORD": "correct-Horse-9",
            "USE_TOKEN": "true",
            "TOKEN_FILE": "a1b2c3d4e5f6g7h8",
            "KEY_TOKEN": "/run/secrets/token1",
            "OPENAI_API_KEY": " sk-chosen ",
            "HOME": "/home/someone1234",
        },
        frozenset({"OPENAI_API_KEY", "GATEWAY"}),
    )
    assert found == {
        "plain-words": "GATEWAY",
        "a1b2c3d4e5f6g7": "MY_TOKEN",
        "correct-Horse-9": "DB_PASSWORD",
        "sk-chosen": "OPENAI_API_KEY",
    }


@pytest.mark.R(13)
@pytest.mark.parametrize("cut_at", [100, 900, 1500])
def test_the_end_of_a_cut_private_key_goes_too(cut_at: int) -> None:
    for part in (f"before {PEM[:cut_at]}", f"{PEM[cut_at:]} behind"):
        found = redact(part)
        assert markers(found) == ["[redacted: private key]"]
        assert "abcdefghij" not in found
    assert redact(f"{PEM[cut_at:]} behind").endswith(" behind")


@pytest.mark.R(13)
@given(st.integers(0, 3_000), st.sampled_from([" ", '", "', "\t", ";"]), st.integers(300, 900))
def test_no_cut_of_the_digest_divides_a_key(before: int, space: str, limit: int) -> None:
    secret = SECRETS["anthropic"]
    words = "word" + space
    text = words * (before // 6) + space + secret + space + words * 400
    found = cut(text, limit, 4 * limit)
    for piece in (found.head, found.tail):
        assert "Ab12cdEF" not in redact(piece) and "ijKLmn56" not in redact(piece)
    offset = 0
    while offset < len(text):  # reading on, piece by piece, misses nothing and divides nothing
        piece, end = read_on(text, offset, limit)
        assert end > offset
        assert "Ab12cdEF" not in redact(piece) and "ijKLmn56" not in redact(piece)
        offset = end


@given(st.text(alphabet="sk-ant0aAIz_ghp:/@?&=key.eyJ \n-BEGINPRVATKYD[]redacted", max_size=200))
def test_twice_is_as_good_as_once(text: str) -> None:
    found = redact(text)
    assert redact(found) == found


HOSTILE = (
    "sk-",
    "sk-a",
    "eyJ",
    "eyJaaaaaaaaaaaa.",
    "://",
    "://a:",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nabcdefghijklmnopqrst",
    "-----END PRIVATE KEY-----",
    "abcdefghijklmnop\n-----END PRIVATE KEY-----",
    "Authorization: Bearer ",
    "bearer a",
    "api-key: ",
    "?key=",
    "secret_access_key=" + "a" * 39,
    "AIza",
    "xoxb-",
    " ",
    "A",
)


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: repr(piece[:24]))
def test_time_is_linear_whatever_is_in_the_text(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        begun = time.process_time()
        redact(text, {"0123456789abcdef": "KEY"})
        return time.process_time() - begun

    seconds(10_000)
    small, large = seconds(250_000), seconds(2_000_000)
    assert large < max(0.2, 8 * small * 4)  # eight times the text; quadratic would be 64


def test_a_large_plain_text_is_no_work() -> None:
    text = base64.b64encode(os.urandom(20_000_000)).decode()
    begun = time.process_time()
    assert redact(text) == text
    assert time.process_time() - begun < 10
