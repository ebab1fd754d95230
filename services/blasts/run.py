"""One run of a blast: slices are claimed a moment ahead of their turns, and each message goes on by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts import hours, ledger, receipts, rows
from services.blasts.channel import Letter
from services.blasts.ledger import Claimed, End, Lead, Scribe
from services.blasts.model import (
    Blast,
    BlastEvent,
    BlastState,
    PauseReason,
    RecipientState,
    TeamsText,
    UnknownPolicy,
    Via,
)
from services.blasts.sending import Desk, Stopped, Tally, send
from services.database.blast_tables import blasts
from services.errors import Bug
from services.incidents import store as incidents

if TYPE_CHECKING:
    from services.blasts.delivery import Delivery

log = logging.getLogger(__name__)

_AHEAD_SECONDS = 0.35  # how long before its turn a message is claimed
_SMALLEST_SLICE = 10
_MOST_AT_ONCE = 250
_TOGETHER_SECONDS = 0.09  # calls whose turns are so near to each other are made at once: they share a commit
_TELL_SECONDS = 10.0
_SUBJECTS_SECONDS = 5.0
_MAIL_LOOK = timedelta(seconds=15)
_HOPELESS_AFTER = 50  # refusals from the beginning on, with not one message that went through
_MOST_CALLS = 0.96  # of Teams' limit, blasts and live cards together


class Run:
    """The loop. It ends when nothing can be sent now; `_settle` says what comes next."""

    def __init__(self, delivery: Delivery, lead: Lead, blast: Blast) -> None:
        self._delivery = delivery
        self._lead = lead
        self._blast = blast
        self._loop = asyncio.get_running_loop()
        self._tally = Tally()
        self._scribe = Scribe(delivery.database, lead, delivery.now)
        self._letters: dict[str, Letter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._up_to: int | None = None
        self._zones: list[str] = []
        self._subjects: frozenset[str] = frozenset()
        self._looked_for_subjects = 0.0
        self._told = self._loop.time()
        self._told_sent = 0
        self._live = delivery.channel.live_calls()
        self._claimed_at = self._loop.time()
        self._desk = self._furnished()

    async def to_its_end(self) -> None:
        """Sends until nothing can be sent now, and writes down what comes next."""
        try:
            await self._prepare()
            while not self._delivery.closing.is_set() and self._delivery.may_send() and not self._hopeless():
                slice_ = await self._claim()
                if slice_ is None:
                    break
                last = self._start(slice_)
                if slice_:
                    await self._breathe(last - _AHEAD_SECONDS)
                elif self._tasks:
                    await asyncio.wait(self._tasks, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                else:
                    break
        finally:
            self._over.set()
            if self._tasks:
                await asyncio.wait(self._tasks)
        await self._settle()

    # -- before ----------------------------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        blast, database = self._blast, self._delivery.database
        async with database.read() as connection:
            if blast.plan.canary and not blast.canary_passed:
                self._up_to = await ledger.number_of(connection, blast.id, blast.plan.canary)
            self._zones = await ledger.zones(connection, blast.id, Via.TEAMS, self._up_to)
        await self._mails()

    async def _mails(self) -> None:
        if self._delivery.mail is not None:
            await self._delivery.mail.look(self._blast, self._delivery.now())
            await self._delivery.mail.hand_over(self._blast, self._up_to)

    def _furnished(self) -> Desk:
        delivery = self._delivery
        return Desk(
            channel=delivery.channel,
            scribe=self._scribe,
            tally=self._tally,
            service_url=self._blast.conversation.service_url if self._blast.conversation else "",
            letter=self._letter,
            turn=self._one_more_turn,
            hold=self._hold,
            install=delivery.installer.install,
            too_late=lambda turn: self._loop.time() - turn > delivery.budget.patience,
            wait_until=self._wait_until,
            pause=lambda seconds: self._wait_until(self._loop.time() + seconds),
            may_send=delivery.may_send,
            now=delivery.now,
            send_unknown_again=self._blast.plan.unknown is UnknownPolicy.SEND_AGAIN,
        )

    def _letter(self, language: str) -> Letter:
        letter = self._letters.get(language)
        if letter is None:
            words: TeamsText = self._blast.content.card_in(language)
            letter = self._letters[language] = self._delivery.channel.prepare(words.card, words.summary)
        return letter

    # -- a slice ---------------------------------------------------------------------------------------------------

    async def _claim(self) -> list[tuple[Claimed, list[float]]] | None:
        """The next recipients with their turns; empty where nobody can get it now, None where the run is over."""
        delivery, blast = self._delivery, self._blast
        limit = min(_MOST_AT_ONCE - len(self._tasks), max(_SMALLEST_SLICE, int(delivery.budget.rate * _AHEAD_SECONDS)))
        telling = self._loop.time() - self._told >= _TELL_SECONDS
        async with delivery.database.write() as connection:
            if not await self._still_leads(connection, telling):
                return None
            await self._look_for_subjects(connection)
            claimed: tuple[Claimed, ...] = ()
            while self._zones and not claimed and limit > 0:
                zone = self._zones[0]
                if blast.plan.hours is None or hours.is_open(blast.plan.hours, zone, delivery.now()):
                    claimed = await ledger.claim(connection, self._lead, zone, limit, self._up_to)
                if not claimed:
                    del self._zones[0]
            calls = sum(1 if each.chat is not None else 2 for each in claimed)
            gaps = await delivery.budget.reserve(connection, calls, others=self._calls_of_others()) if calls else []
        begun = self._loop.time()
        turns = [begun + gap for gap in _together(gaps, delivery.budget.rate)]
        found = []
        for each in claimed:
            count = 1 if each.chat is not None else 2
            found.append((each, turns[:count]))
            turns = turns[count:]
        if telling:
            self._told, self._told_sent = begun, self._tally.sent
            await delivery.tell(blast.id)
            await self._mails()
        return found

    async def _still_leads(self, connection: AsyncConnection, telling: bool) -> bool:
        """Renews the lease; False where somebody has paused, ended or taken over the blast."""
        values: dict[str, Any] = {"owner_until": await rows.database_micros(connection) + ledger.LEASE}
        if telling:
            values["rate"] = (self._tally.sent - self._told_sent) / (self._loop.time() - self._told)
        mine = (
            blasts.c.id == self._lead.blast_id,
            blasts.c.owner == self._lead.owner,
            blasts.c.run == self._lead.run,
            blasts.c.state == BlastState.RUNNING.value,
        )
        renewed = await connection.execute(sa.update(blasts).where(*mine).values(**values))
        return renewed.rowcount == 1

    async def _look_for_subjects(self, connection: AsyncConnection) -> None:
        if self._loop.time() - self._looked_for_subjects >= _SUBJECTS_SECONDS:
            self._looked_for_subjects = self._loop.time()
            self._subjects = await incidents.open_subjects(connection)

    def _calls_of_others(self) -> float:
        """How many slots the live cards of this process have used beyond what is left to them."""
        now, calls = self._loop.time(), self._delivery.channel.live_calls()
        passed, made = now - self._claimed_at, calls - self._live
        self._claimed_at, self._live = now, calls
        budget = self._delivery.budget
        return max(0.0, made - (budget.hard * _MOST_CALLS - budget.rate) * passed)

    def _start(self, slice_: list[tuple[Claimed, list[float]]]) -> float:
        """Lets every message of a slice go on by itself; when the last of them has its turn."""
        last = 0.0
        for recipient, turns in slice_:
            if recipient.address in self._subjects:
                end = End(RecipientState.CANCELLED, recipient.attempts, "subject-of-incident")
                self._begin(self._scribe.end(recipient, end))
                continue
            self._begin(send(self._desk, recipient, turns))
            last = max(last, *turns)
        return last

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="blast-message")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its row stays as it was, and the end of the run settles it: never sent, or unknown.
            self._tally.failed += 1
            log.error("a message of blast %s could not be handled", self._lead.blast_id, exc_info=error)

    async def _breathe(self, until: float) -> None:
        """Waits for the time of the next claim, and for room."""
        try:
            await self._wait_until(until)
            while len(self._tasks) >= _MOST_AT_ONCE:
                await asyncio.wait(self._tasks, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                if len(self._tasks) >= _MOST_AT_ONCE:
                    async with self._delivery.database.write() as connection:
                        if not await self._still_leads(connection, telling=False):
                            return
        except Stopped:
            return

    # -- what a message needs --------------------------------------------------------------------------------------

    async def _one_more_turn(self) -> float:
        return (await self._delivery.reserve(1))[0]

    async def _hold(self, seconds: float, shrink: bool) -> None:
        self._tally.held_until = max(self._tally.held_until, self._loop.time() + seconds)
        await self._delivery.hold(seconds, shrink)

    async def _wait_until(self, turn: float) -> None:
        """Sleeps. Raises Stopped as soon as the run is over."""
        if self._over.is_set():
            raise Stopped
        seconds = turn - self._loop.time()
        if seconds <= 0:
            return
        if seconds < 1.0:
            await asyncio.sleep(seconds)
        else:
            try:
                async with asyncio.timeout(seconds):
                    await self._over.wait()
            except TimeoutError:
                return
        if self._over.is_set():
            raise Stopped

    def _hopeless(self) -> bool:
        return self._tally.sent == 0 and self._tally.failed >= _HOPELESS_AFTER

    # -- after -----------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Puts back what was not sent, and says what comes next: a person, a later time, or the end."""
        delivery, now = self._delivery, self._delivery.now()
        mail_under_way = delivery.mail is not None and await delivery.mail.look(self._blast, now)
        async with delivery.database.write() as connection:
            blast = await rows.get(connection, self._lead.blast_id, lock=True)
            owner = await connection.scalar(sa.select(blasts.c.owner).where(blasts.c.id == blast.id))
            if owner != self._lead.owner:
                return  # somebody else took over, and has settled what was left
            await ledger.settle_leftovers(connection, blast)
            if blast.state is not BlastState.RUNNING or blast.run != self._lead.run:
                return
            if self._hopeless():
                await delivery.pause(connection, blast, PauseReason.FAILURES)
                return
            left = await ledger.zones(connection, blast.id, Via.TEAMS, self._up_to)
            mails_left = bool(await ledger.zones(connection, blast.id, Via.MAIL, self._up_to))
            next_at = self._next_time(left, now) if left else None
            if mails_left and delivery.mail is None:
                raise Bug(reason="mails-without-mailing")
            if mail_under_way or mails_left:
                next_at = min(next_at or now + _MAIL_LOOK, now + _MAIL_LOOK)
            if next_at is not None:
                await connection.execute(
                    sa.update(blasts)
                    .where(blasts.c.id == blast.id)
                    .values(next_at=next_at, run=blast.run + 1, rate=0.0)
                )
            elif self._up_to is not None and await self._others_wait(connection):
                await delivery.pause(connection, blast, PauseReason.CANARY)
            else:
                counts = await receipts.counts_of(connection, blast.id)
                told = {"sent": counts.sent, "failed": counts.failed, "unknown": counts.unknown}
                values: dict[str, Any] = {
                    "state": BlastState.DONE.value,
                    "finished_at": now,
                    "next_at": None,
                    "rate": 0.0,
                }
                await rows.move(connection, blast, BlastEvent.ENDED, now, data=told, **values)

    def _next_time(self, left: list[str], now: datetime) -> datetime:
        window = self._blast.plan.hours
        return now if window is None else min(hours.next_opening(window, zone, now) for zone in left)

    async def _others_wait(self, connection: AsyncConnection) -> bool:
        for via in Via:
            if await ledger.zones(connection, self._lead.blast_id, via, None):
                return True
        return False


def _together(gaps: list[float], rate: float) -> list[float]:
    """The turns in small groups, each at the turn of its last: never sooner than the budget says."""
    size = max(1, int(rate * _TOGETHER_SECONDS))
    return [gaps[min(place - place % size + size, len(gaps)) - 1] for place in range(len(gaps))]
