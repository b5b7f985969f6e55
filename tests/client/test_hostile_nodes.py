"""A node that lies, stalls or floods: the client ends in an error of ours, soon, and unharmed."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hostile_node import hostile, saying

from entrepot.client import Client, exchange
from entrepot.client.answers import ActAnswer, NodeError, Unreachable, answer_or_error, error_of
from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.errors import Error, InvalidInput
from entrepot.kernel.keys import key_from_seed

KEY = key_from_seed(b"\x21" * 32)
ACT = sign_act(KEY, "count", {"amount": 1}, issued_at=1_790_000_000, act_id=ActId(b"\x01" * 16))
CALLS: dict[str, Callable[[Client], object]] = {
    "submit": lambda client: client.submit(ACT),
    "submit_many": lambda client: client.submit_many([ACT, ACT]),
    "get": lambda client: client.get(1),
    "status": lambda client: client.status(),
    "unverified_log_keys": lambda client: client.unverified_log_keys(),
}
ANSWER = {
    "index": 1,
    "tree_size": 2,
    "outcome": "granted",
    "to": "",
    "reasons": [],
    "effects": [],
    "entry": "AA==",
    "receipt": "AA==",
    "repeated": False,
}
GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "html": b"<html><title>Bad gateway</title></html>",
    "not UTF-8": b'{"index": "\xff\xfe"}',
    "cut off": json.dumps(ANSWER).encode()[:-5],
    "null": b"null",
    "number": b"1e999",
    "huge number": b'{"index": ' + b"9" * 5_000 + b"}",
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "wrong types": json.dumps({**ANSWER, "index": "one"}).encode(),
    "wrong base64": json.dumps({**ANSWER, "entry": "***"}).encode(),
    "missing": json.dumps({"index": 1}).encode(),
    "empty reason": json.dumps(
        {**ANSWER, "reasons": [{"code": "", "citation": "", "sentence": ""}]}
    ).encode(),
    "lone surrogate": b'{"index": "\\ud800"}',
    "list of wrong things": b"[1, 2]",
    "list of nulls": b"[null, null]",
    "NaN": b'{"index": NaN}',
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_an_error_of_ours(call: str, body: str) -> None:
    with hostile(saying(GARBAGE[body])) as node, Client(node.url, patience_s=2) as client:
        if call == "status" and body in ("missing", "empty reason", "wrong types", "wrong base64"):
            assert isinstance(client.status(), dict)  # any object will do: it is only shown
            return
        with pytest.raises(Error):
            CALLS[call](client)


@pytest.mark.slow
@pytest.mark.parametrize("call", ["submit", "submit_many", "get"])
@pytest.mark.parametrize("body", [*GARBAGE, "problem"])
@pytest.mark.parametrize("status", ["204 No Content", "302 Found", "404 Not Found", "500 Oh"])
def test_garbage_with_any_status_is_an_error_of_ours(call: str, body: str, status: str) -> None:
    problem = {"title": ["no", "text"], "status": "x", "value": {"a": [1] * 9}, "remedy": 7}
    content = GARBAGE.get(body, json.dumps(problem).encode())
    if status.startswith("204"):
        content = b""
    with hostile(saying(content, status=status)) as node, Client(node.url) as client:
        client.patience_s = 2
        with pytest.raises(Error) as caught:
            CALLS[call](client)
        assert str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Type: text/plain; charset=idna",),
        ("Content-Type: text/plain; charset=hex",),
        ("Content-Encoding: gzip",),
        ("Content-Encoding: identity, deflate",),
        ("Retry-After: 99999",),
        ("Location: \xff\xfe",),
        ("Set-Cookie: a=b; Domain=127.0.0.1; Path=/",),
    ],
)
@pytest.mark.parametrize("call", CALLS)
def test_odd_header_fields_are_no_surprise(call: str, fields: tuple[str, ...]) -> None:
    status = "503 Busy" if "Retry" in fields[0] else "200 OK"
    answer = saying(b"\x80oddly", status=status, fields=fields)
    with hostile(answer) as node, Client(node.url, patience_s=0.2) as client:
        for _ in range(2):
            with pytest.raises(Error):
                CALLS[call](client)
        assert all(b"\r\ncookie:" not in request.lower() for request in node.requests)


def endless(head: bytes, piece: bytes, pause_s: float) -> Callable[[socket.socket, bytes], None]:
    def answer(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(head)
        until = time.monotonic() + 9
        while time.monotonic() < until:
            connection.sendall(piece)
            time.sleep(pause_s)

    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "piece", "pause_s"),
    [
        (CHUNKED, b"10000\r\n" + b"[" * 65_536 + b"\r\n", 0),
        (LONG, b"0" * 65_536, 0),
        (LONG, b"0", 0.05),
        (CHUNKED, b"1\r\n0\r\n", 0.05),
        (b"", b"H", 0.05),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.05),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0),
        (b"", b"HTTP/1.1 103 Early Hints\r\nX: a\r\n\r\n", 0.05),
        (b"", b"\r\n", 0),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"a" * 1_000 + b"\r\n", 0),
    ],
)
def test_an_endless_answer_ends(
    monkeypatch: pytest.MonkeyPatch, head: bytes, piece: bytes, pause_s: float
) -> None:
    monkeypatch.setattr("entrepot.client.connection.STEP_S", 1.5)
    with hostile(endless(head, piece, pause_s)) as node, Client(node.url, patience_s=0.2) as client:
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises((NodeError, Unreachable)):
            client.get(1)
        seconds = time.monotonic() - began
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert seconds < 4
    assert peak_bytes < 40 << 20


def test_a_compressed_bomb_is_not_unfolded() -> None:
    bomb = zlib.compress(b"[" * (64 << 20), wbits=31)
    answer = saying(bomb, fields=("Content-Encoding: gzip", "Content-Type: application/json"))
    with hostile(answer) as node, Client(node.url) as client:
        tracemalloc.start()
        with pytest.raises(NodeError, match="compressed"):
            client.submit(ACT)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
        tracemalloc.stop()
        assert b"\r\naccept-encoding: identity\r\n" in node.requests[0].lower()


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/",
        "/acts?next=1",
        "/acts#x",
        "/log/checkpoint",
        "http://",
        "http:///acts",
        "http://[::1/acts",
        "http://127.0.0.1:99999/acts",
        "http://127.0.0.1:x/acts",
        "http://127.0.0.1:0/acts",
        "http://user:password@127.0.0.1/acts",
        "https:acts",
        "file:///acts",
        "ftp://127.0.0.1/acts",
        "javascript:/acts",
        "//169.254.169.254/latest/meta-data",
        "\xff\xfe",
        "http://" + "a" * 70 + ".example/acts",
        "http://" + "a." * 5_000 + "example/acts",
        "http://\x7f/acts",
    ],
)
def test_a_redirect_to_what_is_no_node_is_not_followed(location: str) -> None:
    answer = saying(b"", status="307 Away", fields=(f"Location: {location}",))
    with hostile(answer) as node, Client(node.url, patience_s=0.3) as client:
        with pytest.raises(Error):
            client.submit(ACT)
        assert len(node.requests) < 12


def test_redirects_in_circles_end() -> None:
    answer = saying(b"", status="307 Away", fields=("Location: /acts",))
    with hostile(answer) as node, Client(node.url) as client:
        with pytest.raises(NodeError, match="in circles"):
            client.submit(ACT)
        assert len(node.requests) == 3


def test_acts_go_to_a_leader_elsewhere_and_signed_reads_nowhere_else() -> None:
    with hostile(saying(json.dumps(ANSWER).encode(), status="201 Created")) as leader:
        fields = (f"Location: {leader.url}/acts",)
        with hostile(saying(b"", status="307 Away", fields=fields)) as follower:
            with Client(follower.url, key=KEY) as client:
                assert client.submit(ACT).index == 1
                assert leader.requests[0].endswith(ACT)
                for read in (client.opening, client.entry, client.receipt, client.proof):
                    with pytest.raises(NodeError):
                        read(1)
                with pytest.raises(NodeError):
                    client.status()
            assert len(leader.requests) == 1
            assert b"signature-input:" not in leader.requests[0].lower()


def test_https_is_not_left_for_http() -> None:
    from entrepot.client.connection import _leader

    away = exchange.Received(307, {"location": "http://node.example/acts"}, b"")
    with pytest.raises(NodeError):
        _leader("https://node.example/acts", away)
    assert _leader("http://other.example/acts", away) == "http://node.example/acts"


def test_hanging_up_is_tried_again_until_patience_ends() -> None:
    def hang_up(connection: socket.socket, _request: bytes) -> None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    with hostile(hang_up) as node, Client(node.url, patience_s=0.5) as client:
        with pytest.raises(Unreachable, match="same bytes again"):
            client.submit(ACT)
        assert 2 <= len(node.requests) < 30
        assert len(set(node.requests)) == 1


def test_what_is_said_in_errors_is_short_and_plain() -> None:
    found = error_of({"title": "\x1b[2J" + "x" * 10_000, "value": "\u202e" * 999}, 422)
    assert isinstance(found, InvalidInput)
    assert "\x1b" not in str(found)
    assert "\u202e" not in str(found)
    assert len(str(found)) < 1_000
    for status in (True, -1, 0, 10**9, "404", None, [], 1.5):
        assert isinstance(answer_or_error({"status": status}), Error)


@pytest.mark.parametrize(
    "url", ["http://", "http://[", "http://a:b/", "http://a:99999", "http://é" * 9]
)
def test_what_is_no_address_is_said_so(url: str) -> None:
    with pytest.raises(Error), Client(url, patience_s=0.1) as client:
        client.get(1)


@pytest.mark.parametrize("items", [[], [ANSWER], [ANSWER] * 3, [{}, {}], [{"receipt": 1}, ANSWER]])
def test_lists_that_do_not_fit_what_was_sent(items: list[Any]) -> None:
    with hostile(saying(json.dumps(items).encode())) as node, Client(node.url) as client:
        if items == [{}, {}]:
            assert all(isinstance(one, NodeError) for one in client.submit_many([ACT, ACT]))
            return
        with pytest.raises(NodeError):
            client.submit_many([ACT, ACT])


def test_an_answer_without_pinned_keys_is_only_what_was_said() -> None:
    with hostile(saying(json.dumps(ANSWER).encode())) as node, Client(node.url) as client:
        answer = client.submit(ACT)
        assert isinstance(answer, ActAnswer)
        assert answer.entry == b"\x00"
