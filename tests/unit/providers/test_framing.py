"""The three framers and the line splitter: pieces of any size, odd ends, bounds, linear time."""

import random
import struct
import zlib

import pytest

from jupyter_agent.protocol.errors import ParseFailed
from jupyter_agent.providers._eventstream import EventStreamFramer
from jupyter_agent.providers._json import compact_json, parse_json
from jupyter_agent.providers._lines import MAX_LINE, LineSplitter
from jupyter_agent.providers._ndjson import NdjsonFramer
from jupyter_agent.providers._sse import MAX_EVENT, SseFramer


def frame(framer, body, sizes=(1,), seed=0):
    chance = random.Random(seed)
    found, at = [], 0
    while at < len(body):
        size = chance.choice(sizes)
        found += framer.feed(body[at : at + size])
        at += size
    return found + framer.flush()


def events(body, **how):
    return frame(SseFramer(), body, **how)


@pytest.mark.parametrize("sizes", [(1,), (2, 3), (10_000,)])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\ndata:b\n\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
        (b"event: x\ndata: a\n\n", [("x", b"a")]),
        (b"data: one\ndata: two\ndata\n\n", [("", b"one\ntwo\n")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b": keep-alive\n\ndata: a\nid: 7\nretry: 9\n\n", [("", b"a")]),
        (b"event: nothing\n\ndata: a\n\n", [("", b"a")]),
        (b'error: {"x":1}\n\n', [("error", b'{"x":1}')]),
        ("data: ähm 🪐\n\n".encode(), [("", "ähm 🪐".encode())]),
        (b"data: last line without an end", [("", b"last line without an end")]),
        (b"data:  two spaces\n\n", [("", b" two spaces")]),
        (b"", []),
    ],
)
def test_sse_events_do_not_depend_on_the_pieces(body, expected, sizes):
    assert events(body, sizes=sizes) == expected


def test_what_is_no_event_is_kept_aside():
    framer = SseFramer()
    assert framer.feed(b"<html>\n<body>No</body>\n") == []
    assert framer.stray == b"<html>\n<body>No</body>"


def test_an_endless_line_is_stopped():
    splitter = LineSplitter()
    with pytest.raises(ParseFailed, match="longer than 1 MiB"):
        for _ in range(2 * MAX_LINE):
            splitter.feed(b"x" * 1024)


def test_one_long_line_in_one_piece_is_stopped():
    with pytest.raises(ParseFailed, match="longer than 1 MiB"):
        LineSplitter().feed(b"x" * (MAX_LINE + 1) + b"\n")


def test_an_endless_event_is_stopped():
    framer = SseFramer()
    line = b"data: " + b"x" * 1000 + b"\n"
    with pytest.raises(ParseFailed, match="larger than 4 MiB"):
        for _ in range(MAX_EVENT // 1000 + 2):
            framer.feed(line)


def test_an_endless_stream_is_stopped():
    splitter = LineSplitter(max_stream=1000)
    with pytest.raises(ParseFailed, match="longer than"):
        for _ in range(200):
            splitter.feed(b"123456\n")


def test_the_splitter_keeps_nothing_of_what_it_gave_out():
    splitter = LineSplitter()
    for _ in range(1000):
        assert splitter.feed(b"line\n") == [b"line"]
    assert splitter.flush() == b""


@pytest.mark.parametrize("sizes", [(1,), (5,), (1000,)])
def test_ndjson_skips_blank_lines(sizes):
    assert frame(NdjsonFramer(), b'{"a":1}\n\r\n  \n{"b":2}', sizes) == [b'{"a":1}', b'{"b":2}']


def message(payload, headers, *, break_at=None, total=None):
    block = b""
    for name, value in headers.items():
        block += bytes([len(name)]) + name.encode()
        if isinstance(value, str):
            block += b"\x07" + struct.pack(">H", len(value)) + value.encode()
        else:
            block += value
    size = 16 + len(block) + len(payload) if total is None else total
    prelude = struct.pack(">II", size, len(block))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    body = prelude + block + payload
    raw = bytearray(body + struct.pack(">I", zlib.crc32(body)))
    if break_at is not None:
        raw[break_at] ^= 1
    return bytes(raw)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_event_stream_messages_are_framed(size):
    first = message(b'{"a":1}', {":event-type": "x", "n": b"\x04\x00\x00\x00\x07", "t": b"\x00"})
    second = message(b"", {":message-type": "event", "b": b"\x06\x00\x01z"})
    framer = EventStreamFramer()
    body = first + second
    found = []
    for at in range(0, len(body), size):
        found += framer.feed(body[at : at + size])
    assert found == [({":event-type": "x"}, b'{"a":1}'), ({":message-type": "event"}, b"")]
    assert not framer.pending


@pytest.mark.parametrize(
    "raw",
    [
        message(b"x", {"a": "b"}, break_at=0),
        message(b"x", {"a": "b"}, break_at=14),
        message(b"x", {"a": "b"}, break_at=-1),
        message(b"", {}, total=10),
        message(b"", {}, total=1 << 30),
        message(b"", {"a": b"\x63"}),
        message(b"", {"a": b"\x07\x00\xff"}),
        message(b"", {"a": b"\x07"}),
    ],
)
def test_damaged_event_streams_are_refused(raw):
    with pytest.raises(ParseFailed, match="damaged"):
        EventStreamFramer().feed(raw)


def test_json_with_bad_unicode_is_mended():
    assert parse_json(b'{"a":"\xff"}') == {"a": "�"}
    assert parse_json(b'{"a":"\\ud83d"}') == {"a": "?"}
    assert compact_json({"a": "\ud83d"}) == b'{"a":"?"}'


@pytest.mark.parametrize("bad", [b"{", b"[" * 100_000, b'{"a":\\ud800}', b""])
def test_what_is_not_json_is_a_value_error(bad):
    with pytest.raises(ValueError):
        parse_json(bad)
