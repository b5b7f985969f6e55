"""The store on PostgreSQL: guards, faults and their remedies, and what is refused at the door."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from kernel_toy import COUNTERS, TABLES

from entrepot.kernel.errors import InvalidInput, NotFound, StorageError
from entrepot.kernel.postgres import POOL_OVERFLOW, POOL_SIZE
from entrepot.kernel.store import (
    META,
    RECORDS,
    TREE,
    NotLeader,
    Store,
    StoreBusy,
    advance_tree,
    find_acts,
    insert_records,
    read_meta,
    read_only,
)


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    opened = Store.open(postgres_url, create=True)
    yield opened
    opened.close()


def test_it_keeps_the_schema_and_refuses_writes_of_readers(store: Store) -> None:
    with store.reading() as read:
        assert read_meta(read, "schema_version") == "2"
        for setting, value in [
            ("transaction_read_only", "on"),
            ("transaction_isolation", "repeatable read"),
            ("synchronous_commit", "on"),
            ("application_name", "entrepot"),
        ]:
            assert read.exec_driver_sql(f"SHOW {setting}").scalar_one() == value
    with pytest.raises(StorageError, match="read-only transaction"), store.reading() as read:
        read.execute(META.insert().values(key="a", value="b"))
    with store.writing() as write:
        assert write.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        assert write.exec_driver_sql("SHOW application_name").scalar_one() == "entrepot-leader"
    assert store.integrity_faults() == store.durability_faults() == []
    store.forget_deleted()


def notes(*columns: sa.Column[Any]) -> sa.MetaData:
    tables = sa.MetaData()
    sa.Table("local_notes", tables, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return tables


@pytest.mark.parametrize("follows", [False, True])
def test_local_tables_gain_columns_and_are_never_emptied(
    store: Store, postgres_url: str, follows: bool
) -> None:
    follower = Store.open(postgres_url, writer=False)
    one = follower if follows else store
    one.create_tables(notes())
    with one.writing_local() as write:
        write.execute(notes().tables["local_notes"].insert().values(id=1))
    for _ in range(2):
        one.create_tables(notes(sa.Column("words", sa.String)))
    with pytest.raises(StorageError, match="may not be empty"):
        one.create_tables(notes(sa.Column("time", sa.BigInteger, nullable=False)))
    with one.reading() as read:
        assert read.execute(sa.text("SELECT * FROM local_notes")).all() == [(1, None)]
    with pytest.raises(NotLeader):
        follower.create_tables(TABLES)
    follower.close()


CTE = (
    sa.insert(COUNTERS)
    .values(issuer=b"x", name="x", total=1, acts=1)
    .returning(COUNTERS.c.total)
    .cte("sneaked")
)


@pytest.mark.parametrize(
    "statement",
    [
        COUNTERS.insert().values(issuer=b"x", name="x", total=1, acts=1),
        COUNTERS.update().values(total=1),
        COUNTERS.delete(),
        sa.select(CTE),
        sa.select(sa.func.set_config("transaction_read_only", "off", False)),
        sa.select(sa.func.pg_advisory_unlock_all()),
        sa.select(sa.literal_column("nextval('x')")),
        sa.select(sa.text("setval('x', 1)")),
        sa.text("DELETE FROM toy_counters"),
        "INSERT INTO toy_counters VALUES ('x', 'x', 1, 1)",
        "WITH x AS (DELETE FROM toy_counters RETURNING 1) SELECT * FROM x",
        "SELECT 1; DELETE FROM toy_counters",
        "SELECT 1 INTO other",
        "SELECT pg_advisory_unlock_all()",
        "/* select */ DELETE FROM toy_counters",
        "TRUNCATE toy_counters",
        "COMMIT",
        "",
    ],
)
def test_nothing_is_written_while_facts_are_loaded(store: Store, statement: object) -> None:
    store.create_tables(TABLES)
    with pytest.raises(StorageError, match="readonly"), store.writing() as write:
        with read_only(write):
            assert write.execute(sa.select(COUNTERS)).all() == []
            assert write.exec_driver_sql("SELECT total FROM toy_counters").all() == []
            if isinstance(statement, str):
                write.exec_driver_sql(statement)
            else:
                write.execute(statement)  # type: ignore[arg-type]
    with store.writing() as write:
        write.execute(COUNTERS.insert().values(issuer=b"x", name="x", total=1, acts=1))


def test_only_local_tables_are_written_beside_the_writer(store: Store, postgres_url: str) -> None:
    tables = sa.MetaData()
    local = sa.Table("local_sessions", tables, sa.Column("id", sa.Integer, primary_key=True))
    store.create_tables(tables)
    follower = Store.open(postgres_url, writer=False)
    for one in (store, follower):
        with one.writing_local() as write:
            write.execute(local.insert().values(id=1 if one is store else 2))
            assert write.execute(sa.select(TREE)).all() == []
        with pytest.raises(StorageError, match="only local"), one.writing_local() as write:
            write.execute(META.insert().values(key="a", value="b"))
        with pytest.raises(StorageError, match="only local"), one.writing_local() as write:
            write.exec_driver_sql("DELETE FROM kernel_meta")
    with follower.reading() as read:
        assert sorted(read.execute(sa.select(local.c.id)).scalars()) == [1, 2]
    follower.close()


def test_one_writes_and_others_follow(store: Store, postgres_url: str) -> None:
    with pytest.raises(StoreBusy):
        Store.open(postgres_url)
    store.close()
    leader = Store.open(postgres_url, advertised_url="https://one.example")
    follower = Store.open(postgres_url, writer=False)
    with pytest.raises(NotLeader) as caught, follower.writing():
        pass
    assert caught.value.leader_url == "https://one.example"
    assert "https://one.example" in str(caught.value) and caught.value.exit_code == 8
    assert leader.held() and not follower.held() and not follower.promote()
    with pytest.raises(NotLeader):
        follower.confirm_writer()
    leader.close()
    assert follower.promote(wait_s=5) and follower.held()
    follower.confirm_writer()
    follower.close()


def test_a_tree_that_moved_on_is_not_written_over(store: Store) -> None:
    with store.writing() as write:
        advance_tree(write, 0, 5, b"a" * 32)
    with store.writing() as write:
        advance_tree(write, 5, 9, b"b" * 32)
    with pytest.raises(StorageError, match="another process appended"), store.writing() as write:
        advance_tree(write, 5, 7, b"c" * 32)
    with pytest.raises(StorageError, match="unique"), store.writing() as write:
        advance_tree(write, 0, 1, b"d" * 32)
    with store.reading() as read:
        assert read.execute(sa.select(TREE)).one() == (1, 9, b"b" * 32)


def record(index: int, size: int = 700) -> dict[str, object]:
    return {
        "index": index, "issuer": b"i" * 32, "act_id": index.to_bytes(16, "big"),
        "digest": bytes(32), "tree_size": index + 1, "evidence_salt": None if index % 7 else b"s",
        "evidence": None if index % 7 else b"\0\xff" * (size // 2), "ruling_salt": b"",
        "ruling": b"r" * 300, "evidence_at": None,
    }  # fmt: skip


def test_records_go_in_as_one_stream_and_are_found_together(store: Store) -> None:
    rows = [record(index) for index in range(1200)]
    with store.writing() as write:
        insert_records(write, rows)
        insert_records(write, [])
    with store.reading() as read:
        found = [dict(row) for row in read.execute(sa.select(RECORDS)).mappings()]
        assert sorted(found, key=lambda row: row["index"]) == rows
        wanted = {(b"i" * 32, index.to_bytes(16, "big")) for index in range(1100, 1300)}
        wanted |= {(b"j" * 32, (5).to_bytes(16, "big"))}
        known = find_acts(read, wanted)
        assert sorted(index for index, _ in known.values()) == list(range(1100, 1200))
        assert find_acts(read, set()) == {}
    with pytest.raises(StorageError, match="duplicate key") as caught, store.writing() as write:
        insert_records(write, [record(2000), record(7)])
    assert "DETAIL" not in str(caught.value)
    with store.reading() as read:
        assert read.execute(sa.select(sa.func.count()).select_from(RECORDS)).scalar_one() == 1200


def test_what_is_no_store_is_said_so(postgres_url: str) -> None:
    with pytest.raises(StorageError, match="not a store"):
        Store.open(postgres_url)
    with pytest.raises(NotFound, match="no store here yet"):
        Store.open(postgres_url, writer=False)
    with pytest.raises(StorageError, match="does not exist") as caught:
        Store.open(postgres_url.replace("?", "x?"), create=True)
    assert "createdb" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:sEcret@[::bad/x",
        "mysql://user:sEcret@localhost/x",
        "postgresql+psycopg2://user:sEcret@localhost/x",
        "postgresql://user:sEcret@localhost:port/x",
    ],
)
def test_a_url_that_cannot_be_read_is_not_shown(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Store.open(url, create=True)
    assert "sEcret" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    url = "postgresql://someone:sEcret@127.0.0.1:1/entrepot?sslpassword=sEcret"
    started = time.monotonic()
    with pytest.raises(StorageError, match="refused") as caught:
        Store.open(url, create=True)
    assert time.monotonic() - started < 10
    assert caught.value.value == "postgresql://127.0.0.1:1/entrepot"
    seen, error = "", caught.value
    while error is not None:
        seen, error = seen + str(error) + repr(error), error.__cause__ or error.__context__
    assert "sEcret" not in seen


def test_a_server_that_may_lose_commits_is_refused(own_postgres: Any) -> None:
    own_postgres.start("fsync=off", "full_page_writes=off")
    url = own_postgres.create_database()
    with pytest.raises(StorageError, match="fsync is off; full_page_writes is off"):
        Store.open(url, create=True)


def test_a_database_of_another_encoding_is_refused(postgres_server: Any) -> None:
    url = postgres_server.plain_url("latin")
    with psycopg.connect(postgres_server.plain_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(StorageError, match="cannot keep") as caught:
        Store.open(url, create=True)
    assert "LATIN1" in str(caught.value)
    postgres_server.drop_database(url)


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("53100", "nothing acknowledged is lost"),
        ("53200", "memory"),
        ("53300", "max_connections"),
        ("25006", "primary"),
        ("42501", "right to create"),
        ("55P03", "holds a lock"),
        ("57014", "took too long"),
        ("40001", "submit the same acts again"),
        ("40P01", "submit the same acts again"),
        ("58030", "disk reports a fault"),
        ("XX001", "restore it from a backup"),
        ("22012", "entrepot fsck"),
    ],
)
def test_every_fault_of_the_server_has_a_remedy(store: Store, state: str, remedy: str) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}', DETAIL = 'x1'; END $$"
    with pytest.raises(StorageError, match="database: no") as caught, store.writing() as write:
        write.exec_driver_sql(raised)
    assert remedy in caught.value.remedy and "x1" not in str(caught.value)
    with store.writing() as write:
        write.execute(META.insert().values(key="a", value="b"))


def test_a_server_without_free_connections_is_said_so(own_postgres: Any) -> None:
    own_postgres.start("max_connections=6", "superuser_reserved_connections=0")
    url = own_postgres.create_database()
    Store.open(url, create=True).close()
    taken = []
    with pytest.raises(psycopg.OperationalError):
        while True:
            taken.append(psycopg.connect(url))
    with pytest.raises(StorageError, match="too many clients") as caught:
        Store.open(url)
    assert "max_connections" in caught.value.remedy
    for connection in taken:
        connection.close()
    Store.open(url).close()


def test_a_pool_that_is_empty_is_said_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pool: Any = store._database.engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.1)
    with ExitStack() as readers:
        for _ in range(POOL_SIZE + POOL_OVERFLOW):
            readers.enter_context(store.reading())
        with pytest.raises(StorageError, match="connections of this process"):
            readers.enter_context(store.reading())
    with store.reading() as read:
        assert read_meta(read, "schema_version") == "2"


def test_readers_survive_the_end_of_their_resting_connections(
    store: Store, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    monkeypatch.setattr("entrepot.kernel.postgres.PROBE_AFTER_S", 0.0)
    with store.reading() as read:
        read.execute(sa.select(META)).all()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'entrepot'"
        )
    with store.reading() as read:
        assert read_meta(read, "schema_version") == "2"


def test_a_reader_that_takes_too_long_is_ended(store: Store) -> None:
    with pytest.raises(StorageError, match="statement timeout") as caught, store.reading() as read:
        read.exec_driver_sql("SET LOCAL statement_timeout = '50ms'")
        read.exec_driver_sql("SELECT pg_sleep(5)")
    assert "too long" in caught.value.remedy


def test_a_wrong_password_is_said_so_and_not_shown(own_postgres: Any) -> None:
    own_postgres.start()
    with psycopg.connect(own_postgres.plain_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE keeper LOGIN PASSWORD 'right' ")
    rules = own_postgres.folder / "cluster" / "pg_hba.conf"
    rules.write_text("local all keeper scram-sha-256\n" + rules.read_text())
    own_postgres.run("pg_ctl", "-D", str(own_postgres.folder / "cluster"), "reload")
    time.sleep(0.2)
    url = own_postgres.plain_url("postgres").replace("postgres@", "keeper:sEcret@")
    with pytest.raises(StorageError, match="authentication failed") as caught:
        Store.open(url, create=True)
    assert "pg_hba.conf" in caught.value.remedy and "sEcret" not in str(caught.value)


def test_an_invalid_index_is_a_fault(store: Store) -> None:
    with store.writing() as write:
        write.exec_driver_sql(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'kernel_meta_pkey'::regclass"
        )
    assert store.integrity_faults() == ["index kernel_meta_pkey is invalid"]


def test_two_schemas_of_one_database_are_two_stores(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SCHEMA other")
    first = Store.open(postgres_url, create=True)
    options = "&options=-c%20search_path%3Dother%20-c%20synchronous_commit%3Doff"
    second = Store.open(postgres_url + options, create=True)
    assert first.held() and second.held()
    with second.writing() as write:
        assert write.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        write.execute(META.insert().values(key="a", value="b"))
    with first.reading() as read:
        assert read_meta(read, "a") is None
    first.close()
    second.close()


def test_a_url_of_several_servers_is_shown_with_all(postgres_url: str) -> None:
    folder = postgres_url.partition("host=")[2]
    several = postgres_url.replace("host=", "host=/nowhere&host=")
    store = Store.open(several + "&target_session_attrs=read-write", create=True)
    assert f"/nowhere,{folder}" in store.where and store.held()
    store.close()
