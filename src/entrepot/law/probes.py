"""Probes: sets of facts on which two states of the law are compared.

They are the cases that stand beside the rulebooks of a jurisdiction, the profiles, and both of
these with one number moved to either side of every threshold. Probes are chosen for what they
exercise; they are no sample of the world's transfers, so their counts are no shares of anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.law.assess import BoundLaw
from entrepot.law.cases import Case, facts_of_case, read_cases
from entrepot.law.explain import domain
from entrepot.law.library import Library
from entrepot.law.model import Scalar
from entrepot.law.vocabulary import spell

PROFILE_FLOWS_MAX = 4
"""Flows, the most frequent of the cases, with which a profile is tried."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Facts of one flow, without a day: the same transfer is asked about under both laws."""

    name: str
    where: str
    origin: str
    destination: str
    values: Mapping[str, Scalar]

    def varied(self, fact: str, value: Scalar) -> Probe:
        """Return the same probe with one fact changed."""
        shown = f"{value:,}" if isinstance(value, int) else spell(value)
        return Probe(
            f"{self.name}, with {fact} = {shown}",
            self.where,
            self.origin,
            self.destination,
            {**self.values, fact: value},
        )


def probes(library: Library, jurisdiction: str, *, flows_max: int) -> list[Probe]:
    """Return the cases and profiles that speak of a jurisdiction, over at most `flows_max` flows.

    Cases that are the same but for their day count once. Raises `InvalidLaw` for a malformed case
    file.
    """
    cases = [case for path in case_files(library, jurisdiction) for case in read_cases(path)]
    found = list(_distinct(_of_cases(library, cases)))
    flows = Counter((w.origin, w.destination) for w in found)
    kept = {flow for flow, _ in flows.most_common(flows_max)}
    own = [flow for flow, _ in flows.most_common() if jurisdiction in flow][:PROFILE_FLOWS_MAX]
    return [
        *(w for w in found if (w.origin, w.destination) in kept),
        *_of_profiles(library, own),
    ]


def case_files(library: Library, jurisdiction: str) -> list[Path]:
    """Return the case files beside the rulebooks of a jurisdiction."""
    folders = {
        Path(book.file).parent.as_posix()
        for book in library.rulebooks
        if book.front.jurisdiction == jurisdiction
    }
    return sorted(
        path for folder in folders for path in (library.root / folder).glob("*.cases.yaml")
    )


def relocated(found: list[Probe], code: str, *, most: int) -> Iterator[Probe]:
    """Yield at most `most` probes going to a place instead, and as many coming from it.

    Taken from the flow that is most frequent among `found`: its facts are the best known.
    """
    flows = Counter((probe.origin, probe.destination) for probe in found)
    for (origin, destination), _ in flows.most_common(1):
        own = [
            probe for probe in found if (probe.origin, probe.destination) == (origin, destination)
        ]
        for probe in own[:most]:
            if code not in (origin, destination):
                yield replace(probe, name=f"{probe.name}, to {code}", destination=code)
                yield replace(probe, name=f"{probe.name}, from {code}", origin=code)


def _of_cases(library: Library, cases: Iterable[Case]) -> Iterator[Probe]:
    for case in cases:
        text = case.text
        try:
            facts = library.facts(facts_of_case(library, case))
            origin = library.jurisdictions.canonical(text.origin)
            destination = library.jurisdictions.canonical(text.destination)
        except (InvalidInput, NotFound):
            continue  # a case of refused input, or one for another version of the vocabulary
        file = Path(case.where).name
        yield Probe(text.name, file, origin, destination, facts.values)


def _of_profiles(library: Library, flows: list[tuple[str, str]]) -> Iterator[Probe]:
    for name in sorted(library.profiles):
        facts = library.profile(name)
        values = library.facts(facts).values
        for origin, destination in flows:
            yield Probe(f"profile {name}", "profiles", origin, destination, values)


def _distinct(found: Iterable[Probe]) -> Iterator[Probe]:
    seen = set()
    for probe in found:
        key = (probe.origin, probe.destination, frozenset(probe.values.items()))
        if key not in seen:
            seen.add(key)
            yield probe


def at_thresholds(
    probe: Probe, facts: Iterable[str], laws: tuple[BoundLaw, ...]
) -> Iterator[Probe]:
    """Yield the probe with each numeric fact at every value that some law's conditions tell
    apart."""
    for name in facts:
        spec = laws[0].library.vocabulary.facts.get(name)
        if spec is None or spec.type not in ("int", "number"):
            continue
        points = {value for law in laws for value in domain(law, name)}
        for value in sorted(points - {probe.values.get(name)}, key=str):
            yield probe.varied(name, value)
