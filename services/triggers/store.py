"""Triggers as rows: gathering signs, deciding, and which are due to be shown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor
from services.database import insert_once, tables
from services.database.trigger_tables import trigger_signs, triggers
from services.errors import NotFound
from services.incidents.model import Subject, actor_from_json
from services.incidents.store import new_nonce
from services.triggers.model import (
    LOUDNESS,
    Report,
    RuleState,
    Sign,
    SignSource,
    Source,
    Trigger,
    TriggerState,
    loudest,
)

_MOST_SIGNS = 50
_OPEN = triggers.c.state == TriggerState.OPEN.value


async def get(connection: AsyncConnection, trigger_id: str, *, lock: bool = False) -> Trigger:
    """One trigger. `lock` holds its row until the transaction ends. Raises NotFound."""
    query = sa.select(triggers).where(triggers.c.id == trigger_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NotFound(what="trigger", sought=trigger_id)
    return _trigger(row)


async def by_key(connection: AsyncConnection, key: str) -> Trigger | None:
    """The trigger with this key, its row held until the transaction ends."""
    row = (await connection.execute(sa.select(triggers).where(triggers.c.key == key).with_for_update())).one_or_none()
    return None if row is None else _trigger(row)


async def open_of(connection: AsyncConnection, account_id: str) -> Trigger | None:
    """The open trigger that gathers Microsoft's signs about this account, its row held."""
    query = sa.select(triggers).where(
        _OPEN, triggers.c.source == Source.MICROSOFT.value, triggers.c.account_id == account_id
    )
    row = (await connection.execute(query.with_for_update())).one_or_none()
    return None if row is None else _trigger(row)


async def due(connection: AsyncConnection, now: datetime) -> tuple[Trigger, ...]:
    """The open triggers whose card is not asked for yet and whose time has come, oldest first."""
    query = (
        sa.select(triggers)
        .where(_OPEN, triggers.c.shown_at.is_(None), triggers.c.show_at <= now)
        .order_by(triggers.c.created_at)
        .limit(50)
    )
    return tuple(_trigger(row) for row in await connection.execute(query))


async def overtaken(connection: AsyncConnection) -> tuple[tuple[str, str], ...]:
    """Open triggers whose account has got an open incident in another way: their ids, and the incident's."""
    incidents = tables.incidents
    query = (
        sa.select(triggers.c.id, incidents.c.id)
        .join(incidents, incidents.c.subject_id == triggers.c.account_id)
        .where(_OPEN, incidents.c.state == "open")
    )
    return tuple((str(one), str(other)) for one, other in await connection.execute(query))


async def under_rules(connection: AsyncConnection) -> tuple[Trigger, ...]:
    """The triggers for which a rule has still something to do."""
    query = sa.select(triggers).where(triggers.c.rule_state == RuleState.WAITING.value).order_by(triggers.c.created_at)
    return tuple(_trigger(row) for row in await connection.execute(query))


async def unseen(
    connection: AsyncConnection, source: SignSource, account_id: str, sign_ids: Iterable[str]
) -> frozenset[str]:
    """Those of the signs that were not seen before for this account."""
    wanted = frozenset(sign_ids)
    known = sa.select(trigger_signs.c.sign_id).where(
        trigger_signs.c.source == source.value,
        trigger_signs.c.account_id == account_id,
        trigger_signs.c.sign_id.in_(wanted),
    )
    return wanted - frozenset((await connection.execute(known)).scalars())


async def keep_signs(
    connection: AsyncConnection, trigger_id: str, account_id: str, signs: Sequence[Sign], now: datetime
) -> None:
    """Each of these signs was seen, and belongs to this trigger."""
    for sign in signs:
        await insert_once(
            connection,
            trigger_signs,
            source=sign.source.value,
            sign_id=sign.id,
            account_id=account_id,
            trigger_id=trigger_id,
            at=now,
        )


async def reports_by(connection: AsyncConnection, reporter_id: str, since: datetime) -> int:
    """How many messages somebody has reported since then."""
    query = (
        sa.select(sa.func.count())
        .select_from(trigger_signs)
        .where(
            trigger_signs.c.source == SignSource.REPORT.value,
            trigger_signs.c.account_id == reporter_id,
            trigger_signs.c.at >= since,
        )
    )
    return int(await connection.scalar(query) or 0)


async def add(
    connection: AsyncConnection,
    *,
    source: Source,
    subject: Subject | None,
    level: str,
    now: datetime,
    show_at: datetime,
    signs: Sequence[Sign] = (),
    report: Report | None = None,
    key: str = "",
    rule: str = "",
    incident_id: str | None = None,
) -> str:
    """A new trigger; where there is an incident already it is only noted there. Returns its id."""
    trigger_id = str(uuid.uuid4())
    await connection.execute(
        sa.insert(triggers).values(
            id=trigger_id,
            key=key or trigger_id,
            source=source.value,
            account_id=subject.object_id if subject else None,
            subject=subject.to_json() if subject else {},
            level=level,
            signs=[sign.to_json() for sign in signs[:_MOST_SIGNS]],
            report=report.to_json() if report else {},
            nonce=new_nonce(),
            state=(TriggerState.NOTED if incident_id else TriggerState.OPEN).value,
            created_at=now,
            show_at=show_at,
            shown_at=now if incident_id else None,
            rule=rule,
            rule_state=(RuleState.WAITING if rule and not incident_id else RuleState.NONE).value,
            rule_note="",
            incident_id=incident_id,
            reason="",
        )
    )
    return trigger_id


async def add_to(
    connection: AsyncConnection, trigger: Trigger, signs: Sequence[Sign], level: str, show_at: datetime, rule: str
) -> None:
    """More signs, a higher level, and perhaps a rule, for a trigger that waits for a decision."""
    known = {(sign.source, sign.id) for sign in trigger.signs}
    every = (*trigger.signs, *(sign for sign in signs if (sign.source, sign.id) not in known))
    values: dict[str, Any] = {
        "signs": [sign.to_json() for sign in every[-_MOST_SIGNS:]],
        "level": loudest((trigger.level, level)),
        "show_at": min(trigger.show_at, show_at),
    }
    if rule and not trigger.rule:
        values |= {"rule": rule, "rule_state": RuleState.WAITING.value}
    await connection.execute(sa.update(triggers).where(triggers.c.id == trigger.id).values(**values))


async def add_report(connection: AsyncConnection, trigger: Trigger, report: Report) -> None:
    """Another person reported the same."""
    await connection.execute(sa.update(triggers).where(triggers.c.id == trigger.id).values(report=report.to_json()))


async def shown(connection: AsyncConnection, trigger_id: str, now: datetime) -> bool:
    """The card is asked for; True for the one caller that may ask for it."""
    marked = await connection.execute(
        sa.update(triggers)
        .where(triggers.c.id == trigger_id, _OPEN, triggers.c.shown_at.is_(None))
        .values(shown_at=now)
    )
    return marked.rowcount == 1


async def decide(
    connection: AsyncConnection,
    trigger_id: str,
    state: TriggerState,
    now: datetime,
    *,
    by: Actor | None,
    incident_id: str | None = None,
    reason: str = "",
) -> bool:
    """Ends the waiting; False where somebody was quicker. A rule that has not acted has nothing to do any more.

    What a rule itself decides leaves the rule at work: the lock comes behind it.
    """
    values: dict[str, Any] = {
        "state": state.value,
        "decided_by": asdict(by) if by else None,
        "decided_at": now,
        "incident_id": incident_id,
        "reason": reason,
    }
    moved = await connection.execute(sa.update(triggers).where(triggers.c.id == trigger_id, _OPEN).values(**values))
    return moved.rowcount == 1


async def end_rule(connection: AsyncConnection, trigger_id: str, state: RuleState, note: str) -> bool:
    """What came of the rule, once."""
    waiting = triggers.c.rule_state == RuleState.WAITING.value
    moved = await connection.execute(
        sa.update(triggers).where(triggers.c.id == trigger_id, waiting).values(rule_state=state.value, rule_note=note)
    )
    return moved.rowcount == 1


def louder(level: str, than: str) -> bool:
    """Whether a level is higher than another."""
    return LOUDNESS.get(level, 0) > LOUDNESS.get(than, 0)


def _trigger(row: sa.Row[Any]) -> Trigger:
    return Trigger(
        id=row.id,
        source=Source(row.source),
        subject=Subject.from_json(row.subject) if row.subject else None,
        level=row.level,
        signs=tuple(Sign.from_json(sign) for sign in row.signs),
        report=Report.from_json(row.report) if row.report else None,
        nonce=row.nonce,
        state=TriggerState(row.state),
        created_at=row.created_at,
        show_at=row.show_at,
        shown_at=row.shown_at,
        rule=row.rule,
        rule_state=RuleState(row.rule_state),
        rule_note=row.rule_note,
        incident_id=row.incident_id,
        decided_by=None if row.decided_by is None else actor_from_json(row.decided_by),
        decided_at=row.decided_at,
        reason=row.reason,
    )
