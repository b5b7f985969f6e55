"""Read a dataset of any supported format, as what its content is, in batches of bounded memory.

    with open_dataset(Path("customers.csv")) as dataset:
        for table in dataset.tables:
            for frame in table.batches():
                for column in table.columns:
                    as_text(frame[column.name])
        report = dataset.file

CSV, JSONL, Parquet, Avro and XLSX, each plain or compressed with gzip or zstd. What is promised of
each format is in `docs/reference/formats.md`; why it is done so in `docs/design/004-readers.md`.
"""

from entrepot.port.read.dataset import (
    BATCH_ROWS,
    LIST_SEPARATOR,
    Column,
    Dataset,
    Progress,
    Table,
)
from entrepot.port.read.form import Form
from entrepot.port.read.limits import DEFAULT_LIMITS, Limits
from entrepot.port.read.opening import open_dataset
from entrepot.port.read.text import as_text, as_values, dtype_label
from entrepot.port.read.writing import Writer, Written, form_of, write_dataset

__all__ = [
    "BATCH_ROWS",
    "DEFAULT_LIMITS",
    "LIST_SEPARATOR",
    "Column",
    "Dataset",
    "Form",
    "Limits",
    "Progress",
    "Table",
    "Writer",
    "Written",
    "as_text",
    "as_values",
    "dtype_label",
    "form_of",
    "open_dataset",
    "write_dataset",
]
