"""`entrepot assess [FILE] --from CN --to DE`: may it leave, by which route, with which duties."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from entrepot.law.model import Missing
from entrepot.node.answers import rendered
from entrepot.node.declaring import ask as ask_for_facts
from entrepot.node.declaring import declared_facts, is_asking, questions
from entrepot.node.lawcache import open_library
from entrepot.node.options import laws_option
from entrepot.node.screen import Screen
from entrepot.node.shipping import (
    asked,
    counters_of,
    print_json,
    shipping_options,
)


@click.command("assess")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@shipping_options
@laws_option
@click.option("--ask/--no-ask", default=None, help="Ask for missing facts (on a terminal: yes).")
@click.option("--json", "as_json", is_flag=True, help="Print the whole assessment as JSON.")
def command(
    file: Path | None, laws: Path | None, ask: bool | None, as_json: bool, **options: Any
) -> None:
    """Say whether data may leave, by which route, with which duties, and why.

    With FILE its content is inspected first; without one, declare what it holds. Exit 0 whatever
    the answer is; the answer itself is `status` in the JSON.
    """
    order = asked(options)
    library = open_library(laws)
    declared = declared_facts(library, order.facts_file, order.facts, order.profile)
    flow = order.flow(library)
    known: dict[str, object] = dict(declared)
    if file is not None:
        # Imported when used: an answer without a file does not pay for Polars.
        from entrepot.node.goods import facts_of

        known = facts_of(file, library, flow, declared, counters_of(order, declared))
    bound = library.bind(flow)

    def pending(known: Mapping[str, object]) -> list[Missing]:
        facts = library.facts(known)
        return questions(bound, bound.assess(facts), facts)

    console = Screen(highlight=False)
    if (is_asking() if ask is None else ask) and not as_json:
        known = ask_for_facts(console, library, known, pending)
    facts = library.facts(known)
    assessment = bound.explain(facts)
    if as_json:
        print_json(assessment)
        return
    console.print(rendered(assessment, library, questions(bound, assessment, facts)))
