"""From rulebooks as read to checked content: references, types, coverage of values, defeats.

Rulebooks are compiled one by one against the ids that all of them define. A rulebook with a fault
is
left out and its fault kept, and those that refer to it then fault in turn, so that `law list` can
still name everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from entrepot.kernel.errors import InvalidInput, InvalidLaw
from entrepot.law import ir
from entrepot.law.blocks import DutyBlock, RuleDutyBlock
from entrepot.law.compiled import Commitment, Content, Duty, Entry, Regime, Rule, ScopeList
from entrepot.law.defeats import circle_of
from entrepot.law.due import parse_due
from entrepot.law.intervals import check_entries, check_rows, common_day, first_gap
from entrepot.law.model import Citation
from entrepot.law.outcomes import ROLES
from entrepot.law.parser import Scope, parse_condition
from entrepot.law.rulebook import (
    CommitmentText,
    Dated,
    DutyText,
    Interval,
    Rulebook,
    RuleText,
)
from entrepot.law.vocabulary import Vocabulary

NO_REGIME = "none"
"""The regime of a treaty that only states promises: it takes part in no decision."""
ENDS = frozenset({"flow.from", "flow.to"})
"""The facts that say between whom a commitment holds."""


def compile_books(
    books: Iterable[Rulebook], vocabulary: Vocabulary
) -> tuple[Content, dict[str, InvalidLaw]]:
    """Compile `books`; return the content and, by file, the fault of each book left out."""
    faults: dict[str, InvalidLaw] = {}
    left = list(books)
    while True:
        compiler = _Compiler(left, vocabulary)
        found = compiler.run()
        faults.update(found)
        if not found:
            return compiler.content, faults
        left = [book for book in left if book.file not in found]


class _Compiler:
    def __init__(self, books: list[Rulebook], vocabulary: Vocabulary) -> None:
        self.books = books
        self.vocabulary = vocabulary
        self.content = Content()
        self.seen: dict[str, tuple[str, Interval]] = {}
        self.scope = Scope(
            vocabulary,
            {value.id: value.block.unit for book in books for value in book.values},
            frozenset(part.id for book in books for part in book.lists if part.kind == "scope"),
        )

    def run(self) -> dict[str, InvalidLaw]:
        """Compile all; return faults by file."""
        faults: dict[str, InvalidLaw] = {}
        steps = (self.claim, self.shared, self.decisions, self.references)
        for step in steps:
            for book in self.books:
                if book.file in faults:
                    continue
                try:
                    step(book)
                except InvalidLaw as fault:
                    faults[book.file] = fault
            if faults:
                return faults
        return self.cycles()

    # -- step 1: ids are unique ------------------------------------------------------------------

    def claim(self, book: Rulebook) -> None:
        front = book.front
        whole = Interval(front.start, front.until, front.known_from or front.verified_on)
        self.unique(f"rulebook {book.id}", f"{book.file}:1", whole)
        self.content.books[book.id] = book
        self.jurisdiction(front.jurisdiction, f"{book.file}:1")
        for part in book.parts():
            self.unique(part.id, part.where, part.interval)
        for listed in book.lists:
            for entry in listed.entries:
                self.unique(entry.id, entry.where, entry.interval)

    def unique(self, key: str, where: str, interval: Interval) -> None:
        if key in self.seen:
            first, held = self.seen[key]
            both = common_day(held, interval)
            overlap = f"; both hold on {both}" if both else ""
            raise InvalidLaw(
                f"duplicate id, first used at {first}{overlap}",
                where=where,
                value=key.removeprefix("rulebook "),
                remedy="an id is never reused: end the earlier by `until`, name the later anew",
            )
        self.seen[key] = (where, interval)

    def jurisdiction(self, code: str, where: str) -> None:
        if code not in self.vocabulary.jurisdictions.names:
            raise InvalidLaw("unknown jurisdiction", where=where, value=code)

    # -- step 2: what conditions refer to --------------------------------------------------------

    def shared(self, book: Rulebook) -> None:
        for value in book.values:
            check_rows(value)
            self.content.values[value.id] = value
        for regime in book.regimes:
            block = regime.block
            self.jurisdiction(block.jurisdiction, regime.where)
            engages = tuple(
                (role, self.condition(block.engages[role], regime.at(f"engages.{role}", "engages")))
                for role in ROLES
                if role in block.engages
            )
            ordered = tuple(sorted(engages, key=lambda pair: list(block.engages).index(pair[0])))
            self.content.regimes[regime.id] = Regime(regime.id, regime, ordered)
        for listed in book.lists:
            if listed.kind == "sensitivity":
                check_entries(listed)
                for row in listed.sensitivity:
                    self.counted(row.block.counts_as, row.where)
                self.content.sensitivity[listed.id] = (listed, listed.sensitivity)
                continue
            entries = tuple(
                Entry(entry, self.condition(entry.block.when, entry.at("when")))
                for entry in listed.entries
            )
            self.content.lists[listed.id] = ScopeList(listed, entries)

    def counted(self, name: str, where: str) -> None:
        if not name:
            return
        fact = self.vocabulary.facts.get(name)
        if fact is None or fact.type != "int":
            raise InvalidLaw(
                "counts_as must name a fact of type int",
                where=where,
                value=name,
                remedy="" if fact else self.vocabulary.nearest(name),
            )

    def condition(self, text: str | bool, where: str) -> ir.Node:
        return parse_condition(text, self.scope, where)

    # -- step 3: rules and duties ----------------------------------------------------------------

    def decisions(self, book: Rulebook) -> None:
        self.promises(book)
        if (book.rules or book.duties) and book.front.regime not in self.content.regimes:
            close = get_close_matches(book.front.regime, self.content.regimes, n=1)
            raise InvalidLaw(
                "no loaded rulebook defines this regime",
                where=f"{book.file}:1",
                value=book.front.regime,
                remedy=f"did you mean {close[0]}?" if close else "add a `regime` block",
            )
        spoken: list[RuleText | DutyText] = [*book.rules, *book.duties]
        for part in spoken:
            self.placed(part, self.content.regimes[book.front.regime])
        for text in book.rules:
            rule = self.rule(text)
            self.content.rules[rule.id] = rule
            self.content.regimes[book.front.regime].rules.append(rule)
        for duty_text in book.duties:
            duty = self.duty(duty_text)
            self.content.duties[duty.id] = duty
            self.content.regimes[book.front.regime].duties.append(duty)
        for note in book.interpretations:
            self.content.interpretations[note.id] = note

    def placed(self, text: RuleText | DutyText, regime: Regime) -> None:
        """Check that a rule or duty stands only in roles in which its regime speaks."""
        roles = [role for role, _ in regime.engages]
        for role in text.block.roles:
            if role not in roles:
                raise InvalidLaw(
                    f"outside the roles of regime {regime.id}: {text.id} could never apply",
                    where=text.at("roles"),
                    value=role,
                    remedy=f"`roles` out of {', '.join(roles) or 'none'}, or let it engage there",
                )

    def rule(self, text: RuleText) -> Rule:
        block = text.block
        condition = ir.conjunction(
            self.condition(block.when, text.at("when")),
            ir.negation(self.condition(block.unless, text.at("unless"))),
        )
        self.covered(condition, text)
        duties = tuple(
            self.route_duty(duty, text, f"duties.{number}")
            for number, duty in enumerate(block.duties)
        )
        return Rule(text.id, text, condition, duties, frozenset(block.roles))

    def route_duty(self, block: RuleDutyBlock, rule: RuleText, path: str) -> Duty:
        cited = rule.citation
        citation = Citation(
            cited.rulebook,
            block.article or cited.article,
            cited.source,
            cited.evidence,
            cited.verified_on,
        )
        return self.made_duty(
            f"{rule.id}/{block.code}",
            block,
            rule,
            citation,
            layer=block.layer or rule.block.layer,
            path=path,
        )

    def duty(self, text: DutyText) -> Duty:
        return self.made_duty(
            text.id, text.block, text, text.citation, layer=text.block.layer, path=""
        )

    def made_duty(
        self,
        name: str,
        block: RuleDutyBlock | DutyBlock,
        at: Dated,
        citation: Citation,
        *,
        layer: str,
        path: str,
    ) -> Duty:
        """Return a duty; `path` says where its block stands in that of `at`, empty for `at`
        itself."""
        own = isinstance(block, DutyBlock)

        def line(key: str) -> str:
            return at.at(f"{path}.{key}", path, "duties") if path else at.at(key)

        when = ir.conjunction(
            self.condition(block.when, line("when")),
            ir.negation(self.condition(block.unless, line("unless"))),
        )
        done = self.condition(block.done, line("done"))
        fails = self.condition(block.fails_if, line("fails_if"))
        for node in (when, done, fails):
            self.covered(node, at)
        return Duty(
            id=name,
            code=block.code,
            says=block.says,
            citation=citation,
            due=parse_due(block.due, self.vocabulary, line("due")),
            layer=layer,
            human=block.human,
            when=when,
            done=done,
            done_text=block.done if isinstance(block.done, str) else "",
            fails=fails,
            interval=at.interval,
            roles=frozenset(block.roles) if own else frozenset(),  # type: ignore[union-attr]
            not_for=frozenset(block.not_for) if own else frozenset(),  # type: ignore[union-attr]
        )

    def covered(self, node: ir.Node, at: Dated) -> None:
        """Check that every value read by `node` exists on every day of the block's interval."""
        if at.interval.start is None:
            return
        for part in ir.walk(node):
            if isinstance(part, ir.ValueRef):
                gap = first_gap(self.content.values[part.id], at.interval)
                if gap is not None:
                    raise InvalidLaw(
                        f"value `{part.id}` does not cover {at.id}: no value on {gap}",
                        where=at.where,
                        remedy="add a dated value or shorten the rule's interval",
                    )

    def promises(self, book: Rulebook) -> None:
        """Take the commitments of a treaty, and see that `regime: none` decides nothing."""
        deciding = [*book.regimes, *book.rules, *book.duties, *book.values, *book.lists]
        if book.front.regime == NO_REGIME:
            if book.front.authority != "treaty":
                raise InvalidLaw(
                    "only a book of `authority: treaty` may have `regime: none`",
                    where=f"{book.file}:1",
                    value=book.front.authority,
                    remedy="name the regime that decides by this rulebook",
                )
            if deciding:
                raise InvalidLaw(
                    "`regime: none` allows only commitments and interpretations",
                    where=deciding[0].where,
                    value=deciding[0].id,
                    remedy="name a regime in the front matter, or move the block",
                )
        if book.commitments and book.front.authority != "treaty":
            raise InvalidLaw(
                "a commitment stands only in a book of `authority: treaty`",
                where=book.commitments[0].where,
                value=book.front.authority,
            )
        for text in book.commitments:
            self.content.commitments[text.id] = Commitment(text, self.between(text))

    def between(self, text: CommitmentText) -> ir.Node:
        """Return the condition of a commitment; it reads nothing but the two ends of the flow."""
        where = text.at("between")
        node = self.condition(text.block.between, where)
        for part in ir.walk(node):
            if isinstance(part, (ir.ValueRef, ir.Listed)) or (
                isinstance(part, ir.Fact) and part.name not in ENDS
            ):
                raise InvalidLaw(
                    "`between` reads only flow.from and flow.to",
                    where=where,
                    value=part.name if isinstance(part, ir.Fact) else part.id,
                    remedy="say the rest in `says` or `exception`",
                )
        return node

    # -- step 4: references between blocks -------------------------------------------------------

    def references(self, book: Rulebook) -> None:
        for rule in book.rules:
            for name in rule.block.defeats:
                self.defeated(name, rule, book.front.regime)
        for note in book.interpretations:
            for name in note.block.reads:
                known = any(
                    name in kind
                    for kind in (
                        self.content.rules,
                        self.content.duties,
                        self.content.commitments,
                    )
                )
                entries = (
                    entry.text.id for part in self.content.lists.values() for entry in part.entries
                )
                if not known and name not in entries and name not in self.content.lists:
                    raise InvalidLaw(
                        "reads a rule that does not exist", where=note.at("reads"), value=name
                    )
        for listed in book.lists:
            for entry in self.content.lists[listed.id].entries if listed.kind == "scope" else ():
                self.covered(entry.condition, entry.text)
                for part in ir.walk(entry.condition):
                    if isinstance(part, ir.Listed):
                        raise InvalidLaw(
                            "a list entry cannot refer to a list", where=entry.text.where
                        )

    def defeated(self, name: str, rule: RuleText, regime: str) -> None:
        if name not in self.content.rules:
            close = get_close_matches(name, self.content.rules, n=1)
            raise InvalidLaw(
                "defeats a rule that does not exist",
                where=rule.at("defeats"),
                value=name,
                remedy=f"did you mean {close[0]}?" if close else "",
            )
        if all(other.id != name for other in self.content.regimes[regime].rules):
            raise InvalidLaw(
                "defeats a rule of another regime", where=rule.at("defeats"), value=name
            )

    # -- step 5: no rule defeats itself through others -------------------------------------------

    def cycles(self) -> dict[str, InvalidLaw]:
        fault = circle_of(self.content.rules)
        return {} if fault is None else {fault.where.rpartition(":")[0]: fault}


def check_regime_ids(content: Content, name: str) -> Regime:
    """Return a regime by id. Raises `InvalidInput` with the known ids."""
    found = content.regimes.get(name)
    if found is None:
        raise InvalidInput(
            "unknown regime", value=name, remedy=f"one of {', '.join(content.regimes) or 'none'}"
        )
    return found
