"""The database: SQLite in a file by default, PostgreSQL by URL, the same tables through the same migrations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.database import sealed, sqlite_driver
from services.database.sealed import Seal

_WRITES = "irbot_writes"
_BUSY_SECONDS = 15
_MIGRATION_LOCK = 4_871_102_660_073_221
_SQLITE = {"timeout": _BUSY_SECONDS, "async_creator_fn": sqlite_driver.connect}
# A replica that freezes in the middle of a transaction holds its locks; after this PostgreSQL takes them back.
_LET_GO = "-c idle_in_transaction_session_timeout=30s"


def is_sqlite(url: str) -> bool:
    """Whether it is an SQLite file; else it is PostgreSQL. Raises ValueError for a database of another kind."""
    kind = sa.make_url(url).get_backend_name()
    if kind not in {"sqlite", "postgresql"}:
        raise ValueError(f"IRBot keeps its data in SQLite or PostgreSQL, not in {kind}")
    return kind == "sqlite"


def sync_url(url: str) -> str:
    """The same database for a synchronous driver (migrations, the durable engine)."""
    parsed = sa.make_url(url).set(drivername="sqlite") if is_sqlite(url) else _postgres(url, _LET_GO)
    return parsed.render_as_string(hide_password=False)


def _postgres(url: str, option: str) -> sa.URL:
    """The address for our driver, with what each connection asks of the server beside what the address asks."""
    parsed = sa.make_url(url).set(drivername="postgresql+psycopg")
    asked = parsed.query.get("options", "")
    given = asked if isinstance(asked, str) else " ".join(asked)
    return parsed if option in given else parsed.update_query_dict({"options": f"{given} {option}".strip()})


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest_revision() -> str:
    """The revision that this program's tables have. Reads files."""
    return ScriptDirectory.from_config(_migrations()).get_current_head() or ""


def migrate(url: str) -> None:
    """Brings the schema to the newest revision. Blocking; safe to call from several replicas at once."""
    parsed = sa.make_url(url)
    if is_sqlite(url) and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(sync_url(url))
    try:
        with engine.begin() as connection:
            if not is_sqlite(url):
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            config = _migrations()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


class Database:
    """Connections to our tables. `read` and `write` are transactions; a write is serialised from the start."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # SQLite lets waiting writers try again at random; in a queue each gets its turn, and none runs out of patience.
        self._turn: AbstractAsyncContextManager[object] = asyncio.Lock() if self.is_sqlite else nullcontext()

    @classmethod
    async def open(cls, url: str) -> Database:
        """Migrates and connects. Raises what the driver raises when the database cannot be reached.

        Raises ValueError for a database of another kind.
        """
        await asyncio.to_thread(migrate, url)
        return cls.connect(url)

    @classmethod
    def connect(cls, url: str) -> Database:
        """Connects to a database that is migrated already; the first query is what reaches it."""
        parsed = sa.make_url(url)
        if not is_sqlite(url):
            return cls(create_async_engine(_postgres(url, _LET_GO), pool_pre_ping=True, pool_size=10))
        parsed = parsed.set(drivername="sqlite+aiosqlite")
        engine = create_async_engine(parsed, connect_args=_SQLITE)
        sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return cls(engine)

    @classmethod
    def connect_to_read(cls, url: str) -> Database:
        """Connects to look and no more, beside a bot that runs: nothing is made, migrated, locked or written."""
        parsed = sa.make_url(url)
        if not is_sqlite(url):
            return cls(create_async_engine(_postgres(url, "-c default_transaction_read_only=on")))
        file = Path(parsed.database or "").absolute().as_uri()
        read_only = sa.URL.create("sqlite+aiosqlite", database=file, query={"mode": "ro", "uri": "true"})
        engine = create_async_engine(read_only, connect_args=_SQLITE)
        sa.event.listen(engine.sync_engine, "connect", _leave_transactions_to_us)
        sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return cls(engine)

    def seal(self, seal: Seal) -> None:
        """From now on what people are reached by is closed in the file, and opened when it is read."""
        sealed.seal(self._engine.dialect, seal)

    async def close(self) -> None:
        """Gives all connections back, and forgets the key."""
        sealed.seal(self._engine.dialect, None)
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A view of one moment, however many queries are made; nothing is kept."""
        async with self._engine.connect() as plain:
            # SQLite's transactions are so by themselves.
            yield plain if self.is_sqlite else await plain.execution_options(isolation_level="REPEATABLE READ")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Commits on a clean exit, rolls back on an exception. On SQLite it holds the one write lock throughout."""
        async with self._turn, self._engine.connect() as plain:
            connection = await plain.execution_options(**{_WRITES: True})
            async with connection.begin():
                yield connection


async def insert_once(connection: AsyncConnection, table: sa.Table, **values: Any) -> bool:
    """Inserts a row; False where one with a unique value of it is there already.

    Waits for another replica that is inserting the same, so that what it wrote can be read afterwards.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).values(**values).on_conflict_do_nothing()
    return (await connection.execute(statement, execution_options={"preserve_rowcount": True})).rowcount == 1


async def after_all(
    connection: AsyncConnection, column: sa.Column[datetime], among: sa.ColumnElement[bool], now: datetime
) -> datetime:
    """Now, or right after the latest time in the column: a clock that was set back must not change an order."""
    latest = await connection.scalar(sa.select(sa.func.max(column)).where(among))
    return now if latest is None or latest < now else latest + timedelta(microseconds=1)


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: it would take the write lock too late, and then fail.
    connection.isolation_level = None


def _prepare_sqlite(connection: Any, record: Any) -> None:
    _leave_transactions_to_us(connection, record)
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite_driver.Connection)
    driver.begin_with("BEGIN IMMEDIATE" if writes else "BEGIN")
