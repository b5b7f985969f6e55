"""Callbacks: at least once, in order, signed, patient, and never to addresses of the inside."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from node_toy import NOW, TOY, count_act

from entrepot.client.signatures import parse_signature
from entrepot.node.callbacks import Callbacks, Cursor
from entrepot.node.outbound import NoAnswer, NotCalled, Outbound, is_public
from entrepot.node.running import Running, open_running
from entrepot.node.settings import read_settings


class Subscriber(HTTPServer):
    """A real HTTP server that keeps what it was told and answers what it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.seen: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?token=hunter2"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Subscriber)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.seen.append(({k.lower(): v for k, v in self.headers.items()}, body))
        status = server.statuses.pop(0) if server.statuses else 204
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/inside")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        return


@contextmanager
def subscribed(home: Path, **receiver: Any) -> Iterator[tuple[Running, Callbacks, Subscriber]]:
    server = Subscriber()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    named = {"name": "archive", "url": server.url, "since": 0, **receiver}
    settings = read_settings(
        environment={},
        given={
            "home": str(home),
            "callbacks.receivers": [named],
            "callbacks.allow_private_addresses": True,
            "callbacks.backoff_max_s": 60,
        },
    )
    outbound = Outbound(5, allow_private=True)
    try:
        with open_running(settings, institutions=(TOY,), clock=lambda: NOW) as running:
            callbacks = Callbacks(running, outbound)
            callbacks.prepare()
            yield running, callbacks, server
    finally:
        outbound.close()
        server.shutdown()
        thread.join()
        server.server_close()


def announce(running: Running, *names: str, kind: str = "announce") -> None:
    running.intake.submit_now([count_act(running.node, name=name, kind=kind) for name in names])


def test_public_entries_are_told_in_order_signed_and_once(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (running, callbacks, server):
        announce(running, "a")
        announce(running, "secret", kind="count")
        announce(running, "b")
        assert callbacks.deliver(NOW) == 2
        assert callbacks.deliver(NOW) == 0
        events = [msgspec.json.decode(body) for _, body in server.seen]
        assert [event["index"] for event in events] == [1, 3]
        assert events[0]["kind"] == "announce"
        assert not any(b"secret" in body for _, body in server.seen)
        fields, body = server.seen[0]
        assert fields["idempotency-key"] == '"1"'
        unverified = parse_signature(fields["signature-input"], fields["signature"])
        unverified.verify(running.node.party.public, "POST", server.url, body)
        assert callbacks.cursor("archive") == Cursor(4)


def test_only_the_kinds_asked_for_are_told(tmp_path: Path) -> None:
    with subscribed(tmp_path, kinds=["found-registry"]) as (running, callbacks, server):
        announce(running, "a", "b")
        assert callbacks.deliver(NOW) == 0
        assert (server.seen, callbacks.cursor("archive").next_index) == ([], 3)


def test_a_receiver_that_fails_is_asked_again_later_and_longer_each_time(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (running, callbacks, server):
        announce(running, "a", "b")
        server.statuses = [500, 302, 404]
        waits = []
        now = NOW
        for _ in range(3):
            assert callbacks.deliver(now) == 0
            cursor = callbacks.cursor("archive")
            assert cursor.next_index == 1
            waits.append(cursor.next_try_at - now)
            assert callbacks.deliver(cursor.next_try_at - 1) == 0
            now = cursor.next_try_at
        assert waits == [2, 4, 8]
        assert len(server.seen) == 3  # the redirect was not followed
        assert callbacks.deliver(now) == 2
        assert callbacks.cursor("archive") == Cursor(3)
        keys = [fields["idempotency-key"] for fields, _ in server.seen]
        assert keys == ['"1"', '"1"', '"1"', '"1"', '"2"']


def test_after_a_crash_before_the_cursor_moved_the_event_comes_again(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (running, callbacks, server):
        announce(running, "a")
        callbacks._move = lambda *_: None  # type: ignore[method-assign]
        callbacks.deliver(NOW)
        again = Callbacks(running, callbacks._outbound)
        assert again.deliver(NOW) == 1
        keys = [fields["idempotency-key"] for fields, _ in server.seen]
        assert keys == ['"1"', '"1"']


def test_a_new_receiver_hears_of_what_comes_unless_it_asks_for_more(tmp_path: Path) -> None:
    with subscribed(tmp_path, since=-1) as (running, callbacks, server):
        announce(running, "a")
        callbacks.deliver(NOW)
        assert len(server.seen) == 1


def test_nothing_of_a_receiver_but_its_name_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with subscribed(tmp_path) as (running, callbacks, server):
        announce(running, "a")
        server.statuses = [500]
        callbacks.deliver(NOW)
    (record,) = [item for item in caplog.records if item.name == "entrepot.callbacks"]
    assert "hunter2" not in str(record.__dict__)
    assert record.__dict__["receiver"] == "archive"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://192.168.1.1:8443/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://user:pass@example.com/",
        "https://100.64.0.1/",
        "ftp://example.com/",
        "https:///nowhere",
        "https://127.0.0.1:99999/",
    ],
)
def test_the_inside_is_not_called(url: str) -> None:
    outbound = Outbound(1)
    with pytest.raises((NotCalled, NoAnswer)):
        outbound.post(url, b"", {})
    outbound.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(text: str, expected: bool) -> None:
    assert is_public(ipaddress.ip_address(text)) is expected
