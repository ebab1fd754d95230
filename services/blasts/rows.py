"""Blasts as rows: reading them, moving them from state to state, and writing down what happened."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts.model import (
    AnswerWord,
    AudienceDigest,
    Blast,
    BlastEvent,
    BlastKind,
    BlastState,
    Content,
    Delivery,
    Recipient,
    RecipientState,
    SendingPlan,
    Via,
)
from services.database.blast_tables import blast_events, blast_recipients, blasts
from services.errors import NotFound
from services.incidents import timeline
from services.incidents.model import actor_from_json, conversation_from_json
from services.incidents.timeline import SYSTEM, AuditTag

PAGE = 1000
_IN_THE_TIMELINE = frozenset(BlastEvent) - {BlastEvent.CREATED, BlastEvent.EDITED, BlastEvent.EXPORTED}


def run_key(blast_id: str, run: int) -> str:
    """The key of the durable job that carries out this run of a blast."""
    return f"{blast_id}/{run}"


async def database_micros(connection: AsyncConnection) -> int:
    """Microseconds by the clock that all replicas share; SQLite belongs to one process, and has that one's."""
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1000
    query = sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    return int((await connection.execute(query)).scalar_one())


async def get(connection: AsyncConnection, blast_id: str, *, lock: bool = False) -> Blast:
    """One blast. `lock` holds its row until the transaction ends. Raises NotFound."""
    query = sa.select(blasts).where(blasts.c.id == blast_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NotFound(what="blast", sought=blast_id)
    return _blast(row)


async def of_incident(connection: AsyncConnection, incident_id: str) -> tuple[Blast, ...]:
    """The blasts of an incident, newest first."""
    query = sa.select(blasts).where(blasts.c.incident_id == incident_id).order_by(blasts.c.created_at.desc())
    return tuple(_blast(row) for row in await connection.execute(query))


async def in_states(connection: AsyncConnection, states: Collection[BlastState], limit: int = 50) -> tuple[Blast, ...]:
    """The newest blasts in any of these states."""
    wanted = blasts.c.state.in_([state.value for state in states])
    query = sa.select(blasts).where(wanted).order_by(blasts.c.created_at.desc()).limit(limit)
    return tuple(_blast(row) for row in await connection.execute(query))


async def move(
    connection: AsyncConnection,
    blast: Blast,
    event: BlastEvent,
    now: datetime,
    *,
    actor_id: str = SYSTEM,
    data: Mapping[str, Any] | None = None,
    **values: Any,
) -> None:
    """Changes columns of a blast whose row the caller has locked, with the line that tells of it."""
    if values:
        await connection.execute(sa.update(blasts).where(blasts.c.id == blast.id).values(**values))
    await record(connection, blast.id, event, now, actor_id=actor_id, data=data)
    if blast.incident_id is not None and event in _IN_THE_TIMELINE:
        told = {"blast": blast.id, "title": blast.title, "event": event.value, "people": blast.people}
        await timeline.append(
            connection,
            blast.incident_id,
            AuditTag.BLAST_CHANGED,
            at=now,
            actor_id=actor_id,
            data={**told, "digest": blast.digest, **(data or {})},
        )


async def record(
    connection: AsyncConnection,
    blast_id: str,
    event: BlastEvent,
    now: datetime,
    *,
    actor_id: str = SYSTEM,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Appends a line to the blast's own record; the caller holds the blast's row."""
    last = await connection.scalar(
        sa.select(sa.func.max(blast_events.c.seq)).where(blast_events.c.blast_id == blast_id)
    )
    await connection.execute(
        sa.insert(blast_events).values(
            blast_id=blast_id,
            seq=int(last or 0) + 1,
            at=now,
            event=event.value,
            actor_id=actor_id,
            data=json.loads(json.dumps(dict(data or {}))),
        )
    )


async def events_of(
    connection: AsyncConnection, blast_id: str
) -> tuple[tuple[datetime, str, str, Mapping[str, Any]], ...]:
    """The blast's record: time, event, actor and data of each line, first to last."""
    query = sa.select(blast_events).where(blast_events.c.blast_id == blast_id).order_by(blast_events.c.seq)
    return tuple((row.at, row.event, row.actor_id, row.data) for row in await connection.execute(query))


async def deliveries(
    connection: AsyncConnection, blast_id: str, *, limit: int | None = None
) -> AsyncIterator[tuple[Delivery, ...]]:
    """What became of the recipients, in pages, in the order of the audience."""
    last, left = -1, limit
    while left is None or left > 0:
        query = (
            sa.select(blast_recipients)
            .where(blast_recipients.c.blast_id == blast_id, blast_recipients.c.number > last)
            .order_by(blast_recipients.c.number)
            .limit(PAGE if left is None else min(PAGE, left))
        )
        page = tuple(delivery(row) for row in await connection.execute(query))
        if not page:
            return
        last = page[-1].number
        left = None if left is None else left - len(page)
        yield page


async def audience_of(connection: AsyncConnection, blast_id: str) -> tuple[str, int]:
    """The fingerprint of the audience as it stands in the rows, and how many people it holds."""
    table, digest, last, people = blast_recipients.c, AudienceDigest(), -1, 0
    columns = (table.number, table.address, table.channel, table.language, table.zone)
    while True:
        query = (
            sa.select(*columns)
            .where(table.blast_id == blast_id, table.number > last)
            .order_by(table.number)
            .limit(PAGE)
        )
        page = (await connection.execute(query)).all()
        if not page:
            return digest.value(), people
        for row in page:
            digest.add(*row)
        last, people = page[-1].number, people + len(page)


def _blast(row: sa.Row[Any]) -> Blast:
    return Blast(
        id=row.id,
        kind=BlastKind(row.kind),
        incident_id=row.incident_id,
        parent_id=row.parent_id,
        title=row.title,
        state=BlastState(row.state),
        nonce=row.nonce,
        decision_nonce=row.decision_nonce,
        content=Content.from_json(row.content),
        plan=SendingPlan.from_json(row.plan),
        people=row.people,
        audience_digest=row.audience_digest,
        digest=row.digest,
        conversation=None if row.conversation is None else conversation_from_json(row.conversation),
        requester=actor_from_json(row.requester),
        created_at=row.created_at,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        decided_by=None if row.decided_by is None else actor_from_json(row.decided_by),
        decided_at=row.decided_at,
        scheduled_at=row.scheduled_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        canary_passed=row.canary_passed,
        reason=row.reason,
        run=row.run,
        next_at=row.next_at,
        rate=row.rate,
    )


def delivery(row: sa.Row[Any]) -> Delivery:
    """A row of `blast_recipients`."""
    return Delivery(
        number=row.number,
        recipient=Recipient(row.address, Via(row.channel), row.name, row.language, row.department, row.zone),
        state=RecipientState(row.state),
        attempts=row.attempts,
        reason=row.reason,
        sent_at=row.sent_at,
        read_at=row.read_at,
        acknowledged_at=row.acknowledged_at,
        answer=None if row.answer is None else AnswerWord(row.answer),
        answered_at=row.answered_at,
    )
