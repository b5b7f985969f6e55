"""A table is cleared in the format and encoding it came in, and reads back as what was cleared."""

from __future__ import annotations

from pathlib import Path

import clearing_stage as stage
import polars as pl
import pytest

from entrepot.port.clear.clearing import Cleared
from entrepot.port.generate import CustomerTable
from entrepot.port.read import Form, open_dataset, write_dataset
from entrepot.port.verify.verifying import verify

pytestmark = pytest.mark.slow  # end to end, many times over: part of `make test`

FORMS = {
    "customers.csv": Form("csv", encoding="gb18030", dialect={"delimiter": ";"}),
    "customers.csv.gz": Form("csv", compression="gzip", encoding="utf-16-le", mark=True),
    "customers.jsonl.zst": Form("jsonl", compression="zstd"),
    "customers.parquet": Form("parquet"),
    "customers.avro": Form("avro"),
    "customers.xlsx": Form("xlsx"),
}
DECLARED = {**stage.DECLARED, **stage.MET, **stage.FOUND, "cn.year.prior_persons": 0}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    "kind", ["anonymised", pytest.param("without-sensitive", marks=pytest.mark.slow)]
)
def test_every_format_is_cleared_as_it_came(tmp_path: Path, name: str, kind: str) -> None:
    table = pl.concat(CustomerTable(rows=600).batches()).with_columns(
        pl.col("birth_date").cast(pl.String).str.to_date(), pl.col("orders").cast(pl.Int64)
    )
    source = tmp_path / name
    with write_dataset(source, FORMS[name]) as writer:
        for part in table.iter_slices(250):
            writer.write(part)
    done = stage.cleared(source, tmp_path / "out", tmp_path / "home", kind=kind, declared=DECLARED)
    assert isinstance(done, Cleared), done
    with open_dataset(tmp_path / "out" / "data" / name) as dataset:
        read = pl.concat(dataset.batches())
        report = dataset.file
    with open_dataset(source) as dataset:
        before = dataset.file
        list(dataset.batches())
    assert (report.format, report.compression) == (before.format, before.compression)
    assert report.encoding == before.encoding
    assert read.height == done.record.rows_after
    if kind == "anonymised":
        sizes = read.group_by(done.record.risk_after.quasi_identifiers).len()["len"]  # type: ignore[union-attr]
        assert sizes.min() >= 11  # type: ignore[operator]
        assert "full_name" not in read.columns
    else:
        assert read.height == 600 and "health_note" not in read.columns
        assert set(read["full_name"]) == set(table["full_name"])
    assert verify(tmp_path / "out").holds
