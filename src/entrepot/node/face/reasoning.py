"""Reasons that a person gives for a decision: a code from a list, the provision, a sentence.

They become public with the decision, so they speak of the organisation and never of a person.
"""

from __future__ import annotations

from typing import Final

from litestar.datastructures import FormMultiDict

from entrepot.node.face.forms import text_of
from entrepot.node.face.language import t

APPLICATION_CODES: Final = (
    "identity-shown", "identity-not-shown", "authority-not-shown", "role-not-fitting",
    "evidence-missing", "statement-unclear", "other",
)  # fmt: skip
OBJECTION_CODES: Final = (
    "prior-right-shown", "prior-right-not-shown", "source-unlawful", "evidence-missing",
    "extent-does-not-meet", "other",
)  # fmt: skip
CERTIFICATE_CODES: Final = (
    "requirements-met", "requirements-ceased", "on-request", "false-statement", "other",
)  # fmt: skip
GROUNDS: Final = (
    "prior-right", "no-consent-of-source", "unlawful-source", "wrong-holder", "wrong-extent",
    "other",
)  # fmt: skip
"""Grounds of an objection."""
DEFAULT_CITATION: Final = "Rules of the registry, 4 (docs/institutions/registry-parties.md)"


def options_of(codes: tuple[str, ...], language: str) -> list[tuple[str, str]]:
    """Return code and words of each reason, for a list to choose from."""
    return [(code, t(language, f"reasons.{code}")) for code in codes]


def read_reason(
    form: FormMultiDict, language: str, codes: tuple[str, ...], *, prefix: str
) -> tuple[dict[str, str] | None, dict[str, str]]:
    """Return the reason that was given (or None) and field -> problem.

    The code is `prefix.<choice>`; an empty provision becomes the registry's own rule, an empty
    sentence is a problem: nobody is decided about without words.
    """
    chosen = text_of(form, "reason_code")
    sentence = text_of(form, "reason_sentence", chars_max=1_500)
    citation = text_of(form, "reason_citation", chars_max=300) or DEFAULT_CITATION
    problems: dict[str, str] = {}
    if chosen not in codes:
        problems["reason_code"] = t(language, "reasons.need-code")
    if len(sentence) < 10 or len(sentence) > 1_000:
        problems["reason_sentence"] = t(language, "reasons.need-sentence")
    if problems:
        return None, problems
    return {"code": f"{prefix}.{chosen}", "citation": citation, "sentence": sentence}, {}
