"""Words for the checks that run in the reader's browser, as one JSON object per language."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec
from markupsafe import Markup

from entrepot.node.face.language import catalog

_GROUP: Final = "verify.js."


@lru_cache(maxsize=4)
def words_of_verification(language: str) -> Markup:
    """Return the words of `words/verify.yaml` below `js.` as JSON that is safe inside a page."""
    words = {
        key.removeprefix(_GROUP): texts[language]
        for key, texts in catalog().items()
        if key.startswith(_GROUP)
    }
    # Inside a script element only `<` could end the data early.
    return Markup(msgspec.json.encode(words).decode().replace("<", "\\u003c"))  # noqa: S704
