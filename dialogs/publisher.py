"""Keeps what stands in the conversations equal to what the rows say.

It draws every post that is behind, and sends or edits it. A burst of changes becomes one edit. A post that fails is
tried again or settled; it never changes the result of a step.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from contextlib import suppress

from cards import (
    alarm_card,
    approval_card,
    closing_card,
    gate_card,
    incident_card,
    partners_card,
    phase_card,
    trigger_card,
    watch_card,
)
from dialogs import blasts, close, guard, partner, phases, recover, setup, tasks, trigger, watch
from dialogs.parts import Parts
from dialogs.render import approval_view, incident_view
from services.channel import Card, Conversation
from services.errors import BadInput, IRBotError, NotAllowed, NotFound, Throttled, UnknownOutcome
from services.incidents import store
from services.incidents.model import Phase
from services.posts import LONGEST_CALL_SECONDS, Post, PostKind, PostState

log = logging.getLogger(__name__)

_LOOK_AROUND_SECONDS = 2.0
_BETWEEN_EDITS_SECONDS = 0.6
_LONGEST_WAIT_SECONDS = 300.0
# Without these nobody can go on with an incident: refused or deleted, they are put up again.
_LEAD_ON = frozenset({PostKind.HEADLINE, PostKind.PARTNERS, PostKind.PHASE})
_LAST_SECONDS = 5.0


class Publisher:
    """One per process. Several processes may publish: a post is sent by whoever takes it first."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._channel = parts.channel
        self._task: asyncio.Task[None] | None = None
        self._busy: set[str] = set()
        self._closing = False

    async def start(self) -> None:
        """Settles what a killed process was sending, and begins."""
        await self._parts.posts.recover(self._parts.now(), everything=self._parts.database.is_sqlite)
        self._task = asyncio.create_task(self._run(), name="publisher")

    async def close(self) -> None:
        """Lets what is being sent come to its end for a while; the rest is sent by the next process.

        Cut off in the middle, a headline would be posted a second time, and a reply would be taken for unknown.
        """
        if self._task is None:
            return
        self._closing = True
        self._parts.posts.changed.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self._task

    async def _run(self) -> None:
        changed = self._parts.posts.changed
        async with asyncio.TaskGroup() as sending:
            while not self._closing:
                changed.clear()
                try:
                    due = await self._parts.posts.due(self._parts.now())
                except Exception:
                    log.exception("the outbox could not be read; it is read again")
                    due = ()
                for post in due:
                    if post.id not in self._busy:
                        self._busy.add(post.id)
                        sending.create_task(self._publish(post))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AROUND_SECONDS):
                        await changed.wait()

    async def _publish(self, post: Post) -> None:
        try:
            await self._send(post)
        except Exception:
            log.exception("post %s could not be published; it is tried again", post.id)
            await asyncio.sleep(_LOOK_AROUND_SECONDS)
        else:
            await asyncio.sleep(_BETWEEN_EDITS_SECONDS if post.kind is not PostKind.REPLY else 0)
        finally:
            self._busy.discard(post.id)
            self._parts.posts.changed.set()

    async def _send(self, post: Post) -> None:
        posts, now = self._parts.posts, self._parts.now
        card = await self._draw(post)
        digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()
        if post.activity_id is not None and post.conversation is not None and digest == post.published_digest:
            await posts.published(
                post, now(), activity_id=post.activity_id, conversation=post.conversation, digest=digest
            )
            return
        if not await posts.begin(post, now()):
            return
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                where = post.conversation or await self._personal(post)
                if post.activity_id is None and where.id == where.channel_id:
                    where, activity_id = await self._channel.open_thread(where, card, post.summary)
                elif post.activity_id is None:
                    activity_id = await self._channel.post_card(where, card, post.summary)
                else:
                    await self._channel.edit_card(where, post.activity_id, card, post.summary)
                    activity_id = post.activity_id
        except TimeoutError:
            await self._failed(post, UnknownOutcome(service="bot-connector"))
            return
        except IRBotError as error:
            await self._failed(post, error)
            return
        await posts.published(post, now(), activity_id=activity_id, conversation=where, digest=digest)

    async def _failed(self, post: Post, error: IRBotError) -> None:
        posts, now = self._parts.posts, self._parts.now()
        log.warning("post %s (%s): %s %s", post.id, post.kind, error.code, dict(error.data))
        if isinstance(error, NotFound) and post.activity_id is not None:
            # Somebody deleted the card. A headline is put up anew; anything else has had its time.
            if post.kind in _LEAD_ON:
                await posts.retry_later(post, now, 0, forget=True)
            else:
                await posts.settle(post, PostState.GONE, now)
        elif isinstance(error, NotFound | NotAllowed) or (isinstance(error, BadInput) and post.kind not in _LEAD_ON):
            if post.person is not None:
                await self._parts.people.forget_personal(post.person["object_id"])
                if isinstance(error, NotFound) and post.attempts == 0:
                    await posts.retry_later(post, now, 0)  # in a new chat: the old one was gone
                    return
            await posts.settle(post, PostState.UNREACHABLE, now)
        elif isinstance(error, UnknownOutcome) and post.activity_id is None and post.kind is PostKind.REPLY:
            await posts.settle(post, PostState.UNKNOWN, now)
        else:
            wait = (
                error.retry_after
                if isinstance(error, Throttled) and error.retry_after
                else 2.0 ** min(post.attempts, 9)
            )
            await posts.retry_later(post, now, min(wait, _LONGEST_WAIT_SECONDS))

    async def _draw(self, post: Post) -> Card:
        if post.kind is PostKind.HEADLINE and post.incident_id is not None:
            return incident_card(await incident_view(self._parts, post.incident_id))
        if post.kind is PostKind.APPROVAL and post.approval_id is not None:
            return approval_card(await approval_view(self._parts, post.approval_id))
        if post.kind is PostKind.PHASE and post.incident_id is not None:
            phase = Phase(post.key.rpartition(":")[2])
            return phase_card(await phases.view_of(self._parts, post.incident_id, phase))
        if post.kind is PostKind.PARTNERS and post.incident_id is not None:
            return partners_card(await partner.view_of(self._parts, post.incident_id))
        if post.kind is PostKind.GATE and post.incident_id is not None:
            return gate_card(await recover.view_of(self._parts, post.incident_id))
        if post.kind is PostKind.WATCH and post.incident_id is not None:
            return watch_card(await watch.view_of(self._parts, post.incident_id))
        if post.kind is PostKind.CLOSING and post.incident_id is not None:
            return closing_card(await close.view_of(self._parts, post.incident_id))
        return await self._draw_by_key(post)

    async def _draw_by_key(self, post: Post) -> Card:
        """What its key alone says what it shows; a reply carries its card."""
        if post.kind is PostKind.ALARM:
            return alarm_card(await watch.alarm_of(self._parts, post.key.partition(":")[2]))
        if post.kind is PostKind.BLAST:
            return await blasts.card_of_post(self._parts, post.key, personal=post.person is not None)
        if post.kind is PostKind.GUARD:
            return await guard.card_of(self._parts, post.key.split(":")[1])
        if post.kind is PostKind.SETUP:
            return await setup.news(self._parts, post.key)
        if post.kind is PostKind.STEP_PLAN:
            return await phases.plan_answer(self._parts, post.key)
        if post.kind is PostKind.TASK:
            return await tasks.answer_to_post(self._parts, post.key)
        if post.kind is PostKind.TRIGGER:
            return trigger_card(await trigger.view_of(self._parts, post.key.partition(":")[2]))
        if post.card is None:
            raise LookupError(post.id)
        return post.card

    async def _personal(self, post: Post) -> Conversation:
        """The personal chat of the person whom a post is for: the one we know, or a new one."""
        if post.person is None:
            raise LookupError(post.id)
        object_id = post.person["object_id"]
        person = await self._parts.people.get(object_id)
        if person is not None and person.personal is not None:
            return person.personal
        home = await self._home(post)
        where = await self._channel.open_personal(object_id, home.service_url, home.tenant_id)
        await self._parts.people.opened(object_id, post.person["name"], where)
        return where

    async def _home(self, post: Post) -> Conversation:
        """Where the talk is that a post to a person belongs to."""
        if post.kind is PostKind.BLAST:
            return await blasts.home_of(self._parts, post.key)
        if post.kind is PostKind.GUARD:
            return await guard.home(self._parts)
        if post.kind is PostKind.SETUP:
            return await setup.home(self._parts, post.key)
        if post.incident_id is None:
            raise LookupError(post.id)
        async with self._parts.database.read() as connection:
            return (await store.get(connection, post.incident_id)).conversation
