"""Where people are reached is unreadable in the file, is found all the same, and follows the key."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from services.blasts.model import RecipientState
from services.database import Database, tables
from services.database.blast_tables import blast_recipients
from services.database.schema import metadata
from services.database.sealed import PREFIX, SealedJson, SealedText
from services.database.sealing import close_anew, close_what_is_open
from services.errors import Conflict
from services.incidents import store
from services.people import People
from services.posts import PostKind, Posts
from services.requests import Requests
from services.vault import Vault
from tests.services.blasts.desk import people
from tests.services.blasts.post_office import PostOffice
from tests.services.fakes import CHANNEL, NOW, PERSONAL, Clock, actor, subject

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
ALEX = actor("alex")
# What says where somebody is reached; nothing of it may stand in the file.
SECRETS = (CHANNEL.id, PERSONAL.id, CHANNEL.service_url, ALEX.teams_id, "chat-person-00000")


async def _a_life(database: Database) -> str:
    """What a bot keeps: people, an incident, a card, a request, a message. Returns the id of the incident."""
    met = People(database, Clock())
    await met.seen(ALEX, CHANNEL)
    await met.seen(actor("adele"), PERSONAL)
    incident, _ = await store.open_incident(database, subject(), actor("nobody-in-particular"), CHANNEL, NOW)
    async with database.write() as connection:
        await Posts(database).want(
            connection, "card", PostKind.HEADLINE, NOW, conversation=CHANNEL, person=ALEX, incident_id=incident.id
        )
    body = {"conversation": {"id": CHANNEL.id, "service_url": CHANNEL.service_url}}
    await Requests(database, Clock()).record("key", body, ALEX.object_id, may_repeat=False)
    return incident.id


async def _columns(database: Database) -> list[str]:
    """Every closed column of every row as it stands in the file."""
    found: list[str] = []
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, SealedJson | SealedText):
                    plain = sa.select(sa.cast(sa.type_coerce(column, sa.Text), sa.Text))
                    if isinstance(column.type, SealedJson):
                        plain = sa.select(sa.cast(sa.type_coerce(column, sa.JSON), sa.Text))
                    found += [text for text in (await connection.execute(plain)).scalars() if text]
    return [text for text in found if text != "null"]


async def _is_found(database: Database, incident_id: str) -> None:
    met = People(database, Clock())
    async with database.read() as connection:
        found = await store.in_conversation(connection, CHANNEL.id)
        nobody = await store.in_conversation(connection, "19:elsewhere")
        [card] = (await connection.execute(sa.select(tables.posts.c.conversation))).scalars()
    assert (found and found.id, found and found.conversation, nobody) == (incident_id, CHANNEL, None)
    assert card["service_url"] == CHANNEL.service_url
    alex = await met.by_teams_id(ALEX.teams_id)
    assert alex is not None
    assert (alex.object_id, alex.service_url) == ("alex", CHANNEL.service_url)
    assert await met.by_teams_id("29:stranger") is None
    adele = await met.get("adele")
    assert adele is not None
    assert adele.personal == PERSONAL
    assert await met.teams_ids(["alex"]) == (ALEX.teams_id,)


async def test_nothing_that_says_where_somebody_is_reached_stands_in_the_file(database: Database) -> None:
    database.seal(Vault((OLD,)))
    incident_id = await _a_life(database)
    await _is_found(database, incident_id)
    kept = await _columns(database)
    assert len(kept) >= 8
    assert all(PREFIX in text for text in kept)
    assert not [secret for secret in SECRETS for text in kept if secret in text]


async def test_rows_of_before_are_read_found_and_closed_at_the_start(database: Database) -> None:
    incident_id = await _a_life(database)
    assert any(CHANNEL.id in text for text in await _columns(database))
    database.seal(Vault((OLD,)))
    await _is_found(database, incident_id)
    assert await close_what_is_open(database) >= 5
    assert await close_what_is_open(database) == 0
    assert all(PREFIX in text for text in await _columns(database))
    await _is_found(database, incident_id)


async def test_a_new_key_takes_over_and_the_old_one_may_go(database: Database) -> None:
    database.seal(Vault((OLD,)))
    incident_id = await _a_life(database)
    database.seal(Vault((NEW, OLD)))
    await _is_found(database, incident_id)  # by the mark of the older key
    assert await close_anew(database) >= 5
    database.seal(Vault((NEW,)))
    await _is_found(database, incident_id)
    database.seal(Vault((OLD,)))
    with pytest.raises(Conflict):
        await People(database, Clock()).get("alex")
    with pytest.raises(Conflict, match="wrong-data-key"):
        await close_anew(database)


async def test_a_message_that_was_sent_is_taken_back_by_what_was_closed(database: Database) -> None:
    database.seal(Vault((OLD,)))
    office = PostOffice(database)
    blast = await office.carry_out(await office.approved(people(2)))
    kept: list[Any] = await _columns(database)
    assert not [text for text in kept if "chat-person" in text]
    await office.blasts.recall(blast.id, blast.requester, CHANNEL)
    await office.carry_out(blast)
    assert len(office.teams.gone) == 2
    async with database.read() as connection:
        states = (await connection.execute(sa.select(blast_recipients.c.state))).scalars().all()
    assert set(states) == {RecipientState.RECALLED.value}


def test_marks_tell_nothing_without_the_key_and_follow_it() -> None:
    old, both = Vault((OLD,)), Vault((NEW, OLD))
    assert old.marks("x") == old.marks("x") != old.marks("y")
    assert both.marks("x")[1:] == old.marks("x")
    assert both.open_text(old.close_text("x")) == "x"
