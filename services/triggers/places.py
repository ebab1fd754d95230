"""Where the configured channel answers. Teams tells it with each activity, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

import sqlalchemy as sa

from services.channel import Conversation, ConversationKind
from services.database import Database, insert_once
from services.database.trigger_tables import trigger_places
from services.incidents.model import conversation_from_json
from services.people import newest_service_url
from services.settings import Settings


class Places:
    """The channel of the settings as a place to post to; each post there begins a thread."""

    def __init__(self, database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._known: Conversation | None = None

    async def seen(self, conversation: Conversation) -> None:
        """Keeps where the channel answers, from an activity that comes from it."""
        channel_id = self._settings.incident_channel
        if not channel_id or conversation.kind is not ConversationKind.CHANNEL:
            return
        if conversation.id.partition(";")[0] != channel_id and conversation.channel_id != channel_id:
            return
        place = replace(conversation, id=channel_id, channel_id=channel_id)
        if place == self._known:
            return
        values = {"conversation": asdict(place), "seen_at": self._now()}
        async with self._database.write() as connection:
            if not await insert_once(connection, trigger_places, channel_id=channel_id, **values):
                known = trigger_places.c.channel_id == channel_id
                await connection.execute(sa.update(trigger_places).where(known).values(**values))
        self._known = place

    async def find(self) -> Conversation | None:
        """The channel; None while nobody was met in Teams yet.

        Until the channel itself has spoken, it is taken to answer where the person answers who was met last.
        """
        channel_id = self._settings.incident_channel
        if not channel_id:
            return None
        query = sa.select(trigger_places.c.conversation).where(trigger_places.c.channel_id == channel_id)
        async with self._database.read() as connection:
            kept = (await connection.execute(query)).scalar_one_or_none()
            if kept is not None:
                return conversation_from_json(kept)
            service_url = await newest_service_url(connection)
        if not service_url:
            return None
        tenant = self._settings.tenant_id
        return Conversation(channel_id, ConversationKind.CHANNEL, service_url, tenant, channel_id=channel_id)
