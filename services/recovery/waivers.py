"""Who waived which line of a gate, and why. A row never changes: it counts for exactly what was shut then."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor
from services.database import insert_once
from services.database.task_tables import gate_waivers
from services.incidents import timeline
from services.incidents.model import actor_from_json
from services.incidents.timeline import AuditTag
from services.playbook.gate import Line, Waiver


async def of(connection: AsyncConnection, incident_id: str) -> tuple[Waiver, ...]:
    """All waivers of an incident, oldest first."""
    query = (
        sa.select(gate_waivers)
        .where(gate_waivers.c.incident_id == incident_id)
        .order_by(gate_waivers.c.waived_at, gate_waivers.c.line)
    )
    return tuple(
        Waiver(row.line, row.digest, row.reason, actor_from_json(row.waived_by), row.waived_at)
        for row in await connection.execute(query)
    )


async def add(connection: AsyncConnection, incident_id: str, line: Line, reason: str, by: Actor, now: datetime) -> bool:
    """Notes a waiver with its line in the timeline; False where somebody has just waived the same."""
    new = await insert_once(
        connection,
        gate_waivers,
        incident_id=incident_id,
        line=line.key,
        digest=line.digest,
        reason=reason,
        waived_by=asdict(by),
        waived_at=now,
    )
    if new:
        data = {"line": line.key, "title": line.title, "reason": reason, "shut": line.reason}
        await timeline.append(connection, incident_id, AuditTag.GATE_WAIVED, at=now, actor_id=by.object_id, data=data)
    return new
