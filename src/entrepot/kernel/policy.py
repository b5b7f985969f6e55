"""Trust policies (C2SP tlog-policy): which logs are known, and which witnesses must have cosigned.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...
    quorum <name>|none

A file of octets, one item a line, blanks and tabs between words, `#` before comments. Read
strictly: every error names its line. Names are octets and mean nothing outside the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from entrepot.kernel.checkpoint import SignedCheckpoint, parse_tlog_proof
from entrepot.kernel.cosignature import (
    TIME_MAX,
    VerifiedSignature,
    open_checkpoint,
    verified_signatures,
)
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.merkle import verify_inclusion
from entrepot.kernel.note import (
    ED25519_COSIGNATURE_TYPE,
    ED25519_TYPE,
    ML_DSA_44_TYPE,
    VerifierKey,
    parse_vkey,
)

POLICY_MAX_BYTES: Final = 1 << 20
LINES_EACH_MAX: Final = 256
"""Most logs, witnesses and groups of each kind; the specification asks for at least 32."""

NONE: Final = b"none"
_LOG_TYPES: Final = (ED25519_TYPE, ML_DSA_44_TYPE)
_WITNESS_TYPES: Final = (ED25519_COSIGNATURE_TYPE, ML_DSA_44_TYPE)
_FORBIDDEN = re.compile(rb"[^\x09\x0a\x20-\x7e\x80-\xff]")
_BLANKS = re.compile(rb"[ \t]+")
_NUMBER = re.compile(rb"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log the policy accepts; the name of its key is the origin. `url` may be empty."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class KnownWitness:
    """A witness by its name in the file, its key, and where checkpoints are sent, or empty."""

    name: bytes
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """`threshold` of these members (witnesses or groups named before) must have cosigned."""

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy. `quorum` is the name of a witness or group, or `none`."""

    logs: tuple[KnownLog, ...]
    witnesses: tuple[KnownWitness, ...]
    groups: tuple[Group, ...]
    quorum: bytes

    def accepts(self, cosigners: Iterable[VerifierKey]) -> bool:
        """Say whether these keys, having cosigned, make the quorum."""
        if self.quorum == NONE:
            return True
        held = set(cosigners)
        met = {witness.name for witness in self.witnesses if witness.key in held}
        for group in self.groups:  # members are defined before, so one pass is enough
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum in met

    def witness_keys(self) -> tuple[VerifierKey, ...]:
        """Return the keys of all witnesses."""
        return tuple(witness.key for witness in self.witnesses)

    def log_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """Return the keys that the policy knows for a log; empty when it lists none."""
        return tuple(log.key for log in self.logs if log.key.name == origin)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """A checkpoint that holds under a policy, and who vouched for it."""

    seen: SignedCheckpoint
    cosignatures: tuple[VerifiedSignature, ...]


def verify_under_policy(
    raw: bytes,
    policy: Policy,
    *,
    log: Iterable[VerifierKey] = (),
    latest: int = TIME_MAX,
) -> PolicyVerdict:
    """Return the verdict on a checkpoint note: signed by a known log, cosigned by the quorum.

    `log` are the log's keys where they are known from elsewhere; then the policy's own log lines
    are not consulted. Raises VerificationError.
    """
    keys = tuple(log) or tuple(known.key for known in policy.logs)
    seen = open_checkpoint(raw, keys, latest=latest)
    cosignatures = verified_signatures(seen, policy.witness_keys(), latest=latest)
    if not policy.accepts(found.key for found in cosignatures):
        raise VerificationError(
            "checkpoint is not cosigned by the quorum of the policy",
            value=f"{len(cosignatures)} of {len(policy.witnesses)} witnesses cosigned size "
            f"{seen.checkpoint.size:,}; the quorum is {_shown(policy.quorum)}",
            remedy="ask again in a while: witnesses follow the log",
        )
    return PolicyVerdict(seen, cosignatures)


def verify_proof_under_policy(
    proof: bytes,
    entry: bytes,
    policy: Policy,
    *,
    log: Iterable[VerifierKey] = (),
    latest: int = TIME_MAX,
) -> tuple[int, PolicyVerdict]:
    """Verify a C2SP tlog-proof of `entry` offline, checkpoint and quorum; return its index.

    Raises VerificationError.
    """
    index, path, note = parse_tlog_proof(proof)
    verdict = verify_under_policy(note, policy, log=log, latest=latest)
    checkpoint = verdict.seen.checkpoint
    verify_inclusion(entry, index, checkpoint.size, path, checkpoint.root)
    return index, verdict


def format_policy(policy: Policy) -> bytes:
    """Return the bytes of a policy file; parsing them gives an equal policy."""
    lines = [b" ".join(_words(b"log", log.key.vkey(), log.url)) for log in policy.logs]
    for witness in policy.witnesses:
        lines.append(b" ".join(_words(b"witness", witness.name, witness.key.vkey(), witness.url)))
    for group in policy.groups:
        lines.append(b" ".join([b"group", group.name, b"%d" % group.threshold, *group.members]))
    return b"\n".join([*lines, b"quorum " + policy.quorum]) + b"\n"


def _words(*words: bytes | str) -> list[bytes]:
    octets = [word if isinstance(word, bytes) else word.encode() for word in words]
    return [word for word in octets if word]


@dataclass(slots=True)
class _Reading:
    """What has been read so far; names share one space."""

    logs: list[KnownLog] = field(default_factory=list)
    witnesses: list[KnownWitness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    names: set[bytes] = field(default_factory=set)
    members: set[bytes] = field(default_factory=set)
    quorum: bytes | None = None

    def log(self, words: list[bytes]) -> None:
        """`log <vkey> [<url>]`: no public key twice."""
        _expect(1 <= len(words) <= 2, "a log line is: log <vkey> [<url>]")
        key = _key(words[0], _LOG_TYPES, "a log key has type 01 or 06")
        _expect(
            all(key.public != log.key.public for log in self.logs), "this log key is listed twice"
        )
        self.logs.append(KnownLog(key, _url(words[1:])))
        _expect(len(self.logs) <= LINES_EACH_MAX, f"more than {LINES_EACH_MAX} logs")

    def witness(self, words: list[bytes]) -> None:
        """`witness <name> <vkey> [<url>]`: no public key twice."""
        _expect(2 <= len(words) <= 3, "a witness line is: witness <name> <vkey> [<url>]")
        key = _key(words[1], _WITNESS_TYPES, "a witness key has type 04 or 06")
        listed = any(key.public == witness.key.public for witness in self.witnesses)
        _expect(not listed, "this witness key is listed twice")
        self.witnesses.append(KnownWitness(self._new_name(words[0]), key, _url(words[2:])))
        _expect(len(self.witnesses) <= LINES_EACH_MAX, f"more than {LINES_EACH_MAX} witnesses")

    def group(self, words: list[bytes]) -> None:
        """`group <name> all|any|<k> <member>...`: members named before, each in one group."""
        _expect(len(words) >= 3, "a group line is: group <name> all|any|<k> <member>...")
        members = tuple(words[2:])
        for member in members:
            _expect(member != NONE, "none cannot be a member of a group")
            _expect(member in self.names, f"{_shown(member)} is not defined on a line before")
            _expect(member not in self.members, f"{_shown(member)} is a member of a group already")
            self.members.add(member)
        threshold = {b"all": len(members), b"any": 1}.get(words[1]) or (
            int(words[1]) if _NUMBER.fullmatch(words[1]) else 0
        )
        _expect(
            1 <= threshold <= len(members),
            f"threshold is all, any or 1 to {len(members)}, not {_shown(words[1])}",
        )
        self.groups.append(Group(self._new_name(words[0]), threshold, members))
        _expect(len(self.groups) <= LINES_EACH_MAX, f"more than {LINES_EACH_MAX} groups")

    def set_quorum(self, words: list[bytes]) -> None:
        """`quorum <name>|none`: exactly one such line."""
        _expect(len(words) == 1, "a quorum line is: quorum <name>|none")
        _expect(self.quorum is None, "there is a quorum line already")
        _expect(
            words[0] == NONE or words[0] in self.names,
            f"{_shown(words[0])} is not defined on a line before",
        )
        self.quorum = words[0]

    def _new_name(self, name: bytes) -> bytes:
        _expect(name != NONE, "the name none is taken")
        _expect(name not in self.names, f"{_shown(name)} is defined already")
        self.names.add(name)
        return name


def parse_policy(content: bytes) -> Policy:
    """Parse a policy file strictly (C2SP tlog-policy); InvalidInput names the line."""
    if len(content) > POLICY_MAX_BYTES:
        raise InvalidInput("policy is too large", value=f"{len(content):,} bytes")
    reading = _Reading()
    readers: dict[bytes, Callable[[list[bytes]], None]] = {
        b"log": reading.log,
        b"witness": reading.witness,
        b"group": reading.group,
        b"quorum": reading.set_quorum,
    }
    if content and not content.endswith(b"\n"):
        raise InvalidInput("the last line of the policy does not end in a newline")
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        words = [word for word in _BLANKS.split(line) if word]
        try:
            _expect(not _FORBIDDEN.search(line), "a character that no policy may have")
            if words and not words[0].startswith(b"#"):
                read = readers.get(words[0])
                if read is None:
                    raise InvalidInput("a line begins with log, witness, group or quorum")
                read(words[1:])
        except InvalidInput as error:
            said = f" ({error.value})" if error.value is not None else ""
            raise InvalidInput(
                f"policy, line {number}: {error.what}{said}", value=_shown(line)
            ) from error
    if reading.quorum is None:
        raise InvalidInput("policy has no quorum line", remedy="add: quorum <name>, or quorum none")
    return Policy(
        tuple(reading.logs), tuple(reading.witnesses), tuple(reading.groups), reading.quorum
    )


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise InvalidInput(what)


def _key(word: bytes, types: tuple[int, ...], what: str) -> VerifierKey:
    try:
        key = parse_vkey(word.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput("the vkey is not UTF-8") from None
    _expect(key.type in types, what)
    return key


def _url(words: list[bytes]) -> str:
    """Return the URL as text; octets that are no UTF-8 are kept apart from every real URL."""
    return words[0].decode("utf-8", "backslashreplace") if words else ""


def _shown(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")
