"""Reads laws/facts/*.yaml and laws/profiles/*.yaml: the vocabulary, its derivations, profiles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from entrepot.kernel.errors import InvalidInput, InvalidLaw
from entrepot.law import ir
from entrepot.law.compiled import Content, Contradiction, DerivedFact
from entrepot.law.factset import read_facts
from entrepot.law.jurisdictions import Jurisdictions
from entrepot.law.parser import Scope, parse_condition, read_derived
from entrepot.law.shapes import shape
from entrepot.law.vocabulary import FLOW_FACTS, FactDefinition, FactSpec, Vocabulary
from entrepot.law.yamlsource import Sourced, read_text, read_yaml

CONTRADICTIONS_FILE = "contradictions.yaml"

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+\Z")
_MEMBER = re.compile(r"[A-Za-z0-9_]+\Z")


class ContradictionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of contradictions.yaml."""

    when: str
    says: str


def read_vocabulary(
    folder: Path, jurisdictions: Jurisdictions
) -> tuple[Vocabulary, dict[str, InvalidLaw]]:
    """Read all fact files of `folder`/facts; return the vocabulary and the faults by file.

    A malformed fact is left out, so that the rest can still be listed.
    """
    facts: dict[str, FactSpec] = {}
    faults: dict[str, InvalidLaw] = {}
    for path in sorted((folder / "facts").glob("*.yaml")):
        if path.name == CONTRADICTIONS_FILE:
            continue
        name = path.relative_to(folder).as_posix()
        try:
            text, _ = read_text(path, file=name)
            source = read_yaml(text, file=name)
            if not isinstance(source.value, dict):
                raise InvalidLaw("a fact file is a mapping of names", where=f"{name}:1")
        except InvalidLaw as fault:
            faults[name] = fault
            continue
        for fact in source.value:
            try:
                facts[fact] = _new_fact(source, fact, facts)
            except InvalidLaw as fault:
                faults.setdefault(name, fault)
    return Vocabulary(facts, jurisdictions), faults


def _new_fact(source: Sourced, name: str, known: dict[str, FactSpec]) -> FactSpec:
    if name in known or name in FLOW_FACTS:
        first = known[name].file if name in known else "built in"
        raise InvalidLaw(
            f"fact defined twice, first in {first}", where=source.where((name,)), value=name
        )
    return _fact(source, name)


def _fact(source: Sourced, name: str) -> FactSpec:
    where = source.where((name,))
    if not _NAME.match(name):
        raise InvalidLaw(
            "not a fact name", where=where, value=name, remedy="lower-case words joined by dots"
        )
    read = shape(source, FactDefinition, at=(name,))
    closed = read.type in ("enum", "set")
    if closed != bool(read.values):
        what = "needs `values`" if closed else "has `values` but is neither enum nor set"
        raise InvalidLaw(f"{read.type} {what}", where=where, value=name)
    if bad := [member for member in read.values if not _MEMBER.match(member)]:
        raise InvalidLaw("a member must be one word", where=where, value=bad[0])
    if read.unit and read.type not in ("int", "number"):
        raise InvalidLaw("only numbers have a unit", where=where, value=name)
    if read.source == "choice" and read.type == "enum" and "none" not in read.values:
        raise InvalidLaw(
            "a choice needs the member `none`", where=where, value=name, remedy="add `none:`"
        )
    file, _, line = where.rpartition(":")
    return FactSpec(
        name=name,
        type=read.type,
        source=read.source,
        about=read.about,
        question=read.question or read.about,
        unit=read.unit,
        values=read.values,
        cite=read.cite,
        derive=tuple(read.derive),
        file=file,
        line=int(line),
    )


def read_derivations(
    vocabulary: Vocabulary, content: Content
) -> tuple[tuple[DerivedFact, ...], dict[str, InvalidLaw]]:
    """Compile all derivations, those that others depend on first; return them and faults by
    file."""
    faults: dict[str, InvalidLaw] = {}
    scope = Scope(
        vocabulary,
        {name: text.block.unit for name, text in content.values.items()},
        frozenset(content.lists),
    )
    found: dict[str, DerivedFact] = {}
    for spec in vocabulary:
        rules: list[tuple[ir.Node, ir.Value]] = []
        try:
            for row in spec.derive:
                condition = parse_condition(row.when, scope, f"{spec.file}:{spec.line}")
                rules.append((condition, read_derived(spec, scope, row.value)))
        except InvalidLaw as fault:
            faults.setdefault(spec.file, fault)
            continue
        if rules:
            found[spec.name] = DerivedFact(spec.name, tuple(rules))
    return tuple(_ordered(found)), faults


def _ordered(found: dict[str, DerivedFact]) -> list[DerivedFact]:
    """Order derivations so that each comes after those it reads, as far as they are not
    circular."""
    ordered: dict[str, DerivedFact] = {}
    visiting: set[str] = set()
    stack = [(name, False) for name in reversed(list(found))]
    while stack:
        name, leaving = stack.pop()
        if leaving:
            ordered[name] = found[name]
            continue
        if name in visiting:
            continue
        visiting.add(name)
        stack.append((name, True))
        for rule in found[name].rules:
            for part in rule:
                stack.extend((fact, False) for fact in ir.facts_of(part) if fact in found)
    return list(ordered.values())


def read_contradictions(
    folder: Path, vocabulary: Vocabulary
) -> tuple[tuple[Contradiction, ...], dict[str, InvalidLaw]]:
    """Read contradictions.yaml, if there is one; return its rows, or its fault by file."""
    name = f"facts/{CONTRADICTIONS_FILE}"
    if not (folder / name).is_file():
        return (), {}
    try:
        return _contradictions(folder / name, name, vocabulary), {}
    except InvalidLaw as fault:
        return (), {name: fault}


def _contradictions(path: Path, name: str, vocabulary: Vocabulary) -> tuple[Contradiction, ...]:
    text, _ = read_text(path, file=name)
    source = read_yaml(text, file=name)
    rows = shape(source, list[ContradictionEntry]) if source.value is not None else []
    scope = Scope(vocabulary, {}, frozenset())
    read = []
    for number, row in enumerate(rows):
        condition = parse_condition(row.when, scope, source.where((number,)))
        if any(isinstance(part, (ir.In, ir.Has)) and part.groups for part in ir.walk(condition)):
            raise InvalidLaw(
                "a contradiction has no day and cannot read groups", where=source.where((number,))
            )
        read.append(Contradiction(condition, row.says))
    return tuple(read)


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts under a name: what an ordinary case of some kind has in common."""

    about: str
    facts: dict[str, Any]
    extends: str = ""
    """A profile whose facts hold too, where this one does not say otherwise."""


def read_profiles(folder: Path, vocabulary: Vocabulary) -> dict[str, Profile]:
    """Read all profiles by name, each with the facts of those it extends.

    Raises `InvalidLaw` for a malformed one, a fact that does not fit, or one that extends itself.
    """
    written: dict[str, Profile] = {}
    for path in sorted((folder / "profiles").glob("*.yaml")):
        name = path.relative_to(folder).as_posix()
        text, _ = read_text(path, file=name)
        written[path.stem] = shape(read_yaml(text, file=name), Profile)
    found: dict[str, Profile] = {}
    for stem, profile in written.items():
        where = f"profiles/{stem}.yaml:1"
        facts: dict[str, Any] = {}
        for ancestor in reversed(_ancestors(stem, written, where)):
            facts.update(ancestor.facts)
        try:
            read_facts(vocabulary, facts)
        except InvalidInput as error:
            raise InvalidLaw(
                error.what, where=where, value=error.value, remedy=error.remedy
            ) from None
        found[stem] = Profile(profile.about, facts, profile.extends)
    return found


def _ancestors(stem: str, written: dict[str, Profile], where: str) -> list[Profile]:
    """Return a profile and those it extends, nearest first."""
    line = [stem]
    while parent := written[line[-1]].extends:
        if parent not in written:
            raise InvalidLaw("a profile extends one that does not exist", where=where, value=parent)
        if parent in line:
            raise InvalidLaw("a profile extends itself", where=where, value=" → ".join(line))
        line.append(parent)
    return [written[name] for name in line]
