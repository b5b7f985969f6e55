"""Why an act about products or rights is refused: stable codes, each with its citation.

Precedence is the order of the rules: who asks, whether the thing exists, whether its state allows
the act, whether it conflicts. Codes are only added, never renamed. Words for people in English and
Chinese are in `productwords`; one heading per code in docs/institutions/registry-products.md and
docs/institutions/rights.md.

Evidence marks of the citations, as our reference gives them: "Data Twenty" point 3 (three separate
rights) read; Shenzhen measures (Shenfagaigui [2023] 5: six types of registration, refused while a
dispute is open or the source unlawful) read, in force for three years from 1 July 2023, so lapsed
unless renewed; NDRC and NDA measures (Fagaishujugui [2025] 26: publicity, correction) read, its day
counts remembered. Where no law was read, the rule is called the registry's own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from entrepot.kernel.decisions import Reason

DATA_TWENTY: Final = (
    "CPC Central Committee and State Council, Opinions on basic systems for data "
    "(Data Twenty, 2 Dec 2022), point 3"
)
SHENZHEN: Final = "Shenzhen data property registration measures, Shenfagaigui [2023] 5"
SHENZHEN_REFUSED: Final = f"{SHENZHEN} (no registration: unlawful source, open dispute)"
SHENZHEN_TYPES: Final = f"{SHENZHEN} (first, licence, transfer, change, cancel, objection)"
NDA: Final = "NDRC and NDA public data resource registration measures, Fagaishujugui [2025] 26"
OWN_PRODUCTS: Final = "Rules of the registry (docs/institutions/registry-products.md)"
OWN_RIGHTS: Final = "Rules of the registry (docs/institutions/rights.md)"


class Code(StrEnum):
    """Stable codes of refusals about products and rights."""

    NOT_A_PARTY = "registry.product.not-a-party"
    NOT_PROVIDER = "registry.product.not-provider"
    NOT_STEWARD = "registry.product.not-steward"
    NO_PRODUCT = "registry.product.unknown"
    NOT_OWN_PRODUCT = "registry.product.not-own"
    WITHDRAWN = "registry.product.withdrawn"
    VERSION_TAKEN = "registry.product.version-taken"
    SAME_DESCRIPTION = "registry.product.same-description"
    HELD_BY_ANOTHER = "registry.product.held-by-another"

    NO_RIGHT = "registry.right.unknown"
    NOT_HOLDER = "registry.right.not-holder"
    NO_EVIDENCE = "registry.right.no-evidence"
    NO_SOURCE = "registry.right.no-source"
    SOURCE_NOT_OWN = "registry.right.source-not-own"
    SOURCE_NOT_LIVE = "registry.right.source-not-live"
    SOURCE_OF_OTHER_PRODUCT = "registry.right.source-of-other-product"
    SOURCE_WRONG_RIGHT = "registry.right.source-wrong-right"
    TERM_BEYOND_SOURCE = "registry.right.term-beyond-source"
    TERRITORY_BEYOND_SOURCE = "registry.right.territory-beyond-source"
    SCOPE_BEYOND_SOURCE = "registry.right.scope-beyond-source"
    EXCLUSIVE_BEYOND_SOURCE = "registry.right.exclusive-beyond-source"
    TERM_OVER = "registry.right.term-over"
    OPERATE_WITHOUT_PROCESS = "registry.right.operate-without-process"
    CONFLICT = "registry.right.conflict"
    DUPLICATE = "registry.right.duplicate"
    NO_SUBLICENCE = "registry.right.sublicence-not-permitted"
    NOT_TRANSFERABLE = "registry.right.not-transferable"
    NO_RECIPIENT = "registry.right.no-recipient"
    NOT_REGISTERED = "registry.right.not-registered"
    DERIVED_LIVE = "registry.right.derived-rights-live"
    WIDENED = "registry.right.change-widens"
    NOTHING_CHANGED = "registry.right.nothing-changed"
    OUT_OF_NOTICE = "registry.right.out-of-notice"
    OWN_RIGHT = "registry.right.objection-to-own"
    OBJECTION_OPEN = "registry.right.objection-open"
    NO_OBJECTION = "registry.right.objection-unknown"
    OBJECTION_DECIDED = "registry.right.objection-decided"
    NOT_DECIDER = "registry.right.not-decider"
    DECIDER_IS_PARTY = "registry.right.decider-is-party"
    NOTICE_RUNS = "registry.right.notice-runs"
    NOT_IN_NOTICE = "registry.right.not-in-notice"
    NOT_FOUNDED = "registry.right.not-founded"
    CHAIN_TOO_LARGE = "registry.right.chain-too-large"


CITATIONS: Final[dict[Code, str]] = {
    **{code: OWN_PRODUCTS for code in Code if code.startswith("registry.product.")},
    **{code: OWN_RIGHTS for code in Code if code.startswith("registry.right.")},
    Code.NO_EVIDENCE: SHENZHEN_REFUSED,
    Code.NO_SOURCE: f"{DATA_TWENTY}; {OWN_RIGHTS}",
    Code.SOURCE_NOT_OWN: SHENZHEN_TYPES,
    Code.SOURCE_WRONG_RIGHT: DATA_TWENTY,
    Code.OPERATE_WITHOUT_PROCESS: f"{DATA_TWENTY}; {OWN_RIGHTS}",
    Code.CONFLICT: SHENZHEN_REFUSED,
    Code.HELD_BY_ANOTHER: SHENZHEN_REFUSED,
    Code.OBJECTION_OPEN: SHENZHEN_REFUSED,
    Code.WIDENED: NDA,
    Code.NOTICE_RUNS: NDA,
    Code.NOT_REGISTERED: SHENZHEN_TYPES,
}
"""The provision each code rests on."""


def reason(code: Code, sentence: str) -> Reason:
    """Return the reason of a refusal: code, its citation, and one plain sentence."""
    return Reason(code.value, CITATIONS[code], sentence)
