"""Incidents as rows: opening, reading, changing. Every change goes with its line in the timeline."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor, Conversation
from services.database import Database, insert_once, tables
from services.database.sealed import mark, marks
from services.errors import NotFound
from services.incidents import timeline
from services.incidents.model import (
    Incident,
    IncidentState,
    Phase,
    Subject,
    actor_from_json,
    conversation_from_json,
)
from services.incidents.timeline import AuditTag
from services.vault import Vault

_OPEN = tables.incidents.c.state == IncidentState.OPEN.value


def new_nonce() -> str:
    """A value that a card button must bring back: unguessable, and of no use anywhere else."""
    return secrets.token_hex(16)


def same_nonce(kept: str, given: str) -> bool:
    """Compares in constant time; `given` is client input and may be any text."""
    return hmac.compare_digest(kept.encode(), given.encode("utf-8", "surrogatepass"))


def _incident(row: sa.Row[Any]) -> Incident:
    return Incident(
        id=row.id,
        number=row.number,
        subject=Subject.from_json(row.subject),
        state=IncidentState(row.state),
        phase=Phase(row.phase),
        opened_by=actor_from_json(row.opened_by),
        opened_at=row.opened_at,
        conversation=conversation_from_json(row.conversation),
        nonce=row.nonce,
        revision=row.revision,
        plan=row.plan,
        investigation=row.investigation,
        eviction=row.eviction,
    )


async def get(connection: AsyncConnection, incident_id: str, *, lock: bool = False) -> Incident:
    """One incident. `lock` holds its row until the transaction ends. Raises NotFound."""
    query = sa.select(tables.incidents).where(tables.incidents.c.id == incident_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NotFound(what="incident", sought=incident_id)
    return _incident(row)


async def open_of_subject(connection: AsyncConnection, subject_id: str) -> Incident | None:
    """The open incident of this account, if there is one."""
    query = sa.select(tables.incidents).where(_OPEN, tables.incidents.c.subject_id == subject_id)
    row = (await connection.execute(query)).one_or_none()
    return _incident(row) if row else None


async def open_subjects(connection: AsyncConnection) -> frozenset[str]:
    """The object ids of all accounts that are the subject of an open incident."""
    return frozenset((await connection.execute(sa.select(tables.incidents.c.subject_id).where(_OPEN))).scalars())


async def all_open(connection: AsyncConnection, limit: int) -> tuple[tuple[Incident, ...], int]:
    """The open incidents, newest first, at most `limit`; and how many there are in all."""
    rows = await connection.execute(
        sa.select(tables.incidents).where(_OPEN).order_by(tables.incidents.c.number.desc()).limit(limit)
    )
    total = await connection.scalar(sa.select(sa.func.count()).select_from(tables.incidents).where(_OPEN))
    return tuple(_incident(row) for row in rows), int(total or 0)


async def search(connection: AsyncConnection, sought: str, number: int | None, limit: int) -> tuple[Incident, ...]:
    """Incidents, open or closed, of this number or whose account is called so; newest first. No words: the newest."""
    columns = tables.incidents.c
    fits = [columns.subject[name].as_string().icontains(sought, autoescape=True) for name in ("name", "upn") if sought]
    if number is not None:
        fits.append(columns.number == number)
    query = sa.select(tables.incidents).order_by(columns.number.desc()).limit(limit)
    rows = await connection.execute(query.where(sa.or_(*fits)) if fits else query)
    return tuple(_incident(row) for row in rows)


async def by_number(connection: AsyncConnection, number: int) -> Incident | None:
    """The incident with this number, open or closed."""
    row = (
        await connection.execute(sa.select(tables.incidents).where(tables.incidents.c.number == number))
    ).one_or_none()
    return _incident(row) if row else None


async def in_conversation(connection: AsyncConnection, conversation_id: str) -> Incident | None:
    """The newest incident whose card stands in this conversation or thread."""
    plain = sa.type_coerce(tables.incidents.c.conversation, sa.JSON)["id"].as_string()  # of a row of before
    marked = tables.incidents.c.place_mark.in_(marks(connection, conversation_id))
    query = (
        sa.select(tables.incidents)
        .where(sa.or_(marked, plain == conversation_id))
        .order_by(tables.incidents.c.number.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return _incident(row) if row else None


async def open_incident(
    database: Database, subject: Subject, by: Actor, conversation: Conversation, now: datetime
) -> tuple[Incident, bool]:
    """The open incident of this subject, and whether this call opened it. Two callers at once get the same one."""
    while True:
        async with database.write() as connection:
            existing = await open_of_subject(connection, subject.object_id)
            if existing:
                return existing, False
            number = int(await connection.scalar(sa.select(sa.func.max(tables.incidents.c.number))) or 0) + 1
            incident_id = str(uuid.uuid4())
            new = await insert_once(
                connection,
                tables.incidents,
                id=incident_id,
                number=number,
                subject_id=subject.object_id,
                subject=subject.to_json(),
                state=IncidentState.OPEN.value,
                phase=Phase.PREPARE.value,
                opened_by=asdict(by),
                opened_at=now,
                conversation=asdict(conversation),
                place_mark=mark(connection, conversation.id),
                nonce=new_nonce(),
                revision=0,
                plan={},
                investigation={"nonce": new_nonce(), "done": False},
                eviction={},
            )
            if not new:
                continue  # another replica has just opened it, or has taken the number for another account
            await timeline.append(
                connection,
                incident_id,
                AuditTag.INCIDENT_OPENED,
                at=now,
                actor_id=by.object_id,
                data={"subject_id": subject.object_id, "upn": subject.upn, "number": number},
            )
            return await get(connection, incident_id), True


async def update(connection: AsyncConnection, incident_id: str, **values: Any) -> None:
    """Changes columns of an incident; the caller appends the timeline's line in the same transaction."""
    await connection.execute(sa.update(tables.incidents).where(tables.incidents.c.id == incident_id).values(**values))


async def keep_evidence(
    connection: AsyncConnection,
    vault: Vault,
    incident_id: str,
    step_id: str,
    pieces: Mapping[str, Any],
    now: datetime,
) -> None:
    """Stores raw answers as they came, compressed and encrypted, each with its SHA-256 in the timeline."""
    for name, piece in pieces.items():
        raw = json.dumps(piece, sort_keys=True, default=str).encode()
        digest = hashlib.sha256(raw).hexdigest()
        await connection.execute(
            sa.insert(tables.evidence).values(
                id=str(uuid.uuid4()),
                incident_id=incident_id,
                step_id=step_id,
                name=name,
                at=now,
                sha256=digest,
                body=vault.pack(raw),
            )
        )
        await timeline.append(
            connection,
            incident_id,
            AuditTag.EVIDENCE_KEPT,
            at=now,
            data={"step": step_id, "name": name, "sha256": digest, "bytes": len(raw)},
        )


@dataclass(frozen=True)
class Kept:
    """One piece of evidence as it lies in the database: packed."""

    name: str
    at: datetime
    sha256: str
    body: bytes


async def evidence_of(connection: AsyncConnection, incident_id: str, step_id: str) -> tuple[Kept, ...]:
    """What one check kept in an incident, the oldest first."""
    columns = tables.evidence.c
    query = (
        sa.select(columns.name, columns.at, columns.sha256, columns.body)
        .where(columns.incident_id == incident_id, columns.step_id == step_id)
        .order_by(columns.at)
    )
    return tuple(Kept(row.name, row.at, row.sha256, row.body) for row in await connection.execute(query))


async def purge_evidence(database: Database, older_than: datetime) -> int:
    """Deletes evidence that has had its time; the timeline keeps its hash. Returns how many pieces went."""
    async with database.write() as connection:
        gone = await connection.execute(sa.delete(tables.evidence).where(tables.evidence.c.at < older_than))
    return gone.rowcount
