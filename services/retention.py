"""What has had its time is deleted: evidence first, and later all that is known of a closed incident.

The timeline is the record of who decided what, so that an incident goes whole or not at all: never an open one, and
never the newest, whose number gives the next one its own. What belongs to an incident is found by the foreign keys of
the schema, so that a new table cannot be forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts.model import BlastState
from services.database import Database, tables
from services.database.blast_tables import blasts
from services.database.mail_tables import mails
from services.database.schema import metadata
from services.incidents import store
from services.incidents.model import IncidentState
from services.mailing.mail import MailState
from services.requests import RequestState

log = logging.getLogger(__name__)

_AT_ONCE = 20
_ENDED_BLASTS = [
    each.value
    for each in (BlastState.CANCELLED, BlastState.DONE, BlastState.EXPIRED, BlastState.RECALLED, BlastState.REFUSED)
]
_PURGED = "purged"  # the state in which the database lets the lines of a record go
_MOVING_MAILS = [MailState.SENDING.value, MailState.WANTED.value]


@dataclass(frozen=True)
class Purged:
    """How many of each were deleted; `incidents` are the numbers of whole incidents."""

    evidence: int = 0
    incidents: tuple[int, ...] = ()
    blasts: int = 0
    mails: int = 0
    people: int = 0
    requests: int = 0


class Retention:
    """Deletes what is older than the settings allow. Safe to run again, and beside other replicas."""

    def __init__(self, database: Database, *, evidence_days: float, record_days: float) -> None:
        """`record_days` 0 keeps incidents, blasts and people for good."""
        self._database = database
        self._evidence = timedelta(days=evidence_days)
        self._records = timedelta(days=record_days) if record_days else None

    async def purge(self, now: datetime) -> Purged:
        """One round, which deletes a part where much is due: the next one goes on. What went is in the log."""
        evidence = await store.purge_evidence(self._database, now - self._evidence)
        requests = await self._delete(
            tables.requests,
            tables.requests.c.state != RequestState.RECEIVED.value,
            tables.requests.c.finished_at < now - self._evidence,
        )
        gone = Purged(evidence=evidence, requests=requests)
        if self._records is not None:
            before = now - self._records
            old_mails = (
                mails.c.incident_id.is_(None),
                mails.c.state.not_in(_MOVING_MAILS),
                mails.c.created_at < before,
            )
            gone = replace(
                gone,
                incidents=await self._incidents(before),
                blasts=await self._blasts(before),
                mails=await self._delete(mails, *old_mails),
                people=await self._delete(tables.people, tables.people.c.last_seen < before),
            )
        if gone != Purged():
            log.info("deleted what had its time: %s", gone)
        return gone

    async def _delete(self, table: sa.Table, *which: sa.ColumnElement[bool]) -> int:
        async with self._database.write() as connection:
            return (await connection.execute(sa.delete(table).where(*which))).rowcount

    async def _incidents(self, before: datetime) -> tuple[int, ...]:
        """Closed incidents in which nothing has happened since."""
        incidents, timeline = tables.incidents.c, tables.timeline.c
        newest = sa.select(sa.func.max(incidents.number)).scalar_subquery()
        touched = sa.exists().where(timeline.incident_id == incidents.id, timeline.at >= before)
        query = (
            sa.select(incidents.id, incidents.number)
            .where(incidents.state == IncidentState.CLOSED.value, incidents.opened_at < before)
            .where(incidents.number != newest, sa.not_(touched))
            .order_by(incidents.number)
            .limit(_AT_ONCE)
        )
        async with self._database.write() as connection:
            due = [(row.id, row.number) for row in await connection.execute(query.with_for_update())]
            await _delete_with_all_of_it(connection, tables.incidents, [incident_id for incident_id, _ in due])
        return tuple(number for _, number in due)

    async def _blasts(self, before: datetime) -> int:
        """Lessons of no incident that ended before, and were not the beginning of a later one."""
        later = blasts.alias()
        followed = sa.exists().where(later.c.parent_id == blasts.c.id)
        query = (
            sa.select(blasts.c.id)
            .where(blasts.c.incident_id.is_(None), blasts.c.state.in_(_ENDED_BLASTS))
            .where(sa.func.coalesce(blasts.c.finished_at, blasts.c.decided_at, blasts.c.created_at) < before)
            .where(sa.not_(followed))
            .limit(_AT_ONCE)
        )
        async with self._database.write() as connection:
            due = list((await connection.execute(query)).scalars())
            await _delete_with_all_of_it(connection, blasts, due)
        return len(due)


async def _delete_with_all_of_it(connection: AsyncConnection, root: sa.Table, ids: Sequence[str]) -> None:
    """Deletes rows, and whatever points at them, from the outermost table inwards."""
    if not ids:
        return
    owned: dict[sa.Table, sa.ColumnElement[bool]] = {root: root.c.id.in_(ids)}
    for table in metadata.sorted_tables:
        mine = [
            key.parent.in_(sa.select(key.column).where(owned[key.column.table]))
            for key in table.foreign_keys
            if key.column.table in owned and key.column.table is not table
        ]
        if mine and table is not root:
            owned[table] = sa.or_(*mine)
    if blasts in owned:  # a lesson that went on from one of these stands on its own from now on
        gone = sa.select(blasts.c.id).where(owned[blasts])
        values: dict[str, Any] = {"parent_id": None}
        await connection.execute(sa.update(blasts).where(blasts.c.parent_id.in_(gone)).values(values))
    for table in {root, blasts} & owned.keys():
        await connection.execute(sa.update(table).where(owned[table]).values(state=_PURGED))
    for table in reversed(metadata.sorted_tables):
        if table in owned:
            await connection.execute(sa.delete(table).where(owned[table]))
