"""A node's settings: one TOML file, over it the environment, over both the command line.

Every setting, its default and its unit is a field below; `docs/operating/settings.md` lists them.
`ENTREPOT_HTTP_PORT=8601` sets `port` of `[http]`; `ENTREPOT_HOME` sets `home`. A name that is not
known is refused with the nearest one that is. Secrets (a store's URL with its password, a
passphrase) come from the environment or from a file of their own that only the owner can read,
never from the settings file, and a `Secret` shows itself as `***` wherever it is printed.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.files import storage_error

PREFIX: Final = "ENTREPOT_"
OTHERS: Final = frozenset({"ENTREPOT_CACHE", "ENTREPOT_DEBUG", "ENTREPOT_SETTINGS"})
"""Names of the environment that belong to the program, not to the settings of a node."""
SETTINGS_MAX_BYTES: Final = 1 << 20
SECRET_MAX_BYTES: Final = 16_384

Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Seconds = Annotated[int, Meta(ge=0, le=10_000_000)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Rate = Annotated[float, Meta(ge=0, le=1_000_000)]


class Secret:
    """A text that is never printed or encoded; `reveal` gives it to the one who needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        """Keep the text."""
        self._text = text

    def __bool__(self) -> bool:
        """Say whether there is one."""
        return bool(self._text)

    def __repr__(self) -> str:
        """Show that there is one, not which."""
        return "Secret(***)" if self._text else "Secret()"

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled."""
        raise TypeError("a secret is not picklable")

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the settings file."""


class Http(Section, frozen=True):
    """Where the node listens, and what it takes from strangers."""

    host: str = "127.0.0.1"
    port: Port = 8600
    public_url: str = ""
    """How others reach the node (`https://node.example.org`); empty: http://host:port."""
    acts_body_max_bytes: Count = 8 << 20
    """Largest body of `POST /acts`."""
    body_max_bytes: Count = 1 << 20
    """Largest body anywhere else that does not say otherwise (an upload at the port does)."""
    acts_max_per_request: Count = 4_096
    header_timeout_s: Count = 10
    """Until the last header line: slow clients are cut off."""
    body_timeout_s: Count = 30
    """Until the last byte of the body."""
    connections_max: Count = 512
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose `X-Forwarded-For` is believed; a proxy of your own, nobody else."""
    stop_timeout_s: Count = 30
    """How long a graceful stop waits for answers under way."""


class Store(Section, frozen=True):
    """The database. Without a URL it is SQLite in the home."""

    url: Secret = Secret()
    """`postgresql+psycopg://…`; from ENTREPOT_STORE_URL or `url_file` only."""
    url_file: str = ""
    leader_url: str = ""
    """Public URL of this process as its followers see it; published beside the leader's lock."""
    follow: bool = False
    """Begin as a follower even when nobody writes yet; takes over at the first look.

    On PostgreSQL a process follows by itself while another one writes.
    """
    tend_every_ms: Annotated[int, Meta(ge=50, le=60_000)] = 500
    """How often a process looks whether it writes, and a follower at what is new."""


class LogFiles(Section, frozen=True):
    """Where files are kept: a folder, or `s3://bucket/prefix` (keys: AWS_* of the environment).

    The store remembers both, and a node started with others says so.
    """

    url: str = ""
    """Tiles and checkpoint; empty: where they are, `HOME/log` for a new home."""
    bodies_url: str = ""
    """Evidence too large for a row of the store; empty: where it is, in the store."""


class Intake(Section, frozen=True):
    """How acts queue before the one writer."""

    queue_max_acts: Count = 16_384
    batch_max_acts: Annotated[int, Meta(ge=1, le=4_096)] = 4_096
    linger_ms: Annotated[int, Meta(ge=0, le=1_000)] = 0
    """Wait this long for company before a batch is written; 0 never waits."""


class Limits(Section, frozen=True):
    """Token buckets, kept in memory per process. A rate of 0 means no limit."""

    acts_per_s_per_key: Rate = 2_000
    acts_burst_per_key: Count = 20_000
    requests_per_s_per_address: Rate = 200
    requests_burst_per_address: Count = 2_000
    loopback_free: bool = True
    """No limit by address for 127.0.0.0/8 and ::1 (a proxy of your own, your own tests)."""


class RelyingParty(Section, frozen=True):
    """Who passkeys are made for (WebAuthn). Empty: derived from the public URL."""

    id: str = ""
    origins: tuple[str, ...] = ()


class Witnessing(Section, frozen=True):
    """The network of logs: whom we ask to cosign, whom we cosign."""

    policy_file: str = ""
    every_s: Count = 5
    witness_logs_file: str = ""


class Duties(Section, frozen=True):
    """Acts of time: what falls due is submitted by the node itself."""

    every_s: Count = 10
    batch_max: Count = 256
    recheck_every_s: Seconds = 86_400
    """How often stored clearances are asked about under the law of the day; 0: never."""


class Receiver(Section, frozen=True):
    """One subscriber of callbacks."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    url: str
    kinds: tuple[str, ...] = ()
    """Kinds of public acts to hear of; empty: all."""
    since: Annotated[int, Meta(ge=-1)] = -1
    """First index when this receiver is new; -1: from now on."""


class Callbacks(Section, frozen=True):
    """Events posted to subscribers."""

    receivers: tuple[Receiver, ...] = ()
    every_s: Count = 2
    timeout_s: Count = 10
    backoff_max_s: Count = 3_600
    allow_private_addresses: bool = False
    """Also call addresses of private networks and plain http. For tests and closed networks."""


class Logs(Section, frozen=True):
    """What is written on standard error."""

    level: str = "info"
    form: str = "json"
    """`json` or `text`."""


class Traces(Section, frozen=True):
    """OpenTelemetry. Off while the endpoint is empty; then nothing leaves the node."""

    otlp_endpoint: str = ""
    sample_ratio: Annotated[float, Meta(ge=0, le=1)] = 0.05


class Ready(Section, frozen=True):
    """When `/readyz` says no."""

    disk_free_min_bytes: Count = 256 << 20
    stall_max_s: Count = 30
    """Acts wait, and no batch has been finished for this long."""


class Settings(Section, frozen=True):
    """Everything a node can be told. Times in seconds, sizes in bytes unless the name says so."""

    home: str = ""
    """Keys, store and log; empty: $XDG_DATA_HOME/entrepot."""
    languages: tuple[str, ...] = ("en", "zh")
    passphrase: Secret = Secret()
    passphrase_file: str = ""
    http: Http = Http()
    store: Store = Store()
    log: LogFiles = LogFiles()
    intake: Intake = Intake()
    limits: Limits = Limits()
    relying_party: RelyingParty = RelyingParty()
    witnessing: Witnessing = Witnessing()
    duties: Duties = Duties()
    callbacks: Callbacks = Callbacks()
    logs: Logs = Logs()
    traces: Traces = Traces()
    ready: Ready = Ready()

    @property
    def url(self) -> str:
        """How the node is reached: its public URL, or where it listens."""
        host = f"[{self.http.host}]" if ":" in self.http.host else self.http.host
        return (self.http.public_url or f"http://{host}:{self.http.port}").rstrip("/")


def read_settings(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    given: Mapping[str, object] | None = None,
) -> Settings:
    """Return the settings of file, environment and command line, the later over the earlier.

    `given` names settings with dots (`http.port`). Raises NotFound (no such file), InvalidInput
    (unknown name, wrong type, a secret where it does not belong), StorageError (unreadable).
    """
    outside = os.environ if environment is None else environment
    if file is None and outside.get("ENTREPOT_SETTINGS"):
        file = Path(outside["ENTREPOT_SETTINGS"])
    tree = {} if file is None else _read_toml(file)
    _refuse_unknown(tree, Settings, where=str(file))
    _refuse_secrets(tree, where=str(file))
    _overlay(tree, _from_environment(outside))
    _overlay(tree, {name: value for name, value in (given or {}).items() if value is not None})
    try:
        settings = msgspec.convert(tree, Settings, strict=False, dec_hook=_to_secret)
    except msgspec.ValidationError as error:
        raise InvalidInput("a setting has the wrong type or size", value=error) from None
    return _with_secret_files(settings)


def setting_names(kind: type[Struct] = Settings, prefix: str = "") -> dict[str, type | None]:
    """Return every setting by its dotted name (`http.port`), tables resolved."""
    found: dict[str, type | None] = {}
    for field in msgspec.structs.fields(kind):
        name = f"{prefix}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, Section):
            found.update(setting_names(field.type, f"{name}."))
        else:
            found[name] = field.type if isinstance(field.type, type) else None
    return found


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            content = stream.read(SETTINGS_MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("there is no settings file here", value=file) from None
    except OSError as error:
        raise storage_error(error, file) from error
    if len(content) > SETTINGS_MAX_BYTES:
        raise InvalidInput("settings file is larger than 1 MiB", value=file)
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"settings file is not TOML: {error}", value=file) from None


def _refuse_unknown(tree: Mapping[str, Any], kind: type[Struct], *, where: str) -> None:
    """Raise InvalidInput for the first name that is no setting, and suggest the nearest."""
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in tree.items():
        if name not in fields:
            raise _unknown(name, list(fields), where)
        inner = fields[name]
        if isinstance(inner, type) and issubclass(inner, Section):
            if not isinstance(value, dict):
                raise InvalidInput(f"[{name}] is a table of settings", value=where)
            _refuse_unknown(value, inner, where=f"{where} [{name}]")


def _unknown(name: str, known: list[str], where: str) -> InvalidInput:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known)}"
    return InvalidInput(f"{where}: there is no such setting", value=name, remedy=remedy)


def _refuse_secrets(tree: Mapping[str, Any], *, where: str) -> None:
    """Raise InvalidInput when the settings file itself holds a secret (its value is not shown)."""
    for name, kind in setting_names().items():
        table, _, key = name.rpartition(".")
        holder = tree.get(table, {}) if table else tree
        if kind is Secret and key in holder:
            raise InvalidInput(
                f"{where}: a secret does not belong in the settings file",
                value=name,
                remedy=f"set {_variable(name)}, or name a file of mode 0600 in {key}_file",
            )


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "_").upper()


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """Return dotted name -> text of every ENTREPOT_ variable; InvalidInput for an unknown one."""
    variables = {_variable(name): name for name in setting_names()}
    found: dict[str, object] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in OTHERS:
            continue
        if variable not in variables:
            raise _unknown(variable, list(variables), "environment")
        name = variables[variable]
        text = environment[variable]
        found[name] = text if not _is_list(name) else [one for one in text.split(",") if one]
    return found


def _is_list(name: str) -> bool:
    kind: type[Struct] = Settings
    *tables, last = name.split(".")
    for table in tables:
        kind = next(f.type for f in msgspec.structs.fields(kind) if f.name == table)
    declared = next(f.type for f in msgspec.structs.fields(kind) if f.name == last)
    return str(declared).startswith("tuple")


def _overlay(tree: dict[str, Any], values: Mapping[str, object]) -> None:
    for name, value in values.items():
        *tables, last = name.split(".")
        place = tree
        for table in tables:
            place = place.setdefault(table, {})
        place[last] = value


def _to_secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError


def _with_secret_files(settings: Settings) -> Settings:
    """Return the settings with the secrets that live in files of their own."""
    if settings.passphrase_file and not settings.passphrase:
        passphrase = read_secret(Path(settings.passphrase_file))
        settings = msgspec.structs.replace(settings, passphrase=passphrase)
    if settings.store.url_file and not settings.store.url:
        url = read_secret(Path(settings.store.url_file))
        store = msgspec.structs.replace(settings.store, url=url)
        settings = msgspec.structs.replace(settings, store=store)
    return settings


def read_secret(path: Path) -> Secret:
    """Return the text of a file of mode 0600, without its line end.

    Raises NotFound, StorageError, InvalidInput when others may read it or it is empty.
    """
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(SECRET_MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("there is no file with this secret", value=path) from None
    except OSError as error:
        raise storage_error(error, path) from error
    if stat.S_IMODE(mode) & 0o077:
        raise InvalidInput("others can read this secret", value=path, remedy=f"chmod 600 {path}")
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise InvalidInput("file with a secret is not text", value=path) from None
    if not text or len(content) > SECRET_MAX_BYTES:
        raise InvalidInput("file with a secret is empty or too large", value=path)
    return Secret(text)
