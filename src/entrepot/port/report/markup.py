"""HTML that cannot be injected into: text is escaped unless it has the type `Markup`."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from entrepot.kernel.errors import visible


class Markup(str):
    """HTML that is already safe. Only functions of this package make one."""

    __slots__ = ()


Content = Markup | str | int | float | Iterable["Content"] | None


def html(content: Content) -> Markup:
    """Return `content` as safe HTML: text escaped, sequences joined, None as nothing."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(escape(visible(content), quote=True))
    if isinstance(content, int):
        return Markup(f"{content:,}")
    if isinstance(content, float):
        return Markup(f"{content:.2f}")
    return Markup("".join(html(part) for part in content))


def tag(name: str, content: Content = None, /, **attributes: str | int | float) -> Markup:
    """Return one element; a trailing underscore in an attribute's name is dropped (`class_`)."""
    rendered = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(str(value)), quote=True)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{rendered}>{html(content)}</{name}>")


def table(head: list[str], rows: Iterable[list[Content]], *, numbers: Iterable[int] = ()) -> Markup:
    """Return a table; `numbers` are the columns set flush right."""
    right = set(numbers)

    def cells(kind: str, row: Iterable[Content]) -> Markup:
        return html(
            [
                tag(kind, cell, class_="number") if i in right else tag(kind, cell)
                for i, cell in enumerate(row)
            ]
        )

    body = html([tag("tr", cells("td", row)) for row in rows])
    return tag(
        "div",
        tag("table", [tag("thead", tag("tr", cells("th", head))), tag("tbody", body)]),
        class_="wide",
    )


def items(rows: Iterable[Content]) -> Markup:
    """Return a bulleted list, or nothing when there is nothing to list."""
    points = [tag("li", row) for row in rows]
    return tag("ul", points) if points else Markup("")
