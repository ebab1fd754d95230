from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.database import Database, migrate, sync_url, tables
from services.database.ids import ordered_id
from services.database.schema import metadata
from tests.postgres import Cluster

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deeper' / 'new.sqlite'}"
    server: Cluster = request.getfixturevalue("postgres")
    return server.url(server.new_database())


def _differences(url: str) -> list[object]:
    engine = sa.create_engine(sync_url(url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, metadata))
    finally:
        engine.dispose()


def test_migrations_from_nothing_give_exactly_the_tables(empty_url: str) -> None:
    migrate(empty_url)
    assert _differences(empty_url) == []


def test_the_comparison_would_notice_a_missing_table(empty_url: str) -> None:
    migrate(empty_url)
    engine = sa.create_engine(sync_url(empty_url))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE people"))
        connection.execute(sa.text("DROP INDEX uq_approvals_waiting"))
    engine.dispose()
    assert len(_differences(empty_url)) >= 2


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    migrate(empty_url)
    migrate(empty_url)
    assert _differences(empty_url) == []


@pytest.mark.parametrize("asked", [{}, {"options": "-c work_mem=5MB"}])
async def test_a_replica_that_freezes_in_a_transaction_lets_go_of_its_locks(
    postgres: Cluster, asked: dict[str, str]
) -> None:
    address = sa.make_url(postgres.url(postgres.new_database())).update_query_dict(asked)
    url = address.render_as_string(hide_password=False)
    database = Database.connect(url)
    engine = sa.create_engine(sync_url(sync_url(url)))  # the durable engine's connections too
    show = [sa.text("SHOW idle_in_transaction_session_timeout"), sa.text("SHOW work_mem")]
    try:
        async with database.read() as connection:
            ours = [await connection.scalar(each) for each in show]
        with engine.connect() as plain:
            its = [plain.scalar(each) for each in show]
    finally:
        await database.close()
        engine.dispose()
    assert ours == its == ["30s", "5MB" if asked else "4MB"]


async def test_whoever_only_reads_keeps_what_the_address_asks_for(postgres: Cluster) -> None:
    address = sa.make_url(postgres.url(postgres.new_database())).update_query_dict({"options": "-c work_mem=5MB"})
    database = Database.connect_to_read(address.render_as_string(hide_password=False))
    async with database.read() as connection:
        shown = [
            await connection.scalar(sa.text(f"SHOW {name}")) for name in ("default_transaction_read_only", "work_mem")
        ]
    await database.close()
    assert shown == ["on", "5MB"]


def test_replicas_may_migrate_at_the_same_time(postgres: Cluster) -> None:
    url = postgres.url(postgres.new_database())
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate, url) for _ in range(4)]:
            done.result(timeout=60)
    assert _differences(url) == []


def _person(object_id: str, at: datetime = NOW) -> dict[str, object]:
    return {"object_id": object_id, "name": "A", "teams_id": "t", "service_url": "u", "last_seen": at}


async def _people(database: Database) -> list[str]:
    async with database.read() as connection:
        return sorted((await connection.execute(sa.select(tables.people.c.object_id))).scalars())


async def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as connection:
            await connection.execute(sa.insert(tables.people).values(**_person("a")))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await _people(database) == []


async def test_a_write_that_is_cancelled_leaves_nothing_and_blocks_nobody(database: Database) -> None:
    written = asyncio.Event()

    async def hang() -> None:
        async with database.write() as connection:
            await connection.execute(sa.insert(tables.people).values(**_person("a")))
            written.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hang())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.people).values(**_person("b")))
    assert await _people(database) == ["b"]


async def test_a_read_sees_one_moment(database: Database) -> None:
    async with database.read() as connection:
        before = await connection.scalar(sa.select(sa.func.count()).select_from(tables.people))
        async with database.write() as other:
            await other.execute(sa.insert(tables.people).values(**_person("a")))
        after = await connection.scalar(sa.select(sa.func.count()).select_from(tables.people))
    assert (before, after) == (0, 0)
    assert await _people(database) == ["a"]


async def test_many_writers_at_once_all_get_their_turn(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as connection:
            await connection.execute(sa.insert(tables.people).values(**_person(f"{number:03}")))

    async with asyncio.timeout(30):
        await asyncio.gather(*(write(number) for number in range(120)))
    assert len(await _people(database)) == 120


async def test_a_row_must_belong_to_something_that_exists(database: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        async with database.write() as connection:
            await connection.execute(
                sa.insert(tables.evidence).values(
                    id="e", incident_id="nobody", step_id="s", name="n", at=NOW, sha256="0" * 64, body=b""
                )
            )


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 25, 12, 0, tzinfo=UTC),
        datetime(2026, 11, 25, 12, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 25, 1, 0, tzinfo=timezone(timedelta(hours=-11))),
    ],
    ids=["whole", "microsecond", "another zone"],
)
async def test_times_come_back_as_the_same_moment(database: Database, at: datetime) -> None:
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.people).values(**_person("a", at)))
    async with database.read() as connection:
        kept = await connection.scalar(sa.select(tables.people.c.last_seen))
        text = await connection.scalar(sa.select(sa.type_coerce(tables.people.c.last_seen, sa.String)))
    assert kept == at
    assert kept is not None
    assert kept.tzinfo is UTC
    assert text == at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="without a zone"):
        async with database.write() as connection:
            await connection.execute(sa.insert(tables.people).values(**_person("a", NOW.replace(tzinfo=None))))


@pytest.mark.parametrize("url", ["mysql://root@localhost/irbot", "oracle://x/y"])
async def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SQLite or PostgreSQL"):
        await Database.open(url)


async def test_a_plain_sqlite_url_will_do(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'plain.sqlite'}")
    assert database.is_sqlite
    assert await _people(database) == []
    await database.close()


async def test_a_connection_to_read_sees_what_is_kept_and_writes_nothing(database: Database, database_url: str) -> None:
    reading = Database.connect_to_read(database_url)
    async with database.write() as connection:
        await connection.execute(sa.insert(tables.people).values(**_person("a")))
    assert await _people(reading) == ["a"]
    with pytest.raises(sa.exc.DBAPIError):
        async with reading.write() as connection:
            await connection.execute(sa.insert(tables.people).values(**_person("b")))
    await reading.close()
    assert await _people(database) == ["a"]


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    ids = [ordered_id() for _ in range(2000)]
    assert ids == sorted(set(ids))
    assert {(UUID(one).version, UUID(one).variant) for one in ids} == {(7, "specified in RFC 4122")}


def test_threads_never_make_the_same_id_and_each_makes_its_own_in_order() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: [ordered_id() for _ in range(500)], range(4)))
    assert all(ids == sorted(ids) for ids in made)
    assert len(set(chain(*made))) == 2000
