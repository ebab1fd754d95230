"""A database of the first version is brought up to date with all that is in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from cryptography.fernet import Fernet

from services.database import Database, _migrations, migrate, newest_revision, sync_url
from services.incidents import store, timeline
from services.incidents.timeline import AuditTag, first_break
from services.posts import PostKind, Posts
from services.vault import Vault
from tests.postgres import Cluster
from tests.services.fakes import CHANNEL, NOW, actor, subject

FIRST = "0001"
KEY = Fernet.generate_key().decode()


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database with the tables of the first version."""
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'old.sqlite'}"
        _upgrade_to_the_first(url)
        yield url
        return
    server: Cluster = request.getfixturevalue("postgres")
    name = server.new_database()
    _upgrade_to_the_first(server.url(name))
    yield server.url(name)
    server.drop(name)


def _upgrade_to_the_first(url: str) -> None:
    engine = sa.create_engine(sync_url(url))
    with engine.begin() as connection:
        config = _migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
    engine.dispose()


async def _a_life(url: str) -> None:
    """What a bot keeps of one incident."""
    database = Database.connect(url)
    incident, _ = await store.open_incident(database, subject(), actor("alex"), CHANNEL, NOW)
    async with database.write() as connection:
        await timeline.append(
            connection, incident.id, AuditTag.PLAN_PROPOSED, at=NOW, data={"kind": "lock", "steps": []}
        )
        await store.keep_evidence(connection, Vault((KEY,)), incident.id, "snapshot", {"account": {"a": 1}}, NOW)
        await Posts(database).want(
            connection, "headline", PostKind.HEADLINE, NOW, conversation=CHANNEL, incident_id=incident.id
        )
    await database.close()


def _copy(source: Path, target_url: str) -> None:
    """Takes over whatever the first version's tables have columns for, as that version would have written it."""
    engine = sa.create_engine(sync_url(target_url))
    known = sa.MetaData()
    known.reflect(engine)
    with sqlite3.connect(source) as old, engine.begin() as connection:
        old.row_factory = sqlite3.Row
        for table in known.sorted_tables:
            if table.name == "alembic_version":
                continue
            for row in old.execute(f"SELECT * FROM {table.name}"):
                connection.execute(sa.insert(table).values(_fitting(table, dict(row))))
    engine.dispose()


def _fitting(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in row.items() if name in table.c}
    return {
        name: json.loads(value) if isinstance(table.c[name].type, sa.JSON) and isinstance(value, str) else value
        for name, value in values.items()
    }


async def test_everything_is_there_afterwards_and_the_timeline_is_guarded_as_before(
    old_url: str, tmp_path: Path
) -> None:
    migrate(f"sqlite:///{tmp_path / 'today.sqlite'}")
    await _a_life(f"sqlite+aiosqlite:///{tmp_path / 'today.sqlite'}")
    _copy(tmp_path / "today.sqlite", old_url)

    migrate(old_url)

    database = Database.connect(old_url)
    async with database.read() as connection:
        assert (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar_one() == (
            newest_revision()
        )
        incident = await store.by_number(connection, 1)
        assert incident is not None
        entries = await timeline.read(connection, incident.id)
        kept = (await connection.execute(sa.text("SELECT body FROM evidence"))).scalar_one()
    assert incident.subject == subject()
    assert first_break(incident.id, entries, len(entries)) is None
    assert Vault((KEY,)).unpack(bytes(kept)) == b'{"a": 1}'
    [post] = await Posts(database).due(NOW)
    assert post.incident_id == incident.id
    with pytest.raises(sa.exc.DBAPIError):
        async with database.write() as connection:
            await connection.execute(sa.text("UPDATE timeline SET event = 'x'"))
    await database.close()
