"""One table, saved in every format, encoding and compression, is inspected to the same answer."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from entrepot.kernel.errors import Error, UnreadableData
from entrepot.port.generate import CustomerTable
from entrepot.port.inspect import inspect_dataset
from entrepot.port.model import Category, Inspection
from entrepot.port.read.form import Form
from entrepot.port.read.writing import write_dataset

pytestmark = pytest.mark.slow  # end to end, many times over: part of `make test`

SENSITIVE = {"cn": {"health": "sensitive", "finance-account": "sensitive"}}

JAPANESE = {
    "氏名": [
        "佐藤 健太",
        "鈴木 花子",
        "高橋 一郎",
        "田中 美咲",
        "渡辺 翔太",
        "伊藤 陽菜",
        "山本 大輔",
    ],
    "住所": ["東京都新宿区西新宿2-8-1", "大阪府大阪市北区梅田3-1-1", "神奈川県横浜市中区日本大通1"],
    "職業": ["会社員", "教師", "医師", "看護師", "学生"],
}
TRADITIONAL = {
    "姓名": ["陳志明", "林淑芬", "黃建國", "張雅婷", "李家豪", "王美玲", "吳俊傑", "劉怡君"],
    "地址": [
        "臺北市大安區忠孝東路四段1號",
        "新北市板橋區文化路二段88號",
        "高雄市左營區博愛二路777號",
    ],
    "職業": ["教師", "醫師", "工程師", "學生", "護理師"],
}


def in_words(words: dict[str, list[str]], phone: str, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    rows = 300
    columns = {name: rng.choice(values, rows).tolist() for name, values in words.items()}
    return pl.DataFrame(
        {
            "email": [f"kunde{n}@example.com" for n in range(rows)],
            **columns,
            phone: [f"09{n:08d}" for n in rng.integers(0, 10**8, rows)],
            "amount": [f"{x:.2f}" for x in rng.gamma(2, 900, rows)],
        }
    )


def german() -> pl.DataFrame:
    table = CustomerTable(rows=400, chinese_share=0.0, sensitive_share=1.0, seed=3)
    frame = pl.concat(table.batches())
    health = pl.col("health_note").is_in(["Laktoseintoleranz", "Heuschnupfen", "Asthma"])
    # Only words that Latin-1 can hold.
    return frame.with_columns(pl.when(health).then("health_note")).cast(pl.String)


def chinese() -> pl.DataFrame:
    table = CustomerTable(rows=400, chinese_share=1.0, sensitive_share=1.0, seed=4)
    frame = pl.concat(table.batches())
    western = pl.col("health_note").str.contains(r"^[A-Z]")
    renamed = {"full_name": "姓名", "birth_date": "出生日期", "phone": "手机号", "street": "地址"}
    return frame.with_columns(pl.when(~western).then("health_note")).cast(pl.String).rename(renamed)


TABLES = {
    "german": german(),
    "chinese": chinese(),
    "japanese": in_words(JAPANESE, "電話番号", 5),
    "traditional": in_words(TRADITIONAL, "電話", 6),
}
ENCODINGS = {
    "german": ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "gb18030", "latin-1", "cp1252"],
    "chinese": ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "gb18030"],
    "japanese": ["utf-8", "utf-16-le", "shift_jis", "cp932"],
    "traditional": ["utf-8", "utf-16-be", "big5"],
}
SPELLED = [
    (table, form)
    for table, encodings in ENCODINGS.items()
    for encoding in encodings
    for form in [
        Form(
            "csv", encoding=encoding.removesuffix("-sig"), mark=encoding.endswith(("-sig", "-le"))
        ),
    ]
]
SHAPED = [
    (table, Form(kind, compression, dialect=dialect))
    for table in ("german", "chinese")
    for kind, dialect in [
        ("csv", {"delimiter": ";"}),
        ("csv", {"delimiter": "tab"}),
        ("jsonl", {}),
        ("parquet", {}),
        ("avro", {}),
        ("xlsx", {}),
    ]
    for compression in ("none", "gzip", "zstd")
]


def saved(folder: Path, frame: pl.DataFrame, form: Form) -> Path:
    path = folder / "table.bin"  # the extension says nothing
    with write_dataset(path, form) as writer:
        writer.write(frame)
    return path


def answer(inspection: Inspection) -> list[tuple[str, Category, str]]:
    return [(c.name, c.category, str(c.verdict)) for c in inspection.columns]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Inspection]:
    found = {}
    for name, frame in TABLES.items():
        path = saved(tmp_path_factory.mktemp(name), frame, Form("csv"))
        found[name] = inspect_dataset(path, sensitivities=SENSITIVE)
    return found


def test_the_plain_tables_are_understood(expected: dict[str, Inspection]) -> None:
    german = {c.name: c.category for c in expected["german"].columns}
    assert german["full_name"] == Category.PERSON_NAME
    assert german["id_number"] == Category.NATIONAL_ID
    assert german["refund_account"] == Category.FINANCE_ACCOUNT
    assert german["health_note"] == Category.HEALTH
    assert german["email"] == Category.EMAIL
    chinese = {c.name: c.category for c in expected["chinese"].columns}
    assert chinese["姓名"] == Category.PERSON_NAME
    assert chinese["出生日期"] == Category.DATE_OF_BIRTH
    assert chinese["手机号"] == Category.PHONE
    for name in ("japanese", "traditional"):
        held = [c.category for c in expected[name].columns]
        assert held[:4] == [
            Category.EMAIL,
            Category.PERSON_NAME,
            Category.ADDRESS,
            Category.OCCUPATION,
        ]


@pytest.mark.parametrize(
    ("table", "form"),
    [*SPELLED, *(pytest.param(*each, marks=pytest.mark.slow) for each in SHAPED)],
    ids=lambda x: x if isinstance(x, str) else repr(x)[5:60],
)
def test_every_saving_gives_the_same_answer(
    tmp_path: Path, expected: dict[str, Inspection], table: str, form: Form
) -> None:
    inspection = inspect_dataset(saved(tmp_path, TABLES[table], form), sensitivities=SENSITIVE)
    assert inspection.file.format == form.format
    assert inspection.file.compression == form.compression
    assert inspection.rows == expected[table].rows
    assert inspection.table.persons == expected[table].table.persons
    assert answer(inspection) == answer(expected[table])


@pytest.mark.parametrize("kind", ["csv.gz", "csv.zst", "parquet", "avro", "xlsx"])
def test_a_truncated_copy_names_the_fault(tmp_path: Path, kind: str) -> None:
    name, _, packed = kind.partition(".")
    compression = {"gz": "gzip", "zst": "zstd", "": "none"}[packed]
    path = saved(tmp_path, TABLES["german"], Form(name, compression))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UnreadableData) as caught:
        inspect_dataset(path, sensitivities=SENSITIVE)
    assert caught.value.remedy
    assert len(caught.value.what) > 15


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "avro", "xlsx"])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_flipped_byte_is_read_or_named_but_never_a_crash(
    tmp_path: Path, kind: str, compression: str
) -> None:
    path = saved(tmp_path, TABLES["german"].head(60), Form(kind, compression))
    whole = path.read_bytes()
    rng = np.random.default_rng(len(whole))
    named = 0
    for _ in range(25):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(damaged))
        try:
            inspect_dataset(path, sensitivities=SENSITIVE)
        except Error as error:
            named += 1
            assert error.what
    if compression != "none":
        assert named >= 15  # both formats carry checksums
