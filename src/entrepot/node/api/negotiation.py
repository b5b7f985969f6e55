"""Which of the media types we can make a client prefers (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """Return the offered type with the highest quality; the first one when none is asked for.

    What cannot be read in an Accept header is passed over: an answer in our first type is of more
    use than a refusal to answer.
    """
    if not accept:
        return offered[0]
    best, best_rank = offered[0], (0.0, 0)
    ranges = [_range(part) for part in accept[:2_000].split(",")]
    for media_type in offered:
        rank = max((_rank(media_type, *one) for one in ranges), default=(0.0, 0))
        if rank[0] > best_rank[0] or (rank[0] == best_rank[0] and rank[1] > best_rank[1]):
            best, best_rank = media_type, rank
    return best


def _range(part: str) -> tuple[str, float]:
    """Return the media range and quality of one part of an Accept header."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                quality = 0.0
    return name, quality if quality == quality else 0.0


def _rank(media_type: str, wanted: str, quality: float) -> tuple[float, int]:
    """Return quality and closeness (2 the type itself, 1 its family, 0 anything or nothing)."""
    if wanted == media_type:
        return quality, 2
    if wanted == media_type.split("/")[0] + "/*":
        return quality, 1
    return (quality, 0) if wanted == "*/*" else (0.0, 0)
