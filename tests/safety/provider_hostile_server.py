"""A model server that misbehaves, on real sockets. The first part of the path says how.

Run as a script: it prints its port and serves until its standard input is closed.
"""

import gzip
import json
import socket
import struct
import sys
import threading
import time

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n"
HI = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
BEHAVIOURS = {}


def behaviour(handler):
    BEHAVIOURS[handler.__name__] = handler
    return handler


def plain(name, *pieces):
    """Add a behaviour that sends these bytes and closes."""
    BEHAVIOURS[name] = lambda connection: [connection.sendall(piece) for piece in pieces]


def forever(name, *first, again):
    """Add a behaviour that sends these bytes, then the last ones without end."""

    def handler(connection):
        for piece in first:
            connection.sendall(piece)
        while True:
            connection.sendall(again)

    BEHAVIOURS[name] = handler


def drip(name, *first, again, pause=0.03):
    """Add a behaviour that keeps sending a little."""

    def handler(connection):
        for piece in first:
            connection.sendall(piece)
        while True:
            connection.sendall(again)
            time.sleep(pause)

    BEHAVIOURS[name] = handler


def hang(name, *first):
    """Add a behaviour that sends these bytes and then nothing, without closing."""

    def handler(connection):
        for piece in first:
            connection.sendall(piece)
        time.sleep(60)

    BEHAVIOURS[name] = handler


def event(payload):
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def calls(*fragments):
    return event({"choices": [{"delta": {"tool_calls": list(fragments)}}]})


def call(arguments, index=0, name="run", id="a"):
    return {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}


def status(code, body=b"", *headers):
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {code} X\r\nConnection: close\r\n{lines}\r\n".encode() + body


BOMB = gzip.compress(bytes(64 << 20))

# ---- before the body ---------------------------------------------------------------------------
plain("closes_at_once")
hang("never_answers")
plain("garbage", b"\x00\xff\x13garbage\r\n\r\n" * 100)
plain("not_http", b"220 mail.test ESMTP\r\n")
plain("http2_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
plain("huge_header", b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n")
forever("endless_headers", b"HTTP/1.1 200 OK\r\n", again=b"X-Y: z\r\n" * 1000)
drip("slow_headers", b"HTTP/1.1 200 OK\r\n", again=b"a")
forever("endless_continue", again=b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
plain("bad_status_line", b"HTTP/1.1 9999 NO\r\n\r\n")
plain("bad_length", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + HI)
plain("two_lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n" + HI)


@behaviour
def resets(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# ---- status and error bodies -------------------------------------------------------------------
plain("redirects", status(302, b"", "Location: /redirects/v1"))
plain("redirects_away", status(307, b"", "Location: http://169.254.169.254/latest"))
plain("echoes_the_key", status(401, b'{"error":{"message":"bad key sk-canary-0123456789abcdef"}}'))
plain("wants_a_year", status(429, b"", "Retry-After: 31536000"))
plain("huge_error_page", status(500, b"<html>" + b"x" * (10 << 20)))
drip("endless_error_page", status(500), again=b"x")
plain("gzip_error", status(500, BOMB, "Content-Encoding: gzip"))
plain("html", status(200, b"<!doctype html><title>Sign in</title>"))
plain("json_error", status(200, b'{"error":{"message":"no such thing"}}'))
plain("plain_text", status(200, b"hello there\n"))
plain("json_array", status(200, b"[1,2,3]"))
plain("nothing", OK)

# ---- lengths and encodings ---------------------------------------------------------------------
plain("gzip_bomb", status(200, BOMB, "Content-Encoding: gzip"))
plain("gzip_bomb_unannounced", status(200, BOMB))
plain("short_length", b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n" + HI + STOP + DONE)
plain("long_length", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + HI)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
plain("bad_chunk", CHUNKED + b"zz\r\n" + HI)
plain("huge_chunk", CHUNKED + b"ffffffffffffffff\r\n" + HI)
plain("cut_chunk", CHUNKED + b"ff\r\n" + HI)
plain("cut_event", OK, HI, HI[:20])
hang("stalls_in_an_event", OK, HI, HI[:20])
hang("stalls_after_an_event", OK, HI)
hang("stalls_before_an_event", OK)

# ---- floods and drips --------------------------------------------------------------------------
forever("endless_line", OK, again=b"x" * 65536)
forever("endless_zeros", OK, again=bytes(65536))
forever("endless_data_lines", OK, again=b"data: " + b"x" * 1000 + b"\n")
forever("endless_comments", OK, again=(b": " + b"y" * 500 + b"\n") * 100)
forever("endless_names", OK, again=(b"event: " + b"y" * 500 + b"\n") * 100)
forever("endless_noise", OK, again=(b"noise " + b"y" * 500 + b"\n\n") * 100)
forever("endless_text", OK, again=event({"choices": [{"delta": {"content": "x" * 60_000}}]}))
forever("endless_pieces", OK, again=event({"choices": [{"delta": {"content": "ab"}}]}) * 1000)
forever("endless_thinking", OK, again=event({"choices": [{"delta": {"reasoning": "m" * 9999}}]}))
forever("endless_nothing", OK, again=event({"choices": []}) * 1000)
forever("endless_arguments", OK, again=calls(call("x" * 60_000)))
drip("slow_comments", OK, HI, again=b": alive\n")
drip("slow_line", OK, HI, again=b"d")
drip("slow_empty_events", OK, again=event({"choices": []}))
drip("slow_blank_lines", OK, HI, again=b"\n\n")

# ---- content -----------------------------------------------------------------------------------
plain("deep_json", OK, b"data: {" + b'"a":{' * 100_000 + b"\n\n", STOP)
plain("deep_list", OK, b'data: {"choices":' + b"[" * 500_000 + b"\n\n", STOP)
plain("broken_json", OK, HI, b'data: {"choices": [}\n\n', STOP, DONE)
plain("not_objects", OK, event([1]), event("x"), event(3), event(None))
plain("wrong_types", OK, event({"choices": [{"delta": {"content": 7}}]}), STOP)
plain("wrong_shape", OK, event({"choices": {"0": {"delta": "x"}}}), STOP)
plain("many_calls", OK, *(calls(call("{}", n, "run", f"i{n}")) for n in range(10_000)), STOP)
plain("error_event", OK, HI, event({"error": {"message": "no more", "code": 500}}), STOP, DONE)
plain("error_line", OK, HI, b'error: {"message":"no more"}\n\n', STOP, DONE)
plain("error_finish", OK, HI, event({"choices": [{"delta": {}, "finish_reason": "error"}]}), DONE)
plain("call_then_cut", OK, calls(call("{}")))
plain("call_then_error", OK, calls(call("{}")), event({"error": "no"}), STOP, DONE)

# ---- odd, and yet an answer --------------------------------------------------------------------
plain("bad_utf8", OK, HI.replace(b"Hi", b"\xff\xfe\xf0"), STOP, DONE)
plain("lone_surrogate", OK, HI.replace(b"Hi", b"\\ud83d"), STOP, DONE)
plain("repeats_the_end", OK, HI, STOP, STOP, DONE, DONE, HI, calls(call("{}")))
plain("old_macintosh", OK, (b"\xef\xbb\xbf" + HI + STOP + DONE).replace(b"\n", b"\r"))
plain("lies_about_gzip", status(200, HI + STOP + DONE, "Content-Encoding: gzip"))
plain("tool_not_offered", OK, calls(call("{}", name="rm_rf")), STOP, DONE)
plain("doubled_keys", OK, calls(call('{"a":1,"a":2}')), STOP, DONE)
plain("deep_arguments", OK, calls(call('{"a":' * 50_000)), STOP, DONE)
plain("not_a_number", OK, calls(call('{"a":NaN}')), STOP, DONE)
plain("huge_numbers", OK, event({"usage": {"prompt_tokens": 10**4000}, "choices": []}), STOP, DONE)
plain("huge_names", OK, calls(call("{}", name="n" * 500_000, id="i" * 400_000)), STOP, DONE)


def serve(connection):
    with connection:
        connection.settimeout(30)
        try:
            request = b""
            while b"\r\n\r\n" not in request and len(request) < 1 << 20:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            name = request.split(b" ")[1].split(b"/")[1].decode()
            BEHAVIOURS[name](connection)
            if name != "resets":
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)
        except OSError:
            pass  # the client has gone, as it should


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
