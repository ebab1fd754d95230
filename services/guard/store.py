"""The rows of the guard: the accepted truth by area, and the alarms."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor
from services.database import insert_once
from services.database.guard_tables import guard_alarms, guard_truths
from services.errors import NotFound
from services.guard.model import APP_ROLES, MEMBER, Alarm, AlarmState, Change, Facts, accepted, area_of_group
from services.incidents.model import actor_from_json
from services.incidents.store import new_nonce


async def truths(connection: AsyncConnection) -> dict[str, Facts]:
    """What was accepted, by area."""
    rows = await connection.execute(sa.select(guard_truths.c.area, guard_truths.c.facts))
    return {row.area: row.facts for row in rows}


async def accept(connection: AsyncConnection, area: str, facts: Facts, now: datetime) -> None:
    """These facts are the truth of the area from now on."""
    values = {"facts": dict(facts), "accepted_at": now}
    if not await insert_once(connection, guard_truths, area=area, **values):
        await connection.execute(sa.update(guard_truths).where(guard_truths.c.area == area).values(**values))


async def open_alarms(connection: AsyncConnection) -> tuple[Alarm, ...]:
    """The alarms that nobody has answered, oldest first."""
    query = (
        sa.select(guard_alarms)
        .where(guard_alarms.c.state == AlarmState.OPEN.value)
        .order_by(guard_alarms.c.found_at, guard_alarms.c.id)
    )
    return tuple(_alarm(row) for row in await connection.execute(query))


async def add(connection: AsyncConnection, changes: Sequence[Change], now: datetime) -> Alarm:
    """A new alarm."""
    alarm = Alarm(str(uuid.uuid4()), tuple(changes), now, new_nonce(), AlarmState.OPEN, None, None)
    await connection.execute(
        sa.insert(guard_alarms).values(
            id=alarm.id,
            changes=[change.to_json() for change in changes],
            found_at=now,
            nonce=alarm.nonce,
            state=alarm.state.value,
        )
    )
    return alarm


async def get(connection: AsyncConnection, alarm_id: str) -> Alarm:
    """One alarm. Raises NotFound."""
    row = (await connection.execute(sa.select(guard_alarms).where(guard_alarms.c.id == alarm_id))).one_or_none()
    if row is None:
        raise NotFound(what="alarm", sought=alarm_id)
    return _alarm(row)


async def end(
    connection: AsyncConnection, alarm: Alarm, state: AlarmState, now: datetime, by: Actor | None = None
) -> bool:
    """Ends an open alarm; False where it had ended."""
    mine = (guard_alarms.c.id == alarm.id) & (guard_alarms.c.state == AlarmState.OPEN.value)
    values = {"state": state.value, "decided_by": None if by is None else asdict(by), "decided_at": now}
    return (await connection.execute(sa.update(guard_alarms).where(mine).values(**values))).rowcount == 1


async def confirm(connection: AsyncConnection, alarm: Alarm, by: Actor, now: datetime) -> bool:
    """What an alarm tells of is the truth from now on; False where it had ended."""
    if not await end(connection, alarm, AlarmState.CONFIRMED, now, by):
        return False
    known = await truths(connection)
    for area in sorted({change.area for change in alarm.changes}):
        of_area = [change for change in alarm.changes if change.area == area]
        await accept(connection, area, accepted(known.get(area, {}), of_area), now)
    return True


class Confirmed:
    """Who was in which group, and held which app role, when it was accepted last."""

    def __init__(self, known: Mapping[str, Facts]) -> None:
        self._known = known

    def in_any(self, object_id: str, groups: Iterable[str]) -> bool:
        """Whether one of these groups had this person. One that was never read takes no role away."""
        areas = [self._known.get(area_of_group(group)) for group in groups]
        return any(facts is None or f"{MEMBER}{object_id.lower()}" in facts for facts in areas)

    def holds(self, object_id: str, app_role: str) -> bool:
        """Whether this person held one of our app roles, themselves or through a group."""
        facts = self._known.get(APP_ROLES)
        if facts is None:
            return True
        holders = [key.partition("/")[2] for key in facts if key.startswith(f"{app_role}/")]
        through = [holder for holder in holders if area_of_group(holder) in self._known]
        return object_id.lower() in holders or (bool(through) and self.in_any(object_id, through))


async def confirmed(connection: AsyncConnection) -> Confirmed:
    """What the role check compares with."""
    return Confirmed(await truths(connection))


def _alarm(row: sa.Row[Any]) -> Alarm:
    return Alarm(
        id=row.id,
        changes=tuple(Change.from_json(each) for each in row.changes),
        found_at=row.found_at,
        nonce=row.nonce,
        state=AlarmState(row.state),
        decided_by=None if row.decided_by is None else actor_from_json(row.decided_by),
        decided_at=row.decided_at,
    )
