"""A copy of the data is whole though the bot writes, and what is put back is what was copied."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from services.database import Database, tables
from services.database.operation_tables import report_offers
from services.database.schema import metadata
from services.database.sealed import Packed
from services.durable import ENGINE_FILE, LOCK_FILE, take_lock
from services.errors import BadInput, Conflict
from services.incidents import store
from services.people import People
from services.safekeeping import backup, restore, rotate
from services.settings import Settings
from services.vault import Vault
from tests.services.fakes import CHANNEL, NOW, Clock, actor, settings, subject

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def ours(tmp_path: Path, sqlite_template: Path) -> Settings:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "irbot.sqlite")
    return settings(data_dir=folder, data_keys=OLD)


async def opened(ours: Settings, number: int, keys: tuple[str, ...] = (OLD,)) -> None:
    """An incident with a piece of evidence."""
    database = Database.connect(ours.sql_url)
    incident, _ = await store.open_incident(
        database, subject(f"{number:08d}-0000-4000-8000-000000000000"), actor("alex"), CHANNEL, NOW
    )
    async with database.write() as connection:
        await store.keep_evidence(connection, Vault(keys), incident.id, "snapshot", {"n": {"number": number}}, NOW)
    await database.close()


async def numbers(ours: Settings, keys: tuple[str, ...] = (OLD,)) -> list[bytes]:
    database = Database.connect(ours.sql_url)
    async with database.read() as connection:
        bodies = (await connection.execute(sa.select(tables.evidence.c.body))).scalars().all()
    await database.close()
    return sorted(Vault(keys).unpack(body) for body in bodies)


async def test_what_was_copied_comes_back_and_what_was_there_is_kept(ours: Settings, tmp_path: Path) -> None:
    await opened(ours, 1)
    size = await asyncio.to_thread(backup, ours, tmp_path / "copy.sqlite")
    assert size == os.path.getsize(tmp_path / "copy.sqlite")  # noqa: ASYNC240
    await opened(ours, 2)
    (ours.data_dir / ENGINE_FILE).touch()
    before = await asyncio.to_thread(restore, ours, tmp_path / "copy.sqlite", NOW)
    assert await numbers(ours) == [b'{"number": 1}']
    assert not (ours.data_dir / ENGINE_FILE).exists()
    assert before is not None
    later = settings(data_dir=ours.data_dir, data_keys=OLD, database_url=f"sqlite:///{before}")
    assert await numbers(later) == [b'{"number": 1}', b'{"number": 2}']


async def test_a_copy_is_whole_while_others_write(ours: Settings, tmp_path: Path) -> None:
    writing = asyncio.create_task(_write_on(ours))
    for number in range(5):
        await asyncio.to_thread(backup, ours, tmp_path / f"{number}.sqlite")
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    counts = []
    for number in range(5):
        with sqlite3.connect(tmp_path / f"{number}.sqlite") as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            incidents = copy.execute("SELECT count(*) FROM incidents").fetchone()[0]
            assert (
                copy.execute("SELECT count(*) FROM timeline WHERE event = 'incident:opened'").fetchone()[0] == incidents
            )
            counts.append(incidents)
    assert counts == sorted(counts)


async def _write_on(ours: Settings) -> None:
    for number in range(10, 100_000):
        await opened(ours, number)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_copy_is_for_its_owner_alone_and_never_written_over(ours: Settings, tmp_path: Path) -> None:
    backup(ours, tmp_path / "copy.sqlite")
    assert stat.S_IMODE((tmp_path / "copy.sqlite").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        backup(ours, tmp_path / "copy.sqlite")


def test_without_data_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        backup(settings(data_dir=tmp_path / "none"), tmp_path / "copy.sqlite")
    assert not (tmp_path / "copy.sqlite").exists()


def test_postgresql_has_its_own_tools(tmp_path: Path) -> None:
    theirs = settings(database_url="postgresql://irbot@localhost/irbot")
    with pytest.raises(BadInput):
        backup(theirs, tmp_path / "copy.sqlite")
    with pytest.raises(BadInput):
        restore(theirs, tmp_path / "copy.sqlite", NOW)


async def test_while_the_bot_runs_nothing_is_put_back(ours: Settings, tmp_path: Path) -> None:
    await asyncio.to_thread(backup, ours, tmp_path / "copy.sqlite")
    await opened(ours, 1)
    held = take_lock(ours.data_dir / LOCK_FILE)
    try:
        with pytest.raises(Conflict):
            await asyncio.to_thread(restore, ours, tmp_path / "copy.sqlite", NOW)
    finally:
        held.close()
    assert await numbers(ours) == [b'{"number": 1}']


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\x00" + bytes(200)])
async def test_what_is_no_copy_is_refused_and_nothing_changes(ours: Settings, tmp_path: Path, content: bytes) -> None:
    await opened(ours, 1)
    (tmp_path / "copy.sqlite").write_bytes(content)
    with pytest.raises(BadInput):
        await asyncio.to_thread(restore, ours, tmp_path / "copy.sqlite", NOW)
    assert await numbers(ours) == [b'{"number": 1}']
    assert sorted(os.listdir(ours.data_dir)) == sorted(
        name for name in os.listdir(ours.data_dir) if "restoring" not in name
    )


async def test_a_damaged_copy_is_refused(ours: Settings, tmp_path: Path) -> None:
    for number in range(40):
        await opened(ours, number)
    copy = tmp_path / "copy.sqlite"
    await asyncio.to_thread(backup, ours, copy)
    content = bytearray(copy.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 6000] = os.urandom(6000)
    copy.write_bytes(content)
    with pytest.raises(BadInput):
        await asyncio.to_thread(restore, ours, copy, NOW)


async def test_a_copy_of_a_newer_program_is_refused(ours: Settings, tmp_path: Path) -> None:
    await asyncio.to_thread(backup, ours, tmp_path / "copy.sqlite")
    with sqlite3.connect(tmp_path / "copy.sqlite") as copy:
        copy.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict):
        await asyncio.to_thread(restore, ours, tmp_path / "copy.sqlite", NOW)


async def test_a_copy_whose_key_is_not_here_is_refused(ours: Settings, tmp_path: Path) -> None:
    await opened(ours, 1)
    await asyncio.to_thread(backup, ours, tmp_path / "copy.sqlite")
    stranger = settings(data_dir=ours.data_dir, data_keys=NEW)
    with pytest.raises(Conflict):
        await asyncio.to_thread(restore, stranger, tmp_path / "copy.sqlite", NOW)


async def test_a_copy_with_people_alone_needs_the_key_as_well(ours: Settings, tmp_path: Path) -> None:
    database = Database.connect(ours.sql_url)
    database.seal(Vault((OLD,)))
    await People(database, Clock()).seen(actor("alex"), CHANNEL)
    await database.close()
    await asyncio.to_thread(backup, ours, tmp_path / "copy.sqlite")
    stranger = settings(data_dir=ours.data_dir, data_keys=NEW)
    with pytest.raises(Conflict):
        await asyncio.to_thread(restore, stranger, tmp_path / "copy.sqlite", NOW)
    await asyncio.to_thread(restore, ours, tmp_path / "copy.sqlite", NOW)


async def test_evidence_goes_under_the_newest_key(ours: Settings) -> None:
    for number in range(3):
        await opened(ours, number)
    both = settings(data_dir=ours.data_dir, data_keys=f"{NEW},{OLD}")
    assert await rotate(both) == 3 + 3  # each incident's conversation too
    assert await rotate(both) == 3 + 3
    assert len(await numbers(ours, (NEW,))) == 3
    with pytest.raises(Conflict):
        await numbers(ours, (OLD,))


async def test_whatever_is_packed_goes_under_the_newest_key(ours: Settings) -> None:
    packed = [(table, column) for table in metadata.sorted_tables for column in table.columns if _is_binary(column)]
    assert {(table.name, column.name) for table, column in packed} == {
        ("evidence", "body"),
        ("report_offers", "upload"),
    }
    assert all(isinstance(column.type, Packed) for _, column in packed)  # what a change of keys goes by
    await opened(ours, 1)
    database = Database.connect(ours.sql_url)
    offer: dict[str, Any] = {
        "id": "offer",
        "kind": "report",
        "person": {},
        "conversation": {},
        "nonce": "",
        "reason": "",
    }
    async with database.write() as connection:
        upload = Vault((OLD,)).pack(b"the address")
        row = offer | {"state": "accepted", "upload": upload, "asked_at": NOW}
        await connection.execute(sa.insert(report_offers).values(row))
        await connection.execute(sa.insert(report_offers).values(row | {"id": "without", "upload": None}))
    await rotate(settings(data_dir=ours.data_dir, data_keys=f"{NEW},{OLD}"))
    async with database.read() as connection:
        for _, column in packed:
            query = sa.select(column).where(column.is_not(None))
            assert [bool(Vault((NEW,)).unpack(value)) for value in (await connection.execute(query)).scalars()] == [
                True
            ]
    await database.close()


def _is_binary(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.LargeBinary | Packed)


async def test_with_one_key_there_is_nothing_to_change_to(ours: Settings) -> None:
    with pytest.raises(BadInput):
        await rotate(ours)


async def test_a_piece_under_a_lost_key_is_said_and_the_others_are_renewed(ours: Settings) -> None:
    lost = Fernet.generate_key().decode()
    await opened(ours, 1)
    await opened(ours, 2, (lost,))
    with pytest.raises(Conflict) as told:
        await rotate(settings(data_dir=ours.data_dir, data_keys=f"{NEW},{OLD}"))
    assert (told.value.data["lost"], told.value.data["renewed"]) == (1, 1 + 2)
