"""The stage of the demo: a clock that begins in the past, parties with keys, their acts."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Granted, Refused
from entrepot.kernel.errors import Conflict, Error
from entrepot.kernel.keys import PrivateKey, new_key
from entrepot.kernel.sequencer import Answer
from entrepot.node.demo.authenticator import DemoAuthenticator
from entrepot.node.demo.catalogue import Organisation
from entrepot.node.demo.identifiers import invented_lei
from entrepot.node.duties import Duties
from entrepot.node.running import Running
from entrepot.registry.deadlines import day_of

DAY_S: Final = 86_400


class DemoClock:
    """Says a time of the past that `advance` moves, and the system's after `release`."""

    def __init__(self, days_ago: float) -> None:
        """Begin that many days ago."""
        self._now: int | None = int(time.time() - days_ago * DAY_S)

    def __call__(self) -> int:
        """Return POSIX seconds."""
        return int(time.time()) if self._now is None else self._now

    def advance(self, days: float) -> None:
        """Let days pass, though never beyond now."""
        if self._now is not None:
            self._now = min(int(time.time()), self._now + int(days * DAY_S))

    def release(self) -> None:
        """Say the system's time from now on."""
        self._now = None


@dataclass(slots=True)
class Player:
    """A party of the demo with its program's key and the passkey of its admin."""

    handle: str
    party: str
    key: PrivateKey
    admin: DemoAuthenticator


@dataclass(slots=True)
class Stage:
    """A running node whose registry is being filled."""

    running: Running
    clock: DemoClock
    operator: Player
    players: dict[str, Player] = field(default_factory=dict)

    def day(self, *, ahead_days: int = 0) -> str:
        """Return a day by the demo's clock, ISO 8601, UTC."""
        return day_of(self.clock() + ahead_days * DAY_S).isoformat()

    def signed(self, player: Player, kind: str, body: Mapping[str, object]) -> bytes:
        """Return an act by a party's program."""
        return sign_act(player.key, kind, body, issued_at=self.clock(), act_id=new_act_id())

    def approved(self, player: Player, kind: str, body: Mapping[str, object]) -> bytes:
        """Return an act that a party's admin approves at the node."""
        issuer = self.running.node.party
        return player.admin.approved_act(issuer, kind, body, issued_at=self.clock())

    def answers(self, acts: Sequence[bytes]) -> list[Answer]:
        """Submit acts in one parcel; return their answers. Raises what the first failure raises."""
        answers: list[Answer] = []
        for outcome in self.running.intake.submit_now(acts):
            if isinstance(outcome, Error):
                raise outcome
            answers.append(outcome)
        return answers

    def granted(self, acts: Sequence[bytes]) -> list[int]:
        """Submit acts that must be granted; return their indices. Raises Conflict otherwise."""
        answers = self.answers(acts)
        for answer in answers:
            if not isinstance(answer.decision, Granted):
                said = answer.decision.reasons[0].sentence
                raise Conflict("an act of the demo was not granted", value=said)
        return [answer.index for answer in answers]

    def refused(self, act: bytes) -> int:
        """Submit an act that the law must refuse; return its index. Raises Conflict otherwise."""
        (answer,) = self.answers([act])
        if not isinstance(answer.decision, Refused):
            raise Conflict("an act of the demo was not refused", value=answer.index)
        return answer.index

    def pass_days(self, days: float) -> None:
        """Let days pass and carry out what falls due meanwhile."""
        self.clock.advance(days)
        Duties(self.running).carry_out()

    def application(self, number: int, of: Organisation) -> tuple[Player, bytes]:
        """Return a new party and its signed application."""
        lei = invented_lei(number)
        site = self.operator.admin.site
        player = Player(of.handle, f"lei:{lei}", new_key(), DemoAuthenticator(site))
        body: dict[str, Any] = {
            "name": of.name,
            "names": {"zh": of.name_zh},
            "identifiers": [{"scheme": "lei", "value": lei}],
            "country": of.country,
            "roles": list(of.roles),
            "key": player.key.public.raw,
            "admin": {"key": player.admin.public.raw, "alg": int(player.admin.public.algorithm)},
            "contact": f"desk@{of.handle}.example",
            "statement": "An invented organisation of the demonstration.",
        }
        return player, self.signed(player, "apply-for-membership", body)


def digest_of(text: str) -> str:
    """Return a SHA-256 in hex that stands for a document of the demo."""
    return hashlib.sha256(f"demonstration: {text}".encode()).hexdigest()
