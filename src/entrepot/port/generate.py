"""Tables of invented persons with valid structure, for demos, tests and benchmarks.

Names are drawn from common surnames and given names, mail addresses live under the reserved
domains of RFC 2606, and every identifier has the check digits its standard demands:
GB 11643-1999 (Chinese resident identity number, ISO 7064 mod 11-2), the German tax identification
number (ISO 7064 mod 11,10 and its digit-repetition rule), ISO 13616 (IBAN, mod 97-10) and
ISO/IEC 7812 (card numbers, Luhn). Any likeness to a living person is chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from entrepot.kernel.errors import InvalidInput

ROWS_MAX = 100_000_000
"""More rows than this in one table is a mistake of the caller (a 15 GB file)."""

BATCH_ROWS = 250_000

CN_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾萧田董潘袁蔡蒋余"
    "于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷"
    "龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
)
CN_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂英华玉兰红建国文辉玲梅斌宇浩凯健俊帆雪"
    "琳晨欣怡嘉悦子涵梓轩一诺雨桐思远志鹏晓东海燕春生"
)
DE_SURNAMES = """
Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch
Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann
Lange Schmitt Werner Krause Meier Lehmann Köhler Herrmann König Walter Mayer Huber Kaiser
Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther
Frank Berger Winkler Roth Beck Lorenz Baumann
""".split()
DE_GIVEN_F = """
Anna Maria Sabine Petra Monika Claudia Susanne Andrea Julia Katharina Laura Lea Sophie
Emma Hannah Lena Birgit Karin Ursula Renate Stefanie Nicole Sandra Melanie Johanna
Charlotte
""".split()
DE_GIVEN_M = """
Thomas Michael Andreas Peter Stefan Christian Martin Markus Jürgen Klaus Jan Lukas Leon
Paul Felix Maximilian Jonas Tim Niklas Wolfgang Uwe Frank Matthias Sebastian Tobias
Florian
""".split()
CN_CITIES = [
    ("北京市", "110105", "100020"), ("上海市", "310115", "200120"), ("广州市", "440106", "510620"),
    ("深圳市", "440305", "518000"), ("杭州市", "330106", "310012"), ("南京市", "320106", "210009"),
    ("成都市", "510107", "610041"), ("武汉市", "420106", "430071"), ("西安市", "610113", "710061"),
    ("苏州市", "320508", "215005"), ("青岛市", "370202", "266071"), ("厦门市", "350203", "361004"),
]  # fmt: skip
CN_STREETS = ["人民路", "中山路", "解放路", "建设路", "和平路", "新华路", "文化路", "长江路"]
DE_CITIES = [
    ("Berlin", "10115"), ("Hamburg", "20095"), ("München", "80331"), ("Köln", "50667"),
    ("Frankfurt am Main", "60311"), ("Stuttgart", "70173"), ("Düsseldorf", "40213"),
    ("Leipzig", "04109"), ("Dresden", "01067"), ("Hannover", "30159"), ("Nürnberg", "90402"),
]  # fmt: skip
DE_STREETS = ["Hauptstraße", "Schulstraße", "Gartenweg", "Bahnhofstraße", "Lindenallee", "Am Markt"]
ALLERGIES = [
    "花生过敏",
    "青霉素过敏",
    "Laktoseintoleranz",
    "Heuschnupfen",
    "糖尿病",
    "Asthma",
    "高血压",
]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CustomerTable:
    """What to generate: `rows` persons, the Chinese share, the share with sensitive cells."""

    rows: int = 200_000
    chinese_share: float = 0.6
    sensitive_share: float = 0.04
    seed: int = 20261121

    def __post_init__(self) -> None:
        """Refuse impossible sizes and shares."""
        if not 0 <= self.rows <= ROWS_MAX:
            raise InvalidInput(
                "rows is out of range", value=self.rows, remedy=f"give 0 to {ROWS_MAX:,} rows"
            )
        for name in ("chinese_share", "sensitive_share"):
            share: float = getattr(self, name)
            if not 0.0 <= share <= 1.0:
                raise InvalidInput(f"{name} is not a share", value=share, remedy="give 0 to 1")

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the table in order, `BATCH_ROWS` at a time; the same seed gives the same table."""
        for start in range(0, self.rows, BATCH_ROWS):
            rows = min(BATCH_ROWS, self.rows - start)
            yield _batch(self, start, rows, np.random.default_rng([self.seed, start]))


def _batch(table: CustomerTable, start: int, rows: int, rng: np.random.Generator) -> pl.DataFrame:
    chinese = rng.random(rows) < table.chinese_share
    female = rng.random(rows) < 0.5
    born = rng.integers(_day(1945, 1, 1), _day(2007, 12, 31), rows)
    city_cn, city_de = rng.integers(0, len(CN_CITIES), rows), rng.integers(0, len(DE_CITIES), rows)
    sensitive = rng.random(rows) < table.sensitive_share
    kind = rng.integers(0, 3, rows)
    name = _either(chinese, _cn_names(rng, rows), _de_names(rng, rows, female))
    births = born.astype("datetime64[D]")
    frame = pl.DataFrame(
        {
            "customer_id": _joined("C", np.arange(start + 1, start + rows + 1), width=9),
            "full_name": name,
            "gender": _either(female, _constant("F", rows), _constant("M", rows)),
            "birth_date": pl.Series(births.astype("datetime64[ms]")).cast(pl.Date).cast(pl.String),
            "phone": _either(chinese, _cn_phones(rng, rows), _de_phones(rng, rows)),
            "email": _emails(rng, rows, start, chinese),
            "street": _either(
                chinese,
                _picked(rng, CN_STREETS, rows) + _numbers(rng, 1, 999, rows) + "号",
                _picked(rng, DE_STREETS, rows) + " " + _numbers(rng, 1, 180, rows),
            ),
            "city": _either(
                chinese,
                _taken([c[0] for c in CN_CITIES], city_cn),
                _taken([c[0] for c in DE_CITIES], city_de),
            ),
            "postcode": _either(
                chinese,
                _taken([c[2] for c in CN_CITIES], city_cn),
                _taken([c[1] for c in DE_CITIES], city_de),
            ),
            "country": _either(chinese, _constant("CN", rows), _constant("DE", rows)),
            "id_number": _either(
                chinese,
                cn_resident_ids(
                    rng,
                    [int(CN_CITIES[i][1]) for i in range(len(CN_CITIES))],
                    city_cn,
                    births,
                    female,
                ),
                de_tax_ids(rng, rows),
            ),
            "refund_account": _either(chinese, cn_cards(rng, rows), de_ibans(rng, rows)),
            "health_note": _picked(rng, ALLERGIES, rows),
            "orders": rng.integers(1, 60, rows),
            "spent_cny": np.round(rng.gamma(2.0, 900.0, rows), 2),
            "last_order_on": _dates(rng, rows, (2022, 1, 1), (2026, 10, 31)),
        }
    )
    # A customer with sensitive cells has one of the three kinds; all others have none of them.
    keep = {"id_number": 0, "refund_account": 1, "health_note": 2}
    return frame.with_columns(
        pl.when(pl.Series(sensitive & (kind == which)))
        .then(pl.col(column))
        .otherwise(None)
        .alias(column)
        for column, which in keep.items()
    )


def cn_resident_ids(
    rng: np.random.Generator,
    divisions: list[int],
    division: Ints,
    births: npt.NDArray[np.datetime64],
    female: npt.NDArray[np.bool_],
) -> pl.Series:
    """Return 18-character identity numbers (GB 11643-1999) for births and sexes; shape (rows,)."""
    rows = len(births)
    years = births.astype("datetime64[Y]").astype(np.int64) + 1970
    months = births.astype("datetime64[M]").astype(np.int64) % 12 + 1
    days = (births - births.astype("datetime64[M]")).astype(np.int64) + 1
    sequence = rng.integers(0, 499, rows) * 2 + np.where(female, 0, 1)
    body = (
        np.array(divisions)[division] * 10**11
        + (years * 10_000 + months * 100 + days) * 1000
        + sequence
    )
    digits = _digits(body, 17)
    weights = np.array([2 ** (17 - i) % 11 for i in range(17)])
    check = np.array(list("10X98765432"))[digits @ weights % 11]
    return pl.Series(body).cast(pl.String) + pl.Series(check.tolist())


def de_tax_ids(rng: np.random.Generator, rows: int) -> pl.Series:
    """Return German tax ids: one digit of the first ten occurs twice, one is absent; mod 11,10."""
    order = np.argsort(rng.random((rows, 10)), axis=1)
    first_zero = order[:, 0] == 0
    order[first_zero] = np.roll(order[first_zero], 1, axis=1)
    # Position 9 repeats the digit at position 3: exactly one digit twice, never thrice in a row.
    order[:, 9] = order[:, 3]
    product = np.full(rows, 10)
    for position in range(10):
        total = (order[:, position] + product) % 10
        product = (2 * np.where(total == 0, 10, total)) % 11
    check = (11 - product) % 10
    return _text_of_digits(np.column_stack([order, check]))


def de_ibans(rng: np.random.Generator, rows: int) -> pl.Series:
    """Return German IBANs (22 characters, ISO 13616) with valid check digits, invented accounts."""
    bank = rng.integers(10_000_000, 89_999_999, rows)
    account = rng.integers(0, 9_999_999_999, rows)
    remainder = (bank % 97 * (10**10 % 97) + account) % 97  # the 18-digit BBAN
    check = 98 - (remainder * (10**6 % 97) + 131400) % 97  # "DE00" read as 13 14 00
    return (
        "DE"
        + pl.Series(check).cast(pl.String).str.zfill(2)
        + pl.Series(bank).cast(pl.String)
        + pl.Series(account).cast(pl.String).str.zfill(10)
    )


def cn_cards(rng: np.random.Generator, rows: int) -> pl.Series:
    """Return 19-digit UnionPay-shaped card numbers with a valid Luhn digit (ISO/IEC 7812-1)."""
    body = 62_0000 * 10**12 + rng.integers(0, 10**12, rows) + rng.integers(0, 9999, rows) * 10**12
    digits = _digits(body, 18)
    doubled = digits * 2
    doubled = np.where(doubled > 9, doubled - 9, doubled)
    odd = np.arange(18) % 2 == 1  # the rightmost body digit is doubled
    check = (10 - np.where(odd, doubled, digits).sum(axis=1) % 10) % 10
    return pl.Series(body).cast(pl.String) + pl.Series(check).cast(pl.String)


def _cn_names(rng: np.random.Generator, rows: int) -> pl.Series:
    given = list(CN_GIVEN)
    second = pl.Series(
        np.array([*given, *[""] * (len(given) // 3)])[rng.integers(0, len(given) * 4 // 3, rows)]
    )
    return _picked(rng, list(CN_SURNAMES), rows) + _picked(rng, given, rows) + second


def _de_names(rng: np.random.Generator, rows: int, female: npt.NDArray[np.bool_]) -> pl.Series:
    given = _either(female, _picked(rng, DE_GIVEN_F, rows), _picked(rng, DE_GIVEN_M, rows))
    return given + " " + _picked(rng, DE_SURNAMES, rows)


def _cn_phones(rng: np.random.Generator, rows: int) -> pl.Series:
    prefix = _picked(rng, ["138", "139", "150", "159", "176", "186", "188", "199"], rows)
    return prefix + _numbers(rng, 0, 99_999_999, rows).str.zfill(8)


def _de_phones(rng: np.random.Generator, rows: int) -> pl.Series:
    return _picked(rng, ["+49151", "+49160", "+49171", "+49176"], rows) + _numbers(
        rng, 1_000_000, 99_999_999, rows
    ).str.zfill(8)


def _emails(
    rng: np.random.Generator, rows: int, start: int, chinese: npt.NDArray[np.bool_]
) -> pl.Series:
    word = _picked(
        rng,
        [
            "lotus",
            "amber",
            "river",
            "maple",
            "falke",
            "linde",
            "kiefer",
            "bambus",
            "mond",
            "xinghe",
        ],
        rows,
    )
    number = pl.Series(np.arange(start + 1, start + rows + 1)).cast(pl.String)
    return (
        word
        + number
        + _either(chinese, _constant("@example.com", rows), _constant("@example.org", rows))
    )


def _dates(
    rng: np.random.Generator, rows: int, first: tuple[int, int, int], last: tuple[int, int, int]
) -> pl.Series:
    days = rng.integers(_day(*first), _day(*last), rows).astype("datetime64[D]")
    return pl.Series(days.astype("datetime64[ms]")).cast(pl.Date).cast(pl.String)


def _day(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - date(1970, 1, 1)).days


def _digits(numbers: Ints, width: int) -> Ints:
    return numbers[:, None] // 10 ** np.arange(width - 1, -1, -1, dtype=np.int64) % 10


def _text_of_digits(digits: Ints) -> pl.Series:
    characters = (digits + ord("0")).astype(np.uint8)
    return pl.Series([row.tobytes().decode("ascii") for row in characters])


def _picked(rng: np.random.Generator, words: list[str], rows: int) -> pl.Series:
    return _taken(words, rng.integers(0, len(words), rows))


def _taken(words: list[str], index: Ints) -> pl.Series:
    return pl.Series(words).gather(pl.Series(index))


def _numbers(rng: np.random.Generator, low: int, high: int, rows: int) -> pl.Series:
    return pl.Series(rng.integers(low, high + 1, rows)).cast(pl.String)


def _joined(prefix: str, numbers: Ints, *, width: int) -> pl.Series:
    return prefix + pl.Series(numbers).cast(pl.String).str.zfill(width)


def _constant(text: str, rows: int) -> pl.Series:
    return pl.repeat(text, rows, eager=True, dtype=pl.String)


def _either(mask: npt.NDArray[np.bool_], yes: pl.Series, no: pl.Series) -> pl.Series:
    return yes.zip_with(pl.Series(mask), no)
