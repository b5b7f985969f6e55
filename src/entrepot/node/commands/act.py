"""`entrepot act`: sign acts, send them to a node, show what came of them.

A body is written as JSON. What JSON cannot say, bytes, is `{"$bytes": "<hex>"}`. The signed act is
kept in a file before it is sent, so that it can be sent again: the same bytes have one answer.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from entrepot.client import Client
from entrepot.client.answers import ActAnswer
from entrepot.kernel import files
from entrepot.kernel.acts import ACT_ID_BYTES, ACT_MAX_BYTES, ActId, SignedAct, new_act_id, sign_act
from entrepot.kernel.checkpoint import LogKeys, parse_log_keys
from entrepot.kernel.encoding import to_json
from entrepot.kernel.errors import Conflict, Error, InvalidInput, NotFound, visible
from entrepot.kernel.keys import load_key
from entrepot.node.api.sequence import split_sequence

BODY_MAX_BYTES: Final = ACT_MAX_BYTES * 4
ACTS_FILE_MAX_BYTES: Final = 1 << 30
ACTS_MAX: Final = 1_000_000
_FILE = click.Path(path_type=Path)
_URL = click.option("--url", default="http://127.0.0.1:8600", show_default=True, help="The node.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_KEYS = click.option(
    "--log-keys", type=_FILE, help="Pinned keys of the log (two vkey lines): verify every receipt."
)


@click.group(name="act", help="Sign acts, send them to a node, show what came of them.")
def command() -> None:
    """Sign, send or show acts."""


@command.command(name="sign", help="Sign one act of KIND with the body in BODY (JSON).")
@click.argument("kind")
@click.argument("body", type=_FILE)
@click.option("--key", "key_file", type=_FILE, required=True, help="Private key (PEM, mode 0600).")
@click.option("--passphrase-file", type=_FILE, help="File with the passphrase of the key.")
@click.option("--out", type=_FILE, required=True, help="Where the signed act goes (a new file).")
@click.option("--act-id", "act_id_hex", help="32 hex digits; fresh ones unless given.")
@click.option("--log", "origin", default="", help="Origin of the one log that may take it.")
def sign(  # noqa: PLR0913 - each is an option of the command
    kind: str,
    body: Path,
    key_file: Path,
    passphrase_file: Path | None,
    out: Path,
    act_id_hex: str | None,
    origin: str,
) -> None:
    """Write a signed act to a new file and print its id and hash."""
    passphrase = None if passphrase_file is None else _read(passphrase_file, 4_096).strip()
    key = load_key(key_file, passphrase=passphrase)
    try:
        plain = msgspec.json.decode(_read(body, BODY_MAX_BYTES), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"body is no JSON object: {error}", value=body) from None
    act_id = new_act_id() if act_id_hex is None else _act_id(act_id_hex)
    now = int(time.time())
    act = sign_act(key, kind, with_bytes(plain), issued_at=now, act_id=act_id, audience=origin)
    try:
        files.create_durable(out, act)
    except FileExistsError:
        raise Conflict("a file of this name exists", value=out) from None
    click.echo(f"{out}: {kind}, act id {act_id.hex()}, {len(act):,} bytes")


@command.command(name="send", help="Send the signed acts in FILE (one, or a CBOR sequence).")
@click.argument("file", type=_FILE)
@_URL
@_KEYS
@_JSON
def send(file: Path, url: str, log_keys: Path | None, as_json: bool) -> int:
    """Send acts until each is answered; exit 1 when one is refused, referred or rejected."""
    acts = split_sequence(
        _read(file, ACTS_FILE_MAX_BYTES), items_max=ACTS_MAX, item_max_bytes=ACT_MAX_BYTES
    )
    with Client(url, log_keys=_pinned(log_keys)) as client:
        if len(acts) == 1:
            outcomes: list[ActAnswer | Error] = [client.submit(acts[0])]
        else:
            outcomes = client.submit_many(acts)
    if as_json:
        views = [item.as_problem() if isinstance(item, Error) else item for item in outcomes]
        click.echo(to_json(views[0] if len(views) == 1 else views))
    else:
        for outcome in outcomes:
            click.echo(line_of(outcome))
    return 0 if all(_is_granted(outcome) for outcome in outcomes) else 1


@command.command(name="show", help="Show a signed act (FILE), or the entry at an INDEX of a node.")
@click.argument("what")
@_URL
@_JSON
def show(what: str, url: str, as_json: bool) -> None:
    """Print what a file claims, unverified, or what a node's log shows of an act."""
    if what.isdecimal() and not Path(what).exists():
        with Client(url) as client:
            view: Any = msgspec.to_builtins(client.get(int(what)), builtin_types=(bytes,))
    else:
        act = SignedAct(_read(Path(what), ACT_MAX_BYTES))
        view = {
            "kind": act.unverified_kind,
            "issuer": act.unverified_kid.hex(),
            "body": {str(name): value for name, value in act.unverified_body.items()},
        }
    view = without_bytes(view)
    if as_json:
        click.echo(to_json(view))
        return
    for name, value in view.items():
        click.echo(visible(f"{name:<10} {value}"))


def line_of(outcome: ActAnswer | Error) -> str:
    """Return what came of one act in one line, with every reason below it."""
    if isinstance(outcome, Error):
        return f"rejected   {outcome}"
    again = ", answered before" if outcome.repeated else ""
    to = f" to {outcome.to}" if outcome.to else ""
    head = f"{outcome.outcome}{to}   entry {outcome.index} of {outcome.tree_size}{again}"
    reasons = [f"  {one.code}: {one.sentence} ({one.citation})" for one in outcome.reasons]
    return visible("\n".join([head, *reasons]))  # without pinned keys it is a stranger's text


def with_bytes(value: Any) -> Any:
    """Return a JSON value with every `{"$bytes": hex}` as bytes. Raises InvalidInput."""
    if isinstance(value, list):
        return [with_bytes(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$bytes"}:
        try:
            return bytes.fromhex(value["$bytes"])
        except (TypeError, ValueError):
            raise InvalidInput("$bytes are hex digits", value=value["$bytes"]) from None
    return {name: with_bytes(item) for name, item in value.items()}


def without_bytes(value: Any) -> Any:
    """Return a plain value as JSON can say it: the inverse of `with_bytes`."""
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, list | tuple):
        return [without_bytes(item) for item in value]
    if isinstance(value, dict):
        return {str(name): without_bytes(item) for name, item in value.items()}
    return value


def _is_granted(outcome: ActAnswer | Error) -> bool:
    return isinstance(outcome, ActAnswer) and outcome.outcome == "granted"


def _act_id(text: str) -> ActId:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != ACT_ID_BYTES:
        raise InvalidInput("an act id is 32 hex digits", value=text)
    return ActId(raw)


def _pinned(file: Path | None) -> LogKeys | None:
    return None if file is None else parse_log_keys(_read(file, 65_536).decode("ascii", "replace"))


def _read(path: Path, most_bytes: int) -> bytes:
    """Return a file's content. Raises NotFound, StorageError, InvalidInput when it is too large."""
    try:
        with path.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except FileNotFoundError:
        raise NotFound("there is no file here", value=path) from None
    except OSError as error:
        raise files.storage_error(error, path) from error
    if len(content) > most_bytes:
        raise InvalidInput(f"file is larger than {most_bytes:,} bytes", value=path)
    return content
