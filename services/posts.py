"""What must stand in which conversation: rows first, published by whoever runs the publisher.

A headline or an approval card may be posted again when nobody knows whether it arrived: pressing a button twice does
nothing twice. A reply is never posted again: it ends `unknown`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor, Card, Conversation
from services.database import Database, insert_once, tables
from services.incidents.model import Incident, conversation_from_json

LONGEST_CALL_SECONDS = 50.0  # what a publisher may take over one post


class PostKind(StrEnum):
    """What a post shows, and so how it is drawn and whether it may be sent again."""

    ALARM = "alarm"
    APPROVAL = "approval"
    BLAST = "blast"
    CLOSING = "closing"
    GATE = "gate"
    GUARD = "guard"
    HEADLINE = "headline"
    PARTNERS = "partners"
    PHASE = "phase"
    REPLY = "reply"
    SETUP = "setup"
    STEP_PLAN = "step-plan"
    TASK = "task"
    TRIGGER = "trigger"
    WATCH = "watch"


class PostState(StrEnum):
    """How far a post is. `GONE` and `UNREACHABLE` are ends; `UNKNOWN` waits for a person."""

    GONE = "gone"
    POSTED = "posted"
    SENDING = "sending"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"
    WANTED = "wanted"


# What people call up by a button or a command: the ends from which it comes again when they do so once more. A question
# to a person is asked once.
_LOST = frozenset({PostState.UNREACHABLE})
_LOST_OR_DELETED = _LOST | {PostState.GONE}
_COMES_AGAIN = {
    PostKind.CLOSING: _LOST_OR_DELETED,
    PostKind.GATE: _LOST_OR_DELETED,
    PostKind.HEADLINE: _LOST_OR_DELETED,
    PostKind.PARTNERS: _LOST_OR_DELETED,
    PostKind.PHASE: _LOST_OR_DELETED,
    PostKind.REPLY: _LOST,
    PostKind.STEP_PLAN: _LOST,
    PostKind.TASK: _LOST_OR_DELETED,
    PostKind.WATCH: _LOST_OR_DELETED,
}


@dataclass(frozen=True)
class Post:
    """One row of `posts`."""

    id: str
    kind: PostKind
    key: str
    incident_id: str | None
    approval_id: str | None
    person: Mapping[str, str] | None
    conversation: Conversation | None
    card: Card | None
    summary: str
    activity_id: str | None
    state: PostState
    wanted_revision: int
    published_digest: str
    attempts: int


class Posts:
    """The outbox. `changed` wakes the publisher of this process; others look every few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.changed = asyncio.Event()

    async def want(
        self,
        connection: AsyncConnection,
        key: str,
        kind: PostKind,
        now: datetime,
        *,
        conversation: Conversation | None = None,
        person: Actor | None = None,
        incident_id: str | None = None,
        approval_id: str | None = None,
        card: Card | None = None,
        summary: str = "",
    ) -> None:
        """Asks for a post once per `key`; a second call with the same key changes nothing.

        But what people call up and did not get through, or a card of a thread that was deleted, comes when it is
        called up again.
        """
        is_new = await insert_once(
            connection,
            tables.posts,
            id=str(uuid.uuid4()),
            kind=kind.value,
            subject_key=key,
            incident_id=incident_id,
            approval_id=approval_id,
            person=None if person is None else asdict(person),
            conversation=None if conversation is None else asdict(conversation),
            card=card,
            summary=summary,
            state=PostState.WANTED.value,
            wanted_revision=1,
            published_revision=0,
            published_digest="",
            attempts=0,
            not_before=now,
            updated_at=now,
        )
        if not is_new and kind in _COMES_AGAIN:
            columns = tables.posts.c
            ended = columns.state.in_([state.value for state in _COMES_AGAIN[kind]])
            await connection.execute(
                sa.update(tables.posts)
                .where(columns.subject_key == key, ended)
                .values(
                    state=PostState.WANTED.value,
                    activity_id=None,
                    wanted_revision=columns.wanted_revision + 1,
                    attempts=0,
                    not_before=now,
                    updated_at=now,
                )
            )
        self.changed.set()

    async def want_in_thread(
        self, connection: AsyncConnection, incident: Incident, key: str, kind: PostKind, now: datetime, about: str
    ) -> None:
        """Asks for a card of an incident in its thread, as `want` does; `about` is what the notification says of it."""
        await self.want(
            connection,
            key,
            kind,
            now,
            conversation=incident.conversation,
            incident_id=incident.id,
            summary=f"{incident.label}: {about}",
        )

    async def due(self, now: datetime, limit: int = 50) -> tuple[Post, ...]:
        """The posts that are behind what they should show, oldest first."""
        live = tables.posts.c.state.in_([PostState.WANTED.value, PostState.POSTED.value])
        query = (
            sa.select(tables.posts)
            .where(live, tables.posts.c.wanted_revision > tables.posts.c.published_revision)
            .where(tables.posts.c.not_before <= now)
            .order_by(tables.posts.c.updated_at)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return tuple(_post(row) for row in await connection.execute(query))

    async def begin(self, post: Post, now: datetime) -> bool:
        """Takes a post for sending; False when another process was quicker. An edit is idempotent and needs no mark."""
        state = PostState.SENDING if post.activity_id is None else PostState.POSTED
        async with self._database.write() as connection:
            taken = await connection.execute(
                sa.update(tables.posts)
                .where(tables.posts.c.id == post.id, tables.posts.c.state == post.state.value)
                .values(state=state.value, attempts=post.attempts + 1, updated_at=now)
            )
        return taken.rowcount == 1

    async def published(
        self, post: Post, now: datetime, *, activity_id: str, conversation: Conversation, digest: str
    ) -> None:
        """Records what now stands there."""
        await self._set(
            post,
            now,
            state=PostState.POSTED.value,
            activity_id=activity_id,
            conversation=asdict(conversation),
            published_revision=post.wanted_revision,
            published_digest=digest,
            attempts=0,
        )

    async def settle(self, post: Post, state: PostState, now: datetime) -> None:
        """Ends a post that cannot be published, or whose outcome nobody knows; the incident's cards are redrawn."""
        await self._set(post, now, state=state.value)
        if post.incident_id is not None:
            async with self._database.write() as connection:
                await connection.execute(
                    sa.update(tables.posts)
                    .where(tables.posts.c.incident_id == post.incident_id)
                    .values(wanted_revision=tables.posts.c.wanted_revision + 1)
                )
            self.changed.set()

    async def retry_later(self, post: Post, now: datetime, seconds: float, *, forget: bool = False) -> None:
        """Surely not sent: tries again after a while. `forget` drops a message that is gone; a new one will come."""
        values: dict[str, Any] = {"not_before": now + timedelta(seconds=seconds)}
        if forget or post.activity_id is None:
            values |= {"state": PostState.WANTED.value, "activity_id": None}
        await self._set(post, now, **values)

    async def recover(self, now: datetime, *, everything: bool = False) -> None:
        """Settles what a killed process was sending, by the rule of the module.

        `everything` is for a process that starts and is alone. Else only what has been under way for longer than any
        call lasts: this process or another may be sending right now.
        """
        where = tables.posts.c.state == PostState.SENDING.value
        if not everything:
            where &= tables.posts.c.updated_at < now - timedelta(seconds=LONGEST_CALL_SECONDS + 10)
        reply = tables.posts.c.kind == PostKind.REPLY.value
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(tables.posts).where(where, reply).values(state=PostState.UNKNOWN.value, updated_at=now)
            )
            await connection.execute(
                sa.update(tables.posts).where(where, ~reply).values(state=PostState.WANTED.value, updated_at=now)
            )
        self.changed.set()

    async def redraw_incident(self, connection: AsyncConnection, incident_id: str) -> None:
        """Asks for a redraw of all that stands about an incident, where no line of the timeline does so."""
        await connection.execute(
            sa.update(tables.posts)
            .where(tables.posts.c.incident_id == incident_id)
            .values(wanted_revision=tables.posts.c.wanted_revision + 1)
        )
        self.changed.set()

    async def redraw(self, connection: AsyncConnection, key: str) -> None:
        """Asks for a redraw of one post, where it is there, together with what the card is about."""
        await connection.execute(
            sa.update(tables.posts)
            .where(tables.posts.c.subject_key == key)
            .values(wanted_revision=tables.posts.c.wanted_revision + 1)
        )
        self.changed.set()

    async def refresh(self, key: str) -> None:
        """Asks for a redraw of one post, where it is there."""
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(tables.posts)
                .where(tables.posts.c.subject_key == key)
                .values(wanted_revision=tables.posts.c.wanted_revision + 1)
            )
        self.changed.set()

    async def redraw_keys(self, prefix: str) -> None:
        """Asks for a redraw of the posts whose keys begin so."""
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(tables.posts)
                .where(tables.posts.c.subject_key.startswith(prefix, autoescape=True))
                .values(wanted_revision=tables.posts.c.wanted_revision + 1)
            )
        self.changed.set()

    async def refresh_headlines(self, opened_after: datetime) -> None:
        """Asks for a redraw of the headline cards of young open incidents, whose clock would stand still otherwise."""
        young = sa.select(tables.incidents.c.id).where(
            tables.incidents.c.state == "open", tables.incidents.c.opened_at > opened_after
        )
        headline = tables.posts.c.kind == PostKind.HEADLINE.value
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(tables.posts)
                .where(headline, tables.posts.c.incident_id.in_(young))
                .values(wanted_revision=tables.posts.c.wanted_revision + 1)
            )
        self.changed.set()

    async def _set(self, post: Post, now: datetime, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(tables.posts).where(tables.posts.c.id == post.id).values(updated_at=now, **values)
            )


def _post(row: sa.Row[Any]) -> Post:
    return Post(
        id=row.id,
        kind=PostKind(row.kind),
        key=row.subject_key,
        incident_id=row.incident_id,
        approval_id=row.approval_id,
        person=row.person,
        conversation=None if row.conversation is None else conversation_from_json(row.conversation),
        card=row.card,
        summary=row.summary,
        activity_id=row.activity_id,
        state=PostState(row.state),
        wanted_revision=row.wanted_revision,
        published_digest=row.published_digest,
        attempts=row.attempts,
    )


async def unreached(connection: AsyncConnection, approval_id: str) -> frozenset[str]:
    """The names of the approvers whom Teams did not let us ask about this approval."""
    query = sa.select(tables.posts.c.person).where(
        tables.posts.c.approval_id == approval_id, tables.posts.c.state == PostState.UNREACHABLE.value
    )
    return frozenset(str(person["name"]) for person in (await connection.execute(query)).scalars() if person)
