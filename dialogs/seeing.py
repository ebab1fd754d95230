"""Who is shown a card again: everybody where it stands anyway, and elsewhere whoever may read incidents now.

What a button names is client input. Without this, whoever knows or keeps an id could read on by pressing.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncConnection

from dialogs.parts import Parts
from dialogs.turn import Click
from services import approvals
from services import tasks as by_hand
from services.access import Permission
from services.channel import Conversation, ConversationKind
from services.errors import NotAllowed, NotFound
from services.incidents import store
from services.incidents.model import Incident


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
    """Whether the click came from the channel of the incident that it names, where everybody sees the cards."""
    async with parts.database.read() as connection:
        incident = await incident_named(connection, click)
    return incident is not None and _channel(incident.conversation) == _channel(click.conversation)


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
