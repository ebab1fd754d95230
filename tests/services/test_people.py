from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from services.channel import Actor
from services.database import Database, tables
from services.people import People, Person
from tests.services.fakes import CHANNEL, PERSONAL, Clock, actor

ALEX = actor("alex")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(database: Database, clock: Clock) -> People:
    return People(database, clock)


async def test_a_person_is_known_from_the_first_word(people: People) -> None:
    assert await people.get("alex") is None
    await people.seen(ALEX, CHANNEL)
    assert await people.get("alex") == Person("alex", "Alex", "29:alex", CHANNEL.service_url, None)
    assert await people.by_teams_id("29:alex") == await people.get("alex")
    assert await people.by_teams_id("29:nobody") is None


async def test_a_personal_chat_is_kept_and_a_channel_does_not_take_its_place(people: People) -> None:
    await people.seen(ALEX, PERSONAL)
    await people.seen(ALEX, CHANNEL)
    found = await people.get("alex")
    assert found is not None
    assert found.personal == PERSONAL


async def test_every_word_refreshes_what_changes(people: People) -> None:
    await people.seen(ALEX, CHANNEL)
    await people.seen(Actor("alex", "Alexandra", "29:new"), replace(CHANNEL, service_url="https://other.example/"))
    found = await people.get("alex")
    assert found == Person("alex", "Alexandra", "29:new", "https://other.example/", None)


async def test_who_presses_again_and_again_is_written_down_once_a_minute(
    people: People, clock: Clock, database: Database
) -> None:
    async def last_seen() -> object:
        async with database.read() as connection:
            return await connection.scalar(sa.select(tables.people.c.last_seen))

    first = clock()
    await people.seen(ALEX, CHANNEL)
    clock.pass_by(minutes=0.9)
    await people.seen(ALEX, CHANNEL)
    assert await last_seen() == first
    clock.pass_by(minutes=0.2)
    await people.seen(ALEX, CHANNEL)
    assert await last_seen() == clock()


async def test_a_personal_chat_is_kept_whenever_it_speaks(people: People) -> None:
    await people.seen(ALEX, PERSONAL)
    await people.forget_personal("alex")
    await people.seen(ALEX, PERSONAL)
    found = await people.get("alex")
    assert found is not None
    assert found.personal == PERSONAL


async def test_many_first_words_at_once_are_one_person(people: People) -> None:
    await asyncio.gather(*(people.seen(ALEX, (CHANNEL, PERSONAL)[number % 2]) for number in range(12)))
    assert await people.teams_ids(["alex", "nobody"]) == ("29:alex",)


async def test_a_chat_that_we_opened_is_kept_until_it_is_gone(people: People) -> None:
    await people.opened("adele", "Adele", PERSONAL)
    found = await people.get("adele")
    assert found == Person("adele", "Adele", "", PERSONAL.service_url, PERSONAL)
    assert await people.teams_ids(["adele"]) == ()
    await people.forget_personal("adele")
    found = await people.get("adele")
    assert found is not None
    assert found.personal is None


async def test_opening_a_chat_keeps_the_name_and_the_teams_id(people: People) -> None:
    await people.seen(ALEX, CHANNEL)
    await people.opened("alex", "another name", PERSONAL)
    found = await people.get("alex")
    assert found == Person("alex", "Alex", "29:alex", PERSONAL.service_url, PERSONAL)


async def test_nobody_asked_for_is_nobody_found(people: People) -> None:
    assert await people.teams_ids([]) == ()
