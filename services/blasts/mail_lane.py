"""The mails of a blast: handed to the mailing a few at a time, and what became of them taken back into the rows."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts import rows
from services.blasts.model import Blast, BlastState, RecipientState, Via
from services.database import Database
from services.database.blast_tables import blast_recipients, blasts
from services.errors import BadInput, Conflict, IRBotError
from services.mailing import Mail, Mailing, MailState

log = logging.getLogger(__name__)

_R = blast_recipients.c
# So few that a pause stops the mails soon: the mailing sends about so many a minute.
_MOST_UNDER_WAY = 30
_BOUNCES_FOR = timedelta(days=3)
_ENDS = {
    MailState.BOUNCED: (RecipientState.FAILED, "bounced"),
    MailState.CANCELLED: (RecipientState.CANCELLED, None),
    MailState.FAILED: (RecipientState.FAILED, "mail-refused"),
    MailState.SENT: (RecipientState.SENT, None),
    MailState.UNKNOWN: (RecipientState.UNKNOWN, "no-answer"),
}


class MailLane:
    """The border to `services.mailing`, which keeps Exchange's limits and never sends a key twice."""

    def __init__(self, database: Database, mailing: Mailing) -> None:
        self._database = database
        self._mailing = mailing

    async def hand_over(self, blast: Blast, up_to: int | None) -> None:
        """Queues the next mails, as many as may be under way at once; where no mail can be sent at all, they fail."""
        queued = [_R.blast_id == blast.id, _R.channel == Via.MAIL.value, _R.state == RecipientState.QUEUED.value]
        if up_to is not None:
            queued.append(_R.number <= up_to)
        if not await self._can_send(queued):
            return
        async with self._database.write() as connection:
            free = _MOST_UNDER_WAY - await _under_way(connection, blast.id)
            query = sa.select(_R.number, _R.address, _R.language).where(*queued).order_by(_R.number).limit(max(0, free))
            waiting = (await connection.execute(query)).all()
            keys = [_key(blast, row.number) for row in waiting]
            known = await self._mailing.states(connection, _cause(blast), keys)
            unknown = {_number(mail.key) for mail in known if mail.state is MailState.UNKNOWN}
            mails, refused, again = [], [], []
            for row in waiting:
                if row.number in unknown:
                    again.append(row.number)
                    continue
                words = blast.content.mail_in(row.language)
                try:
                    mails.append((row.number, Mail(_key(blast, row.number), row.address, words.subject, words.text)))
                except BadInput:
                    refused.append(row.number)
            if mails:
                await self._mailing.queue(
                    connection, [mail for _, mail in mails], cause=_cause(blast), incident_id=blast.incident_id
                )
            ends = (
                ([number for number, _ in mails], {"state": RecipientState.SENDING.value}),
                (refused, {"state": RecipientState.FAILED.value, "reason": "mail-refused"}),
            )
            for numbers, values in ends:
                these = sa.and_(_R.blast_id == blast.id, _R.number.in_(numbers))
                await connection.execute(sa.update(blast_recipients).where(these).values(**values))
        for number in again:
            await self._send_again(blast, number)

    async def _send_again(self, blast: Blast, number: int) -> None:
        """Sends a mail of unknown outcome after all, unless it is found in Sent Items or may still turn up there."""
        try:
            state = await self._mailing.send_again(_key(blast, number))
        except IRBotError as error:
            log.info("mail %s is not sent again for now: %s %s", _key(blast, number), error.code, dict(error.data))
            state = MailState.UNKNOWN
        ends, reason = _ENDS.get(state, (RecipientState.SENDING, None))
        this = (_R.blast_id == blast.id, _R.number == number, _R.state == RecipientState.QUEUED.value)
        async with self._database.write() as connection:
            await connection.execute(sa.update(blast_recipients).where(*this).values(state=ends.value, reason=reason))

    async def _can_send(self, queued: list[sa.ColumnElement[bool]]) -> bool:
        """Whether anybody waits and there is a mailbox to send from."""
        async with self._database.read() as connection:
            if (await connection.execute(sa.select(_R.number).where(*queued).limit(1))).first() is None:
                return False
        try:
            await self._mailing.sender()
        except Conflict:
            values = {"state": RecipientState.FAILED.value, "reason": "mail-sender-missing"}
            async with self._database.write() as connection:
                await connection.execute(sa.update(blast_recipients).where(*queued).values(**values))
            return False
        return True

    async def look(self, blast: Blast, now: datetime) -> bool:
        """Takes over how the mails ended; whether some are still under way."""
        async with self._database.write() as connection:
            if blast.state in {BlastState.CANCELLED, BlastState.RECALLING, BlastState.RECALLED}:
                await self._mailing.cancel(connection, _cause(blast))
            for mail in await self._mailing.states(connection, _cause(blast)):
                if mail.state in _ENDS:
                    state, reason = _ENDS[mail.state]
                    this = (
                        _R.blast_id == blast.id,
                        _R.number == _number(mail.key),
                        _R.state.not_in((state.value, RecipientState.QUEUED.value)),  # queued: to be sent again
                    )
                    sent_at = (mail.at or now) if state is RecipientState.SENT else _R.sent_at
                    values = {"state": state.value, "reason": reason, "sent_at": sent_at}
                    await connection.execute(sa.update(blast_recipients).where(*this).values(**values))
            return await _under_way(connection, blast.id) > 0

    async def look_around(self, now: datetime) -> None:
        """For blasts that do not run: cancelled ones, and those whose mails may still come back."""
        still = sa.or_(blasts.c.finished_at > now - _BOUNCES_FOR, blasts.c.state == BlastState.PAUSED.value)
        by_mail = sa.exists().where(_R.blast_id == blasts.c.id, _R.channel == Via.MAIL.value)
        async with self._database.read() as connection:
            ids = (await connection.execute(sa.select(blasts.c.id).where(still, by_mail))).scalars().all()
            found = [await rows.get(connection, blast_id) for blast_id in ids]
        for blast in found:
            await self.look(blast, now)


async def _under_way(connection: AsyncConnection, blast_id: str) -> int:
    mine = (_R.blast_id == blast_id, _R.channel == Via.MAIL.value, _R.state == RecipientState.SENDING.value)
    return int(await connection.scalar(sa.select(sa.func.count()).where(*mine)) or 0)


def _cause(blast: Blast) -> str:
    return f"blast:{blast.id}"


def _key(blast: Blast, number: int) -> str:
    return f"{_cause(blast)}:{number}"


def _number(key: str) -> int:
    return int(key.rpartition(":")[2])
