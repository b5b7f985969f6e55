"""`entrepot monitor` on a real log: entries, mentions of a party, erasure, state, refusals."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import served_files
from witness_logs import History, log_signer

from entrepot.kernel.acts import ActId
from entrepot.kernel.decisions import Effect, Granted
from entrepot.kernel.errors import Error, InvalidInput, NotFound, StorageError
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.keys import Kid
from entrepot.kernel.record import (
    ERASURE,
    Sealed,
    encode_entry,
    encode_own_entry,
    encode_ruling,
)
from entrepot.node.commands.monitor import command
from entrepot.node.monitoring.mentions import Tally, read_entries
from entrepot.node.monitoring.misbehaviour import decode_misbehaviour, verify_misbehaviour
from entrepot.node.monitoring.sources import Source
from entrepot.node.monitoring.state import State, load_state, save_state
from entrepot.node.witnessing.asking import Unreachable

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from kernel_toy import TOY, count_act


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with open_node(tmp_path / "home", institutions=(TOY,)) as node:
        (tmp_path / "log.keys").write_text(node.signer.keys.text())
        submit(node, "lei:529900ODI3047E2LIV03", public=True)
        submit(node, "lei:529900ODI3047E2LIV03", public=False)
        submit(node, "other", public=True)
    return tmp_path / "home"


def submit(node: Node, name: str, *, public: bool, count: int = 1) -> list[int]:
    kind = "announce" if public else "count"
    answers = node.sequencer.submit_batch(
        [count_act(node, name=name, kind=kind) for _ in range(count)]
    )
    return [answer.index for answer in answers if not isinstance(answer, Error)]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, object]]:
    given = [str(item) for item in arguments]
    code = command.main([*given, "--json"], standalone_mode=False)
    out = capsys.readouterr().out.strip().splitlines()
    found: dict[str, object] = json.loads(out[-1])
    return code, found


def test_mentions_of_a_party(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = (home, "--keys", tmp_path / "log.keys", "--state", tmp_path / "state.json")
    party = ("--party", "lei:529900ODI3047E2LIV03")
    code, found = run(capsys, *common, *party)
    assert code == 0
    assert found["size"] == 4
    assert found["where"] == f"{home}/log"  # a home was named, its log was found
    (mention,) = found["mentions"]  # type: ignore[misc]
    assert (mention["index"], mention["kind"], mention["outcome"]) == (1, "announce", "granted")
    effect = ["add", {"amount": 1, "name": "lei:529900ODI3047E2LIV03"}]
    assert mention["effects"] == [effect]
    assert found["read"] == {
        "entries": 4,
        "public": 2,
        "unreadable": 0,
        "kinds": {"genesis": 1, "announce": 2, "count": 1},
    }
    with open_node(home, institutions=(TOY,)) as node:
        private = submit(node, "x", public=False)[0]
        issuer = node.party.kid.hex()
    code, found = run(capsys, *common, *party)
    assert (code, found["grown"], found["mentions"]) == (0, 1, [])
    assert private == 4
    # A key is named by its thumbprint; whoever issued a public act is named in its ruling.
    code, found = run(capsys, home, "--keys", tmp_path / "log.keys", "--party", issuer)
    assert [mention["index"] for mention in found["mentions"]] == [1, 3]  # type: ignore[union-attr]


def test_the_erasure_of_a_mention_is_told_and_strange_entries_are_counted() -> None:
    """A ruling may be public while its evidence is not, and then that can be erased."""
    decision = Granted((Effect("party-admitted", {"party": "lei:x", "keys": [b"\x01" * 32]}),))
    ruling = encode_ruling(Kid(b"\x02" * 32), ("law-1",), decision)
    entry = encode_entry(
        "decide-application", ActId(b"\0" * 16), 9, decision.outcome,
        evidence=Sealed(b"evidence", b"\x03" * 32), ruling=Sealed(ruling, b""),
    )  # fmt: skip
    broken = encode_entry(
        "broken", ActId(b"\0" * 16), 9, decision.outcome,
        evidence=Sealed(b"", b"\x03" * 32), ruling=Sealed(b"no ruling", b""),
    )  # fmt: skip
    erasures = [encode_own_entry(ERASURE, 10, index) for index in (7, 8)]
    tally = Tally()
    found = read_entries([entry, broken, b"strange"], 7, parties=["lei:x"], known=(), tally=tally)
    assert [(one.index, one.about) for one in found] == [(7, "lei:x")]
    assert found[0].effects == (("party-admitted", {"party": "lei:x", "keys": ["01" * 32]}),)
    later = read_entries(erasures, 10, parties=["lei:x"], known=[7], tally=tally)
    assert [(one.index, one.kind, one.about) for one in later] == [(10, "erasure", "7")]
    assert (tally.entries, tally.public, tally.unreadable) == (5, 2, 2)
    by_key = read_entries([entry], 7, parties=["01" * 32], known=(), tally=Tally())
    assert len(by_key) == 1


def test_a_long_log_is_read_in_parts_and_its_state_goes_on(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state.json"
    common = (home, "--keys", tmp_path / "log.keys", "--state", state)
    with open_node(home, institutions=(TOY,)) as node:
        for _ in range(4):
            submit(node, "a", public=False, count=200)
        root = node.log.root
    assert run(capsys, *common)[0] == 0
    assert load_state(state, log_origin(tmp_path)).edge().root == root
    with open_node(home, institutions=(TOY,)) as node:
        submit(node, "a", public=False, count=300)
        root = node.log.root
    monkeypatch.setattr("entrepot.node.monitoring.following.AT_ONCE_MAX_BYTES", 1)
    code, found = run(capsys, *common)
    assert (code, found["size"], found["grown"]) == (0, 1104, 300)
    assert found["read"]["entries"] == 1104  # type: ignore[index]
    assert load_state(state, log_origin(tmp_path)).edge().root == root
    code, found = run(capsys, home, "--keys", tmp_path / "log.keys", "--heads-only")
    assert (code, found["size"], found["read"]["entries"]) == (0, 1104, 0)  # type: ignore[index]


def log_origin(folder: Path) -> str:
    return (folder / "log.keys").read_text().split("+")[0]


def test_withheld_entries_are_told_and_growth_is_followed_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = History(log_signer(1), "one", 300)
    (tmp_path / "log.keys").write_text(log.signer.keys.text())
    hidden = {"tile/entries/001.p/44"}
    state = ("--state", tmp_path / "state.json", "--keys", tmp_path / "log.keys")

    def read(name: str) -> bytes | None:
        if name == "checkpoint":
            return log.note(300, int(time.time()))
        return None if name in hidden else log.files.get(name)

    with served_files(read) as url:
        code, found = run(capsys, url, *state)
        assert code == 0
        assert found["troubles"] == ["entries from 256 on are not served"]
        hidden.clear()
        code, found = run(capsys, url, *state)
        assert (found["read"]["entries"], found["troubles"]) == (300, [])  # type: ignore[index]


def test_what_cannot_be_used_is_refused(home: Path, tmp_path: Path) -> None:
    keys = tmp_path / "log.keys"
    other = tmp_path / "other.keys"
    other.write_text(log_signer(7).keys.text())
    both = tmp_path / "both.keys"
    both.write_text(keys.read_text() + other.read_text())
    damaged = tmp_path / "damaged.json"
    damaged.write_bytes(b"{}")
    foreign = tmp_path / "foreign.json"
    save_state(foreign, State("log.example/7"))
    cases: list[tuple[type[Error], str, tuple[object, ...]]] = [
        (InvalidInput, "no key", (home,)),
        (InvalidInput, "which log", ("--keys", keys)),
        (InvalidInput, "several logs", (home, "--keys", both)),
        (InvalidInput, "name.keyid.key", (home, "--key", "x")),
        (NotFound, "no such file", (home, "--keys", tmp_path / "none")),
        (NotFound, "no log here", (tmp_path / "nowhere", "--keys", keys)),
        (InvalidInput, "http", ("ftp://log.example", "--keys", keys)),
        (StorageError, "damaged", (home, "--keys", keys, "--state", damaged)),
        (InvalidInput, "another log", (home, "--keys", keys, "--state", foreign)),
        (Unreachable, "does not answer", ("http://127.0.0.1:9", "--keys", keys)),
        (InvalidInput, "not a proof", ("--check", keys, "--keys", keys)),
    ]
    for kind, what, arguments in cases:
        with pytest.raises(kind, match=what):
            command.main([str(item) for item in arguments], standalone_mode=False)


def test_a_server_that_sends_too_much_or_breaks_off_is_not_believed(tmp_path: Path) -> None:
    with served_files(
        lambda name: b"x" * 10_000 if name.startswith("tile/0") else b"x" * 10
    ) as url:
        with Source(url) as source:
            with pytest.raises(Unreachable, match="larger than 8,192"):
                source.read("tile/0/000")
            assert source.read("checkpoint") == b"x" * 10
    folder = Source(str(tmp_path))
    (tmp_path / "tile").mkdir()
    (tmp_path / "tile" / "0").write_bytes(b"x" * 10_000)
    with pytest.raises(Unreachable):
        folder.read("tile/0")
    assert folder.read("tile/0/x") is None
    if os.geteuid() != 0:
        (tmp_path / "checkpoint").write_bytes(b"")
        (tmp_path / "checkpoint").chmod(0)
        with pytest.raises(StorageError):
            folder.read("checkpoint")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["fork", "rollback", "testimony", "x"]),
                "origin": st.text(max_size=10),
                "log": st.lists(st.text(max_size=5), max_size=2),
                "first": st.text(max_size=30),
                "second": st.text(max_size=30),
                "first_from": st.just(""),
                "second_from": st.just(""),
                "what": st.just(""),
                "found_at": st.integers(0, 9),
                "path": st.lists(st.sampled_from(["", "AA==", "x"]), max_size=2),
                "root": st.sampled_from(["", "AA==", "x"]),
            }
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_bytes_are_a_proof_file_or_refused(content: bytes) -> None:
    try:
        found = decode_misbehaviour(content)
        verify_misbehaviour(found, log_signer(1).keys.verifiers())
    except Error:
        return
    raise AssertionError("nothing was proven")
