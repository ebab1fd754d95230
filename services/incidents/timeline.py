"""The timeline: append-only and hash-chained, so that a changed or missing line shows.

Every entry is appended in the transaction that changes what it tells of. Neither can exist without the other.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.database import tables

_FIRST = "0" * 64
SYSTEM = "irbot"


class AuditTag(StrEnum):
    """What happened, as `thing:past-participle`, alphabetised."""

    APPROVAL_APPROVED = "approval:approved"
    APPROVAL_ASKED = "approval:asked"
    APPROVAL_CANCELLED = "approval:cancelled"
    APPROVAL_EXPIRED = "approval:expired"
    APPROVAL_REFUSED = "approval:refused"
    APPROVAL_USED = "approval:used"
    APPROVAL_VOIDED = "approval:voided"
    BLAST_CHANGED = "blast:changed"
    EFFECT_ATTEMPTED = "effect:attempted"
    EFFECT_FAILED = "effect:failed"
    EFFECT_FOUND = "effect:found"
    EFFECT_SUCCEEDED = "effect:succeeded"
    EFFECT_UNKNOWN = "effect:unknown"
    EVIDENCE_KEPT = "evidence:kept"
    GATE_CHECKED = "gate:checked"
    GATE_WAIVED = "gate:waived"
    INCIDENT_CLOSED = "incident:closed"
    INCIDENT_LINKED = "incident:linked"
    INCIDENT_OPENED = "incident:opened"
    INCIDENT_REOPENED = "incident:reopened"
    PARTNER_ANSWERED = "partner:answered"
    PARTNER_TOLD = "partner:told"
    PASS_SHOWN = "pass:shown"  # noqa: S105  # the name of an event
    PASS_WITHDRAWN = "pass:withdrawn"  # noqa: S105  # likewise
    PHASE_OPENED = "phase:opened"
    PLAN_ASKED = "plan:asked"
    PLAN_PROPOSED = "plan:proposed"
    REPORT_TAKEN = "report:taken"
    RULE_HELD = "rule:held"
    RULE_LOCKED = "rule:locked"
    SIGN_SEEN = "sign:seen"
    STEP_ENDED = "step:ended"
    STEP_PAUSED = "step:paused"
    STEP_RESUMED = "step:resumed"
    STEP_STARTED = "step:started"
    STEP_STOPPED = "step:stopped"
    SUBJECT_RECOGNISED = "subject:recognised"
    TASK_ASKED = "task:asked"
    TASK_DONE = "task:done"
    TASK_REMINDED = "task:reminded"
    TASK_TAKEN = "task:taken"
    TASK_WAIVED = "task:waived"
    WATCH_ALARMED = "watch:alarmed"
    WATCH_LOOKED = "watch:looked"
    WATCH_STARTED = "watch:started"
    WORK_RESUMED = "work:resumed"
    WORK_STOPPED = "work:stopped"


@dataclass(frozen=True)
class Entry:
    """One line of the timeline."""

    seq: int
    at: datetime
    event: str
    actor_id: str
    data: Mapping[str, Any]
    previous_hash: str
    hash: str


def _digest(incident_id: str, seq: int, at: datetime, event: str, actor_id: str, data: Any, previous: str) -> str:
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    line = json.dumps([incident_id, seq, stamp, event, actor_id, data, previous], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(line.encode()).hexdigest()


async def append(
    connection: AsyncConnection,
    incident_id: str,
    event: AuditTag,
    *,
    at: datetime,
    actor_id: str = SYSTEM,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Appends a line and marks every card of the incident as out of date. Never commits.

    The incident's row is taken first, so that two replicas cannot give out one sequence number.
    """
    incident = tables.incidents.c.id == incident_id
    await connection.execute(
        sa.update(tables.incidents).where(incident).values(revision=tables.incidents.c.revision + 1)
    )
    await connection.execute(
        sa.update(tables.posts)
        .where(tables.posts.c.incident_id == incident_id)
        .values(wanted_revision=tables.posts.c.wanted_revision + 1)
    )
    last = (
        await connection.execute(
            sa.select(tables.timeline.c.seq, tables.timeline.c.hash)
            .where(tables.timeline.c.incident_id == incident_id)
            .order_by(tables.timeline.c.seq.desc())
            .limit(1)
        )
    ).one_or_none()
    seq, previous = (last.seq + 1, last.hash) if last else (1, _FIRST)
    body = json.loads(json.dumps(dict(data or {})))
    await connection.execute(
        sa.insert(tables.timeline).values(
            id=str(uuid.uuid4()),
            incident_id=incident_id,
            seq=seq,
            at=at,
            event=event.value,
            actor_id=actor_id,
            data=body,
            previous_hash=previous,
            hash=_digest(incident_id, seq, at, event.value, actor_id, body, previous),
        )
    )


async def read(connection: AsyncConnection, incident_id: str) -> tuple[Entry, ...]:
    """All lines, first to last."""
    rows = await connection.execute(
        sa.select(tables.timeline).where(tables.timeline.c.incident_id == incident_id).order_by(tables.timeline.c.seq)
    )
    return tuple(Entry(row.seq, row.at, row.event, row.actor_id, row.data, row.previous_hash, row.hash) for row in rows)


def first_break(incident_id: str, entries: Sequence[Entry], length: int) -> int | None:
    """The sequence number of the first line that was changed, removed or put in; None when the chain is whole.

    `length` is how many lines there must be, the incident's revision: a chain cannot tell that its end is gone.
    """
    previous = _FIRST
    for expected, entry in enumerate(entries, start=1):
        digest = _digest(incident_id, entry.seq, entry.at, entry.event, entry.actor_id, entry.data, previous)
        if (entry.seq, entry.previous_hash, entry.hash) != (expected, previous, digest):
            return expected
        previous = entry.hash
    return None if len(entries) == length else min(len(entries), length) + 1
