"""Witnesses that lie, break off or answer nonsense: none of it stops a log, or is believed."""

import asyncio
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from served import free_port, wait_until
from witness_logs import History, log_signer

from entrepot.kernel.checkpoint import SignedCheckpoint, read_checkpoint
from entrepot.kernel.cosignature import Cosigner, with_cosignatures
from entrepot.kernel.errors import (
    Error,
    InvalidInput,
    NotFound,
    StorageError,
    VerificationError,
)
from entrepot.kernel.keys import Algorithm, key_from_seed
from entrepot.kernel.policy import Policy, parse_policy
from entrepot.kernel.store import Store
from entrepot.kernel.witness import SIZE_TYPE, parse_add_checkpoint
from entrepot.node.witnessing import memory
from entrepot.node.witnessing.asking import (
    ANSWER_MAX_BYTES,
    Asked,
    Behind,
    Rejected,
    Unreachable,
    ask_for_latest,
    ask_to_cosign,
    witness_client,
    witnesses_of,
)
from entrepot.node.witnessing.feeding import Feeder, Standing
from entrepot.node.witnessing.published import (
    LogReader,
    newest_known,
    public_checkpoint,
    read_policy,
    require_newest,
)

LOG = log_signer(1)
ONE = History(LOG, "one", 40, shared=8)
TWO = History(LOG, "two", 40, shared=8)


def cosigner(seed: int) -> Cosigner:
    return Cosigner(
        f"witness.example/{seed}",
        key_from_seed(bytes([seed]) * 32),
        key_from_seed(bytes([seed]) * 32, Algorithm.ML_DSA_44),
    )


WITNESS, STRANGER = cosigner(10), cosigner(11)
Answer = tuple[int, str, bytes]
Answering = Callable[[str, bytes], Answer]


@contextmanager
def witness_that(answers: Answering) -> Iterator[str]:
    """A witness that answers what a function says; yields its submission prefix."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.respond(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self.respond(b"")

        def respond(self, body: bytes) -> None:
            status, media_type, content = answers(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            return

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """Clients of these tests break off; that is theirs."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/w"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def lines_of(who: Cosigner, seen: SignedCheckpoint, at: int = 1_790_000_000) -> bytes:
    return "".join(line.line() for line in who.cosign(seen, at)).encode()


def ask(url: str) -> object:
    asked = Asked(url, WITNESS.verifiers(), "w")
    seen = read_checkpoint(ONE.note(20))

    async def main() -> object:
        async with witness_client() as client:
            proof = ONE.proof(8, 20)
            return await ask_to_cosign(client, asked, seen, old=8, proof=proof)

    return asyncio.run(main())


def always(status: int, content: bytes, media_type: str = "text/plain") -> Answering:
    return lambda _path, _body: (status, media_type, content)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (always(409, b"12\n", SIZE_TYPE), Behind(12)),
        (always(409, b"12\n", f"{SIZE_TYPE}; charset=utf-8"), Behind(12)),
        (always(409, b"12\n"), Rejected(409, "12")),
        (always(409, b"012\n", SIZE_TYPE), Rejected(409, "012")),
        (always(409, b"99999999999999999999\n", SIZE_TYPE), Rejected(409, "9" * 20)),
        (always(422, b"no\xff"), Rejected(422, "no\ufffd")),
        (always(404, b""), Rejected(404, "")),
        (always(403, b"x" * 1000), Rejected(403, "x" * 200)),
        (always(500, b""), Unreachable),
        (always(429, b""), Unreachable),
        (always(302, b""), Unreachable),
        (always(204, b""), Unreachable),
        (always(200, b"x" * (ANSWER_MAX_BYTES + 1)), Unreachable),
        (always(200, b""), VerificationError),
        (always(200, b"nonsense\n"), VerificationError),
        (always(200, b"\xff\n"), VerificationError),
        (always(200, lines_of(STRANGER, read_checkpoint(ONE.note(20)))), VerificationError),
        (always(200, lines_of(WITNESS, read_checkpoint(ONE.note(19)))), VerificationError),
        (always(200, lines_of(WITNESS, read_checkpoint(TWO.note(20)))), VerificationError),
        (
            always(200, lines_of(WITNESS, read_checkpoint(ONE.note(20)))[:-5] + b"\n"),
            VerificationError,
        ),
    ],
)
def test_every_answer_has_one_meaning(answer: Answering, expected: object) -> None:
    with witness_that(answer) as url:
        if isinstance(expected, type) and issubclass(expected, Error):
            with pytest.raises(expected):
                ask(url)
        else:
            assert ask(url) == expected


def test_unknown_lines_beside_good_ones_are_ignored() -> None:
    seen = read_checkpoint(ONE.note(20))
    both = lines_of(STRANGER, seen) + lines_of(WITNESS, seen)
    with witness_that(always(200, both)) as url:
        found = ask(url)
    assert isinstance(found, tuple)
    assert [one.key for one in found] == list(WITNESS.verifiers())


def test_a_witness_that_is_not_there() -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        ask(f"http://127.0.0.1:{free_port()}")
    line = f"witness w {WITNESS.verifiers()[0].vkey()} "
    for url in ("ftp://w.example", "w.example", "http://", "file:///etc/passwd"):
        with pytest.raises(InvalidInput, match="http"):
            witnesses_of(parse_policy(f"{line}{url}\nquorum none\n".encode()))


def test_what_a_witness_publishes_must_be_signed_by_the_log() -> None:
    forged = History(log_signer(9, LOG.origin), "forged", 20)

    def latest(content: bytes) -> object:
        async def main() -> object:
            async with witness_client() as client:
                asked = Asked(url, WITNESS.verifiers(), "w")
                return await ask_for_latest(client, asked, LOG.origin, LOG.keys.verifiers())

        with witness_that(always(200, content)) as url:
            return asyncio.run(main())

    found = latest(ONE.note(12))
    assert isinstance(found, SignedCheckpoint)
    assert found.checkpoint.size == 12
    for content in (forged.note(20), History(log_signer(2), "x", 3).note(3), b"", b"x" * 300_000):
        with pytest.raises((VerificationError, Unreachable)):
            latest(content)


class Fed:
    """A log that grows in memory, fed to one witness."""

    def __init__(self, answers: Answering, history: History = ONE, size: int = 20) -> None:
        self.size, self.history = size, history
        self.kept: list[SignedCheckpoint] = []
        self.alarms: list[StorageError] = []
        self.answers = answers
        self.notes: dict[int, bytes] = {}

    def read(self, name: str) -> bytes | None:
        if name == "checkpoint":
            if self.size not in self.notes:  # ML-DSA signs anew each time; a file does not change
                self.notes[self.size] = self.history.note(self.size)
            return self.notes[self.size]
        return self.history.files.get(name)

    def run(self, until: Callable[[Feeder], object], timeout_s: float = 10.0) -> Feeder:
        with witness_that(self.answers) as url:
            line = f"witness w {WITNESS.verifiers()[0].vkey()} {url}\nquorum w\n"
            policy = parse_policy(line.encode())
            feeder = Feeder(
                LogReader(self.read), LOG.keys, policy, self.kept.append, self.alarms.append,
                every_s=0.05,
            )  # fmt: skip

            async def main() -> None:
                task = asyncio.create_task(feeder.run())
                try:
                    await asyncio.to_thread(wait_until, lambda: until(feeder), timeout_s)
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

            asyncio.run(main())
        return feeder


def standing(feeder: Feeder) -> Standing:
    return next(iter(feeder.standings.values()), Standing("", ""))


def test_a_409_is_answered_with_a_proof_from_there() -> None:
    asked: list[int] = []

    def answers(_path: str, body: bytes) -> Answer:
        request = parse_add_checkpoint(body)
        asked.append(request.old)
        if request.old != 8:
            return 409, SIZE_TYPE, b"8\n"
        return 200, "text/plain", lines_of(WITNESS, request.seen)

    fed = Fed(answers)
    feeder = fed.run(lambda _feeder: fed.kept)
    assert asked[:2] == [0, 8]
    assert fed.kept[0].checkpoint.size == 20
    assert (fed.alarms, feeder.alarm) == ([], None)


def test_a_witness_that_only_says_that_it_saw_more_stops_nothing() -> None:
    def answers(path: str, _body: bytes) -> Answer:
        if path.endswith("/checkpoint"):
            return 200, "text/plain", ONE.note(18)  # honestly less than it says
        return 409, SIZE_TYPE, b"1000000\n"

    fed = Fed(answers)
    feeder = fed.run(lambda feeder: standing(feeder).failures >= 3)
    assert (fed.alarms, feeder.alarm, fed.kept) == ([], None, [])
    assert "does not prove it" in standing(feeder).error
    assert max(feeder.lags_s().values()) > 0


@pytest.mark.parametrize(
    ("answer", "latest", "what"),
    [
        ((409, SIZE_TYPE, b"30\n"), ONE.note(30), "restored from an old backup"),
        ((422, "text/plain", b"no"), TWO.note(15), "another history"),
    ],
)
def test_proof_under_our_own_key_raises_the_alarm(answer: Answer, latest: bytes, what: str) -> None:
    fed = Fed(
        lambda path, _body: (200, "text/plain", latest) if path.endswith("/checkpoint") else answer
    )
    feeder = fed.run(lambda _feeder: fed.alarms)
    assert what in fed.alarms[0].what
    assert feeder.alarm is fed.alarms[0]
    assert len(fed.alarms) == 1


def test_a_growing_log_moves_its_target_on() -> None:
    def answers(_path: str, body: bytes) -> Answer:
        request = parse_add_checkpoint(body)
        return 200, "text/plain", lines_of(WITNESS, request.seen)

    fed = Fed(answers, size=9)
    sizes = iter(range(10, 30))

    def grow(_feeder: Feeder) -> bool:
        if fed.kept and fed.kept[-1].checkpoint.size == fed.size:
            fed.size = next(sizes, fed.size)
        return fed.size >= 13

    feeder = fed.run(grow)
    assert [one.checkpoint.size for one in fed.kept][:4] == [9, 10, 11, 12]
    assert feeder.alarm is None


def test_a_refused_or_cut_connection_is_tried_again_with_growing_pauses() -> None:
    tries: list[float] = []

    def answers(_path: str, body: bytes) -> Answer:
        tries.append(time.monotonic())
        if len(tries) < 5:
            return 503, "text/plain", b""
        return 200, "text/plain", lines_of(WITNESS, parse_add_checkpoint(body).seen)

    fed = Fed(answers)
    feeder = fed.run(lambda _feeder: fed.kept)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses[3] > pauses[0]
    wait_until(lambda: fed.kept)
    assert feeder.alarm is None


def test_what_is_shown_satisfies_the_policy_of_today(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store.sqlite", create=True)
    fed = Fed(always(404, b""), size=9)
    note = fed.read("checkpoint")
    assert note is not None
    lines = {who.name: who.cosign(read_checkpoint(note), 1_790_000_000) for who in (WITNESS,)}
    whole = with_cosignatures(read_checkpoint(note), lines[WITNESS.name]).raw

    def policy(who: Cosigner, quorum: str) -> Policy:
        line = f"witness w {who.verifiers()[0].vkey()}\nquorum {quorum}\n"
        return parse_policy(line.encode())

    def shown(policy: Policy | None) -> bytes:
        return public_checkpoint(fed.read, store, LOG.origin, policy)

    assert shown(None) == note
    assert shown(policy(WITNESS, "none")) == note
    with pytest.raises(NotFound, match="quorum"):
        shown(policy(WITNESS, "w"))
    memory.keep_cosigned(store, LOG.origin, 9, whole)
    assert shown(policy(WITNESS, "w")) == whole
    assert shown(policy(WITNESS, "none")) == whole
    with pytest.raises(NotFound, match="quorum"):
        shown(policy(STRANGER, "w"))
    fed.size = 12
    assert shown(policy(WITNESS, "w")) == whole  # the newest with a quorum
    assert shown(policy(WITNESS, "none")) == fed.read("checkpoint")
    store.close()


def test_the_policy_of_a_node_is_a_file(tmp_path: Path) -> None:
    assert read_policy(tmp_path) is None
    with pytest.raises(NotFound):
        read_policy(tmp_path, str(tmp_path / "named"))
    with pytest.raises(StorageError):
        read_policy(tmp_path, str(tmp_path))
    (tmp_path / "witness.policy").write_bytes(b"quorum none\n")
    assert read_policy(tmp_path) == parse_policy(b"quorum none\n")


def test_at_start_silent_witnesses_are_not_waited_for() -> None:
    line = f"witness w {WITNESS.verifiers()[0].vkey()} "
    nobody = parse_policy(f"{line}http://127.0.0.1:{free_port()}\nquorum w\n".encode())
    (view,) = newest_known(nobody, LOG.keys)
    assert (view.seen, "does not answer" in view.error) == (None, True)
    fed = Fed(always(404, b""))
    (view,) = require_newest(fed.read, LOG.keys, nobody)
    assert view.error

    def slow(_path: str, _body: bytes) -> Answer:
        time.sleep(1.5)
        return 404, "text/plain", b""

    with witness_that(slow) as url:
        began = time.monotonic()
        policy = parse_policy(f"{line}{url}\nquorum w\n".encode())
        (view,) = newest_known(policy, LOG.keys, timeout_s=0.3)
        assert time.monotonic() - began < 1.2
    assert "in time" in view.error
