"""The guard at work: it looks in turns with the other replicas, alarms once, and takes an administrator's word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.access import Access, Permission, Role
from services.channel import Actor, Conversation
from services.database import Database
from services.errors import BadInput, Conflict, IRBotError
from services.guard import store
from services.guard.looking import Looking, Picture
from services.guard.model import Alarm, AlarmState, Change, differences, without
from services.incidents.store import same_nonce
from services.microsoft365 import Microsoft365
from services.people import newest_service_url
from services.posts import PostKind, Posts
from services.settings import Settings
from services.triggers.places import Places
from services.triggers.polls import Polls

log = logging.getLogger(__name__)

SOURCE = "guard"


class Guard:
    """One per process. The truth and whose turn it is are rows; nothing is kept here."""

    def __init__(
        self,
        *,
        database: Database,
        m365: Microsoft365,
        settings: Settings,
        access: Access,
        posts: Posts,
        holder: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._settings = settings
        self._access = access
        self._posts = posts
        self._now = now
        self._looking = Looking(m365, settings)
        self._polls = Polls(database, holder)
        self._places = Places(database, settings, now)

    async def round(self) -> None:
        """Looks where it is our turn. The first look of all takes what it sees for the truth."""
        if not self._settings.guard_minutes:
            return
        began = self._now()
        ours, _ = await self._polls.claim(SOURCE, began)
        if not ours:
            return
        next_at = began + timedelta(minutes=self._settings.guard_minutes)
        try:
            picture = await self._looking.look()
            await self._compare(picture)
        except asyncio.CancelledError:
            await self._polls.finish(SOURCE, began, began, watermark=None)
            raise
        problem = " ".join(dict.fromkeys(picture.unread.values()))
        await self._polls.finish(SOURCE, began, next_at, watermark=began, problem=problem)

    async def _compare(self, picture: Picture) -> None:
        async with self._database.read() as connection:
            truths = await store.truths(connection)
            waiting = await store.open_alarms(connection)
        differing = [
            change
            for area, facts in picture.facts.items()
            if area in truths
            for change in differences(area, picture.where[area], truths[area], facts)
        ]
        told = [change for alarm in waiting for change in alarm.changes]
        new = without(differing, told)
        if new:
            new = await self._looking.attributed(new, picture, self._now())
        people = await self._administrators() if new else ()
        place = await self._places.find()
        now = self._now()
        async with self._database.write() as connection:
            known = await store.truths(connection)
            for area, facts in picture.facts.items():
                if area not in known:
                    await store.accept(connection, area, facts, now)
            still_told = [change for alarm in await store.open_alarms(connection) for change in alarm.changes]
            new = without(new, still_told)
            if new:
                alarm = await store.add(connection, new, now)
                await self._tell(connection, alarm, place, people)
                log.warning("IRBot itself, or a group that it trusts, was changed: %s changes", len(new))
            for alarm in waiting:
                await self._end_where_gone(connection, alarm, picture, differing)
        self._posts.changed.set()

    async def _end_where_gone(
        self, connection: AsyncConnection, alarm: Alarm, picture: Picture, differing: list[Change]
    ) -> None:
        """An alarm ends by itself where all that it tells of was read anew and stands as it did before."""
        now = {change.same for change in differing}
        if any(change.same in now or change.area not in picture.facts for change in alarm.changes):
            return
        if await store.end(connection, alarm, AlarmState.GONE, self._now()):
            await self._posts.redraw(connection, alarm.post_key)

    async def _tell(
        self, connection: AsyncConnection, alarm: Alarm, place: Conversation | None, people: tuple[Actor, ...]
    ) -> None:
        """A card in the incident channel; without one, in the personal chat of each administrator."""
        summary = "IRBot itself was changed"
        if place is not None:
            await self._posts.want(
                connection, alarm.post_key, PostKind.GUARD, alarm.found_at, conversation=place, summary=summary
            )
            return
        for person in people:
            key = f"{alarm.post_key}:{person.object_id}"
            await self._posts.want(connection, key, PostKind.GUARD, alarm.found_at, person=person, summary=summary)

    async def _administrators(self) -> tuple[Actor, ...]:
        try:
            accounts, _ = await self._access.able(Role.ADMINISTRATOR)
        except IRBotError as error:
            log.warning("nobody can be told about a change of IRBot itself: %s", error.code)
            return ()
        return tuple(Actor(account.id, account.display_name, "") for account in accounts)

    async def confirm(self, alarm_id: str, nonce: str, actor: Actor, where: Conversation) -> Alarm:
        """An administrator says: this was us. Raises NotAllowed, BadInput (stale card), Conflict (it has ended)."""
        await self._access.require(actor, Permission.ORGANISATION_SET, where)
        async with self._database.write() as connection:
            alarm = await store.get(connection, alarm_id)
            if not same_nonce(alarm.nonce, nonce):
                raise BadInput(reason="stale-card")
            if not await store.confirm(connection, alarm, actor, self._now()):
                raise Conflict(reason="alarm-ended")
            ended = await store.get(connection, alarm_id)
        await self._posts.redraw_keys(alarm.post_key)
        return ended

    async def alarm(self, alarm_id: str) -> Alarm:
        """One alarm. Raises NotFound."""
        async with self._database.read() as connection:
            return await store.get(connection, alarm_id)

    async def service_url(self) -> str | None:
        """Where the person answers who was met in Teams last."""
        async with self._database.read() as connection:
            return await newest_service_url(connection)

    async def problems(self) -> Mapping[str, str]:
        """What the last look could not read."""
        return {source: words for source, words in (await self._polls.problems()).items() if source == SOURCE}
