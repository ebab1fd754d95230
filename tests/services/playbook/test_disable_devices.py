from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.errors import Conflict, IRBotError, MissingPermission, MissingRole
from services.playbook.disable_devices import STEP
from services.playbook.planner import outcome_of
from services.playbook.step import State
from simulator.clock import stamp
from simulator.exchange import exchange_of
from simulator.faults import Fault
from simulator.ids import guid
from simulator.stories import STORIES, evicted, harmed
from simulator.tenant import Device
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

STORY, VICTIM = "method-and-device", "joni.sherman2"


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def device(tenant: Tenancy, name: str, *, days: float, system: str = "Windows", managed: bool = False) -> Device:
    world = tenant.sim.world
    made = Device(
        {
            "id": guid(world.config.seed, name),
            "deviceId": guid(world.config.seed, f"{name}:id"),
            "displayName": name,
            "operatingSystem": system,
            "operatingSystemVersion": "10",
            "trustType": "Workplace",
            "isCompliant": managed,
            "isManaged": managed,
            "accountEnabled": True,
            "registrationDateTime": stamp(world.clock.now() - timedelta(days=days)),
            "approximateLastSignInDateTime": stamp(world.clock.now()),
        }
    )
    world.tenant.devices[made.id] = made
    tenant.user("megan").registered_device_ids.append(made.id)
    return made


async def test_the_intruders_device_and_phone_go_and_the_users_own_stay(tenant: Tenancy) -> None:
    tenant.tell(STORY)
    plan = await tenant.plan(STEP, VICTIM)
    assert [change.item.partition(":")[0] for change in plan.changes] == ["device", "phone"]
    assert "DESKTOP-7K2QF1M" in plan.changes[0].what
    assert "registered" in plan.changes[0].what
    assert "the phone stays whole" in plan.changes[1].what
    await tenant.make(STEP, VICTIM, plan)
    assert {"device", "phone"}.isdisjoint(evicted(STORIES[STORY], tenant.sim.world))
    assert harmed(STORIES[STORY], tenant.sim.world) == []
    assert settled(await tenant.plan(STEP, VICTIM))[0] is State.ALREADY_SO


async def test_an_undo_switches_devices_and_phones_on_again(tenant: Tenancy) -> None:
    tenant.tell(STORY)
    mailbox = exchange_of(tenant.sim.world).mailbox_of(tenant.user(VICTIM).id)
    assert mailbox is not None
    before, cas = tenant.picture(), dict(mailbox.cas)
    plan = await tenant.plan(STEP, VICTIM)
    await tenant.make(STEP, VICTIM, plan)
    assert tenant.picture() != before
    assert mailbox.cas != cas
    await tenant.undo(STEP, VICTIM, plan)
    assert tenant.picture() == before
    assert mailbox.cas == cas


async def test_what_no_app_may_disable_is_named_for_people_and_stops_no_other(tenant: Tenancy) -> None:
    phone, laptop = device(tenant, "iPhone", days=1, system="iOS"), device(tenant, "DESKTOP-1", days=2)
    plan = await tenant.plan(STEP, "megan")
    assert [change.item for change in plan.changes] == [f"device:{phone.id}", f"device:{laptop.id}"]
    assert "by hand in Entra" in plan.changes[0].what
    assert "by hand" not in plan.changes[1].what
    ctx = await tenant.context("megan")
    assert STEP.apply is not None
    with pytest.raises(Conflict) as raised:
        await STEP.apply(ctx, plan.changes[0])
    outcome = outcome_of(STEP, ctx, raised.value, reading=False)
    assert (outcome.state, "Windows devices only" in outcome.reason) == (State.FAILED, True)
    assert tenant.writes() == []


async def test_a_managed_new_device_may_be_the_users_own(tenant: Tenancy) -> None:
    device(tenant, "LAPTOP-NEW", days=3, managed=True)
    (change,) = (await tenant.plan(STEP, "megan")).changes
    assert "perhaps the user's new one" in change.what


async def test_old_devices_and_those_that_are_off_stay_as_they_are(tenant: Tenancy) -> None:
    device(tenant, "OLD", days=40)
    device(tenant, "OFF", days=1).properties["accountEnabled"] = False
    assert settled(await tenant.plan(STEP, "megan"))[0] is State.ALREADY_SO


async def test_a_device_that_is_gone_counts_as_disabled(tenant: Tenancy) -> None:
    made = device(tenant, "DESKTOP-1", days=1)
    plan = await tenant.plan(STEP, "megan")
    del tenant.sim.world.tenant.devices[made.id]
    await tenant.make(STEP, "megan", plan)


async def test_without_the_role_it_is_refused_by_the_roles_name(tenant: Tenancy) -> None:
    device(tenant, "DESKTOP-1", days=1)
    tenant.sim.world.set_directory_roles("Privileged Authentication Administrator")
    (change,) = (await tenant.plan(STEP, "megan")).changes
    ctx = await tenant.context("megan")
    assert STEP.apply is not None
    with pytest.raises(MissingRole) as raised:
        await STEP.apply(ctx, change)
    outcome = outcome_of(STEP, ctx, raised.value, reading=False)
    assert (outcome.state, "Cloud Device Administrator" in outcome.reason) == (State.REFUSED, True)


async def test_what_cannot_be_read_is_not_called_clean(tenant: Tenancy) -> None:
    tenant.sim.world.withdraw("Device.Read.All", "Device.ReadWrite.All", "Directory.Read.All")
    ctx = await tenant.context("megan")
    with pytest.raises(MissingPermission) as raised:
        await STEP.plan(ctx)
    assert outcome_of(STEP, ctx, raised.value, reading=True).state is State.NOT_EVALUATED


async def test_phones_that_cannot_be_read_hide_no_device(tenant: Tenancy) -> None:
    device(tenant, "DESKTOP-1", days=1)
    tenant.sim.world.faults.add(Fault(service="exchange", status=403, times=None))
    plan = await tenant.plan(STEP, "megan")
    assert len(plan.changes) == 1
    await tenant.make(STEP, "megan", plan)
    ctx = await tenant.context("megan")
    with pytest.raises(IRBotError):
        await STEP.plan(ctx)


async def test_an_account_without_mailbox_has_no_phones(tenant: Tenancy) -> None:
    guest = tenant.sim.world.tenant.find_user("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    assert guest is not None
    assert settled(await tenant.plan(STEP, guest))[0] is State.ALREADY_SO
