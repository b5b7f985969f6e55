"""What the scan does by bytes and hashes agrees with the slow and plain way of saying it."""

from __future__ import annotations

import random
import re

import numpy as np
import polars as pl

from entrepot.port.detect import ColumnScanner, checksums
from entrepot.port.detect.catalog import CATALOG
from entrepot.port.detect.matrix import compact, odd_ends, right_aligned
from entrepot.port.detect.sketch import Tally
from entrepot.port.detect.sweep import Sweep, plausible
from entrepot.port.model import Category


def test_rows_hash_alike_only_when_every_cell_is_the_same() -> None:
    rows = [("a", "b", "b", "a"), ("b", "a", "a", "b"), ("a", "b", None, "a"),
            ("a", "b", "", "a"), (None, "b", "b", "a"), ("a", "b", "b", "a")]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["w", "x", "y", "z"], orient="row")
    hashes = ColumnScanner(frame.columns, ["text"] * 4).feed(frame)
    assert hashes[0] == hashes[5]
    assert len(set(hashes.tolist())) == 5


def test_rows_hash_alike_in_every_batch_and_type() -> None:
    frame = pl.DataFrame({"n": [1, 2, None, 1], "f": [0.5, None, 2.0, 0.5], "t": list("abca")})
    scanner = ColumnScanner(frame.columns, ["integer", "float", "text"])
    whole = scanner.feed(frame)
    parts = [scanner.feed(frame.slice(start, 2)) for start in (0, 2)]
    assert whole.tolist() == np.concatenate(parts).tolist()
    assert whole[0] == whole[3]
    assert len(set(whole.tolist())) == 3


def test_tally_counts_and_finds_a_row_of_each_value() -> None:
    texts = [f"v{i * i % 997}" for i in range(5000)]
    values = pl.Series(texts)
    tally = Tally.of(values)
    assert len(tally.distinct) == len(set(texts))
    assert int(tally.counts.sum()) == len(texts)
    for chosen in (tally.distinct, tally.distinct[:7], tally.distinct[100:150]):
        rows = tally.rows_of(chosen)
        assert tally.hashes[rows].tolist() == chosen.tolist()


def test_no_cell_with_a_defect_escapes_by_its_ends() -> None:
    odd = ["1E+19", "4,5e12", "7e8", "-3.25E9", "12345.0", "123456,0", " x", "x ", "\tx", "x\t",
           "\u00a0x", "x\u00a0"]  # fmt: skip
    plain = ["Anna", "12345", "2020-01-02", "12.5", "10", "x", "é", "note"]
    assert odd_ends(pl.Series(odd)).all()
    assert not odd_ends(pl.Series(plain)).any()
    assert odd_ends(pl.Series(plain + odd)).tolist() == [False] * len(plain) + [True] * len(odd)


def test_grouped_shapes_are_those_tried_one_by_one() -> None:
    values = ["x@example.com", "2020-01-31", "+49 151 0686 9479", "Straße 5", "EUR 12", "rs12345"]
    found = {detector.name for detector in plausible(values)}
    assert {"email", "iso-8601", "phone-e164", "money", "rsid"} <= found
    assert [d.name for d in CATALOG if d.name in found] == [d.name for d in plausible(values)]


def test_compact_agrees_with_a_pattern() -> None:
    columns = [["12-34", "56-78"], ["12 34", "5678"], ["ab.c1", "ab.c2"], ["a·1", "b–2"]]
    for texts in [*columns, ["", "1 "], ["1234", "5678"], ["éa-1", "éb-2"]]:
        wanted = [re.sub(r"[ \t\-./()·–]", "", t) for t in texts]
        wanted = [t.upper() if re.search("[a-z]", "".join(wanted)) else t for t in wanted]
        assert compact(pl.Series(texts)).to_list() == wanted


def test_luhn_agrees_with_the_definition() -> None:
    r = random.Random(4)
    texts = [str(r.randrange(10 ** r.randrange(1, 19))) for _ in range(400)] + ["", "x1", "000"]
    digits, good = right_aligned(pl.Series(texts), 19)
    assert good.tolist() == [t.isdigit() for t in texts]
    for text, passes in zip(texts[:400], checksums.luhn(digits)[:400].tolist(), strict=True):
        places = [int(c) * (1 + i % 2) for i, c in enumerate(reversed(text))]
        total = sum(p - 9 if p > 9 else p for p in places)
        assert passes == (total % 10 == 0 and int(text) > 0)


def test_an_identifier_within_foreign_script_is_still_noticed() -> None:
    prose = [f"王小明的备注 {i} 没有问题" for i in range(5000)]
    sweep = Sweep(pl.Series(prose[:4096]))
    sweep.run(pl.Series([*prose, "身份证 S1234567D 已核对"]))
    assert sweep.contains == {Category.NATIONAL_ID: 1}
