"""Whether quotes stand where the grammar of delimited text allows them (RFC 4180, section 2).

A quoted field begins right after a delimiter or a line end and stops right before one; a quote
inside is doubled or, in the other convention, escaped with a backslash; any other quote is text.
"""

from __future__ import annotations

import re

import msgspec

_OPEN_SHARE_MAX = 0.5
"""Of a sample cut short, the last field may be open; if it is most of the sample, a stray quote
is likelier than a long text."""


class Quotes(msgspec.Struct, frozen=True):
    """How a sample whose quotes obey the grammar uses them."""

    fields: int
    """Quoted fields."""
    needed: int
    """Those that hold a delimiter, a line end or a quote, and would not be one field without."""


def count_quotes(
    sample: str, delimiter: str, quote: str, escape: str, *, skip_spaces: bool, complete: bool
) -> Quotes | None:
    """Return the use of quotes in a sample; None if one of them breaks the grammar.

    `complete` says that the sample is the whole text; else its last field may still be open.
    """
    edge, mark = re.escape(delimiter), re.escape(quote)
    blanks = " *+" if skip_spaces else ""
    inside = rf"[^{mark}]++" if not escape else rf"[^{mark}\\]++|\\(?s:.)"
    quoted = rf"{blanks}{mark}((?:{inside}|{mark}{mark})*+){mark}"
    field = re.compile(rf"(?:{quoted}|[^{mark}{edge}\r\n]*+)(?:{edge}|\r\n|\r|\n|\Z)")
    special = (delimiter, quote, "\n", "\r")
    position = fields = needed = 0
    while position < len(sample):
        found = field.match(sample, position)
        if found is None:
            rest = sample[position:].lstrip(" " if skip_spaces else "")
            is_open = not complete and rest.startswith(quote) and fields > 0
            if not is_open or len(rest) > _OPEN_SHARE_MAX * len(sample):
                return None
            break
        if found[1] is not None:
            fields += 1
            needed += any(char in found[1] for char in special)
        position = found.end()
    return Quotes(fields, needed)
