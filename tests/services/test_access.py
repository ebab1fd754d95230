from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services import errors
from services.access import EVERYBODY, ONLY_IN_CHANNELS, POLICY, Access, Permission, Role, what_it_allows
from services.channel import Conversation
from services.database import Database
from services.errors import IRBotError, NotAllowed
from services.incidents import store
from services.microsoft365 import Microsoft365, Tokens, open_microsoft365
from services.settings import Settings
from simulator.faults import Fault, Kind
from simulator.server import Simulator
from tests.services.fakes import CHANNEL, GROUP, NOW, PERSONAL, FakeM365, account, actor, settings, subject

GROUPS = {role: f"group-{role.value.lower()}" for role in Role}
OPTIONS = {f"{role.value.lower()}_groups": (group,) for role, group in GROUPS.items()}

# What each role may do, written out a second time: a slip in the policy shows here.
EXPECTED: dict[Role, set[str]] = {
    Role.ADMINISTRATOR: {"self:read", "incident:read", "work:stop", "report:take", "organisation:set"},
    Role.APPROVER: {"self:read", "incident:read", "approval:decide", "report:take"},
    Role.COMMUNICATOR: {"self:read", "incident:read", "blast:send"},
    Role.RESPONDER: {"self:read", "incident:read", "incident:open", "account:contain", "report:take"},
}


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Database]:
    """A database of one kind: no role check depends on which."""
    database = await Database.open(f"sqlite:///{tmp_path / 'irbot.sqlite'}")
    yield database
    await database.close()


def _access(m365: FakeM365, database: Database, **options: object) -> Access:
    return Access(settings(**{**OPTIONS, **options}), m365.typed, database)


def _with(*roles: Role) -> FakeM365:
    m365 = FakeM365()
    m365.directory.accounts["zoe"] = account("zoe")
    m365.directory.groups = {GROUPS[role]: {"zoe"} for role in roles}
    return m365


async def _allowed(access: Access, where: Conversation | None = CHANNEL) -> set[str]:
    allowed = set()
    for permission in Permission:
        try:
            await access.require(actor("zoe"), permission, where)
        except NotAllowed:
            continue
        allowed.add(permission.value)
    return allowed


async def _reason(access: Access, permission: Permission, where: Conversation | None = CHANNEL) -> str:
    with pytest.raises(NotAllowed) as refused:
        await access.require(actor("zoe"), permission, where)
    return str(refused.value.data["reason"])


@pytest.mark.parametrize("role", Role)
async def test_a_role_allows_exactly_what_is_written(role: Role, opened: Database) -> None:
    assert await _allowed(_access(_with(role), opened)) == EXPECTED[role]


async def test_roles_add_up(opened: Database) -> None:
    everything = await _allowed(_access(_with(*Role), opened))
    assert everything == {permission.value for permission in Permission}


async def test_without_a_role_one_may_only_ask_who_one_is(opened: Database) -> None:
    access = _access(_with(), opened)
    assert await _allowed(access) == {"self:read"}
    assert await _reason(access, Permission.INCIDENT_READ) == "no-role"


async def test_without_configured_groups_nobody_has_a_role(opened: Database) -> None:
    access = _access(_with(*Role), opened, **dict.fromkeys(OPTIONS, ()))
    assert await _allowed(access) == {"self:read"}
    assert await access.approvers(frozenset()) == ((), False)


def test_every_permission_is_somebodys_and_every_role_is_described() -> None:
    assert set().union(EVERYBODY, *POLICY.values()) == set(Permission)
    assert set(POLICY) == set(Role)
    assert all(what_it_allows(role).endswith(".") for role in Role)
    names = [permission.value for permission in Permission]
    assert names == sorted(names)


@pytest.mark.parametrize(
    "changes", [{"is_guest": True}, {"account_enabled": False}, {"is_guest": True, "account_enabled": False}], ids=str
)
async def test_guests_and_disabled_accounts_hold_no_role(changes: dict[str, bool], opened: Database) -> None:
    m365 = _with(*Role)
    m365.directory.accounts["zoe"] = account("zoe", **changes)
    access = _access(m365, opened)
    assert await _allowed(access) == {"self:read"}
    assert await _reason(access, Permission.INCIDENT_READ) == ("guest" if changes.get("is_guest") else "no-role")
    assert await access.approvers(frozenset()) == ((), True)


async def test_a_subject_of_an_open_incident_can_do_nothing(opened: Database) -> None:
    access = _access(_with(*Role), opened)
    incident, _ = await store.open_incident(opened, subject("zoe"), actor("alex"), CHANNEL, NOW)
    assert await _allowed(access) == {"self:read"}
    assert await _allowed(access, None) == {"self:read"}
    assert await _reason(access, Permission.APPROVAL_DECIDE, PERSONAL) == "subject-of-incident"
    assert (await access.approvers(frozenset()))[0] == ()
    async with opened.write() as connection:
        await store.update(connection, incident.id, state="closed")
    assert await _allowed(access) == {permission.value for permission in Permission}


@pytest.mark.parametrize(("where", "reason"), [(PERSONAL, "not-in-personal-chat"), (GROUP, "not-in-this-place")])
async def test_what_others_must_see_is_done_in_channels_only(
    where: Conversation, reason: str, opened: Database
) -> None:
    access = _access(_with(*Role), opened)
    assert await _allowed(access, where) == {each.value for each in set(Permission) - ONLY_IN_CHANNELS}
    for permission in ONLY_IN_CHANNELS:
        assert await _reason(access, permission, where) == reason


EVERY_ERROR = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, IRBotError)]


async def test_a_look_up_that_fails_in_any_way_denies(opened: Database) -> None:
    m365 = _with(*Role)
    access = _access(m365, opened, use_app_roles=True)
    assert len(EVERY_ERROR) > 15
    for look_up in ("account", "groups_of", "app_roles_of"):
        for error in EVERY_ERROR:
            m365.directory.fail = {look_up: error()}
            gone = look_up == "account" and issubclass(
                error, errors.Gone
            )  # of anything else it is a look-up that failed
            assert await _reason(access, Permission.INCIDENT_READ) == ("account-gone" if gone else "role-check-failed")
            assert await _allowed(access) == set()


async def test_a_fault_of_our_own_in_a_look_up_allows_nothing(opened: Database) -> None:
    m365 = _with(*Role)
    m365.directory.fail = {"groups_of": RuntimeError("bug")}
    with pytest.raises(RuntimeError):
        await _access(m365, opened).require(actor("zoe"), Permission.INCIDENT_READ, CHANNEL)


async def test_every_check_asks_entra_afresh(opened: Database) -> None:
    m365 = _with(Role.RESPONDER)
    access = _access(m365, opened)
    assert "incident:open" in await _allowed(access)
    m365.directory.groups.clear()
    assert await _allowed(access) == {"self:read"}


async def test_app_roles_count_only_where_they_are_switched_on(opened: Database) -> None:
    m365 = _with()
    m365.directory.app_roles["zoe"] = frozenset({"IRBot.Responder", "IRBot.Unknown"})
    assert await _allowed(_access(m365, opened)) == {"self:read"}
    assert m365.directory.called("app_roles_of") == 0
    assert await _allowed(_access(m365, opened, use_app_roles=True)) == EXPECTED[Role.RESPONDER]


# -- against the simulated tenant --------------------------------------------------------------------------------------


async def _at_once(seconds: float) -> None:
    """The client tries again as often as ever, without the waits between."""


@asynccontextmanager
async def _microsoft365(sim: Simulator, **changes: object) -> AsyncIterator[tuple[Microsoft365, Settings]]:
    values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
    options = Settings(**{**values, "call_timeout_seconds": 5, **changes})  # type: ignore[arg-type]
    tokens = Tokens(options)
    m365 = await open_microsoft365(options, tokens)
    m365._graph._sleep = _at_once
    try:
        yield m365, options
    finally:
        await m365.close()
        await tokens.close()


async def test_roles_come_from_groups_in_groups_of_a_real_directory(sim: Simulator, opened: Database) -> None:
    async with _microsoft365(sim) as (m365, options):
        access = Access(options, m365, opened)
        tenant = sim.world.tenant
        held = {name: set((await access.standing(tenant.user(name).id)).roles) for name in
                ("alex", "adele", "diego", "henrietta", "grady", "megan")}  # fmt: skip
        assert held == {
            "alex": {Role.RESPONDER},
            "adele": {Role.APPROVER},  # through the group Security Leads
            "diego": {Role.APPROVER, Role.RESPONDER},
            "henrietta": {Role.ADMINISTRATOR},
            "grady": {Role.COMMUNICATOR},
            "megan": set(),
        }
        people, complete = await access.approvers(frozenset({tenant.user("diego").id}))
        assert ([person.display_name for person in people], complete) == (["Adele Vance"], True)


async def test_what_an_account_becomes_counts_at_once(sim: Simulator, opened: Database) -> None:
    async with _microsoft365(sim) as (m365, options):
        access = Access(options, m365, opened)
        adele = sim.world.tenant.user("adele")
        adele.properties["accountEnabled"] = False
        assert (await access.standing(adele.id)).roles == {}
        assert adele.id not in {person.id for person in (await access.approvers(frozenset()))[0]}
        adele.properties |= {"accountEnabled": True, "userType": "Guest"}
        assert (await access.standing(adele.id)).roles == {}
        adele.properties["userType"] = "Member"
        sim.world.tenant.group("Security Leads").members.clear()
        assert (await access.standing(adele.id)).roles == {}


async def test_app_roles_of_a_real_directory_count_directly_and_through_groups(
    sim: Simulator, opened: Database
) -> None:
    tenant = sim.world.tenant
    bot = sim.world.bot
    ids = {role["value"]: role["id"] for role in bot.properties["appRoles"]}

    def assign(principal: str, kind: str, role: str) -> None:
        tenant.app_role_assignments.append(
            {
                "id": f"{principal}:{role}",
                "appRoleId": ids[role],
                "principalId": principal,
                "principalType": kind,
                "resourceId": bot.id,
                "resourceDisplayName": "IRBot",
            }
        )

    assign(tenant.user("megan").id, "User", "IRBot.Responder")
    assign(tenant.group("Security Leads").id, "Group", "IRBot.Administrator")
    async with _microsoft365(sim, use_app_roles=True) as (m365, options):
        access = Access(options, m365, opened)
        assert set((await access.standing(tenant.user("megan").id)).roles) == {Role.RESPONDER}
        assert set((await access.standing(tenant.user("adele").id)).roles) == {Role.APPROVER, Role.ADMINISTRATOR}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(service="graph", path="checkMemberGroups", times=None, status=503),
        Fault(service="graph", path="checkMemberGroups", times=None, status=403, code="Authorization_RequestDenied"),
        Fault(service="graph", path="/users/", times=None, kind=Kind.HTML502),
        Fault(service="graph", path="checkMemberGroups", times=None, kind=Kind.DROP),
        Fault(service="graph", path="checkMemberGroups", times=None, kind=Kind.HANG),
        Fault(service="login", times=None, status=401, code="invalid_client"),
    ],
    ids=["503", "403", "html 502", "dropped", "no answer", "no token"],
)
async def test_a_directory_that_does_not_answer_gives_no_role(sim: Simulator, opened: Database, fault: Fault) -> None:
    sim.world.faults.add(fault)
    async with _microsoft365(sim, call_timeout_seconds=0.5) as (m365, options):
        access = Access(options, m365, opened)
        alex = sim.world.tenant.user("alex")
        with pytest.raises(NotAllowed, match="role-check-failed"):
            await access.require(actor(alex.id), Permission.INCIDENT_READ, CHANNEL)
        sim.world.faults.clear()


async def test_an_account_that_is_gone_has_no_role(sim: Simulator, opened: Database) -> None:
    async with _microsoft365(sim) as (m365, options):
        with pytest.raises(NotAllowed, match="account-gone"):
            await Access(options, m365, opened).standing("00000000-0000-0000-0000-000000000001")
