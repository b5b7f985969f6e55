"""Identifiers of organisations: schemes, their forms and checks, and the refusal of persons.

`parse_identifier` returns the canonical text `scheme:VALUE`, which is how a party is named
everywhere. A check digit proves a form, no organisation: that the number is the applicant's is what
the registrar verifies. Where a number tells that it belongs to a natural person (an individual
business, a sole proprietor) it is refused, because this registry knows organisations only.

Evidence: [read] seen in a published text, [run] compared with another implementation, [rem] from
memory, to be checked before it is relied on as a rule. See docs/institutions/registry-parties.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from entrepot.kernel.errors import InvalidInput
from entrepot.registry import checkdigits

IDENTIFIER_MAX: Final = 64
"""Longest number accepted, before normalisation; the longest real one is an EUID."""


class Told(StrEnum):
    """Whether a number itself tells that it is a natural person's."""

    NEVER_A_PERSON = "never-a-person"
    BY_NUMBER = "by-number"
    NOT_BY_NUMBER = "not-by-number"


class Fault(StrEnum):
    """Why an identifier is not accepted."""

    UNKNOWN_SCHEME = "unknown-scheme"
    MALFORMED = "malformed"
    CHECK_DIGIT = "check-digit"
    NATURAL_PERSON = "natural-person"


class RefusedIdentifier(InvalidInput):
    """An identifier that cannot name a party here; `fault` says why."""

    code = "identifier"

    def __init__(self, fault: Fault, what: str, *, value: object, remedy: str = "") -> None:
        """Keep the kind of fault beside the words."""
        super().__init__(what, value=value, remedy=remedy)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Scheme:
    """One scheme of identifiers: who issues it, by which rule, and how a value is read."""

    name: str
    title: str
    issuer: str
    country: str
    """ISO 3166-1 alpha-2 code, or "" for a scheme of many countries."""
    citation: str
    evidence: str
    persons: Told
    form: re.Pattern[str]
    check: Callable[[str], bool] | None = None
    """None: the scheme has no check digit."""
    refuse_person: Callable[[str], str] | None = None
    """Returns why a well-formed value is a natural person's, or ""."""


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A well-formed identifier of an organisation. Only `parse_identifier` makes one."""

    scheme: str
    value: str

    @property
    def text(self) -> str:
        """The canonical text, `scheme:VALUE`."""
        return f"{self.scheme}:{self.value}"


_USCC_CLASSES: Final = {
    "1": "1239", "2": "19", "3": "123459", "4": "19", "5": "1239", "6": "129", "7": "129",
    "8": "19", "9": "13", "A": "19", "N": "1239", "Y": "1",
}  # fmt: skip
"""Registering authority -> classes of organisations (GB 32100-2015 table 1 and amendments)."""

_UK_PREFIXES: Final = (
    "[0-9]{2}|SC|NI|OC|SO|NC|LP|SL|NL|FC|SF|NF|GE|GN|GS|IP|SP|NP|NO|RS|R0|RC|SR|NR|IC|SI|NV|AC|SA|NA"
    "|NZ|CE|CS|ZC|SZ|OE|PC|SE"
)


def _uscc_person(value: str) -> str:
    if value.startswith("92"):
        return "class 92 of GB 32100 is an individual business (个体工商户)"
    return ""


def _kr_person(value: str) -> str:
    middle = int(value[3:5])
    if 81 <= middle <= 89:
        return ""
    return f"{middle:02d} in the middle is given to individual businesses; organisations have 81-89"


def _gstin_person(value: str) -> str:
    letter = value[5]
    if letter == "P":
        return "the PAN inside is that of a natural person (fourth letter P)"
    if letter == "H":
        return "the PAN inside is that of a Hindu undivided family (fourth letter H)"
    return ""


def _abn_person(value: str) -> str:
    if checkdigits.au_acn(value[2:]):
        return ""
    return "its last nine digits are no company number, so it may be a sole trader's"


def _uen_person(value: str) -> str:
    if len(value) == 9:
        return "a UEN of nine characters is that of a business: a sole proprietor or a partnership"
    return ""


def _uen_check(value: str) -> bool:
    if len(value) == 9:
        return True  # refused as a person's before its letter matters
    return checkdigits.sg_uen_company(value) or checkdigits.sg_uen_other(value)


def _abn_check(value: str) -> bool:
    return checkdigits.au_abn(value)


def _cin_check(value: str) -> bool:
    return value[6:8].isalpha() and 1850 <= int(value[8:12]) <= 2100


def _uscc_check(value: str) -> bool:
    return checkdigits.uscc(value)


def _uscc_class(value: str) -> str:
    known = _USCC_CLASSES.get(value[0], "")
    return "" if value[1] in known or value.startswith("92") else value[:2]


SCHEMES: Final[dict[str, Scheme]] = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            "lei", "Legal entity identifier", "GLEIF and its local operating units", "",
            "ISO 17442-1:2020; check by ISO/IEC 7064 mod 97-10", "[run]", Told.NOT_BY_NUMBER,
            re.compile(r"[0-9A-Z]{18}[0-9]{2}"), checkdigits.iso7064_mod97_10,
        ),
        Scheme(
            "uscc", "Unified social credit code (统一社会信用代码)",
            "Registering authorities of China", "CN", "GB 32100-2015, check digit mod 31",
            "[run]", Told.BY_NUMBER,
            re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}"),
            _uscc_check, _uscc_person,
        ),
        Scheme(
            "euid", "European unique identifier", "Business registers of the EU and EEA", "",
            "Directive (EU) 2017/1132 art 16; Implementing Regulation (EU) 2021/1042 annex, 9",
            "[rem]", Told.NOT_BY_NUMBER,
            re.compile(
                r"(AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IS|IT|LI|LT|LU|LV|MT|NL|NO|PL|PT|RO"
                r"|SE|SI|SK)[0-9A-Z]{0,15}\.[0-9A-Z/.-]{1,30}(_[0-9A-Z]{1,3})?"
            ),
        ),
        Scheme(
            "gb-coh", "Company number", "Companies House", "GB",
            "Companies Act 2006 s 1066; no check digit", "[rem]", Told.NEVER_A_PERSON,
            re.compile(rf"({_UK_PREFIXES})[0-9]{{5}}[0-9R]"),
        ),
        Scheme(
            "jp-cn", "Corporate number (法人番号)", "National Tax Agency of Japan", "JP",
            "My Number Act (2013 no. 27) art 39; Order of the Ministry of Finance 2014 no. 70",
            "[run]", Told.NEVER_A_PERSON, re.compile(r"[1-9][0-9]{12}"), checkdigits.jp_corporate,
        ),
        Scheme(
            "kr-brn", "Business registration number (사업자등록번호)",
            "National Tax Service of Korea", "KR",
            "Value-Added Tax Act art 8; classes by the two middle digits", "[rem]",
            Told.BY_NUMBER, re.compile(r"[0-9]{10}"), checkdigits.kr_business, _kr_person,
        ),
        Scheme(
            "in-cin", "Corporate identification number", "Registrar of Companies, India", "IN",
            "Companies (Incorporation) Rules 2014; no check digit", "[rem]", Told.NEVER_A_PERSON,
            re.compile(r"[LU][0-9]{5}[A-Z]{2}[0-9]{4}(PLC|PTC|GOI|SGC|FLC|FTC|GAP|GAT|NPL|ULL|ULT|OPC)[0-9]{6}"),
            _cin_check,
        ),
        Scheme(
            "in-gstin", "Goods and services tax identification number", "GST Network, India", "IN",
            "CGST Rules 2017 rule 10; check character mod 36", "[run]", Told.BY_NUMBER,
            re.compile(r"[0-3][0-9][A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]"),
            checkdigits.in_gstin, _gstin_person,
        ),
        Scheme(
            "br-cnpj", "CNPJ", "Receita Federal do Brasil", "BR",
            "Instrução Normativa RFB 2.119/2022, alphanumeric by 2.229/2024", "[rem]",
            Told.NOT_BY_NUMBER, re.compile(r"[0-9A-Z]{12}[0-9]{2}"), checkdigits.br_cnpj,
        ),
        Scheme(
            "au-acn", "Australian company number", "ASIC", "AU",
            "Corporations Act 2001 s 118; check digit mod 10", "[rem]", Told.NEVER_A_PERSON,
            re.compile(r"[0-9]{9}"), checkdigits.au_acn,
        ),
        Scheme(
            "au-abn", "Australian business number (of a company)", "Australian Business Register",
            "AU", "A New Tax System (Australian Business Number) Act 1999; mod 89", "[rem]",
            Told.BY_NUMBER, re.compile(r"[0-9]{11}"), _abn_check, _abn_person,
        ),
        Scheme(
            "sg-uen", "Unique entity number", "ACRA and issuing agencies", "SG",
            "ACRA, unique entity number; check letters", "[rem]", Told.BY_NUMBER,
            re.compile(r"[0-9]{8}[A-Z]|(18|19|20)[0-9]{7}[A-Z]|[RST][0-9]{2}[A-Z]{2}[0-9]{4}[A-Z]"),
            _uen_check, _uen_person,
        ),
        Scheme(
            "no-orgnr", "Organisation number (organisasjonsnummer)", "Brønnøysund Register Centre",
            "NO", "Enhetsregisterloven 1994 no. 15 § 23; check digit mod 11", "[rem]",
            Told.NOT_BY_NUMBER, re.compile(r"[89][0-9]{8}"), checkdigits.no_organisation,
        ),
        Scheme(
            "fr-siren", "SIREN", "INSEE", "FR", "Code de commerce art R123-221; Luhn", "[rem]",
            Told.NOT_BY_NUMBER, re.compile(r"[0-9]{9}"), checkdigits.fr_siren,
        ),
    )
}  # fmt: skip
"""Accepted schemes by name."""

NOT_ACCEPTED: Final[dict[str, str]] = {
    "duns": "a D-U-N-S number has no check digit and its register is not public",
    "vat": "VAT numbers are given to natural persons too, and some are personal numbers",
    "isin": "an ISIN names a security, not its issuer",
    "in-pan": "a PAN is a tax number that natural persons share; give the CIN or GSTIN",
    "ein": "an EIN has no check digit and its register is not public",
    "orcid": "an ORCID names a natural person",
}
"""Schemes that applicants know and this registry does not take, with the reason."""


def parse_identifier(scheme: str, value: str) -> Identifier:
    """Return the identifier in its canonical form.

    Spaces, hyphens, dots and slashes of printed forms go (an EUID keeps its own), full-width
    characters become plain ones (NFKC), letters are upper case. Raises `RefusedIdentifier`.
    """
    known = SCHEMES.get(scheme)
    if known is None:
        why = NOT_ACCEPTED.get(scheme, "no such scheme of identifiers is known here")
        raise RefusedIdentifier(
            Fault.UNKNOWN_SCHEME, why, value=scheme, remedy=f"use one of {', '.join(SCHEMES)}"
        )
    clean = _normalised(known, value)
    if not known.form.fullmatch(clean) or (scheme == "uscc" and _uscc_class(clean)):
        raise RefusedIdentifier(
            Fault.MALFORMED, f"not of the form of a {known.title}", value=value,
            remedy=f"see {known.citation}",
        )  # fmt: skip
    person = known.refuse_person(clean) if known.refuse_person else ""
    if person:
        raise RefusedIdentifier(
            Fault.NATURAL_PERSON, f"this registry knows organisations only: {person}", value=value,
            remedy="apply as an organisation with a legal existence of its own",
        )  # fmt: skip
    if known.check is not None and not known.check(clean):
        raise RefusedIdentifier(
            Fault.CHECK_DIGIT, f"the check digit of the {known.title} does not hold", value=value,
            remedy="compare it with the extract of the register",
        )  # fmt: skip
    return Identifier(scheme, clean)


def parse_text(text: str) -> Identifier:
    """Return the identifier in a text `scheme:VALUE`. Raises `RefusedIdentifier`."""
    scheme, colon, value = text.partition(":")
    if not colon:
        raise RefusedIdentifier(
            Fault.MALFORMED, "an identifier is written scheme:VALUE", value=text
        )
    return parse_identifier(scheme, value)


def _normalised(scheme: Scheme, value: str) -> str:
    if len(value) > IDENTIFIER_MAX:
        raise RefusedIdentifier(
            Fault.MALFORMED, f"an identifier has at most {IDENTIFIER_MAX} characters", value=value
        )
    plain = unicodedata.normalize("NFKC", value).upper()
    dropped = r"\s+" if scheme.name == "euid" else r"[\s./‐-―-]+"
    return re.sub(dropped, "", plain)
