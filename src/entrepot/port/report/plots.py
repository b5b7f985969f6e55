"""The report's plots, as inline SVG: no script, no outside file, readable in print and dark."""

from __future__ import annotations

from entrepot.port.model import RiskReport
from entrepot.port.plan.model import Way
from entrepot.port.report.markup import Markup, html, tag
from entrepot.port.transform.model import LossReport

_WIDTH = 640


def class_sizes(before: RiskReport, after: RiskReport | None) -> Markup:
    """Bars: share of rows by the size of the group they hide in, before and after."""
    bands = list(before.class_sizes)
    height, left, floor = 220, 46, 180
    step = (_WIDTH - left - 10) / max(1, len(bands))
    drawn: list[Markup] = [_gridline(left, floor, share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    series = [(before, "before", 0)] + ([(after, "after", 1)] if after else [])
    for index, band in enumerate(bands):
        for risk, name, place in series:
            rows = risk.class_sizes.get(band, 0)
            share = rows / risk.rows if risk.rows else 0.0
            bar = 150 * share
            x = left + index * step + 14 + place * (step / 2 - 12)
            label = f"{name}: {rows:,} rows in groups of {band} ({share:.1%})"
            drawn.append(
                tag(
                    "rect",
                    tag("title", label),
                    x=round(x, 1),
                    y=round(floor - bar, 1),
                    width=round(step / 2 - 16, 1),
                    height=round(max(bar, 0.5), 1),
                    class_=name,
                )
            )
            drawn.append(_text(x + step / 4 - 8, floor - bar - 4, f"{share:.0%}", anchor="middle"))
        drawn.append(_text(left + (index + 0.5) * step, floor + 16, band, anchor="middle"))
    drawn.append(
        _text(left + (_WIDTH - left) / 2, floor + 34, "rows in the group", anchor="middle")
    )
    return _figure(
        drawn,
        height,
        "How many rows hide in how large a group; the further right, the safer.",
        legend=[name for _, name, _ in series],
    )


def losses(loss: LossReport) -> Markup:
    """Bars: information lost per column, worst first."""
    ranked = sorted(loss.columns, key=lambda column: -column.loss)[:24]
    row, left = 18, 170
    drawn: list[Markup] = []
    for index, column in enumerate(ranked):
        y = index * row + 6
        name = column.column if len(column.column) <= 24 else column.column[:23] + "…"
        width = (_WIDTH - left - 60) * min(1.0, max(0.0, column.loss))
        drawn.append(_text(left - 8, y + 10, name, anchor="end"))
        drawn.append(
            tag(
                "rect",
                tag("title", column.how),
                x=left,
                y=y,
                width=round(max(width, 1), 1),
                height=row - 6,
                class_="after",
            )
        )
        drawn.append(_text(left + width + 6, y + 10, f"{column.loss:.0%}"))
    return _figure(drawn, len(ranked) * row + 12, "Information lost per column.")


def ways(candidates: list[Way], chosen: int) -> Markup:
    """Dots: the lawful ways by information lost and by duties to meet; the chosen one is green."""
    height, left, floor, top = 250, 46, 200, 20
    most = max(
        [1, *(way.burden.before + way.burden.later + way.burden.findings for way in candidates)]
    )
    drawn: list[Markup] = [
        tag("line", x1=left, y1=floor, x2=_WIDTH - 10, y2=floor, class_="axis"),
        tag("line", x1=left, y1=top, x2=left, y2=floor, class_="axis"),
        _text(_WIDTH - 10, floor + 32, "information lost →", anchor="end"),
        _text(left, top - 8, "↑ duties and findings"),
    ]
    for share in (0.0, 0.5, 1.0):
        x = left + 20 + share * (_WIDTH - left - 60)
        drawn.append(_text(x, floor + 16, f"{share:.0%}", anchor="middle"))
    for way in candidates:
        duties = way.burden.before + way.burden.later + way.burden.findings
        x = left + 20 + way.loss.loss * (_WIDTH - left - 60)
        y = floor - 12 - duties / most * (floor - top - 30)
        cost = f"{duties} duties, loss {way.loss.loss:.0%}"
        label = f"way {way.number}: {way.title}; {way.outcome}, {cost}"
        state = "chosen" if way.number == chosen else way.status
        drawn.append(
            tag("circle", tag("title", label), cx=round(x, 1), cy=round(y, 1), r=9, class_=state)
        )
        drawn.append(_text(x, y + 4, str(way.number), anchor="middle", style="inside"))
    return _figure(
        drawn, height, "The ways considered. Down and left is better; the green one was taken."
    )


def _gridline(left: float, floor: float, share: float) -> Markup:
    y = floor - 150 * share
    line = tag("line", x1=left, y1=y, x2=_WIDTH - 10, y2=y, class_="axis")
    return html([line, _text(left - 6, y + 4, f"{share:.0%}", anchor="end")])


def _text(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> Markup:
    return tag("text", text, x=round(x, 1), y=round(y, 1), text_anchor=anchor, class_=style)


def _figure(
    drawn: list[Markup], height: int, caption: str, *, legend: list[str] | None = None
) -> Markup:
    picture = tag("svg", drawn, viewBox=f"0 0 {_WIDTH} {height}", role="img", aria_label=caption)
    keys = [
        tag("span", [tag("i", class_=f"key {name}"), f" {name} "], class_="legend")
        for name in legend or []
    ]
    return tag("figure", [picture, tag("figcaption", [caption, " ", keys])])
