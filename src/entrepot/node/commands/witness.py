"""`entrepot witness`: this node as a witness of other logs, and what others witnessed of it."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec
import sqlalchemy as sa

from entrepot.kernel import files
from entrepot.kernel.cosignature import Cosigner
from entrepot.kernel.encoding import to_base64, to_json
from entrepot.kernel.errors import InvalidInput, NotFound, VerificationError, visible
from entrepot.kernel.home import (
    OPERATOR,
    OPERATOR_ML_DSA,
    default_home,
    log_keys,
)
from entrepot.kernel.keys import load_public_key
from entrepot.kernel.logfiles import open_log_files
from entrepot.kernel.note import NOTE_MAX_BYTES, parse_vkey
from entrepot.kernel.policy import (
    POLICY_MAX_BYTES,
    KnownLog,
    parse_policy,
    verify_proof_under_policy,
)
from entrepot.kernel.store import Store
from entrepot.kernel.tiles import ENTRY_MAX_BYTES
from entrepot.node.settings import Settings, read_settings
from entrepot.node.witnessing import identity, memory
from entrepot.node.witnessing.published import (
    LogReader,
    newest_known,
    read_policy,
    require_ours,
)
from entrepot.node.witnessing.watched import (
    WATCHED_FILE,
    add_watched,
    by_origin,
    read_watched,
    remove_watched,
)

KEYS_MAX_BYTES = 1 << 16


class WatchedView(msgspec.Struct, frozen=True):
    """A log this node cosigns, and what it last cosigned of it (None: nothing yet)."""

    origin: str
    keys: int
    url: str
    size: int | None = None
    root: str | None = None
    at: int | None = None


class AskedView(msgspec.Struct, frozen=True):
    """What one witness of this node has seen of its log."""

    name: str
    url: str
    size: int | None
    said: str
    """`ours`, `nothing`, or what is wrong."""


class ProofView(msgspec.Struct, frozen=True):
    """What a proof shows: where the entry is, and who cosigned the tree when (POSIX seconds)."""

    origin: str
    index: int
    size: int
    root: str
    cosigned_by: dict[str, int]


_HOME = click.option("--home", type=click.Path(path_type=Path), help="Home of the node.")
_SETTINGS = click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), help="TOML settings file."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="witness", help="Cosign other logs; see who cosigned this one.")
def command() -> None:
    """Make the keys of a witness, choose the logs it watches, look at both sides."""


@command.command(name="init", help="Make the keys of this node as a witness, if it has none.")
@_HOME
@_SETTINGS
@_JSON
def init(home: Path | None, settings_file: Path | None, as_json: bool) -> None:
    """Make keys/witness.pem and keys/witness-ml-dsa.pem; print their vkeys."""
    settings, where = _settled(home, settings_file)
    _print_identity(identity.make_cosigner(where, _passphrase(settings)), as_json=as_json)


@command.command(name="show", help="Show the vkeys of this node as a witness.")
@_HOME
@_SETTINGS
@_JSON
def show(home: Path | None, settings_file: Path | None, as_json: bool) -> None:
    """Print name and vkeys, as the policies of others need them."""
    settings, where = _settled(home, settings_file)
    if not identity.has_cosigner(where):
        raise NotFound("this node is no witness", remedy="entrepot witness init makes its keys")
    _print_identity(identity.load_cosigner(where, _passphrase(settings)), as_json=as_json)


@command.command(name="add", help="Cosign a log from now on; a running node notices.")
@click.argument("vkeys", nargs=-1)
@click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="File of its vkeys.")
@click.option("--url", default="", help="Where the log is read.")
@_HOME
@_SETTINGS
def add(
    vkeys: tuple[str, ...],
    keys_file: Path | None,
    url: str,
    home: Path | None,
    settings_file: Path | None,
) -> None:
    """Add the keys of one log; Conflict when one is there."""
    settings, where = _settled(home, settings_file)
    lines = [*vkeys, *(_lines(keys_file) if keys_file is not None else ())]
    known = [KnownLog(parse_vkey(line), url) for line in lines]
    if len({log.key.name for log in known}) != 1:
        raise InvalidInput(
            "give the vkeys of one log", remedy="entrepot witness add --keys log.keys"
        )
    add_watched(_watched_file(settings, where), known)
    click.echo(f"cosigning {visible(known[0].key.name)} with {len(known)} of its keys")


@command.command(name="remove", help="Cosign a log no more; what was cosigned stays remembered.")
@click.argument("origin")
@_HOME
@_SETTINGS
def remove(origin: str, home: Path | None, settings_file: Path | None) -> None:
    """Remove a log by its origin; NotFound when it is not there."""
    settings, where = _settled(home, settings_file)
    remove_watched(_watched_file(settings, where), origin)
    click.echo(f"not cosigning {visible(origin)} any more")


@command.command(name="list", help="List the logs this node cosigns, and how far each has come.")
@_HOME
@_SETTINGS
@_JSON
def list_logs(home: Path | None, settings_file: Path | None, as_json: bool) -> None:
    """Print every watched log with size and time of its last cosigned checkpoint."""
    settings, where = _settled(home, settings_file)
    views = _watched_views(settings, where)
    if as_json:
        click.echo(to_json(views))
        return
    for view in views:
        size = "nothing yet" if view.size is None else f"{view.size:,} entries at {view.at}"
        click.echo(f"{visible(view.origin)}  {view.keys} keys  cosigned: {size}")
    if not views:
        click.echo("no log is watched; entrepot witness add --keys log.keys adds one")


@command.command(name="ask", help="Ask the witnesses of this node what they saw of its log.")
@click.option("--policy", "policy_file", type=click.Path(path_type=Path), help="C2SP tlog-policy.")
@_HOME
@_SETTINGS
@_JSON
def ask(
    policy_file: Path | None, home: Path | None, settings_file: Path | None, as_json: bool
) -> int:
    """Compare with each; exit 5 when one holds a larger or another checkpoint of ours."""
    settings, where = _settled(home, settings_file)
    chosen = str(policy_file) if policy_file is not None else settings.witnessing.policy_file
    policy = read_policy(where, chosen)
    if policy is None:
        raise NotFound("this node has no policy", value=where, remedy="write witness.policy there")
    folder = where / "keys"
    keys = log_keys(*(load_public_key(folder / f"{name}.pub") for name in _LOG_KEYS))
    log_files = open_log_files(settings.log.url, where)
    views, wrong = [], False
    try:
        log = LogReader(log_files.read)
        for view in newest_known(policy, keys):
            said, size = view.error or "nothing", None
            if view.seen is not None:
                said, size = "ours", view.seen.checkpoint.size
                try:
                    require_ours(view.seen, log, keys, view.url)
                except VerificationError as error:
                    said, wrong = error.what, True
            views.append(AskedView(view.name, view.url, size, said))
    finally:
        log_files.close()
    if as_json:
        click.echo(to_json(views))
    for item in [] if as_json else views:
        shown = "-" if item.size is None else f"{item.size:,}"
        click.echo(f"{visible(item.name)}  {visible(item.url)}  {shown}  {visible(item.said)}")
    return VerificationError.exit_code if wrong else 0


@command.command(name="check", help="Verify a .tlog-proof of an entry under a policy, offline.")
@click.argument("proof", type=click.Path(path_type=Path))
@click.argument("entry", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    required=True,
    help="C2SP tlog-policy.",
)
@click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="The log's vkeys.")
@_JSON
def check(
    proof: Path, entry: Path, policy_file: Path, keys_file: Path | None, as_json: bool
) -> None:
    """Say at which index of which tree ENTRY is, and who cosigned it; exit 5 when it is not."""
    policy = parse_policy(_content(policy_file, POLICY_MAX_BYTES))
    log = [parse_vkey(line) for line in _lines(keys_file)] if keys_file is not None else []
    index, verdict = verify_proof_under_policy(
        _content(proof, NOTE_MAX_BYTES), _content(entry, ENTRY_MAX_BYTES), policy, log=log
    )
    checkpoint = verdict.seen.checkpoint
    view = ProofView(
        checkpoint.origin,
        index,
        checkpoint.size,
        to_base64(checkpoint.root),
        {found.key.name: found.at or 0 for found in verdict.cosignatures},
    )
    if as_json:
        click.echo(to_json(view))
        return
    click.echo(f"entry {index:,} of {view.size:,} in {visible(view.origin)}")
    for name, at in view.cosigned_by.items():
        click.echo(f"  cosigned by {visible(name)} at {at}")


_LOG_KEYS = (OPERATOR, OPERATOR_ML_DSA)


def _settled(home: Path | None, settings_file: Path | None) -> tuple[Settings, Path]:
    given = {} if home is None else {"home": str(home)}
    settings = read_settings(settings_file, environment=os.environ, given=given)
    return settings, Path(settings.home) if settings.home else default_home()


def _passphrase(settings: Settings) -> bytes | None:
    return settings.passphrase.reveal().encode() or None


def _watched_file(settings: Settings, home: Path) -> Path:
    named = settings.witnessing.witness_logs_file
    return Path(named) if named else home / WATCHED_FILE


def _lines(path: Path) -> list[str]:
    try:
        text = _content(path, KEYS_MAX_BYTES).decode()
    except UnicodeDecodeError:
        raise InvalidInput("file of keys is not text", value=path) from None
    return [line.strip() for line in text.split("\n") if line.strip()]


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


def _print_identity(cosigner: Cosigner, *, as_json: bool) -> None:
    vkeys = [key.vkey() for key in cosigner.verifiers()]
    if as_json:
        click.echo(to_json({"name": cosigner.name, "vkeys": vkeys}))
        return
    click.echo("\n".join(vkeys))


def _watched_views(settings: Settings, home: Path) -> list[WatchedView]:
    known = read_watched(_watched_file(settings, home))
    urls = {log.key.name: log.url for log in known if log.url}
    seen = _memories(settings, home)
    views = []
    for origin, log in by_origin(known).items():
        last = seen.get(origin)
        url = urls.get(origin, "")
        if last is None:
            views.append(WatchedView(origin, len(log.keys), url))
            continue
        root = to_base64(last.root)
        views.append(WatchedView(origin, len(log.keys), url, last.size, root, last.at))
    return views


def _memories(settings: Settings, home: Path) -> dict[str, sa.Row[tuple[int, bytes, int]]]:
    """Return what the store remembers by origin; nothing where there is no store yet."""
    url = settings.store.url.reveal()
    if not url and not (home / "store.sqlite").exists():
        return {}
    store = Store.open(url or home / "store.sqlite", writer=False)
    try:
        with store.reading() as read:
            if not sa.inspect(read).has_table(memory.WITNESS.name):
                return {}
            rows = read.execute(sa.select(memory.WITNESS)).all()
    finally:
        store.close()
    return {row.origin: row for row in rows}
