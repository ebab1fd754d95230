from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from services.database import Database, sqlite_driver

THINGS = sa.table("things", sa.column("id"), sa.column("name"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "things.sqlite"
    with sqlite3.connect(made) as connection:
        connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
    connection.close()
    return made


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    database = Database.connect(f"sqlite:///{file}")
    async with database.read() as connection:
        await connection.execute(sa.select(THINGS))
    yield database
    await database.close()


@pytest.fixture
def asked(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the threads, by the name of the function."""
    questions: list[str] = []
    ask = sqlite_driver.Connection._execute

    async def and_note(self: sqlite_driver.Connection, what: Any, *values: Any) -> Any:
        questions.append(what.__name__)
        return await ask(self, what, *values)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(sqlite_driver.Connection, "_execute", and_note)
    return questions


async def _names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(sa.select(THINGS.c.name).order_by(THINGS.c.id))).scalars())


async def test_the_thread_is_asked_once_for_a_statement_and_once_for_the_end(
    database: Database, asked: list[str]
) -> None:
    async with database.write() as connection:
        await connection.execute(sa.insert(THINGS).values(name="a"))
        await connection.execute(sa.select(THINGS))
    assert asked == ["_run", "_run", "commit"]
    asked.clear()
    assert await _names(database) == ["a"]
    assert asked == ["_run", "rollback"]


async def test_a_transaction_without_a_statement_asks_nothing(database: Database, asked: list[str]) -> None:
    async with database.write():
        pass
    assert asked == []


async def test_counts_and_ids_are_those_of_the_statement(database: Database) -> None:
    async with database.write() as connection:
        made = await connection.execute(sa.insert(THINGS).values(name="a"))
        assert made.lastrowid == 1
        await connection.execute(sa.insert(THINGS), [{"name": name} for name in "bcd"])
        changed = await connection.execute(sa.update(THINGS).where(THINGS.c.id > 1).values(name="x"))
        assert changed.rowcount == 3
    assert await _names(database) == ["a", "x", "x", "x"]


async def test_what_fails_leaves_nothing(database: Database) -> None:
    async def fails() -> None:
        async with database.write() as connection:
            await connection.execute(sa.insert(THINGS).values(name="a"))
            raise KeyError

    with pytest.raises(KeyError):
        await fails()
    assert await _names(database) == []


async def test_no_statement_runs_without_its_transaction(database: Database, file: Path) -> None:
    async with database.write() as connection:  # the one that is used again below
        await connection.exec_driver_sql("PRAGMA busy_timeout=1")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with database.write() as connection:
        for _ in range(2):
            with pytest.raises(OperationalError, match="locked"):
                await connection.execute(sa.insert(THINGS).values(name="a"))
        other.execute("COMMIT")
        other.close()
        await connection.execute(sa.insert(THINGS).values(name="b"))
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        assert raw.in_transaction
    assert await _names(database) == ["b"]
