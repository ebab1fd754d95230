"""Fixtures for tests that run on both databases: an SQLite file, and a real PostgreSQL."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.database import Database, migrate, tables
from services.durable import ENGINE_FILE, prepare_file
from simulator import bench as benches
from tests.postgres import Cluster, cluster


@functools.cache
def empty_data() -> Path:
    """A bot's data folder with both of its SQLite files as they are before anything has happened, to copy from."""
    folder = Path(tempfile.mkdtemp(prefix="irbot-data-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    migrate(f"sqlite:///{folder / 'irbot.sqlite'}")
    prepare_file(f"sqlite:///{folder / ENGINE_FILE}")
    return folder


benches.DATA = empty_data


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """The session's PostgreSQL server."""
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_template(postgres: Cluster) -> str:
    """A migrated database to copy from."""
    name = postgres.new_database()
    migrate(postgres.url(name))
    return name


@pytest.fixture(scope="session")
def postgres_database(postgres: Cluster, postgres_template: str) -> str:
    """The database that tests use one after another."""
    return postgres.new_database(postgres_template)


@pytest.fixture(scope="session")
def empty_postgres(postgres: Cluster, postgres_database: str) -> Iterator[Callable[[], None]]:
    """Empties that database, which costs a hundredth of making it anew. A replica's role passes by all triggers."""
    statement = "; ".join(f"DELETE FROM {table.name}" for table in tables.metadata.sorted_tables)
    with postgres.connect(postgres_database) as connection:
        connection.execute("SET session_replication_role = replica")

        def empty() -> None:
            connection.execute(statement.encode())

        yield empty


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy from."""
    file = tmp_path_factory.mktemp("sqlite") / "template.sqlite"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database; once for each engine."""
    if request.param == "sqlite":
        file = tmp_path / "irbot.sqlite"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite+aiosqlite:///{file}"
        return
    server: Cluster = request.getfixturevalue("postgres")
    name: str = request.getfixturevalue("postgres_database")
    empty: Callable[[], None] = request.getfixturevalue("empty_postgres")
    yield server.url(name)
    empty()


class Engines:
    """Engines that tests use one after another: what one of them has compiled, it need not compile again."""

    def __init__(self) -> None:
        self._opened: dict[str, Database] = {}
        self._files: dict[str, str] = {}

    def database(self, url: str, fixture: str) -> Database:
        """As `Database.connect`. Close it before the next test of this fixture."""
        parsed = sa.make_url(url)
        kind = f"{fixture} {'sqlite' if parsed.get_backend_name() == 'sqlite' else url}"
        self._files[kind] = parsed.database or ""
        if kind not in self._opened:
            self._opened[kind] = Database.connect(url)
            if self._opened[kind].is_sqlite:
                engine = self._opened[kind]._engine.sync_engine
                sa.event.listen(engine, "do_connect", self._to_the_file_of(kind))
        return Database(self._opened[kind]._engine)

    def _to_the_file_of(self, kind: str) -> Callable[..., None]:
        def redirect(_dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
            arguments[0] = self._files[kind]

        return redirect


@pytest.fixture(scope="session")
def engines() -> Engines:
    return Engines()


@pytest.fixture
async def database(database_url: str, engines: Engines) -> AsyncIterator[Database]:
    """A migrated, empty database; once for each engine."""
    opened = engines.database(database_url, "database")
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(tmp_path: Path, sqlite_template: Path, engines: Engines) -> AsyncIterator[Database]:
    """A migrated, empty SQLite file alone, for tests of what asks little of a database."""
    file = tmp_path / "irbot.sqlite"
    shutil.copyfile(sqlite_template, file)
    opened = engines.database(f"sqlite+aiosqlite:///{file}", "sqlite_database")
    yield opened
    await opened.close()
