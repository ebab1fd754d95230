"""What administrators set from Teams: who may, what it changes in the running program, and who else must agree."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from services.access import Access
from services.approvals import PlanKind, RuleBook
from services.channel import Actor
from services.database import Database, tables
from services.database.operation_tables import organisation_entries, organisation_log
from services.errors import BadInput, Conflict, Expired, NotAllowed, NotFound
from services.incidents import store
from services.incidents.subjects import recognise
from services.microsoft365.accounts import Account
from services.organisation import Kind, Organisation
from services.plain_words import explain
from services.playbook.step import Rule
from services.posts import Posts
from services.settings import Settings
from services.setup import Removal, RemovalState, Setup, waiting
from tests.services.fakes import (
    CHANNEL,
    GROUP,
    PERSONAL,
    Clock,
    FakeDirectory,
    FakeM365,
    account,
    actor,
    settings,
    subject,
)

ADMINISTRATORS = "group-administrators"
ZOE, ADELE, ALEX = actor("zoe"), actor("adele"), actor("alex")
CHANNEL_ID = "19:incidents@thread.tacv2"


class Directory(FakeDirectory):
    """Finds accounts by object id or address."""

    async def find_accounts(self, sought: str) -> tuple[Account, ...]:
        return tuple(each for each in self.accounts.values() if sought in {each.id, each.upn, each.mail_nickname})


@dataclass
class Office:
    """Two administrators, Zoe and Adele; everybody else is nobody here."""

    database: Database
    m365: FakeM365
    clock: Clock
    organisation: Organisation
    access: Access
    setup: Setup

    @classmethod
    async def open(cls, database: Database, m365: FakeM365 | None = None, **changes: object) -> Office:
        if m365 is None:
            m365 = FakeM365.staffed()
            m365.directory.__class__ = Directory
            m365.directory.groups[ADMINISTRATORS] = {"zoe", "adele"}
        environment: Settings = settings(administrator_groups=(ADMINISTRATORS,), **changes)
        clock = Clock()
        organisation = await Organisation.open(database, environment)
        access = Access(organisation.settings, m365.typed, database)
        setup = Setup(
            database=database,
            organisation=organisation,
            access=access,
            m365=m365.typed,
            posts=Posts(database),
            now=clock,
        )
        return cls(database, m365, clock, organisation, access, setup)

    async def protect(self, name: str = "megan", kind: Kind = Kind.VIP) -> None:
        await self.setup.change(ZOE, PERSONAL, {kind: name}, {})

    async def ask(self, by: Actor = ZOE) -> Removal:
        return await self.setup.ask_removal(by, PERSONAL, Kind.VIP, "megan")

    async def careful(self, name: str = "megan") -> bool:
        """Whether a lock of this account needs a second person now."""
        seen, _ = await recognise(self.m365.typed, self.organisation.settings, name)
        rules = RuleBook(self.organisation.settings, ())
        return rules.rule(PlanKind.LOCK, (), seen) is Rule.SECOND_PERSON

    async def rows(self, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
        async with self.database.read() as connection:
            return list(await connection.execute(sa.select(table)))


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office.open(database)


@pytest.mark.parametrize("kind", [Kind.VIP, Kind.BREAK_GLASS])
async def test_a_person_added_here_needs_care_from_then_on(office: Office, kind: Kind) -> None:
    assert not await office.careful()
    await office.protect("megan@contoso.com", kind)
    assert await office.careful()
    assert [row.value for row in await office.rows(organisation_entries)] == ["megan"]


async def test_a_restart_and_a_second_replica_know_it(office: Office) -> None:
    replica = await Office.open(office.database, office.m365)
    await office.protect()
    await replica.organisation.refresh()  # what every replica does twice a second
    assert await replica.careful()
    restarted = await Office.open(office.database, office.m365)
    assert await restarted.careful()


async def test_a_removal_counts_only_after_another_administrator_agrees(office: Office) -> None:
    await office.protect()
    asked = await office.ask()
    assert await office.careful()
    with pytest.raises(NotAllowed, match="requester-may-not-approve"):
        await office.setup.decide(ZOE, PERSONAL, asked.id, asked.nonce, approve=True)
    with pytest.raises(NotAllowed, match="no-role"):
        await office.setup.decide(ALEX, PERSONAL, asked.id, asked.nonce, approve=True)
    with pytest.raises(Conflict, match="approval-decided"):
        await office.setup.decide(ADELE, PERSONAL, asked.id, "another-nonce", approve=True)
    assert await office.careful()
    ended = await office.setup.decide(ADELE, PERSONAL, asked.id, asked.nonce, approve=True)
    assert (ended.state, ended.decided_by) == (RemovalState.APPROVED, ADELE)
    assert not await office.careful()
    with pytest.raises(Conflict, match="approval-decided"):
        await office.setup.decide(ADELE, PERSONAL, asked.id, asked.nonce, approve=True)
    assert [row.action for row in await office.rows(organisation_log)].count("removed") == 1


async def test_a_refused_and_a_late_removal_change_nothing(office: Office) -> None:
    await office.protect()
    asked = await office.ask()
    with pytest.raises(Conflict, match="removal-asked-already"):
        await office.ask(ADELE)
    refused = await office.setup.decide(ADELE, PERSONAL, asked.id, asked.nonce, approve=False)
    assert refused.state is RemovalState.REFUSED
    again = await office.ask()
    office.clock.pass_by(minutes=31)
    with pytest.raises(Expired):
        await office.setup.decide(ADELE, PERSONAL, again.id, again.nonce, approve=True)
    async with office.database.read() as connection:
        assert await waiting(connection, office.clock()) == ()
    assert await office.careful()


async def test_whoever_is_protected_does_not_approve_the_end_of_it(office: Office) -> None:
    await office.protect("adele")
    asked = await office.setup.ask_removal(ZOE, PERSONAL, Kind.VIP, "adele")
    with pytest.raises(NotAllowed, match="protected-may-not-approve"):
        await office.setup.decide(ADELE, PERSONAL, asked.id, asked.nonce, approve=True)
    assert await office.careful("adele")


async def test_who_asked_must_still_be_an_administrator(office: Office) -> None:
    await office.protect()
    asked = await office.ask()
    office.m365.directory.groups[ADMINISTRATORS] = {"adele"}
    with pytest.raises(NotAllowed, match="no-role"):
        await office.setup.decide(ADELE, PERSONAL, asked.id, asked.nonce, approve=True)
    assert await office.careful()


async def test_the_environment_can_be_added_to_and_not_taken_from(database: Database) -> None:
    office = await Office.open(database, vip_users=("diego",), helpdesk="extension 4000")
    await office.protect()
    assert office.organisation.settings.vip_users == ("diego", "megan")
    with pytest.raises(NotFound):
        await office.setup.ask_removal(ZOE, PERSONAL, Kind.VIP, "diego")
    with pytest.raises(Conflict, match="set-by-environment"):
        await office.setup.change(ZOE, PERSONAL, {}, {Kind.HELPDESK: "extension 5000"})
    assert office.organisation.settings.helpdesk == "extension 4000"


async def test_nothing_is_saved_unless_everybody_is_found(office: Office) -> None:
    office.m365.directory.accounts["other"] = account("other", mail_nickname="diego")
    with pytest.raises(BadInput, match="people-not-resolved") as refused:
        await office.setup.change(
            ZOE, PERSONAL, {Kind.VIP: "megan, nobody@contoso.com", Kind.BREAK_GLASS: "diego"}, {Kind.HELPDESK: "x"}
        )
    assert "nobody@contoso.com" in explain(refused.value).what
    assert "Fits several people: diego" in explain(refused.value).what
    assert await office.rows(organisation_entries) == await office.rows(organisation_log) == []
    assert office.organisation.settings.helpdesk == ""


@pytest.mark.parametrize(
    ("kind", "value", "field"),
    [
        (Kind.HELPDESK, "the helpdesk, extension 4000", "helpdesk"),
        (Kind.TIME_ZONE, "Europe/Berlin", "time_zone"),
        (Kind.QUIET_HOURS, "21:30-06:15", "trigger_quiet_hours"),
        (Kind.CHANNEL, CHANNEL_ID, "incident_channel"),
    ],
)
async def test_a_single_value_is_used_at_once_and_can_be_taken_away(
    office: Office, kind: Kind, value: str, field: str
) -> None:
    before = getattr(office.organisation.settings, field)
    await office.setup.change(ZOE, PERSONAL, {}, {kind: value})
    assert getattr(office.organisation.settings, field) == value
    assert await office.setup.change(ZOE, PERSONAL, {}, {kind: value}) == ()
    await office.setup.change(ZOE, PERSONAL, {}, {kind: " None "})
    assert getattr(office.organisation.settings, field) == before
    assert sorted(row.action for row in await office.rows(organisation_log)) == ["cleared", "set"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.HELPDESK, "https://evil.example"),
        (Kind.HELPDESK, "x" * 81),
        (Kind.TIME_ZONE, "Mars/Olympus"),
        (Kind.QUIET_HOURS, "at night"),
        (Kind.CHANNEL, "general"),
        (Kind.VIP, "megan"),
    ],
)
async def test_what_the_settings_would_refuse_is_refused_here(office: Office, kind: Kind, value: str) -> None:
    with pytest.raises(BadInput, match="bad-setup-value"):
        await office.setup.change(ZOE, PERSONAL, {}, {kind: value})
    assert await office.rows(organisation_log) == []


async def test_only_a_channel_becomes_the_incident_channel(office: Office) -> None:
    for where in (PERSONAL, GROUP):
        with pytest.raises(NotAllowed, match="not-in-this-place"):
            await office.setup.use_channel(ZOE, where)
    assert office.organisation.settings.incident_channel == ""


async def test_people_without_the_role_guests_and_subjects_change_nothing(office: Office) -> None:
    office.m365.directory.groups[ADMINISTRATORS] |= {"guest"}
    office.m365.directory.accounts["guest"] = account("guest", is_guest=True)
    await office.protect()
    await store.open_incident(office.database, subject("adele"), ALEX, CHANNEL, office.clock())
    for who, reason in ((ALEX, "no-role"), (actor("guest"), "guest"), (ADELE, "subject-of-incident")):
        with pytest.raises(NotAllowed, match=reason):
            await office.setup.change(who, PERSONAL, {Kind.VIP: "diego"}, {})
        with pytest.raises(NotAllowed, match=reason):
            await office.ask(who)
    assert office.organisation.settings.vip_users == ("megan",)


async def test_all_administrators_are_told_of_each_change(office: Office) -> None:
    await office.protect()
    told = [row.person["object_id"] for row in await office.rows(tables.posts)]
    assert sorted(told) == ["adele", "zoe"]


async def test_nobody_rewrites_the_log(office: Office) -> None:
    await office.protect()
    for statement in (sa.update(organisation_log).values(shown="x"), sa.delete(organisation_log)):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            async with office.database.write() as connection:
                await connection.execute(statement)
