"""Find person data inside prose: addresses, numbers and names in the middle of a cell.

Numbers are bounded by ASCII word boundaries: between a Chinese character and a digit there is no
boundary in the Unicode sense, and `电话13800000000` would be missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect.catalog import EMAIL, IPV4, URL
from entrepot.port.detect.identifiers import americas, asia, europe, finance
from entrepot.port.detect.matrix import Mask
from entrepot.port.detect.shapes import ascii_classes
from entrepot.port.model import Category as C

_Check = Callable[[pl.Series], Mask] | None
_B = r"(?-u:\b)"


@dataclass(frozen=True, slots=True)
class _Finder:
    """A pattern anywhere in a cell, the check that must hold, and what is blanked out before."""

    category: C
    pattern: str
    check: _Check = None
    blank: str = ""

    @property
    def narrow(self) -> str:
        """The pattern with its classes narrowed to ASCII."""
        return ascii_classes(self.pattern)


_VERSIONS = (
    r"[A-Za-z][0-9A-Za-z_.-]*/[0-9]+(?:\.[0-9]+)+|[0-9]+(?:\.[0-9]+){4,}"
    r"|(?i:version|ver|release|firmware|build|rev|v)[ .:]*[0-9]+(?:\.[0-9]+)+"
)
"""Versions of programs (`Chrome/120.0.0.0`, `version 2.1.0.7`), which look like addresses."""
_NUMBERS = (
    _Finder(C.EMAIL, EMAIL.replace(r"\p{L}", "")),
    _Finder(C.URL, URL),
    _Finder(
        C.PHONE,  # international: nine to fifteen digits (ITU-T E.164)
        r"(?:\+|(?:^|[^0-9A-Za-z.-])00)[1-9](?:[ .\-()/]{0,3}\d){8,14}",
        blank=r"\d{3}\.\d{3}\.\d{3}-\d{2}",
    ),
    _Finder(C.PHONE, rf"(?:\(\d{{3}}\) ?|{_B}[2-9]\d{{2}}[-. ])\d{{3}}[-. ]\d{{4}}{_B}"),
    _Finder(C.PHONE, rf"{_B}1[3-9]\d[- ]?\d{{4}}[- ]?\d{{4}}{_B}"),
    _Finder(
        C.PHONE,  # Japan and Korea: ten or eleven digits, hyphens as written there
        rf"{_B}0(?:\d-\d{{4}}|\d{{2}}-\d{{3,4}}|\d{{3}}-\d{{2,3}}|\d{{4}}-\d)-\d{{4}}{_B}",
    ),
    _Finder(C.PHONE, rf"{_B}0(?:[1-9](?:[ .-]\d{{2}}){{4}}|[67]\d{{8}}){_B}"),  # France
    _Finder(C.PHONE, rf"{_B}(?:07\d{{9}}|01[016789]\d{{7,8}}|0[789]0\d{{8}}){_B}"),
    _Finder(C.PHONE, rf"{_B}[67]\d{{2}}(?: \d{{3}} \d{{3}}| \d{{2}} \d{{2}} \d{{2}}){_B}"),  # Spain
    _Finder(C.PHONE, rf"(?:{_B}0\d{{1,4}}|\(0\d{{1,5}}\)) ?[ /-] ?\d{{3,4}}[ -]?\d{{3,4}}{_B}"),
    _Finder(
        C.NATIONAL_ID,
        rf"{_B}[1-9]\d{{5}}(?:19|20)\d{{2}}[01]\d[0-3]\d{{4}}[\dXx]{_B}",
        asia.validate_cn_resident_id,
    ),
    _Finder(C.NATIONAL_ID, rf"{_B}\d{{3}}-\d{{2}}-\d{{4}}{_B}", americas.validate_us_ssn),
    _Finder(C.NATIONAL_ID, rf"{_B}\d{{6}}-[1-8]\d{{6}}{_B}", asia.validate_kr_rrn),
    _Finder(C.NATIONAL_ID, rf"{_B}\d{{3}}\.\d{{3}}\.\d{{3}}-\d{{2}}{_B}", americas.validate_br_cpf),
    _Finder(
        C.NATIONAL_ID,
        rf"{_B}[A-Z]{{6}}\d{{2}}[A-Z]\d{{2}}[A-Z]\d{{3}}[A-Z]{_B}",
        europe.validate_it_codice_fiscale,
    ),
    _Finder(C.NATIONAL_ID, rf"{_B}[STFGM]\d{{7}}[A-Z]{_B}", asia.validate_sg_nric),
    _Finder(C.NATIONAL_ID, rf"{_B}(?:\d{{8}}|[XYZ]\d{{7}})[A-Z]{_B}", europe.validate_es_dni),
    _Finder(
        C.NATIONAL_ID,
        rf"{_B}[1-478] ?\d{{2}} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{{2}}|2[AB]) ?\d{{3}} ?\d{{3}} ?\d{{2}}{_B}",  # noqa: E501
        europe.validate_fr_nir,
    ),
    _Finder(
        C.FINANCE_ACCOUNT,
        rf"{_B}[A-Z]{{2}}\d{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?{_B}",
        finance.validate_iban,
    ),
    _Finder(
        C.FINANCE_ACCOUNT,
        rf"{_B}(?:\d{{4}}(?:[ -]?\d{{4}}){{2}}[ -]?\d{{1,7}}"
        rf"|3\d{{3}}[ -]?\d{{6}}[ -]?\d{{4,5}}){_B}",
        finance.validate_card,
    ),
    _Finder(C.IP, rf"{_B}{IPV4}{_B}", blank=_VERSIONS),
    _Finder(C.CREDENTIAL, rf"\$2[aby]\$\d\d\$[\w./]{{53}}|{_B}eyJ[\w-]{{5,}}\.[\w-]{{5,}}\."),
)
"""What is looked for in every cell."""
_STREETS = (
    r"\d{1,5}[a-zA-Z]? (?:(?:[NSEW]\.?|North|South|East|West) )?(?:\p{Lu}[\p{L}'’.-]+ ){1,3}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Way|Close|Court|Ct|Boulevard|Blvd|Terrace"
    r"|Crescent|Place|Square|Gardens|Parkway|Grove)(?:[^\p{L}]|$)"
    r"|\p{Lu}[\p{L}-]+(?:straße|strasse|str\.|weg|platz|allee|gasse|damm|ufer|straat|laan|gracht)"
    r" \d{1,4}"
    r"|\d{1,4},? (?:bis |ter )?(?:rue|avenue|boulevard|chemin|impasse|allée|quai) (?:de |du |des )?"
    r"|(?i:calle|avenida|avda\.?|paseo|rua|travessa|via|viale|corso|piazza)"
    r" (?:\p{L}[\p{L}'’.-]* ?){1,5},? (?:n[º°.]? ?)?\d{1,4}"
    r"|\p{Han}{2,8}(?:路|街|大道|巷|弄)[0-9０-９]{1,5}(?:号|號|弄)|\p{Han}{1,6}[0-9０-９一二三四五六七八九]{1,3}丁目"
    r"|\p{Hangul}{1,8}(?:로|길) ?[0-9]{1,4}(?:-[0-9]{1,3})?(?:번지|,|\s\p{Hangul}|$)"
)
_BIRTH = (
    r"(?i)(?:\bborn|\bd\.?o\.?b\.?|date of birth|birth ?date|\bgeb\.|geboren|geburtsdatum|\bnée?"
    r"|naissance|nacid[oa]|nacimiento|nascid[oa]|nascimento|\bnat[oa]|nascita|出生|生于|生年月日|생년월일)"
    r"[^0-9\n]{0,16}(?:[0-9]{1,2}(?:st|nd|rd|th|\.)?[ ./-]{1,2}(?:[0-9]{1,2}|\p{L}{3,10}\.?)"
    r"[ ./-]{1,2}(?:19|20)?[0-9]{2}|(?:19|20)[0-9]{2} ?[年년./-] ?[0-9]{1,2}|\p{L}{3,9} [0-9]{1,2},? (?:19|20)[0-9]{2})"  # noqa: E501
)
_DEEP = (_Finder(C.ADDRESS, _STREETS), _Finder(C.DATE_OF_BIRTH, _BIRTH))
"""What is looked for in prose that is held whole."""
TITLED_NAME = (
    r"(?-u:\b)(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Madam|Herr|Herrn|Frau|Monsieur|Madame|Mme|Mlle|Señor"
    r"|Señora|Sr|Sra|Senhor|Senhora|Dona|Don|Signor|Signora)\.? \p{Lu}\p{Ll}+"
    r"|\p{Han}{0,2}[\p{Han}--[位的各们]](?:先生|女士|小姐|同学)"
    r"|(?:\p{Han}{0,3}[\p{Han}--[仕同模多異一神皆客各王奥摂両姓該有今]]|[ァ-ヶー]{2,8})"
    r"(?:さん|様(?:[^々子式な相態]|$)|氏(?:[^名族神]|$))"
    r"|[김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진]"
    r"\p{Hangul}{0,2}[\p{Hangul}--[객장생모원인수사주]] ?(?:씨|님)"
)
"""A name after (or before) a form of address, but no word that merely ends alike (仕様, 고객님)."""
_NO_NAMES = (
    r"[0-9]+[A-Za-z]? (?:\p{L}+ ){1,3}(?:Dr|Sr)\.?"
    r"|(?:Dr|Sr|Sir|Don|Prof|Mr)\.? (?:\p{Lu}\p{L}+ ){1,3}(?:Road|Rd|Street|St|Avenue|Ave|Lane"
    r"|Drive|Way|Blvd|Boulevard|Park|Square|Highway|Hwy)(?-u:\b)"
)
"""Streets that are named after somebody, or end in `Dr`."""
_BLANK = (
    r"[0-9]{1,4}[.][0-9]{5,}"
    r"|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
)
"""Decimals and UUIDs: digits that are part of no other number."""


def search(
    values: pl.Series, counts: NDArray[np.int64] | None = None, names: bool = False
) -> dict[C, int]:
    """Return category → cells in which it was found, over prose `values`.

    `counts` are multiplicities of the values; `names` also looks for titled names, streets and
    dates of birth.
    """
    weight = np.ones(len(values), np.int64) if counts is None else counts
    found: dict[C, NDArray[np.bool_]] = {}
    values = values.str.replace_all(_BLANK, " ")
    for finder in (*_NUMBERS, *(_DEEP if names else ())):
        mask = _where(values, finder)
        if mask is not None:
            found[finder.category] = found.get(finder.category, False) | mask
    if names:
        found[C.PERSON_NAME] = (
            values.str.replace_all(_NO_NAMES, " ").str.contains(TITLED_NAME).to_numpy()
        )
    return {c: int(weight[mask].sum()) for c, mask in found.items() if mask.any()}


def _where(values: pl.Series, finder: _Finder) -> NDArray[np.bool_] | None:
    """Return in which values the finder finds something, or None when in none."""
    narrow = finder.narrow
    hits = values.str.contains(narrow)
    if not hits.any():
        return None
    mask = hits.to_numpy().copy()
    if finder.blank:
        rest = values.filter(hits).str.replace_all(ascii_classes(finder.blank), " ")
        mask[mask] = rest.str.contains(narrow).to_numpy()
    if finder.check is not None:
        mask[mask] = _confirmed(values.filter(hits), narrow, finder.check)
    return mask


def _confirmed(values: pl.Series, pattern: str, check: Callable[[pl.Series], Mask]) -> Mask:
    """Return which values hold at least one match of `pattern` that passes `check`."""
    frame = pl.DataFrame({"row": range(len(values)), "m": values.str.extract_all(pattern)})
    frame = frame.explode("m", empty_as_null=True, keep_nulls=False)
    good = check(frame["m"])
    result = np.zeros(len(values), np.bool_)
    result[frame["row"].to_numpy()[good]] = True
    return result
