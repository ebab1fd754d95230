"""Whom an audience reaches, and how, as the cards and the buttons count it."""

from __future__ import annotations

import sqlalchemy as sa

from services.blasts.model import Recipient, RecipientState, Via
from services.blasts.reach import addresses_at, first_of, reach_of, why_not_reached
from services.database import Database
from services.database.blast_tables import blast_recipients
from tests.services.blasts.desk import Desk

PEOPLE = (
    Recipient("ann", Via.TEAMS, "Ann", "de", "Sales"),
    Recipient("ben", Via.TEAMS, "Ben", "en"),
    Recipient("cleo", Via.TEAMS, "Cleo", "de"),
    Recipient("shared@contoso.com", Via.MAIL, "Shared", "fr"),
    Recipient("jo@fabrikam.com", Via.MAIL, "", "en-x-out"),
)


async def test_ways_and_languages_are_counted(database: Database) -> None:
    blast = await Desk(database).draft(PEOPLE)
    async with database.read() as connection:
        reach = await reach_of(connection, blast.id)
        first = await first_of(connection, blast.id, 2)
        picked = await addresses_at(connection, blast.id, [first[1].number, 999])
    assert (reach.teams, reach.mail_inside, reach.outside, reach.inside) == (3, 1, 1, 4)
    assert reach.languages == ("de", "en", "en-x-out", "fr")
    assert reach.in_teams == {"de", "en"}
    assert [(each.name, each.department) for each in first] == [("Ann", "Sales"), ("Ben", "")]
    assert picked == ("ben",)


async def test_reasons_are_counted_most_first(database: Database) -> None:
    blast = await Desk(database).draft(PEOPLE)
    async with database.write() as connection:
        failed = sa.update(blast_recipients).values(state=RecipientState.FAILED.value, reason="not-installed")
        await connection.execute(failed.where(blast_recipients.c.channel == "teams"))
        bounced = sa.update(blast_recipients).values(state=RecipientState.FAILED.value, reason="bounced")
        await connection.execute(bounced.where(blast_recipients.c.address == "jo@fabrikam.com"))
    async with database.read() as connection:
        assert list((await why_not_reached(connection, blast.id)).items()) == [("not-installed", 3), ("bounced", 1)]
