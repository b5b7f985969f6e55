"""Find person data inside prose: addresses, numbers and names in the middle of a cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect.catalog import EMAIL, IPV4, URL
from entrepot.port.detect.identifiers import americas, asia, europe, finance
from entrepot.port.detect.matrix import Mask
from entrepot.port.detect.shapes import ascii_classes
from entrepot.port.model import Category as C

_Check = Callable[[pl.Series], Mask] | None

_PATTERNS: tuple[tuple[C, str, _Check], ...] = (
    (C.EMAIL, EMAIL.replace(r"\p{L}", ""), None),
    (C.URL, URL, None),
    (C.PHONE, r"(?:\+|\b00)[1-9]\d{0,2}[ .\-()/]*\d[ .\-()/\d]{5,14}\d", None),
    (C.PHONE, r"(?:\(\d{3}\) ?|\b[2-9]\d{2}[-. ])\d{3}[-. ]\d{4}\b", None),
    (C.PHONE, r"\b1[3-9]\d[- ]?\d{4}[- ]?\d{4}\b", None),
    (C.PHONE, r"\b0\d{1,4}-\d{1,4}-\d{4}\b", None),
    (C.NATIONAL_ID, r"\b[1-9]\d{5}(?:19|20)\d{2}[01]\d[0-3]\d{4}[\dXx]\b", asia.validate_cn_resident_id),  # noqa: E501
    (C.NATIONAL_ID, r"\b\d{3}-\d{2}-\d{4}\b", americas.validate_us_ssn),
    (C.NATIONAL_ID, r"\b\d{6}-[1-8]\d{6}\b", asia.validate_kr_rrn),
    (C.NATIONAL_ID, r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b", americas.validate_br_cpf),
    (C.NATIONAL_ID, r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b", europe.validate_it_codice_fiscale),  # noqa: E501
    (C.NATIONAL_ID, r"\b[STFGM]\d{7}[A-Z]\b", asia.validate_sg_nric),
    (C.NATIONAL_ID, r"\b(?:\d{8}|[XYZ]\d{7})[A-Z]\b", europe.validate_es_dni),
    (C.FINANCE_ACCOUNT, r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", finance.validate_iban),  # noqa: E501
    (C.FINANCE_ACCOUNT, r"\b\d(?:[ -]?\d){12,18}\b", finance.validate_card),
    (C.IP, rf"\b{IPV4}\b", None),
    (C.CREDENTIAL, r"\$2[aby]\$\d\d\$[\w./]{53}|\beyJ[\w-]{5,}\.[\w-]{5,}\.", None),
)  # fmt: skip
"""Category, pattern anywhere in the cell, and the check that must hold."""
TITLED_NAME = (
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Madam|Herr|Herrn|Frau|Monsieur|Madame|Mme|Mlle|Señor|Señora|Sr"
    r"|Sra|Senhor|Senhora|Dona|Don|Signor|Signora)\.? \p{Lu}\p{Ll}+"
    r"|\p{Han}{1,4}(?:先生|女士|小姐|同学|さん|様|氏)|\p{Hangul}{2,4} ?(?:씨|님)\b"
)
"""A name after (or before) a form of address."""


def search(
    values: pl.Series, counts: NDArray[np.int64] | None = None, names: bool = False
) -> dict[C, int]:
    """Return category → cells in which it was found, over prose `values`.

    `counts` are multiplicities of the values; `names` also looks for titled names.
    """
    weight = np.ones(len(values), np.int64) if counts is None else counts
    found: dict[C, NDArray[np.bool_]] = {}
    values = values.str.replace_all(r"[0-9]{1,4}[.][0-9]{5,}", " ")  # decimals are no identifiers
    for category, pattern, check in _PATTERNS:
        narrow = ascii_classes(pattern)
        hits = values.str.contains(narrow)
        if not hits.any():
            continue
        mask = hits.to_numpy().copy()
        if check is not None:
            mask[mask] = _confirmed(values.filter(hits), narrow, check)
        found[category] = found.get(category, np.zeros(len(values), np.bool_)) | mask
    if names:
        found[C.PERSON_NAME] = values.str.contains(TITLED_NAME).to_numpy()
    return {c: int(weight[mask].sum()) for c, mask in found.items() if mask.any()}


def _confirmed(values: pl.Series, pattern: str, check: Callable[[pl.Series], Mask]) -> Mask:
    """Return which values hold at least one match of `pattern` that passes `check`."""
    frame = pl.DataFrame({"row": range(len(values)), "m": values.str.extract_all(pattern)})
    frame = frame.explode("m", empty_as_null=True, keep_nulls=False)
    good = check(frame["m"])
    result = np.zeros(len(values), np.bool_)
    result[frame["row"].to_numpy()[good]] = True
    return result
