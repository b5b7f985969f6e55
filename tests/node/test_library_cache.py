"""The cache of the loaded library: the same answers, and never an answer from a damaged file."""

from __future__ import annotations

import dataclasses
import os
import pickle
import random
import shutil
import stat
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from entrepot.kernel.errors import InvalidLaw, NotFound
from entrepot.law import Library
from entrepot.law.compiled import Content
from entrepot.law.keeping import packed_library
from entrepot.node.lawcache import KEPT_FILES_MAX, open_library

TOY = Path(__file__).parent.parent / "law" / "toy"
FLOWS = 300


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ENTREPOT_CACHE", raising=False)
    return tmp_path / "cache" / "entrepot"


@pytest.fixture
def laws(tmp_path: Path) -> Path:
    """The toy law in a folder that a test may change."""
    return Path(shutil.copytree(TOY, tmp_path / "laws"))


def kept(cache: Path) -> Path:
    """The one file of law in the cache."""
    (found,) = cache.glob("law-*")
    return found


def same(one: Library, other: Library) -> bool:
    """Whether two libraries hold the same law, to the last line number and hash."""
    return (
        packed_library(one) == packed_library(other)
        and one.content.books == other.content.books
        and one.hashes() == other.hashes()
    )


def answer(library: Library) -> str:
    flow = library.flow("US", "CN", date(2024, 4, 1))
    return msgspec.json.encode(library.bind(flow).explain({})).decode()


@pytest.mark.slow
def test_the_world_from_the_cache_answers_as_from_the_rulebooks(cache: Path) -> None:
    cold = Library.load()
    assert same(open_library(), cold)
    written = kept(cache).stat()
    found = open_library()
    assert kept(cache).stat().st_ino == written.st_ino
    assert same(found, cold)
    for kind in dataclasses.fields(Content):
        ours, theirs = getattr(found.content, kind.name), getattr(cold.content, kind.name)
        assert list(ours) == list(theirs) and ours == theirs, kind.name
    for regime in found.content.regimes.values():
        assert all(found.content.rules[rule.id] is rule for rule in regime.rules)
        assert found.facts_read(regime.id) == cold.facts_read(regime.id)
    for book in found.rulebooks:
        assert {rule.id for rule in book.rules} <= found.content.rules.keys()
        assert all(found.content.rules[text.id].text is text for text in book.rules)
    assert found.profiles == cold.profiles
    assert found.turning_days(found.content.regimes) == cold.turning_days(cold.content.regimes)


@pytest.mark.slow
def test_random_flows_are_judged_the_same(cache: Path) -> None:
    open_library()
    cold, found = Library.load(), open_library()
    chance = random.Random(20261122)
    places = sorted({r.text.block.jurisdiction for r in cold.content.regimes.values()})
    engaged: set[str] = set()
    for _ in range(FLOWS):
        start, end = chance.sample(places, 2)
        day = date(2018, 1, 1) + timedelta(days=chance.randrange(3_300))
        facts = cold.profile(chance.choice(sorted(cold.profiles)))
        one, other = (
            library.bind(library.flow(start, end, day)).assess(facts) for library in (cold, found)
        )
        assert msgspec.json.encode(one) == msgspec.json.encode(other), (start, end, day)
        engaged |= {side.regime for side in one.sides}
    assert len(engaged) > 40


def test_a_second_opening_reads_what_the_first_kept(cache: Path, laws: Path) -> None:
    cold = Library.load(laws)
    assert same(open_library(laws), cold)
    before = kept(cache).stat()
    assert same(open_library(laws), cold)
    after = kept(cache).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in cache.iterdir()} == {0o600}


def test_the_switch_does_without(cache: Path, laws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_CACHE", "off")
    assert same(open_library(laws), Library.load(laws))
    assert not cache.exists()


@pytest.mark.parametrize("path", ["zz/toy-act.md", "facts/toy.yaml", "jurisdictions.yaml"])
def test_a_changed_law_is_noticed_whatever_its_date(cache: Path, laws: Path, path: str) -> None:
    open_library(laws)
    file = laws / path
    times = file.stat()
    text = file.read_text(encoding="utf-8")
    changed = text.replace("e", "e", 1) + "\n"
    file.write_text(changed, encoding="utf-8")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    found = open_library(laws)
    assert same(found, Library.load(laws))
    assert len(list(cache.glob("law-*"))) == 2


def test_a_new_and_a_removed_law_are_noticed(cache: Path, laws: Path) -> None:
    before = open_library(laws)
    (laws / "profiles").mkdir()
    (laws / "profiles" / "usual.yaml").write_text("about: usual\nfacts: {}\n", encoding="utf-8")
    assert list(open_library(laws).profiles) == ["usual"] and not before.profiles
    (laws / "profiles" / "usual.yaml").unlink()
    assert not open_library(laws).profiles


def test_faulty_laws_fault_as_ever_and_are_not_kept(cache: Path, laws: Path) -> None:
    (laws / "zz" / "toy-act.md").write_text("no law\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(InvalidLaw, match="no front matter"):
            open_library(laws)
    assert not cache.exists()
    with pytest.raises(NotFound, match="not a folder of laws"):
        open_library(laws / "nowhere")


def test_a_malformed_profile_faults_only_who_asks_for_it(cache: Path, laws: Path) -> None:
    (laws / "profiles").mkdir()
    (laws / "profiles" / "odd.yaml").write_text("about: odd\n", encoding="utf-8")
    for _ in range(2):
        library = open_library(laws)
        with pytest.raises(InvalidLaw, match="missing required field"):
            library.profile("odd")
    assert kept(cache)


# -- damaged and hostile files ---------------------------------------------------------------------


def damage(content: bytes) -> dict[str, bytes]:
    flipped = bytearray(content)
    flipped[len(flipped) // 2] ^= 1
    return {
        "empty": b"",
        "short": content[:40],
        "cut": content[:-1],
        "longer": content + b"\0",
        "another kind": b"PK" + content[2:],
        "one bit": bytes(flipped),
        "no key": content[:16] + bytes(32) + content[48:],
    }


@pytest.mark.parametrize("how", list(damage(bytes(100))))
def test_a_damaged_file_is_not_read_and_is_written_anew(cache: Path, laws: Path, how: str) -> None:
    right = answer(open_library(laws))
    file = kept(cache)
    content = file.read_bytes()
    file.write_bytes(damage(content)[how])
    assert answer(open_library(laws)) == right
    assert file.read_bytes() == content


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def sealed(cache: Path, packed: bytes) -> bytes:
    """What somebody who has the key would write."""
    from entrepot.node import lawcache

    secret = (cache / "key").read_bytes()
    return lawcache._MAGIC + lawcache._mac(secret, kept(cache).name, packed) + packed


@pytest.mark.parametrize("has_key", [False, True])
def test_a_hostile_pickle_runs_nothing(
    cache: Path, laws: Path, tmp_path: Path, has_key: bool
) -> None:
    right = answer(open_library(laws))
    file = kept(cache)
    content = file.read_bytes()
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    file.write_bytes(sealed(cache, trap) if has_key else trap)
    assert answer(open_library(laws)) == right
    assert not (tmp_path / "sprung").exists()
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "packed",
    [
        msgspec.msgpack.encode([[], [], [], []]),
        msgspec.msgpack.encode([["x"], [], [], [[0, [[0] * 14]]]]),
        msgspec.msgpack.encode([["x"], [], [], [[0, [[7]]]]]),
        msgspec.msgpack.encode([["x"], [], [], [[99, [[0]]]]]),
        msgspec.msgpack.encode([["x"], [], [[99, []]], []]),
        msgspec.msgpack.encode([["x"], [], [[0, [1]]], []]),
        msgspec.msgpack.encode([["x"], [], [], [[4, [[0], [0], [0]]]]]),
        b"\xdd\xff\xff\xff\xff",
        b"\x94" * 100_000,
    ],
)
def test_nonsense_under_the_right_key_is_not_believed(
    cache: Path, laws: Path, packed: bytes
) -> None:
    right = answer(open_library(laws))
    file = kept(cache)
    content = file.read_bytes()
    file.write_bytes(sealed(cache, packed))
    assert answer(open_library(laws)) == right
    assert file.read_bytes() == content


def test_a_file_under_the_name_of_another_law_is_refused(cache: Path, laws: Path) -> None:
    open_library(laws)
    old = kept(cache)
    content = old.read_bytes()
    file = laws / "zz" / "toy-act.md"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    right = answer(open_library(laws))
    (new,) = set(cache.glob("law-*")) - {old}
    new.write_bytes(content)
    assert answer(open_library(laws)) == right
    assert new.read_bytes() != content


def test_a_file_that_others_may_write_is_refused(cache: Path, laws: Path) -> None:
    right = answer(open_library(laws))
    file = kept(cache)
    before = file.stat().st_ino
    file.chmod(0o666)
    assert answer(open_library(laws)) == right
    assert file.stat().st_ino != before and stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_others_may_write_is_not_used(cache: Path, laws: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert same(open_library(laws), Library.load(laws))
    assert not list(cache.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("part", ["", "key", "law"])
def test_what_belongs_to_somebody_else_is_refused(cache: Path, laws: Path, part: str) -> None:
    right = answer(open_library(laws))
    victim = {"": cache, "key": cache / "key", "law": kept(cache)}[part]
    before = kept(cache).stat().st_ino
    os.chown(victim, 65534, 65534)
    assert answer(open_library(laws)) == right
    replaced = kept(cache).stat().st_ino != before
    assert replaced == (part != "")


def test_a_key_that_others_may_read_is_made_anew(cache: Path, laws: Path) -> None:
    right = answer(open_library(laws))
    old = (cache / "key").read_bytes()
    (cache / "key").chmod(0o644)
    assert answer(open_library(laws)) == right
    assert (cache / "key").read_bytes() != old
    assert stat.S_IMODE((cache / "key").stat().st_mode) == 0o600
    (cache / "key").write_bytes(b"short")
    assert answer(open_library(laws)) == right
    assert len((cache / "key").read_bytes()) == 32


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_a_link_a_pipe_or_a_folder_in_place_of_the_file(
    cache: Path, laws: Path, tmp_path: Path, what: str
) -> None:
    right = answer(open_library(laws))
    file = kept(cache)
    file.rename(tmp_path / "elsewhere")
    match what:
        case "link":
            file.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            os.mkfifo(file)
        case _:
            file.mkdir()
    assert answer(open_library(laws)) == right
    assert file.is_dir() or (file.is_file() and not file.is_symlink())
    assert not list(cache.glob("new-*"))


# -- places and processes --------------------------------------------------------------------------


def test_without_a_place_to_write_the_law_is_read_all_the_same(
    laws: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = answer(Library.load(laws))
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.delenv("ENTREPOT_CACHE", raising=False)
    # The kernel refuses to make a folder there even for root.
    for nowhere in ("/proc/nowhere", str(tmp_path / "file")):
        monkeypatch.setenv("XDG_CACHE_HOME", nowhere)
        assert answer(open_library(laws)) == right


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written(
    laws: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert same(open_library(laws), Library.load(laws))


def test_a_relative_cache_folder_is_ignored(
    laws: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.delenv("ENTREPOT_CACHE", raising=False)
    open_library(laws)
    assert not (tmp_path / "relative").exists()
    assert kept(tmp_path / "home" / ".cache" / "entrepot")


def test_only_the_newest_files_stay(cache: Path, laws: Path) -> None:
    book = laws / "zz" / "toy-act.md"
    text = book.read_text(encoding="utf-8")
    for number in range(KEPT_FILES_MAX + 3):
        book.write_text(text + "\n" * number, encoding="utf-8")
        library = open_library(laws)
    assert len(list(cache.glob("law-*"))) == KEPT_FILES_MAX
    before = {path.stat().st_ino for path in cache.glob("law-*")}
    assert same(open_library(laws), library)
    assert {path.stat().st_ino for path in cache.glob("law-*")} == before


def test_what_a_killed_process_left_is_swept_away(cache: Path, laws: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    for name in ("new-old", "new-fresh"):
        (cache / name).write_bytes(b"half")
    os.utime(cache / "new-old", (0, 0))
    open_library(laws)
    assert {path.name for path in cache.glob("new-*")} == {"new-fresh"}


@pytest.mark.slow
def test_processes_that_write_at_once_agree(cache: Path, laws: Path) -> None:
    program = (
        "import sys; from entrepot.node.lawcache import open_library\n"
        "sys.stdin.readline()\n"
        "for _ in range(5): print(sorted(open_library(sys.argv[1]).hashes().items()))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(laws)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [process.communicate("now\n", timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    expected = f"{sorted(Library.load(laws).hashes().items())}\n" * 5
    assert said == [expected] * 4
    assert kept(cache) and not list(cache.glob("new-*"))
    before = kept(cache).stat().st_ino
    open_library(laws)
    assert kept(cache).stat().st_ino == before
