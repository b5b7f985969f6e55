"""What the content pages are made of: the log's diary and lists, pictures, rulebooks, answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "kernel"))

import kernel_toy as toy

from entrepot.kernel.errors import InvalidInput
from entrepot.law.library import Library
from entrepot.node.face import logview
from entrepot.node.face.directoryview import chains, choices, text_in, word_of
from entrepot.node.face.lawview import Sought, cases_of, found_books, state_of
from entrepot.node.face.logpicture import growth
from entrepot.node.face.logview import CHECKPOINTS, Seen, Wanted, course_of, listed, observe
from entrepot.node.face.porting import plain_facts, read_answer
from entrepot.node.lawcache import open_library
from entrepot.node.running import Running, open_running
from entrepot.node.settings import read_settings
from entrepot.registry.productacts import Period
from entrepot.registry.rightacts import Extent
from entrepot.registry.rightviews import Grant


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    settings = read_settings(environment={}, given={"home": str(tmp_path / "home")})
    with open_running(settings, institutions=[toy.TOY], clock=lambda: toy.NOW) as opened:
        yield opened


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library()


def grow(running: Running, count: int, *, kind: str = "count", amount: int = 0) -> None:
    node = running.node
    node.sequencer.submit_batch(
        [toy.count_act(node, amount, f"c{i}", kind=kind) for i in range(count)]
    )


# -- the log ---------------------------------------------------------------------------------------


def test_the_diary_proves_every_step(running: Running) -> None:
    for count in (1, 3, 300, 1):
        grow(running, count)
        diary = observe(running)
    assert [seen.size for seen in diary] == [2, 5, 305, 306]
    assert all(seen.holds for seen in diary)
    assert observe(running) == diary
    assert logview.seen(running.node.store) == diary


def test_the_diary_keeps_the_evidence_of_a_fork(running: Running) -> None:
    grow(running, 5)
    observe(running)
    with running.node.store.writing() as write:
        write.execute(CHECKPOINTS.update().values(root=bytes(32)))
    grow(running, 2)
    diary = observe(running)
    assert [seen.holds for seen in diary] == [True, False]
    picture = growth(diary)
    assert [step.newer.holds for step in picture.steps] == [False]
    # The same size with another root, and a log that shrank, are no continuations either.
    with running.node.store.writing() as write:
        newest = CHECKPOINTS.c.number == 2
        write.execute(CHECKPOINTS.update().where(newest).values(size=9_000))
    assert not observe(running)[-1].holds


def test_the_diary_stays_small(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logview, "SEEN_MAX", 8)
    for _ in range(14):
        grow(running, 1)
        diary = observe(running)
    kept = logview.seen(running.node.store)
    assert len(kept) <= 9
    assert kept[-1] == diary[-1]
    assert kept == sorted(kept, key=lambda seen: seen.size)


def test_lists_go_on_where_they_stopped(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(running, 300)
    grow(running, 40, kind="announce", amount=13)
    tree = running.node.log.tree()
    seen: list[int] = []
    before: int | None = None
    while True:
        page = listed(tree, Wanted(), before=before, count=50)
        seen += [line.index for line in page.lines]
        before = page.older
        if before is None:
            break
    assert seen == list(range(tree.size - 1, -1, -1))
    referred = listed(tree, Wanted(outcome="referred"), before=None, count=500)
    assert [line.kind for line in referred.lines] == ["announce"] * 40
    assert listed(tree, Wanted(kind="genesis"), before=None, count=5).lines[0].index == 0
    monkeypatch.setattr(logview, "BUNDLES_MAX", 1)
    first = listed(tree, Wanted(kind="genesis"), before=None, count=5)
    assert first.lines == ()
    assert first.older == 256
    assert listed(tree, Wanted(kind="genesis"), before=256, count=5).lines[0].index == 0


def test_the_course_never_runs_backwards(running: Running) -> None:
    grow(running, 500)
    course = course_of(running.node.log.tree(), points=7)
    assert course[0][1] == 1
    assert course[-1][1] == 501
    assert [at for at, _ in course] == sorted(at for at, _ in course)
    assert len(course) <= 7


def test_the_picture_stays_inside_its_frame() -> None:
    diary = [Seen(size, bytes(32), at, 3, True) for at, size in ((10, 1), (20, 7), (90, 12_345))]
    picture = growth(diary, [(0, 1), (95, 12_345)])
    for dot in picture.dots:
        assert picture.left <= dot.x <= picture.right
        assert 0 < dot.y <= picture.floor
    assert picture.sizes[-1].value >= 12_345
    assert [step.path[0] for step in picture.steps] == ["M", "M"]
    assert growth([]).dots == ()
    assert len(growth(diary[:1]).times) == 1


# -- the law ---------------------------------------------------------------------------------------


def test_rulebooks_are_found_by_words_place_day_and_evidence(library: Library) -> None:
    every = found_books(library, Sought())
    assert len(every) == len(library.rulebooks)
    chinese = found_books(library, Sought(jurisdiction="CN"))
    assert chinese
    assert {book.front.jurisdiction for book in chinese} == {"CN"}
    before = found_books(library, Sought(jurisdiction="CN", day=date(2024, 3, 21)))
    after = found_books(library, Sought(jurisdiction="CN", day=date(2024, 3, 22)))
    began = {b.id for b in after} - {b.id for b in before}
    assert "cn-provisions-2024" in began
    assert all(b.front.start == date(2024, 3, 22) for b in after if b.id in began)
    assert [b.id for b in found_books(library, Sought(words="CN-P-8"))] == ["cn-provisions-2024"]
    assert found_books(library, Sought(words="no such words at all")) == []
    assert {b.front.evidence for b in found_books(library, Sought(evidence="R"))} == {"R"}


def test_states_of_law_turn_on_their_days(library: Library) -> None:
    book = next(book for book in library.rulebooks if book.id == "cn-provisions-2024")
    interval = book.rules[0].interval
    assert state_of(interval, date(2024, 3, 21)) == "not-yet"
    assert state_of(interval, date(2024, 3, 22)) == "in-force"
    assert cases_of(book)


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "given", "value"),
    [
        ("exporter.ciio", ["true"], True),
        ("exporter.ciio", ["false"], False),
        ("exporter.ciio", [""], None),
        ("transfer.purpose", ["analytics"], "analytics"),
        ("cn.year.prior_persons", ["1,000"], 1_000),
        ("cn.year.prior_persons", ["12\u202f345"], 12_345),
    ],
)
def test_answers_are_read_as_their_facts_are(
    library: Library, fact: str, given: list[str], value: object
) -> None:
    assert read_answer(library, fact, {"value": given}, "2026-11-21") == value


@pytest.mark.parametrize(
    ("fact", "given"),
    [
        ("cn.year.prior_persons", "many"),
        ("cn.year.prior_persons", "-1"),
        ("transfer.purpose", "fun"),
        ("anonymity.confirmed", "true"),
    ],
)
def test_answers_that_do_not_fit_are_refused(library: Library, fact: str, given: str) -> None:
    with pytest.raises(InvalidInput):
        read_answer(library, fact, {"value": [given]}, "2026-11-21")


def test_a_finding_keeps_who_found_it_and_when(library: Library) -> None:
    fields = {"value": ["true"], "by": ["A. Counsel"], "reasons": ["k = 11"], "expires": [""]}
    found: Any = read_answer(library, "anonymity.confirmed", fields, "2026-11-21")
    assert found == {
        "value": True,
        "on": "2026-11-21",
        "by": "A. Counsel",
        "reasons": "k = 11",
    }
    assert library.facts({"anonymity.confirmed": found})["anonymity.confirmed"] is True


def test_facts_survive_their_way_through_json() -> None:
    facts: dict[str, object] = {
        "day": date(2026, 11, 21),
        "set": frozenset({"b", "a"}),
        "finding": {"value": True, "on": date(2026, 1, 2)},
    }
    assert plain_facts(facts) == {
        "day": "2026-11-21",
        "set": ["a", "b"],
        "finding": {"value": True, "on": "2026-01-02"},
    }


# -- the directory ---------------------------------------------------------------------------------


def grant(number: int, source: int | None = None, *, right: str = "hold") -> Grant:
    extent = Extent(("any",), ("WORLD",), Period("2026-01-01"))
    return Grant(
        number, 9, right, f"lei:{number}", "first", "registered", extent,
        False, True, True, source, 1, 1, 0, None, None, None, None,
    )  # fmt: skip


def test_rights_stand_to_the_right_of_what_they_rest_on() -> None:
    found = chains(
        [grant(1), grant(2, 1), grant(3, 1), grant(4, 2), grant(5), grant(6, 77)],
        {"lei:4": "A name that is far too long for any box of the picture"},
    )
    where = {box.grant.id: (box.x, box.y) for box in found.boxes}
    assert len(set(where.values())) == 6
    assert where[1][0] < where[2][0] < where[4][0]
    assert where[2][0] == where[3][0]
    assert where[6][0] == where[1][0]  # its source is not of this product
    assert len(found.links) == 3
    assert all(x + found.box_width <= found.width for x, _ in where.values())
    assert all(y + found.box_height <= found.height for _, y in where.values())
    assert next(box.holder for box in found.boxes if box.grant.id == 4).endswith("…")
    assert chains([], {}).boxes == ()


def test_choices_keep_what_was_chosen() -> None:
    found = choices(
        {"theme": [("TRAN", 5), ("ECON", 2)]},
        {"theme": ("HEAL",), "place": ()},
        "product",
        lambda name, code: word_of(name, code, "zh"),
    )
    assert [(c.code, c.count, c.chosen) for c in found["theme"]] == [
        ("TRAN", 5, False),
        ("ECON", 2, False),
        ("HEAL", 0, True),
    ]
    assert found["theme"][0].words == "交通运输"
    assert "place" not in found


def test_texts_fall_back_to_a_language_there_is() -> None:
    assert text_in({"en": "Weather", "zh": "天气"}, "zh") == ("天气", "zh")
    assert text_in({"en": "Weather"}, "zh") == ("Weather", "en")
    assert text_in({"de": "Wetter"}, "zh") == ("Wetter", "de")
    assert text_in({}, "en") == ("", "und")
