"""What can be done to a table before it leaves: transforms as values, named after ISO/IEC 20889.

A `TransformPlan` is a list of transforms carried out in order. It is data: it is planned, shown to
a person, signed into the certificate and read back, and holds no cell of the table except class
labels shared by many persons (`Generalise.keep`). ISO/IEC 20889:2018 gives the names of the
techniques; it calls the removal of a column "attribute suppression" only in its notes, and the word
is used here because "masking" would hide that nothing is left.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Technique(StrEnum):
    """The name of a technique as ISO/IEC 20889:2018 gives it."""

    ATTRIBUTE_SUPPRESSION = "attribute suppression"
    RECORD_SUPPRESSION = "record suppression"
    LOCAL_SUPPRESSION = "local suppression"
    MASKING = "masking"
    GENERALISATION = "generalisation"
    PSEUDONYMISATION = "pseudonymisation"
    AGGREGATION = "aggregation"
    SAMPLING = "sampling"
    NOISE = "noise addition"


class Method(StrEnum):
    """How a column is generalised."""

    YEAR = "year"
    MONTH = "month"
    YEARS = "years"
    """Bands of `width` years, of a date."""
    BAND = "band"
    """Bands of `width`, of a number; below `lowest` and above `highest` one open band each."""
    ROUND = "round"
    """To the nearest multiple of `width`."""
    PREFIX = "prefix"
    """The first `length` characters (postcodes, telephone areas)."""
    GRID = "grid"
    """Decimal degrees to `length` places (2 is about 1.1 km, 1 about 11 km, 0 about 111 km)."""
    REGION = "region"
    """Countries to the regions of the United Nations M49 list."""
    GROUP = "group"
    """Values outside `keep` become one group, `other`."""
    ALL = "all"
    """One class for all: `*`."""


class DropColumns(msgspec.Struct, frozen=True, tag="drop"):
    """Leave columns out (attribute suppression)."""

    columns: list[str]


class MaskCells(msgspec.Struct, frozen=True, tag="mask"):
    """Replace the characters of each cell by `symbol`, except a few at its ends (masking).

    The length of the cell stays visible unless `fixed` is set, which writes `fixed` symbols.
    """

    column: str
    keep_first: int = 0
    keep_last: int = 0
    symbol: str = "*"
    fixed: int = 0


class Generalise(msgspec.Struct, frozen=True, tag="generalise"):
    """Replace values by coarser ones (generalisation). Cells that cannot be read as what the method
    needs become null, so that nothing precise slips through."""

    column: str
    method: Method
    width: int = 0
    lowest: int | None = None
    highest: int | None = None
    length: int = 0
    date_format: str = ""
    """How dates are written: a strftime pattern, or `excel-serial`."""
    keep: list[str] = []


class Tokenise(msgspec.Struct, frozen=True, tag="tokenise"):
    """Replace values by keyed tokens (pseudonymisation: HMAC-SHA-256, key per recipient).

    Columns of one `domain` share tokens, so that joins inside one delivery still work.
    """

    column: str
    domain: str


class SuppressSmallClasses(msgspec.Struct, frozen=True, tag="suppress-classes"):
    """Leave out the rows whose combination of `columns` is shared by fewer than `k`.

    With `persons` (columns that tell persons apart) persons are counted, without them rows.
    """

    columns: list[str]
    k: int
    persons: list[str] = []


class BlankRareValues(msgspec.Struct, frozen=True, tag="blank-rare"):
    """Blank the cells whose value occurs in fewer than `k` rows (local suppression)."""

    column: str
    k: int


class SelectPersons(msgspec.Struct, frozen=True, tag="select-persons"):
    """Keep all rows of `persons` persons chosen by a keyed hash, none of the others (sampling).

    `columns` together identify a person; rows in which all of them are empty are left out, because
    nobody could say whose they are. Without columns each row is taken to be one person.
    """

    columns: list[str]
    persons: int


class AddNoise(msgspec.Struct, frozen=True, tag="noise"):
    """Add Laplace noise of `scale` to a number (noise addition). No differential privacy is
    claimed: that needs a budget over everything ever released."""

    column: str
    scale: float


class Aggregate(msgspec.Struct, frozen=True, tag="aggregate"):
    """Replace rows by counts per combination of `by`; cells under `minimum` are suppressed, and so
    is a second cell where a published total would give the first one away."""

    by: list[str]
    minimum: int
    person_columns: list[str] = []
    """Count distinct persons by these columns; without any, rows are counted."""


Transform = (
    DropColumns
    | MaskCells
    | Generalise
    | Tokenise
    | SuppressSmallClasses
    | BlankRareValues
    | SelectPersons
    | AddNoise
    | Aggregate
)


class TransformPlan(msgspec.Struct, frozen=True):
    """Transforms in the order in which they are carried out; empty means "as it is"."""

    transforms: list[Transform] = []


class ColumnLoss(msgspec.Struct, frozen=True):
    """What one column loses: 0 nothing, 1 everything."""

    column: str
    loss: float
    how: str
    """The technique and the figures ("generalisation: 14.2 bits to 5.1")."""


class LossReport(msgspec.Struct, frozen=True):
    """Information lost by a plan, and how it was measured."""

    loss: float
    """Of the table: 1 - share of rows kept times the mean share kept per column."""
    rows_kept: float
    columns: list[ColumnLoss]
    measured_rows: int
    method: str


def technique(transform: Transform) -> Technique:
    """Return the ISO/IEC 20889 name of what a transform does."""
    return _TECHNIQUES[type(transform)]


_TECHNIQUES: dict[type, Technique] = {
    DropColumns: Technique.ATTRIBUTE_SUPPRESSION,
    MaskCells: Technique.MASKING,
    Generalise: Technique.GENERALISATION,
    Tokenise: Technique.PSEUDONYMISATION,
    SuppressSmallClasses: Technique.RECORD_SUPPRESSION,
    BlankRareValues: Technique.LOCAL_SUPPRESSION,
    SelectPersons: Technique.SAMPLING,
    AddNoise: Technique.NOISE,
    Aggregate: Technique.AGGREGATION,
}


def touched(transform: Transform) -> list[str]:
    """Return the columns that a transform reads or changes."""
    if isinstance(transform, DropColumns | SuppressSmallClasses | SelectPersons):
        return list(transform.columns)
    if isinstance(transform, Aggregate):
        return [*transform.by, *transform.person_columns]
    return [transform.column]


def describe(transform: Transform) -> str:
    """Say in one plain sentence what a transform does."""
    name = technique(transform).value.capitalize()
    return f"{name}: {_sentence(transform)}"


def _sentence(transform: Transform) -> str:
    match transform:
        case DropColumns(columns):
            return f"leave out {_names(columns)}"
        case MaskCells(column, first, last):
            kept = first + last
            return f"hide the characters of `{column}`" + (f" except {kept}" if kept else "")
        case Generalise():
            return f"`{transform.column}` to {_coarse(transform)}"
        case Tokenise(column, domain):
            return f"replace `{column}` by keyed tokens ({domain}), with a key for this recipient"
        case SuppressSmallClasses(columns, k):
            return f"leave out rows that fewer than {k} share over {_names(columns)}"
        case BlankRareValues(column, k):
            return f"blank values of `{column}` that fewer than {k} rows share"
        case SelectPersons(_, persons):
            return f"send {persons:,} persons, chosen by a keyed hash, and nobody else"
        case AddNoise(column, scale):
            return f"add Laplace noise of scale {scale:g} to `{column}`"
        case Aggregate(by, minimum):
            return f"counts by {_names(by)}, no cell under {minimum}"


def _coarse(transform: Generalise) -> str:
    match transform.method:
        case Method.YEAR | Method.MONTH:
            return f"the {transform.method.value}"
        case Method.YEARS:
            return f"bands of {transform.width} years"
        case Method.BAND:
            return f"bands of {transform.width:,}"
        case Method.ROUND:
            return f"multiples of {transform.width:,}"
        case Method.PREFIX:
            return f"the first {transform.length} characters"
        case Method.GRID:
            return f"{transform.length} decimal places of a degree"
        case Method.REGION:
            return "world regions"
        case Method.GROUP:
            return f"its {len(transform.keep)} common values, the rest as one group"
        case Method.ALL:
            return "one class for all"


def _names(columns: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in columns)
