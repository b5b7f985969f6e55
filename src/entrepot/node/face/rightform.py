"""The form of a right: how far it goes, on what it rests, and what may be done with it."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar.datastructures import FormMultiDict

from entrepot.node.face.forms import lines_of, text_of, whole_of
from entrepot.node.face.language import t
from entrepot.registry.rightacts import ANY, RIGHTS

TOP: Final = "right-form"
"""Field to which a problem of the whole form is tied."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
FLAGS: Final = ("exclusive", "transferable", "sublicence")


def read_right(form: FormMultiDict, language: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the fields that filing and licensing share, and field -> what is wrong with it."""
    problems: dict[str, str] = {}
    right, start = text_of(form, "right"), text_of(form, "from")
    scope = [one.lower() for one in lines_of(form, "scope")] or [ANY]
    territory = [one.upper() for one in lines_of(form, "territory")]
    evidence = evidence_of_form(form)
    if right not in RIGHTS:
        problems["right"] = t(language, "rights.need.right")
    if not start:
        problems["from"] = t(language, "rights.need.from")
    if not territory:
        problems["territory"] = t(language, "rights.need.territory")
    if evidence is None:
        problems["evidence"] = t(language, "apply.need.evidence")
    term = {"from": start}
    if text_of(form, "until"):
        term["until"] = text_of(form, "until")
    fields: dict[str, Any] = {
        "right": right,
        "scope": scope,
        "territory": territory,
        "term": term,
        "evidence": evidence or [],
    }
    return fields | {flag: text_of(form, flag) == "yes" for flag in FLAGS}, problems


def read_source(form: FormMultiDict) -> dict[str, Any]:
    """Return the right that this one rests on, where one was named."""
    source = whole_of(form, "source")
    return {} if source is None else {"source": source}


def evidence_of_form(form: FormMultiDict) -> list[str] | None:
    """Return the hashes of evidence, one per line; None when a line is none."""
    lines = [line.lower() for line in lines_of(form, "evidence")]
    return lines if all(_SHA256.fullmatch(line) for line in lines) else None


def say_right(fields: dict[str, Any], language: str) -> list[tuple[str, str]]:
    """Return the fields of a right in plain words, for the page before signing."""
    place = 0 if language == "en" else 1
    until = fields["term"].get("until") or t(language, "rights.open-end")
    chosen = [t(language, f"rights.{flag}") for flag in FLAGS if fields[flag]]
    return [
        (t(language, "rights.right"), RIGHTS[fields["right"]][place]),
        (t(language, "rights.scope"), ", ".join(fields["scope"])),
        (t(language, "rights.territory"), ", ".join(fields["territory"])),
        (t(language, "rights.term"), f"{fields['term']['from']} – {until}"),
        (t(language, "rights.terms"), ", ".join(chosen) or t(language, "frame.none")),
        (t(language, "apply.evidence"), ", ".join(fields["evidence"]) or t(language, "frame.none")),
    ]
