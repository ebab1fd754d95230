"""Fixtures for tests that run on both databases: an SQLite file, and a real PostgreSQL."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

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
    yield server.url(name)
    # Emptied rather than made anew, which costs a hundred times as much. A replica's role passes by all triggers.
    empty = "; ".join(f"DELETE FROM {table.name}" for table in tables.metadata.sorted_tables)
    server.execute(f"SET session_replication_role = replica; {empty}", name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database; once for each engine."""
    opened = Database.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Database]:
    """A migrated, empty SQLite file alone, for tests of what asks little of a database."""
    file = tmp_path / "irbot.sqlite"
    shutil.copyfile(sqlite_template, file)
    opened = Database.connect(f"sqlite+aiosqlite:///{file}")
    yield opened
    await opened.close()
