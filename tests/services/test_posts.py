from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from services.channel import Conversation
from services.database import Database, tables
from services.incidents import store, timeline
from services.incidents.timeline import AuditTag
from services.posts import LONGEST_CALL_SECONDS, Post, PostKind, Posts, PostState
from tests.services.fakes import CHANNEL, PERSONAL, Clock, actor, subject


@dataclass
class Outbox:
    database: Database
    posts: Posts
    clock: Clock
    incident_id: str

    async def want(self, key: str, kind: PostKind = PostKind.REPLY, where: Conversation = CHANNEL) -> None:
        about = None if kind is PostKind.REPLY else self.incident_id
        async with self.database.write() as connection:
            await self.posts.want(
                connection,
                key,
                kind,
                self.clock(),
                conversation=where,
                card={"key": key},
                incident_id=about,
                summary="S",
            )

    async def due(self) -> tuple[Post, ...]:
        return await self.posts.due(self.clock())

    async def one(self) -> Post:
        (post,) = await self.due()
        return post

    async def published(self, post: Post, digest: str = "d") -> None:
        await self.posts.published(
            post, self.clock(), activity_id=f"a-{post.id}", conversation=post.conversation or PERSONAL, digest=digest
        )

    async def states(self) -> dict[str, str]:
        async with self.database.read() as connection:
            rows = await connection.execute(sa.select(tables.posts.c.subject_key, tables.posts.c.state))
            return {row.subject_key: row.state for row in rows}

    async def change(self) -> None:
        """Something happens in the incident."""
        async with self.database.write() as connection:
            await timeline.append(connection, self.incident_id, AuditTag.STEP_ENDED, at=self.clock())


@pytest.fixture
async def outbox(database: Database) -> Outbox:
    clock = Clock()
    incident, _ = await store.open_incident(database, subject(), actor("alex"), CHANNEL, clock())
    return Outbox(database, Posts(database), clock, incident.id)


async def test_one_key_is_one_post_even_at_once(outbox: Outbox) -> None:
    await asyncio.gather(*(outbox.want("reply:1") for _ in range(8)))
    post = await outbox.one()
    assert (post.card, post.conversation, post.summary, post.state) == (
        {"key": "reply:1"},
        CHANNEL,
        "S",
        PostState.WANTED,
    )
    assert outbox.posts.changed.is_set()


async def test_one_of_many_takes_a_post_for_sending(outbox: Outbox) -> None:
    await outbox.want("reply:1")
    post = await outbox.one()
    taken = await asyncio.gather(*(Posts(outbox.database).begin(post, outbox.clock()) for _ in range(8)))
    assert sum(taken) == 1
    assert await outbox.due() == ()


async def test_what_stands_there_is_due_again_only_when_something_happens(outbox: Outbox) -> None:
    await outbox.want("headline:1", PostKind.HEADLINE)
    post = await outbox.one()
    assert await outbox.posts.begin(post, outbox.clock())
    await outbox.published(post)
    assert await outbox.due() == ()
    await outbox.change()
    again = await outbox.one()
    assert (again.activity_id, again.state, again.published_digest) == (f"a-{post.id}", PostState.POSTED, "d")
    assert again.wanted_revision > post.wanted_revision


async def test_what_happens_while_a_post_is_sent_is_not_lost(outbox: Outbox) -> None:
    await outbox.want("headline:1", PostKind.HEADLINE)
    post = await outbox.one()
    await outbox.posts.begin(post, outbox.clock())
    await outbox.change()
    await outbox.published(post)
    assert (await outbox.one()).id == post.id


@pytest.mark.parametrize("everything", [True, False])
async def test_what_a_killed_process_was_sending_is_settled_by_its_kind(outbox: Outbox, everything: bool) -> None:
    await outbox.want("reply", PostKind.REPLY)
    await outbox.want("headline", PostKind.HEADLINE)
    await outbox.want("approval", PostKind.APPROVAL)
    for post in await outbox.due():
        assert await outbox.posts.begin(post, outbox.clock())
    if not everything:
        outbox.clock.pass_by(seconds=LONGEST_CALL_SECONDS)
        await outbox.posts.recover(outbox.clock())
        assert set((await outbox.states()).values()) == {"sending"}
        outbox.clock.pass_by(seconds=11)
    await outbox.posts.recover(outbox.clock(), everything=everything)
    assert await outbox.states() == {"reply": "unknown", "headline": "wanted", "approval": "wanted"}
    assert {post.kind for post in await outbox.due()} == {PostKind.HEADLINE, PostKind.APPROVAL}


async def test_recovering_leaves_alone_what_is_not_being_sent(outbox: Outbox) -> None:
    await outbox.want("reply")
    await outbox.want("headline", PostKind.HEADLINE)
    posted = next(post for post in await outbox.due() if post.kind is PostKind.HEADLINE)
    await outbox.published(posted)
    outbox.clock.pass_by(hours=1)
    await outbox.posts.recover(outbox.clock(), everything=True)
    assert await outbox.states() == {"reply": "wanted", "headline": "posted"}


async def test_a_post_that_waits_is_not_due_before_its_time(outbox: Outbox) -> None:
    await outbox.want("reply")
    post = await outbox.one()
    await outbox.posts.begin(post, outbox.clock())
    await outbox.posts.retry_later(post, outbox.clock(), 5)
    outbox.clock.pass_by(seconds=4.9)
    assert await outbox.due() == ()
    outbox.clock.pass_by(seconds=0.2)
    assert (await outbox.one()).attempts == 1


async def test_an_edit_that_waits_keeps_its_message_and_a_forgotten_one_does_not(outbox: Outbox) -> None:
    await outbox.want("headline", PostKind.HEADLINE)
    await outbox.published(await outbox.one())
    await outbox.change()
    post = await outbox.one()
    await outbox.posts.retry_later(post, outbox.clock(), 0)
    assert (await outbox.one()).activity_id == post.activity_id
    await outbox.posts.retry_later(post, outbox.clock(), 0, forget=True)
    new = await outbox.one()
    assert (new.activity_id, new.state) == (None, PostState.WANTED)


@pytest.mark.parametrize("state", [PostState.GONE, PostState.UNREACHABLE, PostState.UNKNOWN])
async def test_an_end_is_an_end(outbox: Outbox, state: PostState) -> None:
    await outbox.want("headline", PostKind.HEADLINE)
    await outbox.posts.settle(await outbox.one(), state, outbox.clock())
    await outbox.change()
    outbox.clock.pass_by(hours=1)
    await outbox.posts.recover(outbox.clock(), everything=True)
    assert await outbox.due() == ()


async def test_the_clock_of_young_open_incidents_goes_on(outbox: Outbox) -> None:
    await outbox.want("headline", PostKind.HEADLINE)
    await outbox.published(await outbox.one())
    born = outbox.clock()
    await outbox.posts.refresh_headlines(born)
    assert await outbox.due() == ()
    outbox.clock.pass_by(minutes=1)
    await outbox.posts.refresh_headlines(born.replace(year=2025))
    await outbox.published(await outbox.one())
    async with outbox.database.write() as connection:
        await store.update(connection, outbox.incident_id, state="closed")
    await outbox.posts.refresh_headlines(born.replace(year=2025))
    assert await outbox.due() == ()
