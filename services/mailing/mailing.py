"""The mailing: what is queued is sent within the mailbox's limits, and what became of it is found out.

A mail is handed over at most once. Where nobody said whether it was taken, Sent Items is looked at; what is not found
there stays unknown until a person decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.database import Database
from services.durable import Durable
from services.errors import AuthBroken, Conflict, IRBotError, NotFound, Stopped, Throttled, UnknownOutcome, UpstreamDown
from services.mailing import outbox
from services.mailing.body import html_of
from services.mailing.mail import Mail, MailState, Sent
from services.mailing.outbox import Claimed, Outbox
from services.mailing.reports import marks_in, reason_of
from services.mailing.sender import Sender
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.plain_words import explain
from services.settings import Settings

log = logging.getLogger(__name__)

_AT_ONCE = 4  # Outlook works on no more requests of one mailbox
_LOOK_AROUND_SECONDS = 2.0
_LAST_SECONDS = 5.0
_GRACE_SECONDS = 30.0
_MOST_ATTEMPTS = 8
_LONGEST_WAIT_SECONDS = 300.0

# An unknown mail is looked for at once, and then after each of these.
_LOOKS = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800))
_SURE_AFTER = timedelta(minutes=2)
_BEFORE_INTENT = timedelta(minutes=5)  # clocks differ
_AFTER_INTENT = timedelta(minutes=30)
_MOST_SENT_ITEMS = 1000

# Mail servers try for up to two days before they give up.
_REPORTS_FOR = timedelta(days=3)
_REPORTS_EVERY = timedelta(minutes=1)
_REPORTS_OVERLAP = timedelta(minutes=10)
_MOST_REPORTS = 500

_NOT_FOUND = "Exchange did not say whether it took this mail, and Sent Items does not hold it."


class Mailing:
    """One per process; several processes share the rows and the mailbox's limits."""

    def __init__(
        self,
        *,
        database: Database,
        m365: Microsoft365,
        settings: Settings,
        durable: Durable,
        now: Callable[[], datetime],
    ) -> None:
        self._m365 = m365
        self._durable = durable
        self._now = now
        self._outbox = Outbox(database)
        self._sender = Sender(settings, m365, database)
        self._alone = database.is_sqlite
        self._longest_seconds = 2 * settings.call_timeout_seconds + 60.0
        self._changed = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    # -- what others ask for -------------------------------------------------------------------------------------

    async def sender(self) -> Account:
        """The account whose mailbox sends. Raises Conflict where mail cannot be sent at all; ask before queueing."""
        return await self._sender.account()

    async def queue(
        self, connection: AsyncConnection, mails: Sequence[Mail], *, cause: str, incident_id: str | None = None
    ) -> int:
        """Writes mails down in the caller's transaction; they are sent once it is committed.

        A key that is there already is left alone. Returns how many are new. `cause` (64 characters) groups them.
        """
        new = await outbox.want(connection, mails, cause, incident_id, self._now())
        self._changed.set()
        return new

    async def states(
        self, connection: AsyncConnection, cause: str, keys: Collection[str] | None = None
    ) -> tuple[Sent, ...]:
        """What became of the mails of a cause, all of them or those with these keys."""
        return await outbox.states(connection, cause, keys)

    async def cancel(self, connection: AsyncConnection, cause: str) -> int:
        """Takes back the mails of a cause that have not been handed over. Returns how many."""
        return await outbox.cancel(connection, cause, self._now())

    async def send_again(self, key: str) -> MailState:
        """Sends an unknown mail after all, unless Sent Items holds it by now; returns what it is then.

        Raises NotFound; Conflict where it is not unknown or may still turn up; and what the look-up raises.
        """
        known = await self._outbox.get(key)
        if known is None:
            raise NotFound(what="message", sought=key)
        state, mail = known
        if state is not MailState.UNKNOWN or mail.intent_at is None:
            raise Conflict(reason="mail-not-unknown")
        if self._now() - mail.intent_at < _SURE_AFTER:
            raise Conflict(reason="mail-may-still-turn-up")
        found = await self._look(mail)
        if found is None:
            raise Conflict(reason="mail-may-still-turn-up")
        if found:
            await self._outbox.found(mail, found, self._now())
            return MailState.SENT
        if not await self._outbox.again(mail, self._now()):
            raise Conflict(reason="mail-not-unknown")
        self._changed.set()
        return MailState.WANTED

    # -- the work ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Settles what a killed process was sending, and begins."""
        if self._alone:
            await self._outbox.recover(self._now(), self._now() + timedelta(seconds=1))
        self._task = asyncio.create_task(self._run(), name="mailing")

    async def close(self) -> None:
        """Lets what is being handed over come to its end for a while."""
        if self._task is None:
            return
        self._closing = True
        self._changed.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self._task

    async def _run(self) -> None:
        while not self._closing:
            self._changed.clear()
            try:
                await self.round()
            except Exception:
                log.exception("a round of the mailing failed; it comes round again")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AROUND_SECONDS):
                    await self._changed.wait()

    async def round(self) -> None:
        """One look at everything: what waits, what is unknown, what was reported."""
        lost = timedelta(seconds=self._longest_seconds + _GRACE_SECONDS)
        await self._outbox.recover(self._now(), self._now() - lost)
        while not self._closing and await self._outbox.any_wanted(self._now()):
            if not await self._send_some():
                break
        for mail in await self._outbox.unknown(self._now(), 1 + len(_LOOKS), _AT_ONCE):
            await self._look_for(mail)
        await self._read_reports()

    async def _send_some(self) -> bool:
        """Hands over the next few mails. False where the mailbox may send no more for now."""
        try:
            sender_id = (await self._sender.account()).id
        except Conflict as error:
            await self._outbox.refuse(explain(error).what, self._now())
            return False
        mails = await self._outbox.claim(sender_id, self._now(), _AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for mail in mails:
                group.create_task(self._send(mail, sender_id))
        return bool(mails)

    async def _send(self, mail: Claimed, sender_id: str) -> None:
        if not self._durable.holds_lease():
            await self._outbox.later(mail, self._now() + timedelta(seconds=_LOOK_AROUND_SECONDS), "")
            return
        try:
            async with asyncio.timeout(self._longest_seconds):
                html = html_of(mail.text)
                await self._m365.messages.send(sender_id, [mail.recipient], mail.subject, html, mark=mail.mark)
        except (TimeoutError, UnknownOutcome):
            words = explain(UnknownOutcome(service="exchange")).what
            await self._outbox.settle(mail, MailState.UNKNOWN, words, self._now())
        except Stopped:  # after it was claimed; the next round claims it again once work goes on
            await self._outbox.later(mail, self._now(), "")
        except (Throttled, UpstreamDown, AuthBroken) as error:
            await self._not_now(mail, sender_id, error)
        except IRBotError as error:
            log.warning("mail %s was refused: %s %s", mail.key, error.code, dict(error.data))
            await self._outbox.settle(mail, MailState.FAILED, explain(error).what, self._now())
        else:
            await self._outbox.settle(mail, MailState.SENT, "", self._now())

    async def _not_now(self, mail: Claimed, sender_id: str, error: IRBotError) -> None:
        """It was surely not handed over: again later, but not for ever."""
        words = explain(error).what
        if mail.attempts >= _MOST_ATTEMPTS and not isinstance(error, Throttled):
            await self._outbox.settle(mail, MailState.FAILED, words, self._now())
            return
        asked = error.retry_after if isinstance(error, Throttled) else None
        seconds = min(asked or 2.0**mail.attempts, _LONGEST_WAIT_SECONDS)
        until = self._now() + timedelta(seconds=seconds)
        if isinstance(error, Throttled):
            await self._outbox.hold(sender_id, until)
        await self._outbox.later(mail, until, words)

    # -- what nobody answered ------------------------------------------------------------------------------------

    async def _look_for(self, mail: Claimed) -> None:
        """Looks for an unknown mail in Sent Items, and notes the next look where it is not there."""
        reason = _NOT_FOUND
        try:
            found = await self._look(mail)
        except IRBotError as error:
            found, reason = None, f"{_NOT_FOUND.partition(',')[0]}. {explain(error).what}"
        if found:
            await self._outbox.found(mail, found, self._now())
            return
        wait = _LOOKS[min(mail.looks, len(_LOOKS) - 1)]
        await self._outbox.looked(mail, self._now() + wait, reason)

    async def _look(self, mail: Claimed) -> str | None:
        """The message id of a mail that Sent Items holds; empty where it does not; None where that cannot be told."""
        if mail.sender_id is None or mail.intent_at is None:
            return ""
        since, until = mail.intent_at - _BEFORE_INTENT, mail.intent_at + _AFTER_INTENT
        marks = await self._m365.messages.sent_marks(mail.sender_id, since, until, _MOST_SENT_ITEMS)
        return marks.found.get(mail.mark, "" if marks.complete else None)

    # -- what did not arrive -------------------------------------------------------------------------------------

    async def _read_reports(self) -> None:
        due = await self._outbox.reports_due(self._now(), _REPORTS_FOR, _REPORTS_EVERY)
        if due is None:
            return
        sender_id, since = due
        try:
            await self._learn_message_ids(sender_id)
            reports = await self._m365.messages.reports(sender_id, since - _REPORTS_OVERLAP, _MOST_REPORTS)
        except IRBotError as error:
            log.warning("reports of undelivered mail could not be read: %s %s", error.code, dict(error.data))
            await self._outbox.reports_unread(sender_id, since)
            return
        for report in reports:
            reason = reason_of(report)
            if reason is not None:
                await self._outbox.bounced(report.about, marks_in(report), reason, report.at or self._now())

    async def _learn_message_ids(self, sender_id: str) -> None:
        """Reports name a mail by its message id, which Exchange gives it only when it sends it."""
        open_ones = await self._outbox.without_message_id(sender_id, self._now() - _REPORTS_FOR)
        if open_ones:
            since, until = min(open_ones.values()) - _BEFORE_INTENT, max(open_ones.values()) + _AFTER_INTENT
            marks = await self._m365.messages.sent_marks(sender_id, since, until, _MOST_SENT_ITEMS)
            await self._outbox.learn_message_ids({mark: marks.found[mark] for mark in open_ones if mark in marks.found})
