"""The toy law in plain Python and NumPy: the reference that every engine must agree with."""

from __future__ import annotations

import numpy as np

FLAGS = """personal us_person covered concern brokerage vendor omic government cisa exempt eu
adequate dpf hr dpf_hr scc tia bcr consent contract occasional""".split()


def fact_sets(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Random fact sets as columns: booleans, and persons around both thresholds."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.random(count) < 0.5 for name in FLAGS}
    columns["personal"] = rng.random(count) < 0.9
    columns["persons"] = rng.integers(0, 20_000, count)
    return columns


def decide(f: dict[str, object]) -> str:
    """Return the outcome for one fact set."""
    if not f["personal"]:
        return "FREE"
    if f["us_person"] and not f["exempt"]:
        bulk = f["persons"] > 10_000  # type: ignore[operator]
        if f["brokerage"] and (f["covered"] or f["concern"]) and (bulk or f["government"]):
            return "PROHIBITED"
        if f["omic"] and f["covered"] and f["persons"] > 1_000:  # type: ignore[operator]
            return "PROHIBITED"
        if f["vendor"] and f["covered"] and bulk:
            return "RESTRICTED_SECURITY" if f["cisa"] else "PROHIBITED"
    if not f["eu"]:
        return "FREE"
    if f["adequate"] or (f["dpf"] and (not f["hr"] or f["dpf_hr"])):
        return "ADEQUACY_LISTED"
    if f["scc"] and f["tia"]:
        return "CONTRACT"
    if f["bcr"] and f["tia"]:
        return "BCR"
    if f["occasional"] and (f["consent"] or f["contract"]):
        return "DEROGATION"
    return "PROHIBITED"


def decide_columns(c: dict[str, np.ndarray]) -> np.ndarray:
    """Return the outcomes of many fact sets at once (NumPy), shape (n,), as small integers."""
    bulk, us = c["persons"] > 10_000, c["us_person"] & ~c["exempt"]
    barred = us & c["brokerage"] & (c["covered"] | c["concern"]) & (bulk | c["government"])
    barred |= us & c["omic"] & c["covered"] & (c["persons"] > 1_000)
    vendor = us & c["vendor"] & c["covered"] & bulk
    barred |= vendor & ~c["cisa"]
    adequate = c["adequate"] | (c["dpf"] & (~c["hr"] | c["dpf_hr"]))
    return np.select(
        [
            ~c["personal"],
            barred,
            vendor,
            ~c["eu"],
            adequate,
            c["scc"] & c["tia"],
            c["bcr"] & c["tia"],
            c["occasional"] & (c["consent"] | c["contract"]),
        ],
        [0, 1, 2, 0, 3, 4, 5, 6],
        default=1,
    ).astype(np.int8)


CODES = [
    "FREE",
    "PROHIBITED",
    "RESTRICTED_SECURITY",
    "ADEQUACY_LISTED",
    "CONTRACT",
    "BCR",
    "DEROGATION",
]
