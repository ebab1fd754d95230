from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.errors import MissingPermission
from services.playbook.revoke_app_consents import STEP
from services.playbook.step import State
from simulator.clock import stamp
from simulator.ids import guid
from simulator.people import GRAPH_APP_ID
from simulator.stories import STORIES, evicted, harmed
from simulator.tenant import Json, ServicePrincipal
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

STORY = "consent-phishing"
VICTIM = "miriam.o'connor"
PLAIN_ACCESS = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def app(tenant: Tenancy, name: str, *, days: float, owner: str = "", verified: bool = False) -> ServicePrincipal:
    world = tenant.sim.world
    made = ServicePrincipal(
        {
            "id": guid(world.config.seed, name),
            "appId": guid(world.config.seed, f"{name}:app"),
            "displayName": name,
            "accountEnabled": True,
            "appOwnerOrganizationId": owner or guid(world.config.seed, "strangers"),
            "appRoles": [],
            "createdDateTime": stamp(world.clock.now() - timedelta(days=days)),
            "replyUrls": [],
            "servicePrincipalType": "Application",
            "tags": [],
            "verifiedPublisher": {"displayName": "Adatum"} if verified else None,
        }
    )
    world.tenant.service_principals[made.id] = made
    return made


def consent(tenant: Tenancy, client: ServicePrincipal, scope: str, who: str = "megan", *, all_: bool = False) -> Json:
    graph = tenant.sim.world.tenant.app(GRAPH_APP_ID)
    assert graph is not None
    row = {
        "id": f"grant-{len(tenant.sim.world.tenant.permission_grants)}",
        "clientId": client.id,
        "consentType": "AllPrincipals" if all_ else "Principal",
        "principalId": None if all_ else tenant.user(who).id,
        "resourceId": graph.id,
        "scope": scope,
    }
    tenant.sim.world.tenant.permission_grants.append(row)
    return row


def assign(tenant: Tenancy, resource: ServicePrincipal, principal_id: str) -> Json:
    row = {
        "id": f"place-{principal_id[:8]}",
        "appRoleId": PLAIN_ACCESS,
        "createdDateTime": stamp(tenant.sim.world.clock.now()),
        "principalDisplayName": tenant.user("megan").display_name,
        "principalId": principal_id,
        "principalType": "User",
        "resourceDisplayName": resource.display_name,
        "resourceId": resource.id,
    }
    tenant.sim.world.tenant.app_role_assignments.append(row)
    return row


async def test_the_app_of_the_intruder_goes_before_its_consent_and_the_genuine_one_stays(tenant: Tenancy) -> None:
    tenant.tell(STORY)
    plan = await tenant.plan(STEP, VICTIM)
    assert [change.item.partition(":")[0] for change in plan.changes] == ["app", "grant"]
    for change in plan.changes:
        for words in ("Mail Backup Pro", "read and change mail", "not verified", "another organisation", "within the"):
            assert words in change.what
    await tenant.make(STEP, VICTIM, plan)
    assert [entry.method for entry in tenant.writes()][:2] == ["PATCH", "DELETE"]
    assert {"app", "consent"}.isdisjoint(evicted(STORIES[STORY], tenant.sim.world))
    assert harmed(STORIES[STORY], tenant.sim.world) == []
    assert settled(await tenant.plan(STEP, VICTIM))[0] is State.ALREADY_SO


async def test_an_undo_gives_consents_assignments_and_the_app_back(tenant: Tenancy) -> None:
    bad = app(tenant, "Backup Pro", days=1)
    consent(tenant, bad, "Mail.Read Files.Read.All offline_access")
    assign(tenant, bad, tenant.user("megan").id)
    before = tenant.picture()
    plan = await tenant.plan(STEP, "megan")
    assert [change.item.partition(":")[0] for change in plan.changes] == ["app", "grant", "assignment"]
    await tenant.make(STEP, "megan", plan)
    assert tenant.picture() != before
    await tenant.undo(STEP, "megan", plan)
    assert tenant.picture() == before


async def test_worse_apps_come_first(tenant: Tenancy) -> None:
    consent(tenant, app(tenant, "Contacts Sync", days=100), "Contacts.Read")
    consent(tenant, app(tenant, "All Mail", days=90), "Mail.ReadWrite Mail.Send Files.ReadWrite.All offline_access")
    consent(tenant, app(tenant, "Fresh", days=2), "Mail.Read")
    plan = await tenant.plan(STEP, "megan")
    named = [change.what.split("“")[1].split("”")[0] for change in plan.changes]
    assert named == ["Fresh", "Fresh", "All Mail", "Contacts Sync"]


async def test_an_old_app_of_strangers_loses_the_consent_and_stays_on_for_the_others(tenant: Tenancy) -> None:
    consent(tenant, app(tenant, "Old Tool", days=300), "Mail.Read")
    (change,) = (await tenant.plan(STEP, "megan")).changes
    assert change.item.startswith("grant:")


async def test_what_looks_ordinary_stays(tenant: Tenancy) -> None:
    world = tenant.sim.world
    consent(tenant, app(tenant, "Verified Mail", days=300, verified=True), "Mail.ReadWrite offline_access")
    consent(tenant, app(tenant, "Fresh And Harmless", days=1), "User.Read openid profile email")
    consent(tenant, app(tenant, "Our Own", days=300, owner=world.tenant.id), "Mail.ReadWrite")
    state, reason = settled(await tenant.plan(STEP, "megan"))
    assert state is State.ALREADY_SO
    assert "3 apps" in reason


async def test_a_fresh_app_with_a_verified_publisher_loses_the_consent_only(tenant: Tenancy) -> None:
    consent(tenant, app(tenant, "Verified Mail", days=1, verified=True), "Mail.ReadWrite")
    (change,) = (await tenant.plan(STEP, "megan")).changes
    assert change.item.startswith("grant:")
    assert "not verified" not in change.what


async def test_microsofts_apps_and_irbot_itself_are_never_touched(tenant: Tenancy) -> None:
    world = tenant.sim.world
    microsoft = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
    consent(
        tenant, app(tenant, "Graph Command Line", days=1, owner=microsoft), "Mail.ReadWrite Directory.ReadWrite.All"
    )
    world.bot.properties["createdDateTime"] = stamp(world.clock.now())
    consent(tenant, world.bot, "Mail.ReadWrite")
    assert settled(await tenant.plan(STEP, "megan"))[0] is State.ALREADY_SO


async def test_an_app_that_is_gone_is_no_reason_to_worry(tenant: Tenancy) -> None:
    gone = app(tenant, "Gone", days=1)
    consent(tenant, gone, "Mail.ReadWrite")
    del tenant.sim.world.tenant.service_principals[gone.id]
    assert settled(await tenant.plan(STEP, "megan"))[0] is State.ALREADY_SO


async def test_a_place_through_a_group_is_left_alone(tenant: Tenancy) -> None:
    bad = app(tenant, "Backup Pro", days=1)
    consent(tenant, bad, "Mail.Read")
    assign(tenant, bad, tenant.sim.world.tenant.group("Finance").id)
    plan = await tenant.plan(STEP, "megan")
    assert [change.item.partition(":")[0] for change in plan.changes] == ["app", "grant"]


async def test_wider_reach_of_the_app_is_told(tenant: Tenancy) -> None:
    bad = app(tenant, "Backup Pro", days=1)
    consent(tenant, bad, "Mail.Read")
    consent(tenant, bad, "User.Read", all_=True)
    bad.permissions = {"Mail.Read"}
    first = (await tenant.plan(STEP, "megan")).changes[0]
    assert "agreed to for everybody" in first.what
    assert "without any user" in first.what


async def test_an_app_that_is_off_already_is_not_proposed_again(tenant: Tenancy) -> None:
    bad = app(tenant, "Backup Pro", days=1)
    bad.properties["accountEnabled"] = False
    consent(tenant, bad, "Mail.Read")
    (change,) = (await tenant.plan(STEP, "megan")).changes
    assert change.item.startswith("grant:")


async def test_what_vanished_meanwhile_counts_as_done(tenant: Tenancy) -> None:
    bad = app(tenant, "Backup Pro", days=1)
    consent(tenant, bad, "Mail.Read")
    assign(tenant, bad, tenant.user("megan").id)
    plan = await tenant.plan(STEP, "megan")
    world = tenant.sim.world.tenant
    world.permission_grants.clear()
    world.app_role_assignments.clear()
    del world.service_principals[bad.id]
    await tenant.make(STEP, "megan", plan)
    assert tenant.writes() == []


async def test_consents_that_cannot_be_read_are_not_called_clean(tenant: Tenancy) -> None:
    tenant.sim.world.withdraw("Directory.Read.All")
    tenant.sim.world.withdraw("DelegatedPermissionGrant.ReadWrite.All")
    ctx = await tenant.context("megan")
    with pytest.raises(MissingPermission) as raised:
        await STEP.plan(ctx)
    assert "Directory.Read.All" in str(raised.value.data["permissions"])


def test_no_loose_word_makes_a_scope_dangerous() -> None:
    from services.playbook.revoke_app_consents import _powers

    assert _powers(("User.Read", "openid", "profile", "email", "offline_access", "Calendars.Read")) == ()
    assert _powers(("MAIL.READ", "Mail.ReadWrite.Shared")) == ("read mail", "read and change mail")
