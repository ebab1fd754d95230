"""What a clock that ran ahead leaves behind: rows that would wait, or count as new, for as long as it was wrong.

No row that is right lies further in the future than it may wait. One that does was written by such a clock.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.database import Database, mail_tables, tables, trigger_tables
from services.settings import Settings

log = logging.getLogger(__name__)

_CLOCKS_DIFFER_BY = timedelta(minutes=1)  # those of replicas
_NO_TIME = timedelta()
_AFTER_A_FAILURE = timedelta(minutes=5)
_A_LOOK_FOR_MAIL = timedelta(minutes=30)


@dataclass(frozen=True)
class Wait:
    """A column of times, by how much they may be ahead of now, and by how much those are that were too far ahead."""

    column: sa.Column[Any]
    longest: timedelta
    then: timedelta = _NO_TIME


def waits(settings: Settings) -> Sequence[Wait]:
    """Every column that decides when something is done next."""
    life = timedelta(minutes=settings.approval_minutes)
    every = max(timedelta(seconds=settings.trigger_seconds), timedelta(minutes=settings.guard_minutes))
    poll = every + _AFTER_A_FAILURE
    return (
        Wait(mail_tables.mail_senders.c.not_before, _AFTER_A_FAILURE),
        Wait(mail_tables.mail_senders.c.reports_read_to, _NO_TIME),
        Wait(mail_tables.mails.c.intent_at, _NO_TIME),
        Wait(mail_tables.mails.c.not_before, _A_LOOK_FOR_MAIL),
        Wait(mail_tables.notices.c.not_before, _AFTER_A_FAILURE),
        Wait(mail_tables.notices.c.webhook_at, _NO_TIME),
        Wait(tables.approvals.c.expires_at, life, life),
        Wait(tables.posts.c.not_before, _AFTER_A_FAILURE),
        Wait(tables.posts.c.updated_at, _NO_TIME),
        Wait(trigger_tables.trigger_polls.c.lease_until, poll),
        Wait(trigger_tables.trigger_polls.c.next_at, poll),
    )


async def mend(database: Database, settings: Settings, now: datetime) -> int:
    """Has what lies too far ahead done now, and lets no question live longer than it may. Returns how many moved."""
    ahead = [(wait, wait.column > now + wait.longest + _CLOCKS_DIFFER_BY) for wait in waits(settings)]
    async with database.read() as connection:
        wrong = [
            (wait, is_ahead)
            for wait, is_ahead in ahead
            if (await connection.execute(sa.select(wait.column).where(is_ahead).limit(1))).first() is not None
        ]
    if not wrong:
        return 0
    moved = 0
    async with database.write() as connection:
        for wait, is_ahead in wrong:
            update = sa.update(wait.column.table).where(is_ahead).values({wait.column.name: now + wait.then})
            moved += (await connection.execute(update)).rowcount
    if moved:
        log.warning("the clock was set back: %d times were moved", moved)
    return moved
