"""Who is shown a card again: everybody where it stands anyway, and elsewhere whoever may read incidents now.

What a button names is client input. Without this, whoever knows or keeps an id could read on by pressing.
"""

from __future__ import annotations

from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from dialogs.parts import Parts
from dialogs.turn import Click
from services import approvals
from services import tasks as by_hand
from services.access import Permission
from services.blasts import rows as blasts
from services.channel import Conversation, ConversationKind
from services.database import tables
from services.errors import NotAllowed, NotFound
from services.incidents import store
from services.incidents.model import Incident, conversation_from_json
from services.triggers import store as triggers


async def incident_named(connection: AsyncConnection, click: Click) -> Incident | None:
    """The incident that a button is about: by its own id, or by that of an approval or a task of it."""
    first = click.id.partition("/")[0]
    incident_id: str | None = first
    with suppress(NotFound):
        incident_id = (await approvals.get(connection, first)).incident_id
    with suppress(NotFound):
        incident_id = (await by_hand.get(connection, first)).incident_id
    with suppress(NotFound):
        return await store.get(connection, incident_id or "")
    return None


async def stands_here(parts: Parts, click: Click) -> bool:
    """Whether the click came from the channel in which the card stands that it names: everybody there sees it."""
    async with parts.database.read() as connection:
        home = await _home(connection, click)
    return home is not None and _channel(home) == _channel(click.conversation)


async def _home(connection: AsyncConnection, click: Click) -> Conversation | None:
    """Where the cards of an incident, a blast or a trigger stand."""
    incident = await incident_named(connection, click)
    if incident is not None:
        return incident.conversation
    first = click.id.partition("/")[0]
    with suppress(NotFound):
        return (await blasts.get(connection, first)).conversation
    with suppress(NotFound):
        key = (await triggers.get(connection, first)).post_key
        query = sa.select(tables.posts.c.conversation).where(
            tables.posts.c.subject_key == key, tables.posts.c.activity_id.is_not(None)
        )
        kept = (await connection.execute(query)).scalar_one_or_none()
        return None if kept is None else conversation_from_json(kept)
    return None


async def may_see(parts: Parts, click: Click) -> bool:
    """Whether this person may be shown what the click is about, as it is now."""
    if await stands_here(parts, click):
        return True
    try:
        await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
    except NotAllowed:
        return False
    return True


def _channel(where: Conversation) -> tuple[ConversationKind, str]:
    """The channel of a thread; any other place is its own."""
    return where.kind, where.id.partition(";")[0]
