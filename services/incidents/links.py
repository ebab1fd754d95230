"""Incidents that belong together: written into both timelines, and read from there."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.database import tables
from services.incidents import timeline
from services.incidents.model import Incident
from services.incidents.timeline import AuditTag


async def link(
    connection: AsyncConnection, one: Incident, other: Incident, *, actor_id: str, because: str, now: datetime
) -> None:
    """Writes into both timelines that the two belong together, once."""
    for here, there in ((one, other), (other, one)):
        if there.label not in await linked_to(connection, here.id):
            data = {"incident": there.label, "because": because}
            await timeline.append(connection, here.id, AuditTag.INCIDENT_LINKED, at=now, actor_id=actor_id, data=data)


async def linked_to(connection: AsyncConnection, incident_id: str) -> tuple[str, ...]:
    """The labels of the incidents that belong together with this one, in the order in which they were linked."""
    lines = tables.timeline.c
    query = (
        sa.select(lines.data)
        .where(lines.incident_id == incident_id, lines.event == AuditTag.INCIDENT_LINKED.value)
        .order_by(lines.seq)
    )
    found = (str(data.get("incident", "")) for data in (await connection.execute(query)).scalars())
    return tuple(dict.fromkeys(label for label in found if label))
