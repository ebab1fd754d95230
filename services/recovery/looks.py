"""The rows of the watch: which look is due when, who claimed it, and what it found."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.database import insert_once
from services.database.task_tables import watches
from services.errors import NotFound
from services.incidents import store
from services.playbook.ledger import Run, RunKind, findings_of, runs_of
from services.playbook.step import Outcome, Plan, State
from services.playbook.watch_for_return import AREAS, Picture, picture_of

_BLOCK, _UNLOCK = "block-sign-in", "unlock-sign-in"
_GOOD = frozenset({State.ALREADY_SO, State.DONE})


class LookKind(StrEnum):
    """What a look is for: the intruder's return, or a release from the list of restricted senders."""

    RETURN = "return"
    SENDING = "sending"


class LookState(StrEnum):
    """Where a look is. A missed one was overtaken by a later one, a cancelled one by a new start."""

    CANCELLED = "cancelled"
    FAILED = "failed"
    LOOKED = "looked"
    LOOKING = "looking"
    MISSED = "missed"
    WAITING = "waiting"


@dataclass(frozen=True)
class Look:
    """One row of `watches`. Number 0 of a cause is what was known at the start."""

    id: str
    incident_id: str
    kind: LookKind
    cause: str
    number: int
    due_at: datetime
    state: LookState
    nonce: str
    result: Mapping[str, Any]
    looked_at: datetime | None


async def begin(
    connection: AsyncConnection, incident_id: str, kind: LookKind, cause: str, due: Sequence[datetime], first: int = 0
) -> bool:
    """The rows of a new start, once per cause; what an earlier start of this kind still has waiting is cancelled.

    False where another process has begun it.
    """

    def values(number: int, at: datetime) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "incident_id": incident_id,
            "kind": kind.value,
            "cause": cause,
            "number": number,
            "due_at": at,
            "state": LookState.WAITING.value,
            "nonce": store.new_nonce(),
            "result": {},
        }

    if not await insert_once(connection, watches, **values(first, due[0])):
        return False
    older = (watches.c.incident_id == incident_id) & (watches.c.kind == kind.value) & (watches.c.cause != cause)
    await connection.execute(
        sa.update(watches)
        .where(older, watches.c.state == LookState.WAITING.value)
        .values(state=LookState.CANCELLED.value)
    )
    rest = [values(number, at) for number, at in enumerate(due[1:], start=first + 1)]
    if rest:
        await connection.execute(sa.insert(watches), rest)
    return True


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    """Number 0 of a watch for a return is never due: it is no look, but what was known."""
    baseline = (watches.c.kind == LookKind.RETURN.value) & (watches.c.number == 0)
    return (watches.c.state == LookState.WAITING.value) & ~baseline & (watches.c.due_at <= now)


async def any_due(connection: AsyncConnection, now: datetime) -> bool:
    """Whether there is something to claim."""
    return bool(await connection.scalar(sa.select(sa.exists().where(_is_due(now)))))


async def claim_due(connection: AsyncConnection, now: datetime) -> list[Look]:
    """Claims the newest due look of each cause; the older ones that were due are missed. Each is claimed once."""
    waiting = watches.c.state == LookState.WAITING.value
    query = sa.select(watches).where(_is_due(now)).order_by(watches.c.due_at)
    newest = {row.cause: row for row in await connection.execute(query)}
    claimed: list[Look] = []
    for cause, row in newest.items():
        taken = await connection.execute(
            sa.update(watches).where(watches.c.id == row.id, waiting).values(state=LookState.LOOKING.value)
        )
        if taken.rowcount != 1:
            continue
        overtaken = (watches.c.cause == cause) & (watches.c.due_at < row.due_at)
        await connection.execute(sa.update(watches).where(overtaken, _is_due(now)).values(state=LookState.MISSED.value))
        claimed.append(_look(row))
    return claimed


async def end(
    connection: AsyncConnection, look: Look, state: LookState, result: Mapping[str, Any], now: datetime
) -> bool:
    """Ends a look that runs, or the start that waits; False where somebody else has."""
    ended = await connection.execute(
        sa.update(watches)
        .where(watches.c.id == look.id, watches.c.state.in_([LookState.LOOKING.value, LookState.WAITING.value]))
        .values(state=state.value, result=dict(result), looked_at=now)
    )
    return ended.rowcount == 1


async def cancel_rest(connection: AsyncConnection, cause: str) -> None:
    """Nothing more is to be looked at for this cause."""
    await connection.execute(
        sa.update(watches)
        .where(watches.c.cause == cause, watches.c.state == LookState.WAITING.value)
        .values(state=LookState.CANCELLED.value)
    )


async def get(connection: AsyncConnection, look_id: str) -> Look:
    """One look. Raises NotFound."""
    row = (await connection.execute(sa.select(watches).where(watches.c.id == look_id))).one_or_none()
    if row is None:
        raise NotFound(what="look", sought=look_id)
    return _look(row)


async def of(connection: AsyncConnection, incident_id: str, kind: LookKind = LookKind.RETURN) -> tuple[Look, ...]:
    """All looks of an incident, in the order in which they are due."""
    query = (
        sa.select(watches)
        .where(watches.c.incident_id == incident_id, watches.c.kind == kind.value)
        .order_by(watches.c.due_at, watches.c.number)
    )
    return tuple(_look(row) for row in await connection.execute(query))


async def ids_in(connection: AsyncConnection, state: LookState) -> list[str]:
    """The ids of all looks in a state."""
    query = sa.select(watches.c.id).where(watches.c.state == state.value)
    return list((await connection.execute(query)).scalars())


async def starts(connection: AsyncConnection) -> tuple[Look, ...]:
    """The starts that wait until the investigation says what there is."""
    query = sa.select(watches).where(
        watches.c.state == LookState.WAITING.value, watches.c.kind == LookKind.RETURN.value, watches.c.number == 0
    )
    return tuple(_look(row) for row in await connection.execute(query))


async def known(connection: AsyncConnection, look: Look) -> Picture | None:
    """What was known before this look: by the last one of the same start that ended well."""
    query = (
        sa.select(watches)
        .where(watches.c.cause == look.cause, watches.c.state == LookState.LOOKED.value)
        .order_by(watches.c.looked_at.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Picture.from_json(row.result["known"])


async def picture_at_start(connection: AsyncConnection, incident_id: str) -> Picture:
    """What the incident's own record says is there: what the checks found last, and what could still be removed."""
    incident = await store.get(connection, incident_id)
    runs = {run.step_id: run for run in await runs_of(connection, incident_id)}
    found = [each for each in await findings_of(connection, incident_id) if each.resolved_at is None]
    plans: dict[str, Plan] = {}
    for area in AREAS:
        if area.planned:
            kept = incident.eviction.get("steps", {}).get(area.step_id)
            if kept is not None:
                plans[area.step_id] = Plan.from_json(kept)
        elif area.step_id in runs and runs[area.step_id].state is not State.RUNNING:
            run = runs[area.step_id]
            mine = tuple(each.finding for each in found if each.step_id == area.step_id)
            plans[area.step_id] = Plan(settled=Outcome(run.state, run.reason), findings=mine)
    return picture_of(plans, enabled=not _is_blocked(runs), given_back=False)


def is_given_back(runs: Sequence[Run]) -> bool:
    """Whether IRBot itself, or somebody by its task, allowed sign-in after it was blocked last."""
    allowed = False
    for run in runs:
        if run.step_id == _BLOCK:
            if run.kind is RunKind.APPLY and run.state in _GOOD:
                allowed = False
            elif run.kind is RunKind.UNDO and run.state is State.UNDONE:
                allowed = True
        elif run.step_id == _UNLOCK:
            if run.kind is RunKind.UNDO and run.state is State.UNDONE:
                allowed = False
            elif run.kind is not RunKind.UNDO and run.state in _GOOD:
                allowed = True
    return allowed


def _is_blocked(runs: Mapping[str, Run]) -> bool:
    block = runs.get(_BLOCK)
    return block is not None and block.state in _GOOD


def _look(row: sa.Row[Any]) -> Look:
    return Look(
        id=row.id,
        incident_id=row.incident_id,
        kind=LookKind(row.kind),
        cause=row.cause,
        number=row.number,
        due_at=row.due_at,
        state=LookState(row.state),
        nonce=row.nonce,
        result=row.result,
        looked_at=row.looked_at,
    )
