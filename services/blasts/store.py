"""Drawing up a blast, deciding about it, and steering it while it runs.

Every change is one transaction with its line in the blast's record, and in the incident's timeline where there is one.
A blast always needs a second person. What is approved is the digest: any change of words, people or plan asks anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.access import Access, Permission
from services.blasts import freezing, receipts, rows
from services.blasts.model import (
    Blast,
    BlastEvent,
    BlastState,
    Content,
    Draft,
    PauseReason,
    Recipient,
    RecipientState,
    SendingPlan,
    digest_of,
)
from services.blasts.recalling import FAILED
from services.channel import Actor, Conversation
from services.database import Database
from services.database.blast_tables import blast_recipients, blasts
from services.errors import BadInput, Conflict, Expired, NotAllowed, Unavailable
from services.incidents import store as incidents
from services.microsoft365.accounts import Account

Announce = Callable[[AsyncConnection, Blast, Sequence[Account]], Awaitable[None]]
Wake = Callable[[str], Awaitable[None]]

DRAFT_LIFE = timedelta(days=2)
_MOST_ASKED = 20
_UNDECIDED = frozenset({BlastState.DRAFT, BlastState.WAITING})
_BEGUN = frozenset({BlastState.RUNNING, BlastState.PAUSED, BlastState.DONE, BlastState.CANCELLED})
_STOPPABLE = frozenset({BlastState.SCHEDULED, BlastState.RUNNING, BlastState.PAUSED, *_UNDECIDED})
# What a change of words goes back from: nothing of it is under way.
_EDITABLE = frozenset({BlastState.DRAFT, BlastState.WAITING, BlastState.SCHEDULED, BlastState.PAUSED})


class Blasts:
    """The narrow functions of a blast's life. `wake` starts the durable job of a run."""

    def __init__(
        self,
        database: Database,
        access: Access,
        now: Callable[[], datetime],
        wake: Wake,
        *,
        approval_life: timedelta = timedelta(hours=24),
    ) -> None:
        self._database = database
        self._access = access
        self._now = now
        self._wake = wake
        self._approval_life = approval_life

    # -- drawing up ------------------------------------------------------------------------------------------------

    async def create(
        self, draft: Draft, audience: AsyncIterable[Recipient] | Iterable[Recipient], where: Conversation
    ) -> Blast:
        """Keeps a draft with its frozen audience: each address once, subjects of open incidents left out.

        The audience is read once, as a stream. Raises NotAllowed, and BadInput for an empty audience or for content
        that misses the fallback language of a channel in use.
        """
        await self._access.require(draft.requester, Permission.BLAST_SEND, where, incident_id=draft.incident_id)
        now = self._now()
        async with self._database.write() as connection:
            await freezing.insert(connection, draft, where, now)
        await freezing.freeze(self._database, draft.id, audience)
        return await self._fingerprint(draft.id, draft.requester, BlastEvent.CREATED)

    async def drop(self, blast_id: str, actor: Actor, where: Conversation, addresses: Collection[str]) -> Blast:
        """Takes people out of a draft's audience. Raises NotAllowed, Conflict, BadInput (nobody would be left)."""
        await self._access.require(actor, Permission.BLAST_SEND, where)
        async with self._database.write() as connection:
            blast = await rows.get(connection, blast_id, lock=True)
            _insist(blast, {BlastState.DRAFT})
            for some in freezing.chunks([address.casefold() for address in addresses]):
                table = blast_recipients.c
                gone = sa.delete(blast_recipients).where(table.blast_id == blast_id, table.address.in_(some))
                await connection.execute(gone)
        return await self._fingerprint(blast_id, actor, BlastEvent.EDITED)

    async def edit(
        self,
        blast_id: str,
        actor: Actor,
        where: Conversation,
        *,
        content: Content | None = None,
        plan: SendingPlan | None = None,
        title: str | None = None,
    ) -> Blast:
        """Changes what is not yet sent; a paused or scheduled blast becomes a draft again and must be approved anew.

        Who edits is who asks from then on. Raises NotAllowed, Conflict, BadInput.
        """
        await self._access.require(actor, Permission.BLAST_SEND, where)
        async with self._database.write() as connection:
            blast = await rows.get(connection, blast_id, lock=True)
            _insist(blast, _EDITABLE)
            changes = {
                "content": None if content is None else content.to_json(),
                "plan": None if plan is None else plan.to_json(),
                "title": title,
            }
            await connection.execute(
                sa.update(blasts)
                .where(blasts.c.id == blast_id)
                .values(
                    state=BlastState.DRAFT.value,
                    requester=asdict(actor),
                    requester_id=actor.object_id,
                    digest="",
                    reason=None,
                    next_at=None,
                    **{name: value for name, value in changes.items() if value is not None},
                )
            )
        return await self._fingerprint(blast_id, actor, BlastEvent.EDITED)

    async def schedule(self, blast_id: str, actor: Actor, where: Conversation, at: datetime | None) -> Blast:
        """Sets when a draft is sent; None sends it as soon as it is approved. Raises NotAllowed, Conflict, BadInput."""
        if at is not None and at <= self._now():
            raise BadInput(reason="time-is-past")
        await self._access.require(actor, Permission.BLAST_SEND, where)
        async with self._database.write() as connection:
            blast = await rows.get(connection, blast_id, lock=True)
            _insist(blast, {BlastState.DRAFT})
            await connection.execute(sa.update(blasts).where(blasts.c.id == blast_id).values(scheduled_at=at))
        return await self._fingerprint(blast_id, actor, BlastEvent.EDITED)

    # -- deciding --------------------------------------------------------------------------------------------------

    async def ask(self, blast_id: str, actor: Actor, where: Conversation, announce: Announce | None = None) -> Blast:
        """Asks a second person. `announce` runs in the same transaction with whom to ask.

        Raises NotAllowed, and Conflict where the draft is asked about already or nobody could approve.
        """
        await self._access.require(actor, Permission.BLAST_SEND, where)
        people = await self._whom_to_ask(actor)
        now = self._now()
        async with self._database.write() as connection:
            blast = await rows.get(connection, blast_id, lock=True)
            _insist(blast, {BlastState.DRAFT})
            if not blast.digest:
                raise Conflict(reason="blast-not-ready")
            await rows.move(
                connection,
                blast,
                BlastEvent.ASKED,
                now,
                actor_id=actor.object_id,
                data={"digest": blast.digest, "people": blast.people},
                state=BlastState.WAITING.value,
                requester=asdict(actor),
                requester_id=actor.object_id,
                decision_nonce=incidents.new_nonce(),
                asked_at=now,
                expires_at=now + self._approval_life,
                decided_by=None,
                decided_at=None,
            )
            asked = await rows.get(connection, blast_id)
            if announce is not None:
                await announce(connection, asked, people)
        return asked

    async def approve(self, blast_id: str, nonce: str, actor: Actor, where: Conversation) -> Blast:
        """The second person's yes; it is sent now or at its time. Raises NotAllowed, BadInput, Conflict, Expired."""
        blast = await self._waiting(blast_id, nonce)
        if actor.object_id == blast.requester.object_id:
            raise NotAllowed(reason="requester-may-not-approve")
        await self._access.require(actor, Permission.APPROVAL_DECIDE, where)
        now = self._now()
        due = now if blast.scheduled_at is None else max(now, blast.scheduled_at)
        decided = await self._decide(
            blast, actor, BlastEvent.APPROVED, state=BlastState.SCHEDULED.value, next_at=due, run=blast.run + 1
        )
        if due <= now:
            await self._wake(rows.run_key(decided.id, decided.run))
        return decided

    async def refuse(self, blast_id: str, nonce: str, actor: Actor, where: Conversation) -> Blast:
        """The no of somebody who may approve. Raises as `approve` does."""
        blast = await self._waiting(blast_id, nonce)
        await self._access.require(actor, Permission.APPROVAL_DECIDE, where, harmless=True)
        return await self._decide(blast, actor, BlastEvent.REFUSED, state=BlastState.REFUSED.value)

    async def expire_due(self) -> int:
        """Ends the questions that nobody answered and the drafts that nobody took up; returns how many."""
        now = self._now()
        late = sa.or_(
            sa.and_(blasts.c.state == BlastState.WAITING.value, blasts.c.expires_at <= now),
            sa.and_(blasts.c.state == BlastState.DRAFT.value, blasts.c.created_at <= now - DRAFT_LIFE),
        )
        async with self._database.read() as connection:
            ids = list((await connection.execute(sa.select(blasts.c.id).where(late))).scalars())
        for blast_id in ids:
            async with self._database.write() as connection:
                blast = await rows.get(connection, blast_id, lock=True)
                if blast.state in _UNDECIDED:
                    state = BlastState.EXPIRED.value
                    await rows.move(connection, blast, BlastEvent.EXPIRED, now, state=state, finished_at=now)
        return len(ids)

    # -- steering --------------------------------------------------------------------------------------------------

    async def pause(self, blast_id: str, actor: Actor, where: Conversation) -> Blast:
        """Stops after what is under way at this moment; anybody who could ask, decide or stop may."""
        await self._may_stop(actor, where)
        values = {"state": BlastState.PAUSED.value, "reason": PauseReason.PERSON.value, "next_at": None}
        return await self._steer(blast_id, actor, BlastEvent.PAUSED, {BlastState.RUNNING, BlastState.SCHEDULED}, values)

    async def resume(self, blast_id: str, actor: Actor, where: Conversation) -> Blast:
        """Goes on with a paused blast; after the canary this is the person's "go on"."""
        await self._access.require(actor, Permission.BLAST_SEND, where)
        blast = await self._steer(
            blast_id, actor, BlastEvent.RESUMED, {BlastState.PAUSED}, self._running() | {"canary_passed": True}
        )
        await self._wake(rows.run_key(blast.id, blast.run))
        return blast

    async def cancel(self, blast_id: str, actor: Actor, where: Conversation) -> Blast:
        """Ends a blast at any point before its end: nothing more is sent."""
        await self._may_stop(actor, where)
        now = self._now()
        values = {"state": BlastState.CANCELLED.value, "next_at": None, "finished_at": now}
        blast = await self._steer(blast_id, actor, BlastEvent.CANCELLED, _STOPPABLE, values)
        await self._let_go(blast_id)
        return blast

    async def send_again(self, blast_id: str, actor: Actor, where: Conversation) -> Blast:
        """A person's decision: those whose message may or may not have arrived get it again."""
        await self._access.require(actor, Permission.BLAST_SEND, where)
        blast = await self._steer(
            blast_id, actor, BlastEvent.SENT_AGAIN, {BlastState.DONE, BlastState.PAUSED}, self._running()
        )
        unknown = blast_recipients.c.state == RecipientState.UNKNOWN.value
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(blast_recipients)
                .where(blast_recipients.c.blast_id == blast_id, unknown)
                .values(state=RecipientState.QUEUED.value, token=None, attempts=0, reason=None)
            )
        await self._wake(rows.run_key(blast.id, blast.run))
        return blast

    async def recall(self, blast_id: str, actor: Actor, where: Conversation) -> Blast:
        """Takes back what was sent, and sends no more. What was read stays read; mail cannot be taken back.

        What could not be taken back is tried again by a second recall.
        """
        await self._access.require(actor, Permission.BLAST_SEND, where)
        values = self._running() | {"state": BlastState.RECALLING.value}
        states = _BEGUN | {BlastState.RECALLED}
        blast = await self._steer(blast_id, actor, BlastEvent.RECALL_STARTED, states, values)
        await self._let_go(blast_id)
        left = sa.and_(blast_recipients.c.blast_id == blast_id, blast_recipients.c.reason == FAILED)
        async with self._database.write() as connection:
            await connection.execute(sa.update(blast_recipients).where(left).values(reason=None))
        await self._wake(rows.run_key(blast.id, blast.run))
        return blast

    async def remind(self, parent_id: str, actor: Actor, where: Conversation, draft: Draft) -> Blast:
        """A draft to those who got the blast and have not acknowledged it. Raises BadInput where there is nobody."""
        await self._access.require(actor, Permission.BLAST_SEND, where)
        async with self._database.write() as connection:
            parent = await rows.get(connection, parent_id)
            _insist(parent, _BEGUN)
            await freezing.insert(connection, draft, where, self._now(), parent=parent)
            await freezing.copy_unacknowledged(connection, parent_id, draft.id)
        return await self._fingerprint(draft.id, actor, BlastEvent.CREATED)

    async def export(self, blast_id: str, actor: Actor, where: Conversation) -> AsyncIterator[tuple[str, ...]]:
        """The rows of a table of all recipients, once it is on record who took it. Raises NotAllowed."""
        await self._access.require(actor, Permission.BLAST_SEND, where, harmless=True)
        async with self._database.write() as connection:
            blast = await rows.get(connection, blast_id, lock=True)
            await rows.record(connection, blast.id, BlastEvent.EXPORTED, self._now(), actor_id=actor.object_id)
        return receipts.table(self._database, blast_id)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _running(self) -> dict[str, Any]:
        """A new run, which begins at once."""
        return {
            "state": BlastState.RUNNING.value,
            "reason": None,
            "next_at": self._now(),
            "finished_at": None,
            "run": blasts.c.run + 1,
        }

    async def _steer(
        self, blast_id: str, actor: Actor, event: BlastEvent, states: Collection[BlastState], values: dict[str, Any]
    ) -> Blast:
        async with self._database.write() as connection:
            blast = await rows.get(connection, blast_id, lock=True)
            _insist(blast, states)
            await rows.move(connection, blast, event, self._now(), actor_id=actor.object_id, **values)
            return await rows.get(connection, blast_id)

    async def _let_go(self, blast_id: str) -> None:
        """What is still queued will never be sent."""
        queued = blast_recipients.c.state == RecipientState.QUEUED.value
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(blast_recipients)
                .where(blast_recipients.c.blast_id == blast_id, queued)
                .values(state=RecipientState.CANCELLED.value)
            )

    async def _fingerprint(self, blast_id: str, actor: Actor, event: BlastEvent) -> Blast:
        """Takes the digest of what the rows now hold. Raises BadInput where it could not be sent so."""
        async with self._database.read() as connection:
            audience_digest, people = await rows.audience_of(connection, blast_id)
            channels = await freezing.channels(connection, blast_id)
        async with self._database.write() as connection:
            blast = await rows.get(connection, blast_id, lock=True)
            _insist(blast, {BlastState.DRAFT})
            if not people:
                raise BadInput(reason="nobody-to-send-to")
            freezing.insist_on_words(blast.content, channels)
            digest = digest_of(blast.kind, audience_digest, people, blast.content, blast.plan, blast.scheduled_at)
            await rows.move(
                connection,
                blast,
                event,
                self._now(),
                actor_id=actor.object_id,
                data={"digest": digest, "people": people},
                audience_digest=audience_digest,
                people=people,
                digest=digest,
            )
            return await rows.get(connection, blast_id)

    async def _waiting(self, blast_id: str, nonce: str) -> Blast:
        async with self._database.read() as connection:
            blast = await rows.get(connection, blast_id)
        if not incidents.same_nonce(blast.decision_nonce, nonce):
            raise BadInput(reason="forged-card")
        if blast.state is BlastState.EXPIRED or (blast.expires_at is not None and blast.expires_at <= self._now()):
            raise Expired(what="approval")
        if blast.state is not BlastState.WAITING:
            by = blast.decided_by.name if blast.decided_by else ""
            raise Conflict(reason="approval-decided", state=blast.state.value, by=by)
        return blast

    async def _decide(self, blast: Blast, actor: Actor, event: BlastEvent, **values: Any) -> Blast:
        now = self._now()
        async with self._database.write() as connection:
            current = await rows.get(connection, blast.id, lock=True)
            if current.state is not BlastState.WAITING or current.digest != blast.digest:
                raise Conflict(reason="approval-decided", state=current.state.value, by="")
            await rows.move(
                connection,
                current,
                event,
                now,
                actor_id=actor.object_id,
                data={"digest": current.digest},
                decided_by=asdict(actor),
                decided_at=now,
                **values,
            )
            return await rows.get(connection, blast.id)

    async def _may_stop(self, actor: Actor, where: Conversation) -> None:
        """Stopping is always safe, so each of three rights will do."""
        for permission in (Permission.WORK_STOP, Permission.APPROVAL_DECIDE):
            try:
                await self._access.require(actor, permission, where, harmless=True)
            except NotAllowed:
                continue
            return
        await self._access.require(actor, Permission.BLAST_SEND, where, harmless=True)

    async def _whom_to_ask(self, actor: Actor) -> Sequence[Account]:
        try:
            people, complete = await self._access.approvers(frozenset({actor.object_id}))
        except Unavailable:
            return ()  # the list only saves time: an approver can still press the button on the card in the channel
        if complete and not people:
            raise Conflict(reason="no-approver")
        return people[:_MOST_ASKED]


def _insist(blast: Blast, states: Collection[BlastState]) -> None:
    if blast.state not in states:
        raise Conflict(reason="blast-in-other-state", state=blast.state.value)
