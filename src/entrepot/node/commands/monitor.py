"""`entrepot monitor`: follow a log from outside, and keep the proof when it misbehaves."""

from __future__ import annotations

import time
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Final

import click
import msgspec

from entrepot.kernel import files
from entrepot.kernel.encoding import to_json
from entrepot.kernel.errors import Error, InvalidInput, NotFound, visible
from entrepot.kernel.note import VerifierKey, parse_vkey
from entrepot.kernel.policy import POLICY_MAX_BYTES, Policy, parse_policy
from entrepot.node.monitoring.following import Look, Watched, look
from entrepot.node.monitoring.mentions import Mention, Tally
from entrepot.node.monitoring.misbehaviour import (
    FILE_MAX_BYTES,
    Misbehaviour,
    decode_misbehaviour,
    encode_misbehaviour,
    verify_misbehaviour,
)
from entrepot.node.monitoring.sources import Source
from entrepot.node.monitoring.state import State, load_state, save_state
from entrepot.node.witnessing.asking import Unreachable, said
from entrepot.node.witnessing.replacing import replace_file

EXIT_STALE, EXIT_MISBEHAVIOUR = 1, 5
KEYS_MAX_BYTES: Final = 1 << 16


class Report(msgspec.Struct, frozen=True, omit_defaults=False):
    """One look as it is printed."""

    log: str
    where: str
    at: int
    size: int
    grown: int
    age_s: int | None
    cosigned_by: list[str]
    witnesses: dict[str, int | None]
    read: Tally
    mentions: list[Mention]
    troubles: list[str]
    stale: bool
    misbehaviour: list[dict[str, str]]


@click.command(
    name="monitor", help="Follow a log: signatures, growth, every entry, mirrors and witnesses."
)
@click.argument("url", required=False)
@click.option("--key", "vkeys", multiple=True, metavar="VKEY", help="A key of the log.")
@click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="File of its vkeys.")
@click.option("--policy", "policy_file", type=click.Path(path_type=Path), help="C2SP tlog-policy.")
@click.option("--state", "state_file", type=click.Path(path_type=Path), help="What to remember.")
@click.option("--party", "parties", multiple=True, metavar="ID", help="Report what names it.")
@click.option("--also", "mirrors", multiple=True, metavar="URL", help="A mirror to compare.")
@click.option("--heads-only", is_flag=True, help="Do not download the entries.")
@click.option("--stale-after", type=click.IntRange(1), metavar="S", help="Older is stale (exit 1).")
@click.option("--follow", is_flag=True, help="Look again and again until something is wrong.")
@click.option("--every", "every_s", type=click.FloatRange(0.05), default=30.0, show_default=True,
              help="Seconds between looks.")  # fmt: skip
@click.option("--proof", "proof_file", type=click.Path(path_type=Path), default=None,
              help="Where to write a proof of misbehaviour.")  # fmt: skip
@click.option("--check", "check_file", type=click.Path(path_type=Path), default=None,
              help="Verify a proof of misbehaviour instead.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line per look.")
def command(  # noqa: PLR0913 - one parameter per option
    url: str | None,
    vkeys: tuple[str, ...],
    keys_file: Path | None,
    policy_file: Path | None,
    state_file: Path | None,
    parties: tuple[str, ...],
    mirrors: tuple[str, ...],
    heads_only: bool,
    stale_after: int | None,
    follow: bool,
    every_s: float,
    proof_file: Path | None,
    check_file: Path | None,
    as_json: bool,
) -> int:
    """Look at the log at URL; exit 5 with a proof file when it misbehaves, 1 when it is stale."""
    policy = parse_policy(_content(policy_file, POLICY_MAX_BYTES)) if policy_file else None
    keys = _keys(vkeys, keys_file, policy)
    if check_file is not None:
        return _check(check_file, keys, as_json=as_json)
    if url is None:
        raise InvalidInput("say which log to follow", remedy="entrepot monitor URL --keys FILE")
    origin = keys[0].name
    state = load_state(state_file, origin) if state_file is not None else State(origin)

    def keep(state: State) -> None:
        if state_file is not None:
            save_state(state_file, state)

    with ExitStack() as stack:
        source = stack.enter_context(Source(url))
        also = tuple(stack.enter_context(Source(mirror)) for mirror in mirrors)
        watched = Watched(origin, keys, policy, parties, also, not heads_only, keep)
        found_all = _Prefixes(source, also)
        while True:
            now = int(time.time())
            try:
                found_all.find()
                found = look(source, watched, state, now)
            except Error as error:
                if not follow or not isinstance(error, Unreachable | NotFound):
                    raise
                _print_trouble(error, as_json=as_json)
                time.sleep(every_s)
                continue
            keep(state)
            stale = _is_stale(found, state, now, stale_after)
            proofs = [_keep_proof(item, proof_file) for item in found.misbehaviour]
            _print(_report(found, state, source.where, now, stale, proofs), as_json=as_json)
            if found.misbehaviour:
                return EXIT_MISBEHAVIOUR
            if stale and not follow:
                return EXIT_STALE
            if not follow:
                return 0
            time.sleep(every_s)


class _Prefixes:
    """The places of which it is not known yet whether a node or its log was named."""

    def __init__(self, source: Source, mirrors: tuple[Source, ...]) -> None:
        self._source: Source | None = source
        self._mirrors = list(mirrors)

    def find(self) -> None:
        """Find each prefix once; a mirror that does not answer is asked again the next time."""
        if self._source is not None:
            self._source.find_prefix()
            self._source = None
        left = []
        for mirror in self._mirrors:
            try:
                mirror.find_prefix()
            except (Unreachable, NotFound):
                left.append(mirror)
        self._mirrors = left


def _keys(
    vkeys: tuple[str, ...], keys_file: Path | None, policy: Policy | None
) -> tuple[VerifierKey, ...]:
    lines = list(vkeys)
    if keys_file is not None:
        content = _content(keys_file, KEYS_MAX_BYTES)
        try:
            lines += [line for line in content.decode("utf-8").split("\n") if line.strip()]
        except UnicodeDecodeError:
            raise InvalidInput("file of keys is not text", value=keys_file) from None
    keys = [parse_vkey(line.strip()) for line in lines]
    if not keys and policy is not None:
        keys = [known.key for known in policy.logs]
    if not keys:
        raise InvalidInput(
            "no key of the log is given", remedy="--key VKEY, --keys FILE, or a policy with a log"
        )
    if len({key.name for key in keys}) != 1:
        raise InvalidInput("the keys are of several logs", remedy="follow one log at a time")
    return tuple(keys)


def _content(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise NotFound("there is no such file", value=path) from None
    except OSError as error:
        raise files.storage_error(error, path) from error
    if len(content) > limit:
        raise InvalidInput(f"file is larger than {limit:,} bytes", value=path)
    return content


def _check(path: Path, keys: tuple[VerifierKey, ...], *, as_json: bool) -> int:
    proven = verify_misbehaviour(decode_misbehaviour(_content(path, FILE_MAX_BYTES)), keys)
    click.echo(to_json({"proven": proven}) if as_json else f"proven: {proven}")
    return 0


def _is_stale(found: Look, state: State, now: int, stale_after: int | None) -> bool:
    if stale_after is None:
        return False
    age_s = found.age_s(now)
    behind = bool(state.behind_since) and now - state.behind_since >= stale_after
    return behind or (age_s is not None and age_s > stale_after)


def _keep_proof(found: Misbehaviour, proof_file: Path | None) -> dict[str, str]:
    """Write the proof to a file of its own; return what is printed of it."""
    content = encode_misbehaviour(found)
    name = f"{found.kind}-{sha256(content).hexdigest()[:12]}.json"
    path = Path(name) if proof_file is None else proof_file
    if proof_file is not None and path.exists():
        path = path.with_name(f"{path.stem}-{name}")
    replace_file(path, content)
    return {"kind": found.kind, "what": found.what, "file": str(path)}


def _report(
    found: Look, state: State, where: str, now: int, stale: bool, proofs: list[dict[str, str]]
) -> Report:
    return Report(
        state.origin,
        where,
        now,
        found.size,
        found.grown,
        found.age_s(now),
        [one.key.name for one in found.cosignatures],
        found.witness_sizes,
        state.tally,
        found.mentions,
        found.troubles,
        stale,
        proofs,
    )


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(to_json(report, indent=0))
        return
    age = "" if report.age_s is None else f", signed or cosigned {report.age_s:,} s ago"
    cosigned = f", cosigned by {len(report.cosigned_by)}" if report.cosigned_by else ""
    click.echo(f"{visible(report.log)}  {report.size:,} entries (+{report.grown:,}){cosigned}{age}")
    for mention in report.mentions:
        what = ", ".join(name for name, _values in mention.effects) or mention.about
        click.echo(f"  entry {mention.index:,}  {visible(mention.kind)}  {visible(what)}")
    for trouble in report.troubles:
        click.echo(f"  not checked: {visible(trouble)}")
    if report.stale:
        click.echo("  STALE: nobody has vouched for this tree lately")
    for item in report.misbehaviour:
        click.echo(f"  {item['kind'].upper()}: {visible(item['what'])}\n    kept in {item['file']}")


def _print_trouble(error: Error, *, as_json: bool) -> None:
    click.echo(
        to_json(error.as_problem(), indent=0) if as_json else f"  not reached: {said(error)}"
    )
