"""`entrepot keys`: list, show and make the keys of a home; never the private half."""

from __future__ import annotations

import re
from pathlib import Path

import click
import msgspec

from entrepot.kernel import files
from entrepot.kernel.encoding import to_json
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.home import (
    OPERATOR,
    OPERATOR_ML_DSA,
    default_home,
    log_keys,
    write_public_key,
)
from entrepot.kernel.keys import Algorithm, create_key_file, kid_urn, load_public_key

_ALGORITHMS = {"ed25519": Algorithm.ED25519, "ml-dsa-44": Algorithm.ML_DSA_44}
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


class KeyView(msgspec.Struct, frozen=True):
    """What is shown of a key: only its public half."""

    name: str
    algorithm: str
    kid: str
    urn: str
    private_half: bool
    """Whether the private key lies in this home."""
    vkey: str = ""
    """C2SP verifier key, for the two keys of the log."""
    pem: str = ""


_HOME = click.option("--home", type=click.Path(path_type=Path), help="Home with the keys.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="keys", help="Make and show keys (never the private half).")
def command() -> None:
    """List, show or make keys."""


@command.command(name="list", help="List the keys of a home.")
@_HOME
@_JSON
def list_keys(home: Path | None, as_json: bool) -> None:
    """Print name, algorithm and thumbprint of every key."""
    where = _existing(home)
    views = [_view(where, path.stem) for path in sorted((where / "keys").glob("*.pub"))]
    if as_json:
        click.echo(to_json(views))
        return
    click.echo(f"{'key':<20} {'algorithm':<10} {'thumbprint (SHA-256)':<64}  private half")
    for view in views:
        own = "here" if view.private_half else "not here"
        click.echo(f"{view.name:<20} {view.algorithm:<10} {view.kid}  {own}")


@command.command(name="show", help="Show the public half of one key: PEM, thumbprint, vkey.")
@click.argument("name")
@_HOME
@_JSON
def show_key(name: str, home: Path | None, as_json: bool) -> None:
    """Print one public key; for the log's keys also the C2SP vkey."""
    view = _view(_existing(home), _checked(name))
    if as_json:
        click.echo(to_json(view))
        return
    click.echo(f"{view.name}  {view.algorithm}\nkid   {view.kid}\nurn   {view.urn}")
    if view.vkey:
        click.echo(f"vkey  {view.vkey}")
    click.echo(view.pem, nl=False)


@command.command(name="new", help="Make a key: NAME.pem (0600) and NAME.pub in the home.")
@click.argument("name")
@click.option(
    "--algorithm",
    type=click.Choice(list(_ALGORITHMS)),
    default="ed25519",
    show_default=True,
    help="Kind of key.",
)
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase to lock the file with.")
@_HOME
@_JSON
def new_key(name: str, algorithm: str, passphrase: bool, home: Path | None, as_json: bool) -> None:
    """Make a key that did not exist; Conflict when the name is taken."""
    where = default_home() if home is None else home
    secret = None
    if passphrase:
        prompt = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
        secret = str(prompt).encode()
    try:
        files.make_directories(where / "keys")
        (where / "keys").chmod(0o700)
    except OSError as error:
        raise files.storage_error(error, error.filename or where) from error
    path = where / "keys" / f"{_checked(name)}.pem"
    key = create_key_file(path, _ALGORITHMS[algorithm], passphrase=secret)
    write_public_key(where, name, key.public)
    view = _view(where, name)
    click.echo(to_json(view) if as_json else f"{view.name}  {view.algorithm}\nkid   {view.kid}")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "not a key name", value=name, remedy="use lower-case letters, digits and hyphens"
        )
    return name


def _existing(home: Path | None) -> Path:
    where = default_home() if home is None else home
    if not (where / "keys").is_dir():
        raise NotFound(
            "there are no keys here", value=where, remedy="entrepot keys new NAME makes one"
        )
    return where


def _view(home: Path, name: str) -> KeyView:
    """Return what may be shown of a key; NotFound when there is none of that name."""
    folder = home / "keys"
    key = load_public_key(folder / f"{name}.pub")
    vkey = ""
    if name in (OPERATOR, OPERATOR_ML_DSA):
        both = [load_public_key(folder / f"{item}.pub") for item in (OPERATOR, OPERATOR_ML_DSA)]
        vkey = log_keys(*both).verifiers()[name == OPERATOR_ML_DSA].vkey()
    return KeyView(
        name,
        key.algorithm.name.lower().replace("_", "-"),
        key.kid.hex(),
        kid_urn(key.kid),
        (folder / f"{name}.pem").exists(),
        vkey,
        key.pem().decode(),
    )
