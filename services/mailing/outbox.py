"""The rows of mails. Who claims a mail has the sender's row locked, so that all replicas keep one pace together.

The intent is committed before the mail is handed over. A mail whose process died in between was perhaps sent: it ends
`unknown` and is looked for in Sent Items.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import brake
from services.database import Database, insert_once, mail_tables
from services.mailing.mail import Mail, MailState, Sent

_MAILS = mail_tables.mails
_SENDERS = mail_tables.mail_senders

# Exchange's own limits for one mailbox.
MINUTE_LIMIT = 30
DAY_LIMIT = 10_000

_OUTCOME_LOST = "It was handed to Exchange, and IRBot was stopped before it knew how that ended."


@dataclass(frozen=True)
class Claimed:
    """A mail as a sender needs it."""

    key: str
    recipient: str
    subject: str
    text: str
    mark: str
    sender_id: str | None
    intent_at: datetime | None
    finished_at: datetime | None
    attempts: int
    looks: int


async def want(
    connection: AsyncConnection, mails: Sequence[Mail], cause: str, incident_id: str | None, now: datetime
) -> int:
    """Writes mails down to be sent, each once per key. Returns how many of them are new."""
    new = 0
    for mail in mails:
        new += await insert_once(
            connection,
            _MAILS,
            key=mail.key,
            cause=cause,
            incident_id=incident_id,
            recipient=mail.recipient,
            subject=mail.subject,
            text=mail.text,
            urgent=mail.urgent,
            state=MailState.WANTED.value,
            reason="",
            mark=str(uuid.uuid4()),
            created_at=now,
            not_before=now,
            attempts=0,
            looks=0,
        )
    return new


async def states(connection: AsyncConnection, cause: str, keys: Collection[str] | None = None) -> tuple[Sent, ...]:
    """What became of the mails of a cause, all of them or those with these keys, by key."""
    query = sa.select(_MAILS).where(_MAILS.c.cause == cause).order_by(_MAILS.c.key)
    if keys is not None:
        query = query.where(_MAILS.c.key.in_(keys))
    return tuple(
        Sent(row.key, row.recipient, MailState(row.state), row.reason, row.finished_at or row.intent_at)
        for row in await connection.execute(query)
    )


async def cancel(connection: AsyncConnection, cause: str, now: datetime) -> int:
    """Takes back what has not been handed over. Returns how many."""
    waiting = (_MAILS.c.cause == cause) & (_MAILS.c.state == MailState.WANTED.value)
    values = {"state": MailState.CANCELLED.value, "finished_at": now}
    return (await connection.execute(sa.update(_MAILS).where(waiting).values(**values))).rowcount


class Outbox:
    """Claims and settles mails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def any_wanted(self, now: datetime) -> bool:
        """Whether a mail waits to be sent."""
        due = (_MAILS.c.state == MailState.WANTED.value) & (_MAILS.c.not_before <= now)
        async with self._database.read() as connection:
            return (await connection.execute(sa.select(_MAILS.c.key).where(due).limit(1))).first() is not None

    async def claim(self, sender_id: str, now: datetime, limit: int) -> tuple[Claimed, ...]:
        """Takes the next mails for sending, as many as the mailbox may send now."""
        async with self._database.write() as connection:
            if await brake.current(connection) is not None:
                return ()
            await insert_once(connection, _SENDERS, id=sender_id, not_before=now)
            held = sa.select(_SENDERS.c.not_before).where(_SENDERS.c.id == sender_id).with_for_update()
            if (await connection.execute(held)).scalar_one() > now:
                return ()
            last_minute = await _sent_since(connection, sender_id, now - timedelta(minutes=1))
            last_day = await _sent_since(connection, sender_id, now - timedelta(days=1))
            free = min(limit, MINUTE_LIMIT - last_minute, DAY_LIMIT - last_day)
            if free <= 0:
                return ()
            due = (_MAILS.c.state == MailState.WANTED.value) & (_MAILS.c.not_before <= now)
            query = sa.select(_MAILS).where(due).order_by(_MAILS.c.urgent.desc(), _MAILS.c.created_at, _MAILS.c.key)
            rows = list(await connection.execute(query.limit(free)))
            values = {"state": MailState.SENDING.value, "sender_id": sender_id, "intent_at": now, "reason": ""}
            for row in rows:
                mine = _MAILS.c.key == row.key
                await connection.execute(sa.update(_MAILS).where(mine).values(attempts=row.attempts + 1, **values))
        return tuple(_claimed(row, sender_id=sender_id, intent_at=now, attempts=row.attempts + 1) for row in rows)

    async def refuse(self, reason: str, now: datetime) -> None:
        """There is no mailbox to send from: what waits has failed."""
        due = (_MAILS.c.state == MailState.WANTED.value) & (_MAILS.c.not_before <= now)
        await self._update(due, state=MailState.FAILED.value, reason=reason, finished_at=now)

    async def settle(self, mail: Claimed, state: MailState, reason: str, now: datetime) -> None:
        """Writes how it ended, unless somebody settled it meanwhile."""
        mine = (_MAILS.c.key == mail.key) & _MAILS.c.state.in_([MailState.SENDING.value, MailState.UNKNOWN.value])
        await self._update(mine, state=state.value, reason=reason, finished_at=now, not_before=now)

    async def later(self, mail: Claimed, not_before: datetime, reason: str) -> None:
        """Surely not handed over: it waits."""
        mine = (_MAILS.c.key == mail.key) & (_MAILS.c.state == MailState.SENDING.value)
        values = {"state": MailState.WANTED.value, "intent_at": None}
        await self._update(mine, not_before=not_before, reason=reason, **values)

    async def hold(self, sender_id: str, until: datetime) -> None:
        """No replica sends from this mailbox before then."""
        async with self._database.write() as connection:
            mine = (_SENDERS.c.id == sender_id) & (_SENDERS.c.not_before < until)
            await connection.execute(sa.update(_SENDERS).where(mine).values(not_before=until))

    async def recover(self, now: datetime, begun_before: datetime) -> int:
        """What was under way in a process that has died is unknown from now on."""
        lost = (_MAILS.c.state == MailState.SENDING.value) & (_MAILS.c.intent_at < begun_before)
        async with self._database.write() as connection:
            values = {"state": MailState.UNKNOWN.value, "reason": _OUTCOME_LOST, "finished_at": now, "not_before": now}
            return (await connection.execute(sa.update(_MAILS).where(lost).values(**values))).rowcount

    async def unknown(self, now: datetime, most_looks: int, limit: int) -> tuple[Claimed, ...]:
        """The unknown mails that it is time to look for."""
        due = (_MAILS.c.state == MailState.UNKNOWN.value) & (_MAILS.c.not_before <= now)
        query = sa.select(_MAILS).where(due, _MAILS.c.looks < most_looks).order_by(_MAILS.c.not_before).limit(limit)
        async with self._database.read() as connection:
            return tuple(_claimed(row) for row in await connection.execute(query))

    async def get(self, key: str) -> tuple[MailState, Claimed] | None:
        """One mail and its state."""
        async with self._database.read() as connection:
            row = (await connection.execute(sa.select(_MAILS).where(_MAILS.c.key == key))).one_or_none()
        return None if row is None else (MailState(row.state), _claimed(row))

    async def looked(self, mail: Claimed, not_before: datetime, reason: str) -> None:
        """It was not found; it is looked for again then."""
        mine = (_MAILS.c.key == mail.key) & (_MAILS.c.state == MailState.UNKNOWN.value)
        await self._update(mine, looks=mail.looks + 1, not_before=not_before, reason=reason)

    async def found(self, mail: Claimed, message_id: str, now: datetime) -> None:
        """Sent Items holds it."""
        mine = (_MAILS.c.key == mail.key) & (_MAILS.c.state == MailState.UNKNOWN.value)
        await self._update(mine, state=MailState.SENT.value, reason="", message_id=message_id, finished_at=now)

    async def again(self, mail: Claimed, now: datetime) -> bool:
        """An unknown mail that a person wants sent after all waits again, under a mark of its own."""
        mine = (_MAILS.c.key == mail.key) & (_MAILS.c.state == MailState.UNKNOWN.value)
        values = {"state": MailState.WANTED.value, "mark": str(uuid.uuid4()), "not_before": now, "looks": 0}
        return await self._update(mine, intent_at=None, finished_at=None, reason="", **values) == 1

    # -- reports of mail that was not delivered ----------------------------------------------------------------------

    async def reports_due(self, now: datetime, young: timedelta, every: timedelta) -> tuple[str, datetime] | None:
        """The mailbox whose reports it is time to read, and since when; None where nothing was sent lately.

        Only one replica gets it.
        """
        async with self._database.write() as connection:
            recent = _MAILS.c.intent_at > now - young
            senders = sa.select(_MAILS.c.sender_id).where(recent).distinct()
            query = sa.select(_SENDERS).where(_SENDERS.c.id.in_(senders)).with_for_update(skip_locked=True)
            for row in await connection.execute(query):
                last = row.reports_read_to
                if last is None or last <= now - every:
                    mine = _SENDERS.c.id == row.id
                    await connection.execute(sa.update(_SENDERS).where(mine).values(reports_read_to=now))
                    return str(row.id), last or now - young
        return None

    async def reports_unread(self, sender_id: str, since: datetime) -> None:
        """The reports could not be read; the next look begins where this one did."""
        async with self._database.write() as connection:
            mine = _SENDERS.c.id == sender_id
            await connection.execute(sa.update(_SENDERS).where(mine).values(reports_read_to=since))

    async def without_message_id(self, sender_id: str, since: datetime) -> dict[str, datetime]:
        """When the mails were handed over whose message id we have not read, by mark."""
        open_ones = (_MAILS.c.sender_id == sender_id) & (_MAILS.c.intent_at > since) & _MAILS.c.message_id.is_(None)
        query = sa.select(_MAILS.c.mark, _MAILS.c.intent_at).where(open_ones, _MAILS.c.state == MailState.SENT.value)
        async with self._database.read() as connection:
            return {row.mark: row.intent_at for row in await connection.execute(query)}

    async def learn_message_ids(self, found: Mapping[str, str]) -> None:
        """Keeps the message ids of mails, by mark."""
        async with self._database.write() as connection:
            for mark, message_id in found.items():
                mine = (_MAILS.c.mark == mark) & _MAILS.c.message_id.is_(None)
                await connection.execute(sa.update(_MAILS).where(mine).values(message_id=message_id))

    async def bounced(self, message_ids: Sequence[str], marks: Sequence[str], reason: str, at: datetime) -> int:
        """A report says that these mails did not arrive. Returns how many that are ours."""
        ours = sa.or_(_MAILS.c.message_id.in_(list(message_ids)), _MAILS.c.mark.in_(list(marks)))
        left = _MAILS.c.state.in_([MailState.SENDING.value, MailState.SENT.value, MailState.UNKNOWN.value])
        values = {"state": MailState.BOUNCED.value, "reason": reason, "finished_at": at}
        return await self._update(ours & left, **values)

    async def _update(self, where: sa.ColumnElement[bool], **values: Any) -> int:
        async with self._database.write() as connection:
            return (await connection.execute(sa.update(_MAILS).where(where).values(**values))).rowcount


async def _sent_since(connection: AsyncConnection, sender_id: str, since: datetime) -> int:
    mine = (_MAILS.c.sender_id == sender_id) & (_MAILS.c.intent_at > since)
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(_MAILS).where(mine)) or 0)


def _claimed(row: sa.Row[Any], **changed: Any) -> Claimed:
    values = {name: getattr(row, name) for name in Claimed.__dataclass_fields__}
    return Claimed(**{**values, **changed})
