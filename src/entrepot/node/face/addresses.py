"""Addresses within this node: where a page may send a browser on, and nowhere else."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_PATH: Final = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?#-]*")
PATH_MAX_CHARS: Final = 500


def safe_path(given: str | None, *, otherwise: str = "/desk") -> str:
    """Return `given` if it is a path on this node, else `otherwise` (CWE-601, open redirect).

    Refused: another scheme or host, `//host`, `/\\host`, control characters, more than 500
    characters.
    """
    if not given or len(given) > PATH_MAX_CHARS or not _PATH.fullmatch(given):
        return otherwise
    parts = urlsplit(given)
    return given if not parts.scheme and not parts.netloc else otherwise
