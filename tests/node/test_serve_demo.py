"""The demo: real acts make every state that the desks and the directory show."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from node_toy import settings_of

from entrepot.kernel.audit import audit
from entrepot.kernel.errors import Conflict
from entrepot.node.demo.authenticator import DemoAuthenticator
from entrepot.node.demo.catalogue import OFFERS, ORGANISATIONS
from entrepot.node.demo.identifiers import invented_lei, invented_uscc
from entrepot.node.demo.opening import _admit_enrolled, open_demo, ship_goods
from entrepot.node.duties import recheck_clearances
from entrepot.node.face.invitations import use_invitation
from entrepot.node.face.passkeys import NewPasskey
from entrepot.node.installed import installed
from entrepot.node.running import relying_party
from entrepot.registry.identifiers import parse_identifier
from entrepot.registry.principals import member_principal
from entrepot.registry.rightstate import GRANTS
from entrepot.registry.tables import APPLICATIONS, CERTIFICATES, PARTIES


def test_invented_identifiers_have_right_check_digits() -> None:
    for number in range(1, 200):
        assert parse_identifier("lei", invented_lei(number)).value == invented_lei(number)
        assert parse_identifier("uscc", invented_uscc(number)).value == invented_uscc(number)


@pytest.mark.slow
def test_the_demo_has_every_state_and_passes_fsck(tmp_path: Path) -> None:
    demo = open_demo(settings_of(tmp_path))
    with demo.running as running:
        with running.node.store.reading() as read:
            rights = Counter(read.execute(sa.select(GRANTS.c.status)).scalars())
            parties = set(read.execute(sa.select(PARTIES.c.name)).scalars())
            waiting = Counter(read.execute(sa.select(APPLICATIONS.c.state)).scalars())
            revoked = read.execute(
                sa.select(sa.func.count()).where(CERTIFICATES.c.revoked_index.is_not(None))
            ).scalar_one()
        assert set(rights) == {"registered", "notice", "contested", "refused", "cancelled"}
        assert rights["registered"] >= 15
        assert {one.name for one in ORGANISATIONS} <= parties
        assert len(OFFERS) == 20
        assert waiting == {"admitted": len(ORGANISATIONS), "refused": 1, "open": 1}
        assert revoked >= 2
        assert abs(running.clock() - time.time()) < 5  # its clock is the system's again
        person = DemoAuthenticator(relying_party(running.settings))
        token = demo.links["operator"].partition("#")[2]
        new = NewPasskey(person.public, b"c" * 32)
        use_invitation(running.node.store, token, new, "Visitor", now=running.clock())
        _admit_enrolled(demo.stage)
        with running.node.store.reading() as read:
            principal = member_principal(read, person.public.kid)
        assert principal is not None
        assert principal.is_officer("registrar")
        shipped = ship_goods(demo)
        assert len(shipped) == 2
        assert (tmp_path / "demo" / "vessel-orders" / "report.html").is_file()
        size = running.node.log.size
        assert recheck_clearances(running) == {}  # cleared under the law of the same day
        assert running.node.log.size == size
    checks = audit(tmp_path, installed())
    assert all(check.passed for check in checks), checks
    with pytest.raises(Conflict, match="content already"):
        open_demo(settings_of(tmp_path))
