"""What an applicant typed, and what is wrong with it, field by field and in their language."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from litestar.datastructures import FormMultiDict

from entrepot.node.face.forms import lines_of, text_of, texts_of
from entrepot.node.face.language import t
from entrepot.registry.acts import ROLES
from entrepot.registry.identifiers import RefusedIdentifier, parse_identifier
from entrepot.registry.productvocabulary import COUNTRIES

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
NAME_CHARS_MAX: Final = 200


class Answers(msgspec.Struct, frozen=True):
    """The form of an application as texts; empty where nothing was typed."""

    name: str = ""
    name_en: str = ""
    name_zh: str = ""
    country: str = ""
    scheme: str = ""
    number: str = ""
    scheme2: str = ""
    number2: str = ""
    roles: tuple[str, ...] = ()
    contact: str = ""
    statement: str = ""
    evidence: tuple[str, ...] = ()

    def identifiers(self) -> list[tuple[str, str]]:
        """Return scheme and number of each identifier that was given."""
        pairs = [(self.scheme, self.number), (self.scheme2, self.number2)]
        return [(scheme, number) for scheme, number in pairs if number]

    def body(self) -> dict[str, Any]:
        """Return the body of the act, without the passkey."""
        names = {"en": self.name_en, "zh": self.name_zh}
        return {
            "name": self.name,
            "names": {code: text for code, text in names.items() if text},
            "country": self.country,
            "identifiers": [
                {"scheme": scheme, "value": number} for scheme, number in self.identifiers()
            ],
            "roles": list(self.roles),
            "contact": self.contact,
            "statement": self.statement,
            "evidence": list(self.evidence),
        }


def read_answers(form: FormMultiDict) -> Answers:
    """Return what was typed. Raises InvalidInput for fields longer than any form sends."""
    return Answers(
        name=text_of(form, "name"),
        name_en=text_of(form, "name_en"),
        name_zh=text_of(form, "name_zh"),
        country=text_of(form, "country").upper(),
        scheme=text_of(form, "scheme"),
        number=text_of(form, "number"),
        scheme2=text_of(form, "scheme2"),
        number2=text_of(form, "number2"),
        roles=tuple(dict.fromkeys(texts_of(form, "roles"))),
        contact=text_of(form, "contact"),
        statement=text_of(form, "statement"),
        evidence=tuple(line.lower() for line in lines_of(form, "evidence")),
    )


def problems_in(answers: Answers, language: str) -> dict[str, str]:
    """Return field -> what is wrong with it and how to mend it; empty when all is well."""
    found: dict[str, str] = {}
    if not answers.name or len(answers.name) > NAME_CHARS_MAX:
        found["name"] = t(language, "apply.need.name")
    if answers.country not in COUNTRIES:
        found["country"] = t(language, "apply.need.country")
    if not answers.number:
        found["number"] = t(language, "apply.need.number")
    found |= _wrong_identifiers(answers, language)
    if not answers.roles or not set(answers.roles) <= set(ROLES) - {"operator"}:
        found["roles"] = t(language, "apply.need.roles")
    if not answers.contact or "\n" in answers.contact:
        found["contact"] = t(language, "apply.need.contact")
    if any(not _SHA256.fullmatch(line) for line in answers.evidence):
        found["evidence"] = t(language, "apply.need.evidence")
    return found


def _wrong_identifiers(answers: Answers, language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for field, scheme, number in (
        ("number", answers.scheme, answers.number),
        ("number2", answers.scheme2, answers.number2),
    ):
        if not number:
            continue
        try:
            parse_identifier(scheme, number)
        except RefusedIdentifier as error:
            found[field] = t(language, f"apply.fault.{error.fault.value}", why=error.what)
    return found
