"""The classifier: status, headers and body → the right class and a sentence without secrets."""

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from jupyter_agent.providers._errors import (
    error_from_body,
    error_from_response,
    quote,
    redact,
    retry_after,
)


def classify(status, body, headers=None):
    return error_from_response(status, headers or {}, body, provider="openai", model="m-1")


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (401, b"", "unauthorized", False),
        (403, b'{"error":{"message":"Country not supported"}}', "unauthorized", False),
        (400, b'{"error":{"message":"API key not valid."}}', "unauthorized", False),
        (429, b'{"error":{"message":"Rate limit reached"}}', "rate_limited", True),
        (429, b'{"error":{"code":"insufficient_quota","message":"x"}}', "rate_limited", False),
        (402, b"{}", "rate_limited", False),
        (400, b'{"error":{"message":"Your credit balance is too low"}}', "rate_limited", False),
        (400, b'{"error":{"code":"context_length_exceeded"}}', "context_overflow", False),
        (400, b'{"error":{"message":"prompt is too long: 9 > 8"}}', "context_overflow", False),
        (413, b"", "context_overflow", False),
        (404, b'{"error":{"code":"model_not_found","message":"x"}}', "bad_request", False),
        (404, b"<html>nginx</html>", "bad_request", False),
        (400, b'{"error":{"code":"content_filter","message":"x"}}', "refused", False),
        (408, b"", "timed_out", True),
        (504, b"", "timed_out", True),
        (409, b"", "overloaded", True),
        (500, b"oops", "overloaded", True),
        (503, b"", "overloaded", True),
        (529, b'{"type":"error","error":{"type":"overloaded_error"}}', "overloaded", True),
        (302, b"", "bad_request", False),
        (418, b"", "bad_request", False),
    ],
)
def test_seed_073_each_status_has_its_class_and_a_sentence(status, body, code, retryable):
    error = classify(status, body)
    assert (error.code, error.retryable, error.status) == (code, retryable, status)
    assert (error.provider, error.model) == ("openai", "m-1")
    assert error.user_message.endswith(".")
    assert not set("{}<>[]") & set(error.user_message)


@pytest.mark.parametrize(
    ("status", "words", "code", "retryable", "told"),
    [
        (400, "This model does not support tools", "unsupported_capability", False, "--jinja"),
        (
            404,
            "No endpoints found that support tool use.",
            "unsupported_capability",
            False,
            "another model",
        ),
        (500, "tools param requires --jinja flag", "unsupported_capability", False, "--jinja"),
        (500, "CUDA error: out of memory", "overloaded", False, "memory"),
        (500, "model requires more system memory (9 GiB)", "overloaded", False, "memory"),
        (503, "Loading model", "overloaded", True, "still loading m-1"),
        (400, "Country is not supported", "bad_request", False, ""),
    ],
)
def test_habits_of_local_servers_are_told_with_the_remedy(status, words, code, retryable, told):
    error = classify(status, json.dumps({"error": {"message": words}}).encode())
    assert (error.code, error.retryable) == (code, retryable)
    assert told in error.user_message


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.9s.", 1.9),
        ("Please try again in 340ms.", 0.34),
        ("Please try again in 20 seconds", 20.0),
        ("Please try again in 2m3.5s.", 60.0),  # the longest wait there is
        ("Please try again in 1m.", 60.0),
        ("Please try again in a while.", None),
        ("Try again later.", None),
    ],
)
def test_the_wait_that_an_error_names_in_words(words, seconds):
    error = classify(429, json.dumps({"error": {"message": words}}).encode())
    assert error.retry_after == seconds


def test_no_model_is_named_twice():
    body = b'{"error":{"code":"model_not_found","message":"x"}}'
    error = error_from_response(404, {}, body, provider="openai", model="")
    assert "does not offer this model" in error.user_message


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"Words."}}',
        b'{"error":"Words."}',
        b'{"message":"Words."}',
        b'{"Message":"Words."}',
        b'{"detail":"Words."}',
        b'{"detail":[{"msg":"Words.","loc":["body"]}]}',
        b'[{"error":{"message":"Words.","status":"INVALID_ARGUMENT"}}]',
        b'{"code":"x","error":"Words."}',
        b'{"error":{"message":"Provider returned error","metadata":{"raw":"Words."}}}',
        b"Words.",
        b"\xffWords.",
    ],
)
def test_the_words_are_found_in_every_shape(body):
    assert "Words”" in classify(400, body).user_message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"error":null}', b"[1]", b'"x"'])
def test_odd_bodies_are_no_trouble(body):
    assert classify(400, body).user_message.startswith("OpenAI refused the request")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("false", False), ("", True)],
)
def test_x_should_retry_wins_over_the_status(value, expected):
    assert classify(500, b"", {"x-should-retry": value}).retryable is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "3", "retry-after-ms": "20"}, 0.02),
        ({"retry-after": "86400"}, 60.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
        ({}, None),
    ],
)
def test_retry_after_is_read_and_capped(headers, seconds):
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date():
    later = datetime.now(timezone.utc) + timedelta(seconds=30)
    assert 25 < retry_after({"retry-after": format_datetime(later)}) <= 30
    earlier = later - timedelta(days=1)
    assert retry_after({"retry-after": format_datetime(earlier)}) == 0


def test_googles_retry_delay_is_read():
    body = b'{"error":{"code":429,"details":[{"retryDelay":"34s"}],"status":"RESOURCE_EXHAUSTED"}}'
    assert classify(429, body).retry_after == 34


def test_the_request_id_is_kept():
    assert classify(400, b"", {"x-request-id": "req_1"}).request_id == "req_1"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop",
        "sk-ant-api03-abcdefghijklmnop",
        "AIzaSyA1234567890abcdefg",
        "gsk_abcdefghijklmnop1234",
        "Bearer eyJhbGciOiJIUzI1NiJ9.x.y",
        "xai-abcdefghijklmnopqrst",
    ],
)
def test_seed_061_keys_are_redacted(secret):
    words = f"Wrong key {secret} given"
    assert secret not in quote(words)
    assert secret not in classify(400, words.encode()).user_message


def test_known_secrets_are_redacted_whatever_they_look_like():
    assert redact("the key hunter22 is bad", "hunter22") == "the key [key] is bad"
    assert redact("?key=abc&x=1") == "?key=[key]&x=1"


def test_long_words_are_cut_and_json_is_left_out():
    assert len(quote("x " * 1000)) < 320
    assert quote('Failed: {"a": 1}') == " (“Failed”)"
    assert quote('{"a": 1}') == ""


def test_a_hostile_body_takes_no_time():
    body = b"invalid " + b"api key missing " * 20_000 + b"!"
    assert classify(400, body).code == "unauthorized"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"type": "error", "error": {"type": "overloaded_error"}}, "overloaded"),
        ({"error": {"type": "api_error", "message": "Internal server error"}}, "overloaded"),
        ({"error": {"type": "rate_limit_error"}}, "rate_limited"),
        ({"error": {"code": 502, "message": "Bad gateway"}}, "overloaded"),
        ({"error": {}}, "stream_interrupted"),
        ({"error": "context size exceeded"}, "context_overflow"),
    ],
)
def test_errors_inside_a_stream_are_classified_by_their_words(payload, code):
    error = error_from_body(payload, status=None, provider="p", model="m", in_stream=True)
    assert error.code == code
