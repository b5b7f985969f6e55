"""What changed between two days or two folders: the structure, and the engine's judgement of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests_law_texts import FRONT, REGIME

from entrepot.kernel.errors import InvalidInput
from entrepot.law import Library
from entrepot.law.difference import Delta, LawAt, deltas
from entrepot.law.effects import Judged, JurisdictionChange, judge_changes
from entrepot.law.probes import at_thresholds, probes

LAST, FIRST = date(2023, 12, 31), date(2024, 1, 1)

LAW = """
```values
id: r.bulk
unit: persons
article: art 2
says: From how many persons on a permit is needed.
values:
  - {from: 2020-01-01, until: 2024-01-01, value: 1_000}
  - {from: 2024-01-01, value: 5_000, article: art 2 as amended}
```

```rule
id: R-PERMIT
article: art 1
class: band
when: persons.total >= value(r.bulk)
outcome: PERMIT
layer: rights
says: Many persons need a permit.
```

```rule
id: R-HEALTH-OLD
article: art 5
class: special
when: data.sectors has health
until: 2024-01-01
outcome: NOTIFY
layer: rights
says: Health data is notified.
```

```rule
id: R-HEALTH-NEW
article: art 7
class: special
when: data.sectors has health
from: 2024-01-01
outcome: NOTIFY
layer: rights
says: Health data is notified (old art 5).
```

```rule
id: R-MAPS
article: art 9
class: bar
when: data.sectors has maps
from: 2024-01-01
outcome: PROHIBITED
layer: sovereignty
says: Maps stay.
```

```rule
id: R-SHORT
article: art 10
class: bar
when: data.sectors has payment
from: 2023-02-01
until: 2023-03-01
outcome: PROHIBITED
layer: sovereignty
says: Payments stayed for a month.
```

```duty
id: R-D-RECORDS
article: art 11
code: records
from: 2024-01-01
says: Keep records.
due: continuing
layer: rights
when: data.personal
```
"""
CASES = """
defaults: {from: US, to: DE, as_of: 2023-06-01}
cases:
  - name: three thousand persons
    facts: {persons.total: 3_000, data.personal: true, data.sectors: []}
    expect: {outcome: PERMIT}
  - name: ten persons
    facts: {persons.total: 10, data.personal: true, data.sectors: []}
    expect: {outcome: FREE}
  - name: maps of nobody
    facts: {persons.total: 0, data.personal: false, data.sectors: [maps]}
    expect: {outcome: FREE}
  - name: health data of few
    facts: {persons.total: 10, data.personal: false, data.sectors: [health]}
    expect: {outcome: NOTIFY}
"""


@pytest.fixture
def library(law_folder: Callable[..., Path]) -> Library:
    return Library.load(written(law_folder, LAW))


def written(law_folder: Callable[..., Path], text: str) -> Path:
    root = law_folder(FRONT.format(id="law-r") + REGIME + text)
    (root / "us" / "law-0.cases.yaml").write_text(CASES)
    return root


def judged(before: LawAt, after: LawAt) -> JurisdictionChange:
    found = judge_changes(before, after, deltas(before, after), flows_max=10)
    return next(place for place in found if place.jurisdiction == "US")


def by_id(found: list[Delta]) -> dict[str, Delta]:
    return {delta.id: delta for delta in found}


def effect_of(place: JurisdictionChange, name: str) -> Judged:
    return next(item for item in place.changes if item.delta.id == name)


def test_every_kind_of_change_is_named_with_its_day_and_article(library: Library) -> None:
    found = by_id(deltas(LawAt(library, LAST, LAST), LawAt(library, FIRST, FIRST)))
    assert set(found) == {"r.bulk", "R-HEALTH-NEW", "R-MAPS", "R-D-RECORDS", "union/CN"}
    assert found["union/CN"].kind == "member"  # a group of the toy jurisdictions
    number = found["r.bulk"]
    assert (number.kind, number.change, number.on) == ("value", "changed", FIRST)
    assert number.before is not None and number.before.says.startswith("1,000 persons")
    assert number.after is not None and number.after.says.startswith("5,000 persons")
    assert number.citation is not None and number.citation.article == "art 2 as amended"
    moved = found["R-HEALTH-NEW"]
    assert moved.change == "replaced" and moved.before is not None
    assert (moved.before.id, moved.before.citation.article) == ("R-HEALTH-OLD", "art 5")
    assert found["R-MAPS"].change == found["R-D-RECORDS"].change == "began"


def test_the_engine_judges_what_each_change_does(library: Library) -> None:
    place = judged(LawAt(library, LAST, LAST), LawAt(library, FIRST, FIRST))
    number = effect_of(place, "r.bulk").effect
    assert number.judgement == "loosened" and number.counts.tightened == 0
    example = number.examples["loosened"]
    assert example.before.rules == {"R-PERMIT": "art 1"} and example.after.outcome == "FREE"
    assert effect_of(place, "R-HEALTH-NEW").effect.judgement == "same"
    barred = effect_of(place, "R-MAPS").effect
    assert barred.judgement == "tightened"
    assert barred.examples["tightened"].after.rules == {"R-MAPS": "art 9"}
    records = effect_of(place, "R-D-RECORDS").effect
    assert records.judgement == "new duty"
    assert records.examples["new_duty"].new_duties == {"records": "art 11"}
    assert place.effect.judgement == "mixed"


def test_numbers_are_moved_to_either_side_of_the_old_and_the_new_threshold(
    library: Library,
) -> None:
    place = judged(LawAt(library, LAST, LAST), LawAt(library, FIRST, FIRST))
    probe = next(p for p in probes(library, "US", flows_max=10) if p.name == "ten persons")
    laws = tuple(library.bind(library.flow("US", "DE", day)) for day in (LAST, FIRST))
    values = {p.values["persons.total"] for p in at_thresholds(probe, ["persons.total"], laws)}
    assert {999, 1_000, 1_001, 4_999, 5_000, 5_001} <= values
    # 1,000 to 4,999 persons needed a permit and do not now; 5,000 and more still do.
    assert place.effect.counts.loosened >= 3
    assert place.effect.counts.probes > 10


def test_a_day_on_which_nothing_changes_is_empty(library: Library) -> None:
    day = date(2024, 6, 1)
    assert deltas(LawAt(library, day, day), LawAt(library, day + timedelta(1), day)) == []


def test_what_came_and_went_between_the_days_is_said(library: Library) -> None:
    start = date(2023, 1, 1)
    found = by_id(deltas(LawAt(library, start, start), LawAt(library, LAST, LAST)))
    assert found["R-SHORT"].change == "passed"


def test_an_end_and_a_beginning_turn_round(library: Library) -> None:
    with pytest.raises(InvalidInput, match="first day lies after"):
        deltas(LawAt(library, FIRST, FIRST), LawAt(library, LAST, LAST))


def test_what_was_not_known_yet_has_not_changed(library: Library) -> None:
    found = by_id(deltas(LawAt(library, LAST, LAST), LawAt(library, FIRST, LAST)))
    assert "R-MAPS" not in found, "its text could be known from its first day only"
    assert "R-HEALTH-OLD" in found and found["R-HEALTH-OLD"].change == "ended"


def test_two_versions_of_a_folder_on_one_day(
    law_folder: Callable[..., Path], tmp_path: Path
) -> None:
    old = Library.load(written(law_folder, LAW))
    strict = LAW.replace("outcome: PERMIT", "outcome: PROHIBITED").replace("5_000,", "4_000,")
    folder = tmp_path / "elsewhere"
    written(law_folder, LAW).rename(folder)
    (folder / "us" / "law-0.md").write_text(FRONT.format(id="law-r") + REGIME + strict)
    new = Library.load(folder)
    before, after = LawAt(old, FIRST, FIRST), LawAt(new, FIRST, FIRST)
    found = by_id(deltas(before, after))
    assert (found["R-PERMIT"].change, found["R-PERMIT"].on) == ("reworded", None)
    assert found["r.bulk"].change == "changed"
    place = judged(before, after)
    assert effect_of(place, "R-PERMIT").effect.judgement == "tightened"
    assert place.effect.counts.loosened == 0


# -- the packaged law ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packaged() -> Library:
    return Library.load()


def on(library: Library, day: date, place: str) -> JurisdictionChange:
    eve = day - timedelta(days=1)
    before, after = LawAt(library, eve, eve), LawAt(library, day, day)
    wanted = [delta for delta in deltas(before, after) if delta.jurisdiction == place]
    return judge_changes(before, after, wanted, flows_max=24)[0]


def test_china_loosened_on_22_march_2024(packaged: Library) -> None:
    place = on(packaged, date(2024, 3, 22), "CN")
    assert place.effect.judgement == "loosened"
    assert place.effect.counts.loosened > 50 and place.effect.counts.tightened == 0
    small = effect_of(place, "CN-P-5.4")
    assert small.delta.citation is not None and small.delta.citation.article == "art 5(1)(4)"
    assert small.effect.judgement == "loosened"
    band = effect_of(place, "CN-P-8").delta
    assert band.before is not None and band.before.id == "CN-O13-4"
    assert effect_of(place, "CN-D-SECURITY").effect.judgement == "new duty"


def test_the_cybersecurity_law_was_renumbered_and_certification_got_duties(
    packaged: Library,
) -> None:
    place = on(packaged, date(2026, 1, 1), "CN")
    moved = effect_of(place, "CN-CSL-39")
    assert moved.delta.before is not None and moved.delta.before.citation.article == "art 37"
    assert moved.effect.judgement == "same" and moved.effect.counts.same > 0
    renewal = effect_of(place, "CN-D-CERTIFICATE-RENEWAL").effect
    assert renewal.judgement == "new duty" and renewal.counts.new_duty > 0
    assert place.effect.counts.tightened == 0 and place.effect.counts.loosened == 0


def test_viet_nam_changed_on_1_january_2026(packaged: Library) -> None:
    place = on(packaged, date(2026, 1, 1), "VN")
    assert effect_of(place, "VN-13-FOREIGN").effect.judgement == "tightened"
    assert effect_of(place, "VN-91-20").delta.change == "replaced"
    assert effect_of(place, "VN-91-20-6A").effect.judgement == "loosened"


def test_the_united_states_tightened_on_8_april_2025(packaged: Library) -> None:
    place = on(packaged, date(2025, 4, 8), "US")
    assert place.effect.judgement == "tightened" and place.effect.counts.loosened == 0
    sale = effect_of(place, "US-301").effect.examples["tightened"]
    assert sale.before.outcome == "FREE" and sale.after.outcome == "PROHIBITED"
    assert sale.after.rules["US-301"] == "28 CFR 202.301"


@pytest.mark.parametrize(
    ("day", "place", "judgements"),
    [
        (date(2023, 7, 10), "EU", {"loosened"}),  # EU-US Data Privacy Framework
        (date(2024, 3, 22), "CN", {"loosened"}),
        (date(2025, 4, 8), "US", {"tightened"}),
        (date(2025, 7, 1), "RU", {"tightened"}),
        (date(2025, 9, 16), "KR", {"loosened"}),
        (date(2026, 1, 1), "VN", {"mixed"}),
        (date(2026, 1, 26), "BR", {"loosened"}),
        (date(2026, 2, 5), "GB", {"loosened"}),
        (date(2026, 3, 2), "SG", {"loosened"}),
        (date(2026, 12, 1), "CL", {"tightened", "mixed"}),
    ],
)
def test_ten_boundaries_move_as_the_reference_says(
    packaged: Library, day: date, place: str, judgements: set[str]
) -> None:
    found = on(packaged, day, place)
    assert found.effect.judgement in judgements
    decides = [item.delta for item in found.changes if item.delta.kind != "interpretation"]
    cited = [delta.citation for delta in decides]
    assert all(citation is not None and citation.article for citation in cited)


def test_joining_a_group_is_judged_for_the_law_that_reads_it(packaged: Library) -> None:
    place = on(packaged, date(2018, 7, 20), "EU")  # the GDPR in the EEA Agreement
    norway = effect_of(place, "gdpr_area/NO")
    assert (norway.delta.kind, norway.delta.change) == ("member", "began")
    assert norway.effect.counts.probes > 0


def test_a_boundary_takes_less_than_two_seconds(packaged: Library) -> None:
    for day in (date(2024, 3, 22), date(2026, 1, 1)):
        started = time.process_time()
        eve = day - timedelta(days=1)
        before, after = LawAt(packaged, eve, eve), LawAt(packaged, day, day)
        found = judge_changes(before, after, deltas(before, after), flows_max=24)
        assert found and time.process_time() - started < 2
