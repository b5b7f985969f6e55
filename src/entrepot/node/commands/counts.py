"""`entrepot counts`: the registry in numbers, counted from the published log and from nothing else.

Steps: (1) the checkpoint is signed by the log's keys  (2) all entries hash to its root  (3) their
effects are folded into counts  (4) with `--verify`, what the node itself states is the same.
Whoever runs this needs no access to the node but its public files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from entrepot.kernel.checkpoint import SignedCheckpoint
from entrepot.kernel.cosignature import open_checkpoint
from entrepot.kernel.encoding import to_json
from entrepot.kernel.errors import InvalidInput, NotFound, VerificationError
from entrepot.kernel.home import default_home, read_log_keys
from entrepot.kernel.note import VerifierKey, parse_vkey
from entrepot.kernel.tiles import WIDTH, Edge, TileTree
from entrepot.node.monitoring.sources import Source
from entrepot.registry.directorycounts import Counts, Numbers, Tally

STATED_MAX_BYTES: Final = 4 << 20
READ_AGAIN: Final = 5
"""Times the checkpoint is read until it covers the tree that the node's counts are for."""


class Stated(msgspec.Struct, frozen=True):
    """What a node answers under `/registry/counts`."""

    counts: Counts


class Counted(msgspec.Struct, frozen=True):
    """What this command found."""

    log: str
    tree_size: int
    root: str
    checkpoint_size: int
    keys: str
    counts: Counts
    stated: bool
    differences: list[str]


@click.command(name="counts", help="Count the registry from the published log, and compare.")
@click.option("--url", default="", help="Node to read: its URL, or that of its log.")
@click.option("--home", type=click.Path(path_type=Path), help="Home to read instead.")
@click.option("--keys", "keys_file", type=click.Path(path_type=Path, exists=True),
              help="File of the log's vkeys; without it the log's own word is taken.")  # fmt: skip
@click.option("--verify", is_flag=True, help="Compare with what the node states (with --url).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    url: str, home: Path | None, keys_file: Path | None, verify: bool, as_json: bool
) -> int:
    """Count; exit 1 when the node states other numbers, 5 when the log does not hold."""
    if url and home is not None:
        raise InvalidInput("name a URL or a home, not both")
    if verify and not url:
        raise InvalidInput("a home states no counts", remedy="use --url of the running node")
    where = url or str(default_home() if home is None else home)
    with Source(where) as source:
        source.find_prefix()
        stated = _stated(source, where) if verify else None
        keys, whose = _keys(source, keys_file, None if url else Path(where))
        least = 0 if stated is None else stated.tree_size
        signed = _checkpoint(source, keys, least)
        size = least or signed.checkpoint.size
        counts = count_log(source, signed, size)
    differences = [] if stated is None else stated.differences(counts)
    checkpoint = signed.checkpoint
    found = Counted(
        checkpoint.origin,
        size,
        checkpoint.root.hex(),
        checkpoint.size,
        whose,
        counts,
        stated is not None,
        differences,
    )
    click.echo(to_json(found) if as_json else "\n".join(_lines(found)))
    return 1 if differences else 0


def _stated(source: Source, where: str) -> Counts:
    """Return the counts that the node states. Raises NotFound, VerificationError."""
    base = where.rstrip("/").removesuffix("/log")
    raw = source.read_url(f"{base}/registry/counts", STATED_MAX_BYTES)
    if raw is None:
        raise NotFound("this node states no counts", value=base)
    try:
        return msgspec.json.decode(raw, type=Stated).counts
    except msgspec.DecodeError as error:
        raise VerificationError("the node's counts cannot be read", value=error) from error


def _keys(
    source: Source, keys_file: Path | None, home: Path | None
) -> tuple[tuple[VerifierKey, ...], str]:
    """Return the keys to verify with, and where they are from."""
    if keys_file is not None:
        return _parsed(keys_file.read_text()), keys_file.name
    if home is not None:
        return read_log_keys(home).verifiers(), "the home"
    own = source.read("keys")
    if own is None:
        raise NotFound("the log serves no keys", value=source.where, remedy="pass --keys FILE")
    return _parsed(own.decode("ascii", "replace")), "the log's own word; compare with --keys"


def _parsed(text: str) -> tuple[VerifierKey, ...]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InvalidInput("there are no keys in it", remedy="one vkey per line")
    return tuple(parse_vkey(line) for line in lines)


def _checkpoint(source: Source, keys: tuple[VerifierKey, ...], least: int) -> SignedCheckpoint:
    """Step 1: return the newest checkpoint, signed by the log, of at least `least` entries."""
    for _ in range(READ_AGAIN):
        raw = source.read("checkpoint")
        if raw is None:
            raise NotFound("the log serves no checkpoint", value=source.where)
        signed = open_checkpoint(raw, keys)
        if signed.checkpoint.size >= least:
            return signed
    raise VerificationError(
        "the published log is shorter than the tree the node counts",
        value=f"{signed.checkpoint.size:,} of {least:,}",
    )


def count_log(source: Source, signed: SignedCheckpoint, size: int) -> Counts:
    """Steps 2 and 3: read every entry, hold them to the root, fold the first `size`.

    Raises VerificationError when an entry is missing or the root is another.
    """
    checkpoint = signed.checkpoint
    tree = TileTree(checkpoint.size, source.read)
    edge, tally, counts = Edge(), Tally(), Tally().counts()
    for entries in _bundles(tree):
        edge = edge.grow(entries).edge
        for entry in entries:
            if tally.size < size:
                tally.add(entry)
                if tally.size == size:
                    counts = tally.counts()
    if edge.root != checkpoint.root:
        raise VerificationError(
            "the entries of the log do not hash to the root of its checkpoint",
            value=edge.root.hex(),
        )
    return counts


def _bundles(tree: TileTree) -> Iterator[list[bytes]]:
    for number in range(-(-tree.size // WIDTH)):
        yield tree.bundle_entries(number)


def _lines(found: Counted) -> list[str]:
    counts = found.counts
    lines = [
        f"log         {found.log}",
        f"entries     {found.tree_size:,} of {found.checkpoint_size:,} published",
        f"root        {found.root}",
        f"keys        {found.keys}",
        f"parties     {counts.parties:,}  {_listed(counts.roles)}",
        f"products    {_listed(counts.products) or '0'}; revisions {counts.revisions:,}; "
        f"releases {counts.releases:,}",
    ]
    facets = sorted(counts.facets.items())
    lines += [f"{name:<11} {_listed(numbers)}" for name, numbers in facets if numbers]
    lines += [f"right to {right}: {_listed(n)}" for right, n in sorted(counts.rights.items())]
    lines.append(f"objections  {_listed(counts.objections) or '0'}")
    lines += [
        f"{kind} certificates: {_listed(n)}" for kind, n in sorted(counts.certificates.items())
    ]
    lines += [f"{month}     {_listed(numbers)}" for month, numbers in sorted(counts.months.items())]
    if found.stated and not found.differences:
        lines.append("the node states the same numbers")
    lines += [f"DIFFERS     {one} (stated and counted)" for one in found.differences]
    return lines


def _listed(numbers: Numbers) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(numbers.items()))
