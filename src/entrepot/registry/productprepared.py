"""Statements compiled once per database dialect, for the acts that are many.

SQLAlchemy looks a statement up in its cache at every execution; at thousands of acts per second
that look-up is most of the time. Here the text is compiled once and given to the driver with its
parameters in the order, or under the names, which that driver wants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


class Prepared:
    """A statement with named parameters, whose text is kept per dialect. Safe between threads."""

    __slots__ = ("_statement", "_texts")

    def __init__(self, statement: Any) -> None:
        """Keep the statement; it is compiled at first use."""
        self._statement = statement
        self._texts: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def execute(
        self, connection: sa.Connection, values: Mapping[str, object]
    ) -> sa.CursorResult[Any]:
        """Run it; `values` name every parameter. Raises what the connection raises."""
        found = self._texts.get(connection.dialect.name)
        if found is None:
            found = self._compile(connection)
        text, order = found
        if order is None:
            return connection.exec_driver_sql(text, dict(values))
        return connection.exec_driver_sql(text, tuple(values[name] for name in order))

    def _compile(self, connection: sa.Connection) -> tuple[str, tuple[str, ...] | None]:
        compiled = self._statement.compile(dialect=connection.dialect)
        order = tuple(compiled.positiontup) if compiled.positional else None
        found = (str(compiled), order)
        self._texts[connection.dialect.name] = found
        return found
