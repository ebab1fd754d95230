"""What has had its time goes whole, and what is open, new or still moving stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.blasts.model import BlastState
from services.database import Database, tables
from services.database.blast_tables import blast_events, blasts
from services.database.mail_tables import mails
from services.database.schema import metadata
from services.incidents import store, timeline
from services.incidents.model import Incident, IncidentState
from services.incidents.timeline import AuditTag
from services.people import People
from services.retention import Purged, Retention
from tests.services.blasts.desk import Desk
from tests.services.fakes import CHANNEL, NOW, Clock, actor, subject

LATER = NOW + timedelta(days=400)


def retention(database: Database, **changes: Any) -> Retention:
    return Retention(database, **({"evidence_days": 1000.0, "record_days": 365.0} | changes))


async def opened(database: Database, name: str, *, closed: bool = True, at: datetime = NOW) -> Incident:
    incident, _ = await store.open_incident(database, subject(name), actor("alex"), CHANNEL, at)
    if closed:
        async with database.write() as connection:
            table = tables.incidents
            values = {"state": IncidentState.CLOSED.value}
            await connection.execute(sa.update(table).where(table.c.id == incident.id).values(values))
    return incident


async def numbers(database: Database) -> list[int]:
    async with database.read() as connection:
        column = tables.incidents.c.number
        return list((await connection.execute(sa.select(column).order_by(column))).scalars())


async def counts(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return {
            table.name: int(await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
            for table in metadata.sorted_tables
        }


def belonging(root: sa.Table) -> Sequence[sa.Table]:
    """The tables that point at a table, or at one that does."""
    found = [root]
    for table in metadata.sorted_tables:
        if table is not root and any(key.column.table in found for key in table.foreign_keys):
            found.append(table)
    return found[1:]


def a_row(table: sa.Table, parents: dict[sa.Table, str]) -> dict[str, Any]:
    """Something for each column; foreign keys point at the parents."""
    row: dict[str, Any] = {}
    for column in table.columns:
        keys = [key for key in column.foreign_keys if key.column.table in parents]
        if keys:
            row[column.name] = parents[keys[0].column.table]
        elif column.foreign_keys or (column.nullable and not column.primary_key):
            row[column.name] = None
        else:
            row[column.name] = _something(column)
    return row


def _something(column: sa.Column[Any]) -> Any:
    kind = column.type.impl_instance if isinstance(column.type, sa.types.TypeDecorator) else column.type
    if "UtcTime" in type(column.type).__name__:
        return NOW
    if isinstance(kind, sa.JSON):
        return {}
    if isinstance(kind, sa.LargeBinary):
        return b"x"
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, sa.Integer | sa.Float):
        return 7
    return "x"


async def test_of_an_incident_that_had_its_time_no_row_is_left_in_any_table(database: Database) -> None:
    old = await opened(database, "megan")
    before = await counts(database)
    parents = {tables.incidents: old.id}
    async with database.write() as connection:
        for table in belonging(tables.incidents):
            row = a_row(table, parents)
            await connection.execute(sa.insert(table).values(row))
            if "id" in table.c:
                parents[table] = row["id"]
    filled = await counts(database)
    assert all(filled[table.name] > before[table.name] for table in belonging(tables.incidents))
    kept = await opened(database, "lynne", at=LATER)

    gone = await retention(database).purge(LATER)

    assert gone.incidents == (old.number,)
    assert await numbers(database) == [kept.number]
    left = await counts(database)
    assert {name: count for name, count in left.items() if count} == {"incidents": 1, "timeline": 1}


async def test_what_is_open_was_touched_or_is_the_newest_stays(database: Database) -> None:
    still_open = await opened(database, "megan", closed=False)
    touched = await opened(database, "lynne")
    due = await opened(database, "alan")
    newest = await opened(database, "joni")
    async with database.write() as connection:
        await timeline.append(connection, touched.id, AuditTag.REPORT_TAKEN, at=LATER - timedelta(days=1))
    assert (await retention(database).purge(NOW + timedelta(days=364))).incidents == ()
    assert (await retention(database, record_days=0.0).purge(LATER)).incidents == ()
    assert (await retention(database).purge(LATER)).incidents == (due.number,)
    assert (await retention(database).purge(LATER)) == Purged()
    assert await numbers(database) == [still_open.number, touched.number, newest.number]


async def test_a_record_still_loses_no_line_by_itself(database: Database) -> None:
    await opened(database, "megan")
    desk = Desk(database)
    await desk.draft()
    for table in (tables.timeline, blast_events):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            async with database.write() as connection:
                await connection.execute(sa.delete(table))
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            async with database.write() as connection:
                await connection.execute(sa.update(table).values(at=LATER))


async def test_a_lesson_that_ended_goes_and_what_went_on_from_it_stays(database: Database) -> None:
    desk = Desk(database)
    ended, moving, first = [await desk.draft() for _ in range(3)]
    async with database.write() as connection:
        done = sa.update(blasts).where(blasts.c.id.in_([ended.id, first.id]))
        await connection.execute(done.values(state=BlastState.DONE.value, finished_at=NOW))
        await connection.execute(sa.update(blasts).where(blasts.c.id == moving.id).values(parent_id=first.id))
    assert (await retention(database).purge(LATER)).blasts == 1
    async with database.read() as connection:
        assert set((await connection.execute(sa.select(blasts.c.id))).scalars()) == {moving.id, first.id}
        assert ended.id not in set((await connection.execute(sa.select(blast_events.c.blast_id))).scalars())


async def test_people_who_were_not_seen_and_mails_that_ended_go(database: Database) -> None:
    clock = Clock()
    known = People(database, clock)
    await known.seen(actor("alex"), CHANNEL)
    clock.time = LATER
    await known.seen(actor("adele"), CHANNEL)
    async with database.write() as connection:
        for key, state in (("sent", "sent"), ("waits", "wanted")):
            row = a_row(mails, {}) | {"key": key, "mark": key, "state": state, "created_at": NOW}
            await connection.execute(sa.insert(mails).values(row))
    gone = await retention(database).purge(LATER)
    assert (gone.people, gone.mails) == (1, 1)
    async with database.read() as connection:
        assert list((await connection.execute(sa.select(mails.c.key))).scalars()) == ["waits"]
        assert list((await connection.execute(sa.select(tables.people.c.object_id))).scalars()) == [
            actor("adele").object_id
        ]


async def test_evidence_and_answered_requests_go_earlier(database: Database) -> None:
    await opened(database, "megan")
    async with database.write() as connection:
        row = {"body": {}, "actor_id": "a", "correlation_id": "c", "received_at": NOW}
        await connection.execute(sa.insert(tables.requests).values(row | {"key": "new", "state": "received"}))
        done = row | {"key": "old", "state": "done", "finished_at": NOW}
        await connection.execute(sa.insert(tables.requests).values(done))
    gone = await retention(database, evidence_days=30.0).purge(NOW + timedelta(days=31))
    assert gone == Purged(requests=1)
    assert await numbers(database) == [1]
