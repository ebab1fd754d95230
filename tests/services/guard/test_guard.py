"""IRBot notices that it was changed itself, says so once, and gives nobody a role whom no administrator knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from dialogs import guard as dialog
from services.access import Access, Permission, Role
from services.channel import Actor
from services.database import Database, tables
from services.errors import BadInput, Conflict, NotAllowed
from services.guard import store
from services.guard.model import AlarmState, Change, Kind, accepted, differences
from services.guard.work import Guard
from services.microsoft365 import Tokens
from services.microsoft365.role_assignments import GLOBAL_ADMINISTRATOR
from services.posts import Posts
from services.settings import Settings
from simulator.config import SimulatorConfig
from simulator.people import ADMINISTRATORS, APPROVERS, RESPONDERS
from simulator.permissions import KNOWN
from simulator.server import Simulator
from simulator.tenant import RoleAssignment
from tests.services.fakes import CHANNEL
from tests.services.playbook.tenancy import unpaced

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Watched:
    """A tenant, and a guard with a clock that a test moves."""

    def __init__(self, sim: Simulator, database: Database, **changes: Any) -> None:
        values: dict[str, Any] = {key.removeprefix("IRBOT_").lower(): each for key, each in sim.environment().items()}
        self.sim = sim
        self.database = database
        self.settings = Settings(**{**values, "use_app_roles": True, **changes})
        self.later = timedelta()
        self.tokens = Tokens(self.settings)
        self.m365 = unpaced(self.settings, self.tokens)
        self.access = Access(self.settings, self.m365, database)
        self.guard = self.replica("one")

    def replica(self, holder: str) -> Guard:
        return Guard(
            database=self.database,
            m365=self.m365,
            settings=self.settings,
            access=self.access,
            posts=Posts(self.database),
            holder=holder,
            now=lambda: self.sim.world.clock.now() + self.later,
        )

    async def look(self) -> tuple[Change, ...]:
        """The next look; what waits for an answer after it."""
        self.later += timedelta(minutes=self.settings.guard_minutes)
        await self.guard.round()
        async with self.database.read() as connection:
            return tuple(change for alarm in await store.open_alarms(connection) for change in alarm.changes)

    def person(self, name: str) -> Actor:
        user = self.sim.world.tenant.user(name)
        return Actor(user.id, user.display_name, "")

    def join(self, name: str, group: str, by: str = "") -> None:
        """Somebody is put into a group, with a line in the directory's log where `by` is given."""
        tenant = self.sim.world.tenant
        user = tenant.user(name)
        tenant.group(group).members.append(user.id)
        if by:
            tenant.note(user, "Add member to group", "groups", None, group, by)

    async def posts(self) -> list[str]:
        async with self.database.read() as connection:
            kind = tables.posts.c.kind == "guard"
            return list((await connection.execute(sa.select(tables.posts.c.subject_key).where(kind))).scalars())


@pytest.fixture
async def watched(sim: Simulator, database: Database) -> AsyncIterator[Watched]:
    made = Watched(sim, database)
    assert await made.look() == ()
    yield made
    await made.m365.close()
    await made.tokens.close()


@ONE_DATABASE
async def test_each_change_of_the_app_and_of_the_groups_is_told_once_in_plain_words(watched: Watched) -> None:
    tenant = watched.sim.world.tenant
    bot = watched.sim.world.bot
    secret = {**bot.registration["passwordCredentials"][0], "keyId": "k-2", "displayName": "backup"}
    bot.registration["passwordCredentials"] = [secret]
    bot.registration["web"] = {"redirectUris": ["https://evil.example/"]}
    bot.properties["keyCredentials"] = [{"keyId": "k-3", "displayName": "CN=x", "endDateTime": "2030-01-01T00:00:00Z"}]
    bot.properties["accountEnabled"] = False
    bot.owners.append(tenant.user("megan").id)
    more = min(set(KNOWN) - bot.permissions)
    bot.permissions.add(more)
    tenant.role_assignments.append(RoleAssignment("given", bot.id, GLOBAL_ADMINISTRATOR))
    watched.join("megan", APPROVERS, by="isaiah@contoso.com")
    approvers = tenant.group(APPROVERS)
    approvers.owners.append(tenant.user("isaiah").id)
    approvers.properties |= {"groupTypes": ["DynamicMembership"], "membershipRule": "user.city -eq “x”"}
    tenant.group(RESPONDERS).members.remove(tenant.user("alex").id)

    found = await watched.look()
    told = "\n".join(f"{change.words} {change.who}" for change in found)
    for words in (
        "The secret “backup”",
        "The secret “made at installation”",
        "The address https://evil.example/ was added to IRBot's app registration.",
        "The certificate “CN=x”, which ends 2030-01-01 was added to IRBot's app in Entra.",
        "IRBot's app in Entra: sign-in allowed is now sign-in blocked.",
        "The owner Megan Bowen was added to IRBot's app in Entra.",
        f"The permission {more} of Microsoft Graph was added to the permissions of IRBot's app.",
        "Global Administrator was added to the directory roles of IRBot's app.",
        "Megan Bowen (megan@contoso.com) was added to the group IRBot Approvers, which gives the role Approver.",
        "by isaiah@contoso.com",
        "was removed from the group IRBot Responders, which gives the role Responder.",
        "its members chosen by hand is now its members by the rule",
    ):
        assert words in told, told
    assert await watched.look() == found
    async with watched.database.read() as connection:
        [alarm] = await store.open_alarms(connection)
    posts = await watched.posts()
    assert posts
    assert {key.rsplit(":", 1)[0] for key in posts} == {alarm.post_key}  # no channel: to each administrator
    await asyncio.gather(watched.guard.round(), watched.replica("two").round())
    assert await watched.posts() == posts


async def test_who_is_new_has_no_role_before_an_administrator_confirms_it(watched: Watched) -> None:
    adele, megan, zoe = (watched.person(name) for name in ("adele", "megan", "henrietta"))
    watched.join("megan", APPROVERS)
    watched.join("alex", ADMINISTRATORS)
    for _ in range(2):  # before the look that finds it, and after it
        with pytest.raises(NotAllowed, match="member-not-confirmed"):
            await watched.access.require(megan, Permission.APPROVAL_DECIDE, CHANNEL)
        await watched.access.require(adele, Permission.APPROVAL_DECIDE, CHANNEL)
        await watched.access.require(watched.person("alex"), Permission.ACCOUNT_CONTAIN, CHANNEL)
        asked, _ = await watched.access.able(Role.APPROVER)
        assert megan.object_id not in {account.id for account in asked}
        found = await watched.look()
    assert [(change.kind, change.key.partition(":")[0]) for change in found] == [(Kind.ADDED, "member")] * 2
    async with watched.database.read() as connection:
        [alarm] = await store.open_alarms(connection)
    for nobody in ("alex", "megan", "adele"):  # new as an administrator; new; no administrator
        with pytest.raises(NotAllowed):
            await watched.guard.confirm(alarm.id, alarm.nonce, watched.person(nobody), CHANNEL)
    with pytest.raises(BadInput):
        await watched.guard.confirm(alarm.id, "0" * 32, zoe, CHANNEL)
    ended = await watched.guard.confirm(alarm.id, alarm.nonce, zoe, CHANNEL)
    assert (ended.state, ended.decided_by and ended.decided_by.object_id) == (AlarmState.CONFIRMED, zoe.object_id)
    with pytest.raises(Conflict):
        await watched.guard.confirm(alarm.id, alarm.nonce, zoe, CHANNEL)
    await watched.access.require(megan, Permission.APPROVAL_DECIDE, CHANNEL)
    assert await watched.look() == ()


@ONE_DATABASE
async def test_an_app_role_counts_once_it_is_known_and_what_is_taken_back_ends_the_alarm(watched: Watched) -> None:
    tenant = watched.sim.world.tenant
    bot, megan = watched.sim.world.bot, watched.person("megan")
    role = next(each for each in bot.properties["appRoles"] if each["value"] == "IRBot.Approver")
    given = _given(role["id"], megan, bot.id)
    tenant.app_role_assignments.append(given)
    with pytest.raises(NotAllowed, match="member-not-confirmed"):
        await watched.access.require(megan, Permission.APPROVAL_DECIDE, CHANNEL)
    [change] = await watched.look()
    assert change.words == "IRBot.Approver for Megan Bowen was added to IRBot's app roles."
    tenant.app_role_assignments.remove(given)
    assert await watched.look() == ()
    async with watched.database.read() as connection:
        alarm = await store.get(connection, (await watched.posts())[0].split(":")[1])
    assert alarm.state is AlarmState.GONE
    card = json.dumps(await dialog.card_of(_parts(watched), alarm.id))
    assert "It stands as it did before." in card
    assert "This was us" not in card


@ONE_DATABASE
async def test_what_may_not_be_read_is_said_hides_nothing_and_takes_no_role_away(database: Database) -> None:
    hidden = ("Application", "AuditLog.", "Directory.")
    config = SimulatorConfig()
    lacking = replace(config, permissions=frozenset(p for p in config.permissions if not p.startswith(hidden)))
    async with Simulator(lacking) as sim:
        watched = Watched(sim, database, use_app_roles=False)
        assert await watched.look() == ()
        assert "Application.Read.All" in json.dumps(dict(await watched.guard.problems()))
        watched.join("megan", APPROVERS)
        [change] = await watched.look()
        assert change.who.startswith("Not evaluated who:")
        await watched.access.require(watched.person("adele"), Permission.APPROVAL_DECIDE, CHANNEL)
        await watched.m365.close()
        await watched.tokens.close()


@ONE_DATABASE
async def test_an_organisation_may_let_new_members_act_at_once_and_may_look_never(
    sim: Simulator, database: Database
) -> None:
    watched = Watched(sim, database, guard_new_members=False)
    await watched.look()
    watched.join("megan", APPROVERS)
    await watched.access.require(watched.person("megan"), Permission.APPROVAL_DECIDE, CHANNEL)
    assert len(await watched.look()) == 1
    never = Watched(sim, database, guard_minutes=0)
    await never.access.require(never.person("megan"), Permission.APPROVAL_DECIDE, CHANNEL)
    for each in (watched, never):
        await each.m365.close()
        await each.tokens.close()


def test_what_differs_is_taken_over_and_a_new_name_of_a_member_is_no_change() -> None:
    truth = {"member:1": "Ann", "rule": "by hand", "owner:2": "Bob"}
    now = {"member:1": "Ann Lee", "rule": "by a rule", "member:3": "Cy"}
    found = differences("group:g", "the group G", truth, now)
    assert [(each.kind, each.key) for each in found] == [
        (Kind.ADDED, "member:3"),
        (Kind.REMOVED, "owner:2"),
        (Kind.CHANGED, "rule"),
    ]
    assert accepted(truth, found) == {"member:1": "Ann", "rule": "by a rule", "member:3": "Cy"}
    assert [Change.from_json(json.loads(json.dumps(each.to_json()))) for each in found] == list(found)


def _given(role_id: str, holder: Actor, service: str) -> dict[str, Any]:
    """A row as Graph shows it."""
    return {
        "id": "given-1",
        "appRoleId": role_id,
        "principalId": holder.object_id,
        "principalDisplayName": holder.name,
        "principalType": "User",
        "resourceId": service,
        "resourceDisplayName": "IRBot",
        "createdDateTime": "2026-11-25T12:00:00Z",
    }


def _parts(watched: Watched) -> Any:
    class Parts:
        guard = watched.guard
        settings = watched.settings

    return Parts()
