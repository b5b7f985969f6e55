"""Cases: what a lawyer expects of given facts, and whether the engine agrees in both back ends.

Format: docs/reference/cases.md. A case that cannot even be read (unknown fact, bad date) fails with
that reason; only a malformed file is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from entrepot.kernel.errors import InvalidInput, InvalidLaw, NotFound, shorten
from entrepot.law.compiled import Content
from entrepot.law.expectations import Expectation, compare, named_outcomes
from entrepot.law.factset import FactSet, read_facts
from entrepot.law.library import Library
from entrepot.law.model import Assessment, Flow
from entrepot.law.outcomes import OUTCOME_RANK
from entrepot.law.shapes import shape
from entrepot.law.yamlsource import Path_, Sourced, read_text, read_yaml

CASES_MAX = 50_000
_DICTIONARIES = ("facts", "expect")


class CaseText(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"origin": "from", "destination": "to"},
):
    """A case as written, after the file's defaults are filled in."""

    name: str
    as_of: date
    origin: str
    destination: str
    expect: Expectation
    known_at: date | None = None
    profile: str = ""
    facts: dict[str, Any] = {}
    why: str = ""
    cite: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A case and where it stands."""

    text: CaseText
    where: str
    row: _Row | None = field(default=None, compare=False, repr=False)

    def line(self, *path: str) -> str:
        """Return `file:line` of a field of the case, in the case itself or else in the defaults."""
        return self.where if self.row is None else self.row.where((*self.row.at, *path))

    def fact_line(self, name: str) -> str:
        """Return `file:line` of a fact, written dotted or nested."""
        nested = ("facts", *name.split("."))
        written = self.row is not None and self.row.has(nested)
        return self.line(*nested) if written else self.line("facts", name)


class _Row(Sourced):
    """A case laid over the defaults of its file: what it does not say itself stands there."""

    __slots__ = ("at",)

    def __init__(self, source: Sourced, at: Path_) -> None:
        super().__init__(source.value, source.lines, source.file)
        self.at = at

    def has(self, path: Path_) -> bool:
        """Say whether the case or the defaults have a field."""
        return (*self.at, *path) in self.lines or ("defaults", *path) in self.lines

    def where(self, path: Path_ = ()) -> str:
        """Return `file:line` of the part at `path`, of its default, or of what it stands in."""
        while len(path) > len(self.at) and path not in self.lines:
            inherited = ("defaults", *path[len(self.at) :])
            if inherited in self.lines:
                return super().where(inherited)
            path = path[:-1]
        return super().where(path)


@dataclass(slots=True)
class CaseResult:
    """What became of a case: `problems` is empty when it passed."""

    case: Case
    problems: list[str] = field(default_factory=list)
    assessment: Assessment | None = None
    flow: Flow | None = None
    facts: FactSet | None = None

    @property
    def passed(self) -> bool:
        """Whether everything expected held."""
        return not self.problems


def find_cases(path: Path) -> list[Case]:
    """Read a case file, or all `*.cases.yaml` (else all YAML files) under a folder.

    Raises `NotFound` when there is none and `InvalidLaw` for a malformed file.
    """
    if path.is_dir():
        paths = sorted(path.rglob("*.cases.yaml")) or sorted(
            p for suffix in ("*.yaml", "*.yml", "*.json") for p in path.rglob(suffix)
        )
        if not paths:
            raise NotFound("no case files in this folder", value=path, remedy="name a *.cases.yaml")
    elif path.is_file():
        paths = [path]
    else:
        raise NotFound("no such file or folder of cases", value=path)
    return [case for each in paths for case in read_cases(each)]


def read_cases(path: Path, *, file: str = "") -> list[Case]:
    """Read one case file: a list of cases, or `{defaults, cases}`. Raises `InvalidLaw`."""
    name = file or str(path)
    text, _ = read_text(path, file=name)
    source = read_yaml(text, file=name)
    defaults: dict[str, Any] = {}
    rows = source.value
    at: Path_ = ()
    if isinstance(rows, dict):
        if unknown := set(rows) - {"defaults", "cases", "about"}:
            key = sorted(unknown)[0]
            raise InvalidLaw(
                "unknown key",
                where=source.where((key,)),
                value=key,
                remedy="defaults, cases, about",
            )
        defaults = rows.get("defaults") or {}
        rows, at = rows.get("cases"), ("cases",)
    if not isinstance(rows, list) or not isinstance(defaults, dict):
        raise InvalidLaw("a case file is a list of cases or {defaults, cases}", where=f"{name}:1")
    if len(rows) > CASES_MAX:
        raise InvalidLaw(f"more than {CASES_MAX} cases", where=f"{name}:1")
    return [_case(source, row, defaults, (*at, number)) for number, row in enumerate(rows)]


def _case(source: Sourced, row: object, defaults: dict[str, Any], at: Path_) -> Case:
    """Read one case; a fault names the case by number and name, and the field."""
    if not isinstance(row, dict):
        raise InvalidLaw(f"{_called(row, at)} is not a mapping", where=source.where(at))
    try:
        return _read_case(_Row(source, at), row, defaults)
    except InvalidLaw as fault:
        raise InvalidLaw(
            f"{_called(row, at)}: {fault.what.removeprefix(f'{fault.where}: ')}",
            where=fault.where,
            value=fault.value,
            remedy=fault.remedy,
        ) from None


def _called(row: object, at: Path_) -> str:
    name = row.get("name") if isinstance(row, dict) else None
    number = int(at[-1]) + 1
    return f'case {number} "{shorten(name)}"' if name else f"case {number}"


def _read_case(source: _Row, row: dict[str, Any], defaults: dict[str, Any]) -> Case:
    merged = {**defaults, **row}
    for key in _DICTIONARIES:
        mine, theirs = row.get(key), defaults.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            merged[key] = (
                {**_dotted(theirs), **_dotted(mine)} if key == "facts" else {**theirs, **mine}
            )
    if merged.get("facts") is None:
        merged["facts"] = {}
    text = shape(source, CaseText, value=merged, at=source.at)
    case = Case(text, source.where(source.at), source)
    for path, outcome in named_outcomes(text.expect):
        if outcome and outcome not in OUTCOME_RANK:
            raise InvalidLaw(
                f"`{'.'.join(path)}` is not an outcome",
                where=case.line(*path),
                value=outcome,
                remedy=_near(outcome, OUTCOME_RANK),
            )
    return case


def _near(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else ""


def _dotted(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested facts so that a case's own fact replaces the default one."""
    flat: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, dict) and "value" not in value and len(prefix) < 200:
            flat.update(_dotted(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def facts_of_case(library: Library, case: Case) -> dict[str, Any]:
    """Return the facts of a case by dotted name, its own laid over those of its profile.

    Raises `NotFound` for an unknown profile.
    """
    text = case.text
    profile = _dotted(library.profile(text.profile)) if text.profile else {}
    return {**profile, **_dotted(text.facts)}


def run_case(library: Library, case: Case) -> CaseResult:
    """Assess one case with the scalar back end and compare."""
    result = CaseResult(case)
    text = case.text
    try:
        result.flow = library.flow(text.origin, text.destination, text.as_of, text.known_at)
        result.facts = library.facts(facts_of_case(library, case))
        bound = library.bind(result.flow)
        result.assessment = bound.assess(result.facts)
    except (InvalidInput, NotFound) as error:
        if text.expect.error and text.expect.error in str(error):
            return result
        result.problems.append(f"{_culprit(library, case)}: {error}")
        return result
    if text.expect.error:
        result.problems.append(f"error: expected {text.expect.error!r}, got none")
        return result
    result.problems += compare(text.expect, result.assessment)
    result.problems += _unheard_of(library, case)
    decided = bound.decide(result.facts)
    if decided.outcome != result.assessment.outcome:
        result.problems.append(
            f"fast path: {decided.outcome}, full assessment: {result.assessment.outcome}"
        )
    return result


def _culprit(library: Library, case: Case) -> str:
    """Return the field of a case whose input was refused, with its line."""
    text = case.text
    for name, place in (("from", text.origin), ("to", text.destination)):
        try:
            library.jurisdictions.canonical(place)
        except InvalidInput:
            return f"{name} ({case.line(name)})"
    if text.profile and text.profile not in library.profiles:
        return f"profile ({case.line('profile')})"
    for name, value in _dotted(text.facts).items():
        try:
            read_facts(library.vocabulary, {name: value})
        except InvalidInput:
            return f"facts.{name} ({case.fact_line(name)})"
    return f"facts ({case.line('facts')})"


def _unheard_of(library: Library, case: Case) -> list[str]:
    """Return a problem for every name that a case excludes and that does not exist at all.

    A slip of the pen in `not_rules` would otherwise hold for ever.
    """
    expect, content = case.text.expect, library.content
    rows: list[tuple[tuple[str, ...], list[str], Callable[[str], bool]]] = [
        (("not_rules",), expect.not_rules, content.rules.__contains__),
        (("not_duties",), expect.not_duties, lambda name: _is_duty(content, name)),
        (("not_commitments",), expect.not_commitments, content.commitments.__contains__),
        (
            ("not_interpretations",),
            expect.not_interpretations,
            content.interpretations.__contains__,
        ),
    ]
    rows += [
        (("regimes", regime, "not_rules"), side.not_rules, content.rules.__contains__)
        for regime, side in expect.regimes.items()
    ]
    rows += [
        (("regimes", regime, "not_duties"), side.not_duties, lambda name: _is_duty(content, name))
        for regime, side in expect.regimes.items()
    ]
    return [
        f"expect.{'.'.join(path)} ({case.line('expect', *path)}): nothing is called {name}"
        for path, names, exists in rows
        for name in names
        if not exists(name)
    ]


def _is_duty(content: Content, name: str) -> bool:
    """Say whether some duty has this id or code."""
    if name in content.duties:
        return True
    routes = (duty for rule in content.rules.values() for duty in rule.duties)
    return any(name in (duty.code, duty.id) for duty in (*content.duties.values(), *routes))


def explain_failure(result: CaseResult) -> list[str]:
    """Return lines that say why the engine answered as it did: rules, missing facts, defaults."""
    lines: list[str] = []
    if result.assessment is None:
        return lines
    for side in result.assessment.sides:
        lines.append(f"{side.regime} ({side.role}): {side.outcome}")
        for hit in side.rules:
            lines.append(f"  {hit.id} {hit.outcome} [{hit.citation.article}] {_facts(hit.facts)}")
        for hit in side.undecided:
            lines.append(f"  {hit.id} unknown, would be {hit.outcome} {_facts(hit.facts)}")
        for hit in side.closed:
            lines.append(f"  {hit.id} closed: a duty failed {_facts(hit.facts)}")
        if side.missing:
            lines.append(f"  missing: {', '.join(side.missing)}")
        if side.reason:
            lines.append(f"  {side.reason}")
    for regime, why in result.assessment.not_engaged.items():
        lines.append(f"{regime}: not engaged ({why})")
    return lines


def _facts(facts: dict[str, str]) -> str:
    return "(" + ", ".join(f"{name}={value}" for name, value in facts.items()) + ")"
