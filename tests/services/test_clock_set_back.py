from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from services import clock_set_back
from services.channel import Conversation
from services.database import Database, tables
from services.database.schema import metadata
from services.posts import Post, PostKind, Posts
from services.triggers.polls import Polls
from tests.services.fakes import CHANNEL, NOW, settings


async def wanted(database: Database, key: str, at: datetime, where: Conversation = CHANNEL) -> None:
    async with database.write() as connection:
        await Posts(database).want(connection, key, PostKind.HEADLINE, at, conversation=where, card={}, summary="S")


async def keys(database: Database, at: datetime) -> set[str]:
    return {post.key for post in await Posts(database).due(at)}


async def test_what_was_wanted_by_a_clock_that_ran_ahead_is_due_at_once(database: Database) -> None:
    await wanted(database, "ahead", NOW + timedelta(hours=3))
    await wanted(database, "right", NOW)
    assert await keys(database, NOW) == {"right"}
    assert await clock_set_back.mend(database, settings(), NOW) == 2
    assert await keys(database, NOW) == {"ahead", "right"}
    assert await clock_set_back.mend(database, settings(), NOW) == 0


async def test_what_waits_as_long_as_it_may_goes_on_waiting(database: Database) -> None:
    await wanted(database, "throttled", NOW)
    posts = Posts(database)
    [post] = await posts.due(NOW)
    await posts.retry_later(post, NOW, 300)
    assert await clock_set_back.mend(database, settings(), NOW) == 0
    assert await keys(database, NOW + timedelta(seconds=299)) == set()


async def test_the_next_look_at_risks_and_at_the_groups_waits_for_its_time(database: Database) -> None:
    chosen = settings(trigger_seconds=60, guard_minutes=15)
    polls = Polls(database, "one")
    for source, pause in (("risks", timedelta(seconds=60)), ("guard", timedelta(minutes=15))):
        assert (await polls.claim(source, NOW))[0]
        await polls.finish(source, NOW, NOW + pause, watermark=NOW)
    assert await clock_set_back.mend(database, chosen, NOW) == 0


async def test_what_was_being_sent_by_a_clock_that_ran_ahead_is_sent_again(database: Database) -> None:
    ahead = NOW + timedelta(hours=3)
    await wanted(database, "lost", ahead)
    posts = Posts(database)
    [post] = await posts.due(ahead)
    assert await posts.begin(post, ahead)
    later = NOW + timedelta(minutes=2)
    await posts.recover(later)
    assert await _state(database, post) == "sending"
    await clock_set_back.mend(database, settings(), NOW)
    await posts.recover(later)
    assert await _state(database, post) == "wanted"


async def _state(database: Database, post: Post) -> str:
    query = sa.select(tables.posts.c.state).where(tables.posts.c.id == post.id)
    async with database.read() as connection:
        return str((await connection.execute(query)).scalar_one())


_CHOSEN_BY_PEOPLE = {"blasts.next_at"}


def test_every_time_that_something_waits_for_is_mended() -> None:
    mended = {str(wait.column) for wait in clock_set_back.waits(settings())}
    named = {str(column) for table in metadata.tables.values() for column in table.columns}
    waits = {name for name in named if name.endswith((".not_before", ".lease_until", ".next_at"))}
    assert waits - _CHOSEN_BY_PEOPLE <= mended
