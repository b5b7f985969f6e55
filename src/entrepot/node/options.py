"""Kinds of values that several commands take on the command line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click


class DateParameter(click.ParamType[date]):
    """A calendar date, ISO 8601 (`2024-03-22`), or `today`."""

    name = "date"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        """Return the date, or fail with what was expected."""
        if isinstance(value, date):
            return value
        text = str(value).strip()
        if text == "today":
            return date.today()  # noqa: DTZ011 - the reader's own calendar day
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is not a date; write it as 2024-03-22", param, ctx)


DATE = DateParameter()

laws_option = click.option(
    "--laws",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of laws to use instead of the packaged one.",
)
"""Of every command that only asks the law. `clear` has no such option: it acts under the law that
`verify` finds in the same release."""
