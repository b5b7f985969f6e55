"""A serving node under load, or its PostgreSQL, is killed at random. `hammer.py` takes longer."""

from pathlib import Path

import pytest
from hammer import Database, hammer

pytestmark = pytest.mark.slow
KILLS = 3


def test_a_killed_node_loses_and_doubles_nothing(tmp_path: Path) -> None:
    found = hammer(tmp_path / "home", kills=KILLS, seed=7)
    assert found["kills"] == KILLS
    assert int(str(found["acknowledged"])) > 50


@pytest.mark.parametrize("victim", ["node", "database"])
def test_nor_does_one_on_postgresql_nor_its_killed_database(
    tmp_path: Path, own_postgres: Database, victim: str
) -> None:
    own_postgres.start()
    url = own_postgres.create_database()  # type: ignore[attr-defined]
    store = url.replace("postgresql://", "postgresql+psycopg://", 1)
    database = own_postgres if victim == "database" else None
    found = hammer(tmp_path / "home", kills=KILLS, seed=8, store=store, database=database)
    assert found["kills"] == KILLS
    assert int(str(found["acknowledged"])) > 50
