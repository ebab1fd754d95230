"""Who is taught: names are exact, the test group comes first, and who cannot be taught is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import sqlalchemy as sa

from services.blasts.classes import Class, Pick, Tally, names_in, students
from services.blasts.model import BlastKind, Recipient, Via
from services.database import Database
from services.database.blast_tables import blast_recipients
from services.errors import BadInput, UpstreamDown
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.microsoft365.address_book import MailGroup
from services.microsoft365.mailbox import AutomaticReplies, MailboxSettings
from tests.services.blasts.desk import Desk
from tests.services.fakes import account


@dataclass
class Book:
    """An address book of pages; it remembers how many pages were read."""

    pages: Sequence[tuple[Account, ...]] = ()
    groups: dict[str, tuple[Account, ...]] = field(default_factory=dict)
    read: int = 0

    async def all_people(self) -> AsyncIterator[tuple[Account, ...]]:
        for page in self.pages:
            self.read += 1
            yield page

    async def department(self, name: str) -> AsyncIterator[tuple[Account, ...]]:
        for page in self.pages:
            yield tuple(each for each in page if each.department == name)

    async def members(self, group_id: str) -> AsyncIterator[tuple[Account, ...]]:
        yield self.groups[group_id]

    async def people_at(self, address: str) -> tuple[Account, ...]:
        return tuple(each for page in self.pages for each in page if each.mail == address)

    async def groups_at(self, sought: str) -> tuple[MailGroup, ...]:
        return tuple(MailGroup(group, group, ()) for group in self.groups if group.startswith(sought))


@dataclass
class Tenant:
    """As much of Microsoft 365 as is asked."""

    address_book: Book
    zones: dict[str, str] = field(default_factory=dict)

    @property
    def mailbox(self) -> Tenant:
        return self

    async def settings(self, object_id: str) -> MailboxSettings:
        if object_id not in self.zones:
            raise UpstreamDown(service="graph")
        return MailboxSettings("user", self.zones[object_id], "", AutomaticReplies("", "", "", ""))


def person(name: str, **changes: Any) -> Account:
    return replace(account(name), licensed=True, department="Sales", mail=f"{name}@contoso.com", **changes)


ANN, BEN, CLEO = person("ann", preferred_language="de-AT"), person("ben"), person("cleo")


async def taught(database: Database, tenant: Tenant, chosen: Class, tally: Tally | None = None) -> list[Recipient]:
    stream = students(cast("Microsoft365", tenant), database, chosen, "Europe/Berlin", tally or Tally())
    return [each async for each in stream]


async def test_everybody_is_everybody_who_can_be_taught(sqlite_database: Database) -> None:
    guest, blocked, bare = (
        replace(person("guest"), is_guest=True),
        replace(person("blocked"), account_enabled=False),
        replace(person("bare"), licensed=False),
    )
    tally = Tally()
    found = await taught(
        sqlite_database, Tenant(Book([(ANN, guest), (blocked, bare, BEN)])), Class(Pick.EVERYBODY), tally
    )
    assert [(each.address, each.language, each.department, each.via) for each in found] == [
        ("ann", "de", "Sales", Via.TEAMS),
        ("ben", "en", "Sales", Via.TEAMS),
    ]
    assert tally.left_out == Counter({"guests": 1, "sign-in is blocked": 1, "no licence": 1})
    assert "1 not taught: guests" in tally.notes()


async def test_the_test_group_comes_first_and_nobody_twice(sqlite_database: Database) -> None:
    tally, tenant = Tally(), Tenant(Book([(ANN, BEN, CLEO)], {"testers": (CLEO,)}))
    found = await taught(sqlite_database, tenant, Class(Pick.EVERYBODY, first_group="testers"), tally)
    assert [each.address for each in found] == ["cleo", "ann", "ben"]
    assert tally.first == 1


async def test_a_long_list_is_read_page_by_page(sqlite_database: Database) -> None:
    """50,000 people: the next page is read when the one before has been taken, so that none has to be held."""
    page = tuple(person(f"p{number}") for number in range(1000))
    book = Book([page] * 50)
    stream = students(cast("Microsoft365", Tenant(book)), sqlite_database, Class(Pick.EVERYBODY), "UTC", Tally())
    count = 0
    async for _ in stream:
        count += 1
        assert book.read == (count - 1) // 1000 + 1
    assert count == 50_000


@pytest.mark.parametrize(
    ("chosen", "people"),
    [
        (Class(Pick.PEOPLE, ("ben@contoso.com", "ann@contoso.com")), ["ben", "ann"]),
        (Class(Pick.GROUPS, ("sales",)), ["ann", "ben"]),
        (Class(Pick.DEPARTMENTS, ("Sales",)), ["ann", "ben", "cleo"]),
    ],
)
async def test_people_groups_and_departments_are_named(
    sqlite_database: Database, chosen: Class, people: list[str]
) -> None:
    tenant = Tenant(Book([(ANN, BEN, CLEO)], {"sales": (ANN, BEN), "testers": (CLEO,)}))
    assert [each.address for each in await taught(sqlite_database, tenant, chosen)] == people


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        (Class(Pick.PEOPLE), "nobody-named"),
        (Class(Pick.PEOPLE, ("nobody@contoso.com",)), "unknown-person"),
        (Class(Pick.PEOPLE, ("Ann",)), "unknown-person"),
        (Class(Pick.GROUPS, ("none",)), "unknown-group"),
        (Class(Pick.GROUPS, ("s",)), "several-groups"),
        (Class(Pick.DEPARTMENTS, ("Sailing",)), "unknown-department"),
    ],
)
async def test_a_name_that_fits_nobody_or_several_is_refused(
    sqlite_database: Database, chosen: Class, reason: str
) -> None:
    tenant = Tenant(Book([(ANN,)], {"sales": (ANN,), "staff": (BEN,)}))
    with pytest.raises(BadInput, match=reason):
        await taught(sqlite_database, tenant, chosen)


async def test_the_own_clock_is_read_where_it_matters_and_else_the_organisations_is_taken(
    sqlite_database: Database,
) -> None:
    zones = {"ann": "Pacific Standard Time", "ben": "Nowhere Standard Time"}
    tally, tenant = Tally(), Tenant(Book([(ANN, BEN, CLEO)]), zones)
    found = await taught(sqlite_database, tenant, Class(Pick.EVERYBODY, own_zones=True), tally)
    assert [each.zone for each in found] == ["America/Los_Angeles", "Europe/Berlin", "Europe/Berlin"]
    assert tally.zones_unknown == 2
    plain = await taught(sqlite_database, tenant, Class(Pick.EVERYBODY))
    assert {each.zone for each in plain} == {""}


async def test_all_who_clicked_come_from_earlier_warnings_once(database: Database) -> None:
    desk = Desk(database)
    people = (Recipient("ann", Via.TEAMS, "Ann", "de", "Sales"), Recipient("ben", Via.TEAMS, "Ben"))
    for _ in range(2):
        await desk.draft(people, kind=BlastKind.WARN)
    async with database.write() as connection:
        clicked = sa.update(blast_recipients).where(blast_recipients.c.address == "ann").values(answer="clicked")
        await connection.execute(clicked)
    tenant = Tenant(Book())
    assert await taught(database, tenant, Class(Pick.CLICKED)) == [people[0]]
    assert await taught(database, tenant, Class(Pick.CLICKED, incident_id="another")) == []


def test_typed_names_are_read_one_a_line_or_with_commas() -> None:
    assert names_in(" Sales, Finance\n\nSales;  Human   Resources ") == ("Sales", "Finance", "Human Resources")
    with pytest.raises(BadInput, match="too-many-names"):
        names_in(",".join(map(str, range(201))))
