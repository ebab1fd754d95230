"""Reminders that were approved with their blast: a blast of its own to those who have not acknowledged the first."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.blasts import freezing, rows
from services.blasts.model import Blast, BlastEvent, BlastState, SendingPlan, digest_of
from services.database import Database, insert_once
from services.database.blast_tables import blasts
from services.incidents.store import new_nonce

_OVER_AFTER = timedelta(days=60)


async def send_due(database: Database, wake: Callable[[str], Awaitable[None]], now: datetime) -> int:
    """Begins every reminder whose time has come, each once however many replicas look; returns how many."""
    begun = 0
    states = (BlastState.RUNNING.value, BlastState.DONE.value)
    old_enough = sa.and_(
        blasts.c.state.in_(states), blasts.c.parent_id.is_(None), blasts.c.started_at > now - _OVER_AFTER
    )
    async with database.read() as connection:
        ids = list((await connection.execute(sa.select(blasts.c.id).where(old_enough))).scalars())
        found = [await rows.get(connection, blast_id) for blast_id in ids]
    for blast in found:
        for hours in blast.plan.reminder_hours:
            if blast.started_at is not None and blast.started_at + timedelta(hours=hours) <= now:
                key = await _begin(database, blast, hours, now)
                if key is not None:
                    begun += 1
                    await wake(key)
    return begun


async def _begin(database: Database, first: Blast, hours: int, now: datetime) -> str | None:
    """The key of the reminder's run; None where it was begun before, or where nobody needs it."""
    reminder_id = str(uuid.uuid5(uuid.UUID(first.id), f"reminder after {hours} hours"))
    plan = SendingPlan(hours=first.plan.hours, unknown=first.plan.unknown)
    values: dict[str, Any] = {
        "kind": first.kind.value,
        "incident_id": first.incident_id,
        "parent_id": first.id,
        "title": first.title,
        "state": BlastState.DRAFT.value,
        "nonce": first.nonce,
        "decision_nonce": new_nonce(),
        "content": first.content.to_json(),
        "plan": plan.to_json(),
        "people": 0,
        "audience_digest": "",
        "digest": "",
        "conversation": None if first.conversation is None else asdict(first.conversation),
        "requester": asdict(first.requester),
        "requester_id": first.requester.object_id,
        "created_at": now,
        "decided_by": None if first.decided_by is None else asdict(first.decided_by),
        "decided_at": first.decided_at,
        "canary_passed": True,
        "run": 1,
        "owner_until": 0,
        "rate": 0.0,
    }
    async with database.write() as connection:
        if not await insert_once(connection, blasts, id=reminder_id, **values):
            return None
        await freezing.copy_unacknowledged(connection, first.id, reminder_id)
        audience, people = await rows.audience_of(connection, reminder_id)
        digest = digest_of(first.kind, audience, people, first.content, plan, None)
        reminder = await rows.get(connection, reminder_id, lock=True)
        state = BlastState.SCHEDULED if people else BlastState.DONE
        changes: dict[str, Any] = {
            "audience_digest": audience,
            "people": people,
            "digest": digest,
            "state": state.value,
            "next_at": now if people else None,
            "finished_at": None if people else now,
        }
        told = {"reminder_of": first.id, "approved_digest": first.digest, "digest": digest, "people": people}
        await rows.move(connection, reminder, BlastEvent.CREATED, now, data=told, **changes)
    return rows.run_key(reminder_id, 1) if people else None
