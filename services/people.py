"""The people whom IRBot has met in Teams: how to reach them, refreshed by every activity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor, Conversation, ConversationKind
from services.database import Database, insert_once, tables
from services.database.sealed import mark, marks
from services.incidents.model import conversation_from_json

_LATELY = timedelta(minutes=1)
_MOST_LATELY = 5_000


@dataclass(frozen=True)
class Person:
    """Where and under which Teams id a person was last seen."""

    object_id: str
    name: str
    teams_id: str
    service_url: str
    personal: Conversation | None


class People:
    """Rows of `people`, keyed by Entra object id."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._lately: dict[tuple[str, str, str, str], datetime] = {}

    async def seen(self, actor: Actor, conversation: Conversation) -> None:
        """Keeps the person's Teams id and, from a personal chat, the chat.

        Who presses again in a channel within a minute is not written down again.
        """
        personal = asdict(conversation) if conversation.kind is ConversationKind.PERSONAL else None
        now, sight = self._now(), (actor.object_id, actor.name, actor.teams_id, conversation.service_url)
        last = self._lately.get(sight)
        if personal is None and last is not None and timedelta(0) <= now - last < _LATELY:
            return
        values: dict[str, Any] = {
            "name": actor.name,
            "teams_id": actor.teams_id,
            "service_url": conversation.service_url,
            "last_seen": now,
        }
        if personal is not None:
            values["personal"] = personal
        async with self._database.write() as connection:
            values["teams_mark"] = mark(connection, actor.teams_id)
            if not await insert_once(connection, tables.people, object_id=actor.object_id, **values):
                known = tables.people.c.object_id == actor.object_id
                await connection.execute(sa.update(tables.people).where(known).values(**values))
        if len(self._lately) >= _MOST_LATELY:
            self._lately.clear()
        self._lately[sight] = now

    async def opened(self, object_id: str, name: str, conversation: Conversation) -> None:
        """Keeps a personal chat that we opened ourselves."""
        values = {"personal": asdict(conversation), "service_url": conversation.service_url}
        first = {"object_id": object_id, "name": name, "teams_id": "", "last_seen": self._now()}
        async with self._database.write() as connection:
            if not await insert_once(connection, tables.people, **first, **values):
                known = tables.people.c.object_id == object_id
                await connection.execute(sa.update(tables.people).where(known).values(**values))

    async def forget_personal(self, object_id: str) -> None:
        """Drops a personal chat that is gone."""
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(tables.people).where(tables.people.c.object_id == object_id).values(personal=None)
            )

    async def get(self, object_id: str) -> Person | None:
        """One person, if ever met."""
        async with self._database.read() as connection:
            query = sa.select(tables.people).where(tables.people.c.object_id == object_id)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _person(row)

    async def by_teams_id(self, teams_id: str) -> Person | None:
        """The person with this Teams id, if ever met."""
        async with self._database.read() as connection:
            columns = tables.people.c
            plain = sa.type_coerce(columns.teams_id, sa.String) == teams_id  # of a row that is not closed yet
            marked = columns.teams_mark.in_(marks(connection, teams_id))
            query = sa.select(tables.people).where(sa.or_(marked, plain)).limit(1)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _person(row)

    async def teams_ids(self, object_ids: Iterable[str]) -> tuple[str, ...]:
        """The known Teams ids of these people."""
        wanted = tables.people.c.object_id.in_(list(object_ids))
        async with self._database.read() as connection:
            rows = await connection.execute(sa.select(tables.people.c.teams_id).where(wanted))
            return tuple(sorted(teams_id for teams_id in rows.scalars() if teams_id))


async def newest_service_url(connection: AsyncConnection) -> str | None:
    """Where the person answers who was met in Teams last; None before anybody was met."""
    query = sa.select(tables.people.c.service_url).order_by(tables.people.c.last_seen.desc()).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


def _person(row: sa.Row[Any]) -> Person:
    return Person(
        object_id=row.object_id,
        name=row.name,
        teams_id=row.teams_id,
        service_url=row.service_url,
        personal=None if row.personal is None else conversation_from_json(row.personal),
    )
