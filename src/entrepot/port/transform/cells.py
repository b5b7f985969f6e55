"""The transforms that change one column, cell by cell: mask, generalise, add noise.

Each takes a text series (`entrepot.port.read.as_text`) and returns one of the same height and name.
Cells that hold lists (joined with `LIST_SEPARATOR`) are changed value by value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from entrepot.kernel.errors import InvalidInput
from entrepot.port.read.dataset import LIST_SEPARATOR
from entrepot.port.transform import reading
from entrepot.port.transform.model import AddNoise, Generalise, MaskCells, Method
from entrepot.port.transform.regions import OTHER, regions

PerValue = Callable[[pl.Series], pl.Series]


def on_values(text: pl.Series, change: PerValue) -> pl.Series:
    """Apply `change` to every single value of `text`, inside joined lists too."""
    joined = text.str.contains(LIST_SEPARATOR, literal=True).any()
    if not joined:
        return change(text).rename(text.name)
    rows = pl.DataFrame(
        {"row": pl.arange(len(text), eager=True), "value": text.str.split(LIST_SEPARATOR)}
    ).explode("value")
    changed = rows.with_columns(change(rows["value"]).alias("value"))
    lists = changed.group_by("row", maintain_order=True).agg(
        pl.when(pl.col("value").is_null().all())
        .then(None)
        .otherwise(pl.col("value").drop_nulls().str.join(LIST_SEPARATOR))
        .first()
        .alias("value")
    )
    return lists["value"].rename(text.name)


def masked(text: pl.Series, mask: MaskCells) -> pl.Series:
    """Hide characters; a cell no longer than what would be kept is hidden whole."""
    if len(mask.symbol) != 1:
        raise InvalidInput("a mask symbol is one character", value=mask.symbol)
    if mask.keep_first < 0 or mask.keep_last < 0:
        raise InvalidInput("a mask cannot keep a negative number of characters", value=mask.column)
    kept = mask.keep_first + mask.keep_last
    length = text.str.len_chars().cast(pl.Int64)
    hidden = pl.Series(np.full(len(text), mask.fixed)) if mask.fixed else (length - kept)
    short = length <= kept
    shown = pl.select(
        pl.when(short & (mask.fixed == 0))
        .then(_repeat(mask.symbol, length))
        .when(short)
        .then(pl.lit(mask.symbol * mask.fixed))
        .otherwise(
            pl.concat_str(
                text.str.head(mask.keep_first),
                _repeat(mask.symbol, hidden),
                text.str.tail(mask.keep_last),
            )
        )
    ).to_series()
    return pl.select(pl.when(text.is_not_null()).then(shown)).to_series().rename(text.name)


def generalised(text: pl.Series, step: Generalise) -> pl.Series:
    """Return the coarser values; a cell that cannot be read as the method needs becomes null."""
    return _METHODS[step.method](text, step).rename(text.name)


def noisy(text: pl.Series, noise: AddNoise, rng: np.random.Generator) -> pl.Series:
    """Add Laplace noise; whole numbers stay whole, unreadable cells become null."""
    if not noise.scale > 0:
        raise InvalidInput("the scale of noise must be above 0", value=noise.scale)
    read = reading.numbers(text)
    drawn = read + pl.Series(rng.laplace(0.0, noise.scale, len(text)))
    whole = (read.drop_nulls() == read.drop_nulls().floor()).all()
    shown = drawn.round(0).cast(pl.Int64, strict=False) if whole else drawn.round(6)
    return shown.cast(pl.String).rename(text.name)


def _repeat(symbol: str, count: pl.Series) -> pl.Expr:
    return pl.lit(symbol).repeat_by(pl.lit(count).clip(0)).list.join("")


def _dates(text: pl.Series, step: Generalise) -> pl.Series:
    return reading.dates(text, step.date_format or reading.ISO)


def _year(text: pl.Series, step: Generalise) -> pl.Series:
    return _dates(text, step).dt.strftime("%Y")


def _month(text: pl.Series, step: Generalise) -> pl.Series:
    return _dates(text, step).dt.strftime("%Y-%m")


def _years(text: pl.Series, step: Generalise) -> pl.Series:
    first = _dates(text, step).dt.year() // _width(step) * _width(step)
    return _band_text(first, _width(step))


def _band(text: pl.Series, step: Generalise) -> pl.Series:
    read = reading.numbers(text)
    width = _width(step)
    shown = _band_text((read / width).floor().cast(pl.Int64, strict=False) * width, width)
    lowest, highest = step.lowest, step.highest
    expression = pl.lit(shown)
    if highest is not None:
        expression = pl.when(read >= highest).then(pl.lit(f"{highest}+")).otherwise(expression)
    if lowest is not None:
        expression = pl.when(read < lowest).then(pl.lit(f"under {lowest}")).otherwise(expression)
    banded = pl.select(expression).to_series()
    return pl.select(pl.when(read.is_finite()).then(banded)).to_series()


def _round(text: pl.Series, step: Generalise) -> pl.Series:
    width = _width(step)
    nearest = (reading.numbers(text) / width).round() * width
    return nearest.cast(pl.Int64, strict=False).cast(pl.String)


def _prefix(text: pl.Series, step: Generalise) -> pl.Series:
    if step.length < 0:
        raise InvalidInput("a prefix cannot have a negative length", value=step.length)
    cells = text.str.strip_chars()
    return cells.str.head(step.length) + "*"


def _grid(text: pl.Series, step: Generalise) -> pl.Series:
    """Cut decimal places of one or two coordinates in a cell; other cells become null."""
    if not 0 <= step.length <= 6:
        raise InvalidInput("a grid has 0 to 6 decimal places", value=step.length)
    pattern = (
        r"^\s*\(?\s*([-+]?\d{1,3}(?:\.\d+)?)(?:\s*[,; ]\s*([-+]?\d{1,3}(?:\.\d+)?))?\s*\)?\s*$"
    )
    first = text.str.extract(pattern, 1).cast(pl.Float64, strict=False)
    second = text.str.extract(pattern, 2).cast(pl.Float64, strict=False)
    one, two = _places(first, step.length), _places(second, step.length)
    return pl.select(
        pl.when(second.is_not_null()).then(pl.concat_str(one, two, separator=",")).otherwise(one)
    ).to_series()


def _places(degrees: pl.Series, places: int) -> pl.Series:
    rounded = degrees.round(places)
    return (rounded.cast(pl.Int64, strict=False) if places == 0 else rounded).cast(pl.String)


def _region(text: pl.Series, _step: Generalise) -> pl.Series:
    return regions(text)


def _group(text: pl.Series, step: Generalise) -> pl.Series:
    kept = text.is_in(step.keep)
    return pl.select(
        pl.when(text.is_null()).then(None).when(kept).then(text).otherwise(pl.lit(OTHER))
    ).to_series()


def _all(text: pl.Series, _step: Generalise) -> pl.Series:
    return pl.Series(text.name, ["*"], dtype=pl.String).new_from_index(0, len(text))


def _width(step: Generalise) -> int:
    if step.width < 1:
        raise InvalidInput(
            f"{step.method.value} needs a width of at least 1", value=step.width, remedy=step.column
        )
    return step.width


def _band_text(first: pl.Series, width: int) -> pl.Series:
    if width == 1:
        return first.cast(pl.String)
    last = first + (width - 1)
    return pl.select(pl.concat_str(first, last, separator="-")).to_series()


_METHODS: dict[Method, Callable[[pl.Series, Generalise], pl.Series]] = {
    Method.YEAR: _year,
    Method.MONTH: _month,
    Method.YEARS: _years,
    Method.BAND: _band,
    Method.ROUND: _round,
    Method.PREFIX: _prefix,
    Method.GRID: _grid,
    Method.REGION: _region,
    Method.GROUP: _group,
    Method.ALL: _all,
}
