"""`entrepot credential`: verify a credential of a registry offline, and show a part of one."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.text import Text

from entrepot.kernel.checkpoint import parse_log_keys
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.files import storage_error
from entrepot.kernel.keys import load_key, load_public_key
from entrepot.node.screen import Screen
from entrepot.node.shipping import print_json
from entrepot.registry import sdjwt
from entrepot.registry.credentialcheck import Asked, VerifiedCredential, verify_credential
from entrepot.registry.jws import TOKEN_MAX_BYTES, key_name

EXIT_NO = 1
"""It is what it says it is, and it is not valid now."""
_FILE = click.Path(path_type=Path)


@click.group("credential")
def command() -> None:
    """Verify and present certificates as verifiable credentials."""


@command.command("verify")
@click.argument("credential", type=_FILE)
@click.option("--log-keys", type=_FILE, help="The log.keys of the log that you trust.")
@click.option("--issuer-key", type=_FILE, help="The issuer's public key (PEM), without the log.")
@click.option("--status-list", type=_FILE, help="A status list that you fetched.")
@click.option("--audience", default="", help="Who asked: the presentation must be for it.")
@click.option("--nonce", default="", help="What was asked: the presentation must answer it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def verify(  # noqa: PLR0913 - each is an option
    credential: Path,
    log_keys: Path | None,
    issuer_key: Path | None,
    status_list: Path | None,
    audience: str,
    nonce: str,
    as_json: bool,
) -> int:
    """Verify the CREDENTIAL in a file from files alone.

    Exit 5 when something does not hold, 1 when it holds and is revoked, expired or not begun.
    """
    asked = Asked(
        now=int(time.time()),
        log_keys=None if log_keys is None else parse_log_keys(_text(log_keys)),
        issuer_key=None if issuer_key is None else load_public_key(issuer_key),
        status_list="" if status_list is None else _text(status_list).strip(),
        audience=audience,
        nonce=nonce,
    )
    found = verify_credential(_text(credential).strip(), asked)
    if as_json:
        print_json(_plain(found))
    else:
        _show(found)
    return 0 if found.status == "valid" else EXIT_NO


@command.command("present")
@click.argument("credential", type=_FILE)
@click.option("--show", "names", multiple=True, help="A claim to disclose; again for others.")
@click.option("--key", type=_FILE, help="The party's private key, to bind the presentation.")
@click.option("--audience", default="", help="Who asks.")
@click.option("--nonce", default="", help="What is asked.")
def present(
    credential: Path, names: tuple[str, ...], key: Path | None, audience: str, nonce: str
) -> int:
    """Print a presentation of an SD-JWT VC that discloses only what is named."""
    if key is not None and not (audience and nonce):
        raise InvalidInput(
            "a bound presentation is for somebody and answers something",
            remedy="give --audience and --nonce as the verifier stated them",
        )
    holder = None if key is None else load_key(key)
    text = _text(credential).strip()
    shown = sdjwt.present(
        text, names, holder=holder, audience=audience, nonce=nonce, at=int(time.time())
    )
    click.echo(shown)
    return 0


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(TOKEN_MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("there is no such file", value=path) from None
    except OSError as error:
        raise storage_error(error, path) from error
    if len(content) > TOKEN_MAX_BYTES or not content.isascii():
        raise InvalidInput("not a credential, a status list or the keys of a log", value=path)
    return content.decode("ascii")


def _plain(found: VerifiedCredential) -> dict[str, object]:
    return {
        "form": found.form,
        "kind": found.kind,
        "certificate": found.certificate if found.certificate >= 0 else None,
        "party": found.party or None,
        "issuer": found.issuer,
        "valid_from": found.valid_from,
        "valid_until": found.valid_until,
        "status": found.status,
        "status_as_of": found.status_as_of,
        "proven_at": found.proven_at,
        "holder": None if found.holder is None else key_name(found.holder),
        "claims": dict(found.claims),
    }


def _show(found: VerifiedCredential) -> None:
    console = Screen(highlight=False)
    who = found.party or "(not disclosed)"
    console.print(Text(f"✓ {found.kind} certificate of {who}, {found.form}", style="green"))
    console.print(Text(f"  issued by {found.issuer}"))
    console.print(Text(f"  {found.valid_from} until {found.valid_until}"))
    proven = "not carried: the issuer's key alone answers for it"
    if found.proven_at is not None:
        proven = f"in the log at entry {found.certificate}, tree of {found.proven_at:,}"
    console.print(Text(f"  proof of the log: {proven}"))
    checked = "no status list was given: revocation is not checked"
    if found.status_as_of is not None:
        checked = f"status list of the tree of {found.status_as_of:,}"
    style = "bold green" if found.status == "valid" else "bold red"
    console.print(Text(f"{found.status}", style=style) + Text(f" ({checked})", style="default"))
