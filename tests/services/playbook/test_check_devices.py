from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.playbook.check_devices import STEP
from services.playbook.step import Finding, Plan, Severity
from simulator.clock import stamp
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.ids import guid
from simulator.tenant import Device, Json
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def loud(plan: Plan) -> list[Finding]:
    return [finding for finding in plan.findings if finding.severity is not Severity.NOTE]


def device(tenant: Tenancy, name: str, ago: timedelta, *, managed: bool, who: str = "grady") -> None:
    world, user = tenant.sim.world, tenant.user(who)
    made = Device(
        {
            "id": guid(7, name),
            "deviceId": guid(7, f"{name}:device"),
            "displayName": name,
            "operatingSystem": "Windows",
            "operatingSystemVersion": "10.0.26100",
            "trustType": "AzureAd",
            "isCompliant": managed,
            "isManaged": managed,
            "accountEnabled": True,
            "registrationDateTime": stamp(world.clock.now() - ago),
            "approximateLastSignInDateTime": stamp(world.clock.now()),
        }
    )
    world.tenant.devices[made.id] = made
    user.device_ids.append(made.id)
    user.registered_device_ids.append(made.id)


def phone(tenant: Tenancy, ago: timedelta, client: str) -> None:
    mailbox = exchange_of(tenant.sim.world).mailbox_of(tenant.user("grady").id)
    assert mailbox is not None
    at = tenant.sim.world.clock.now() - ago
    mailbox.add_device(guid(7, client), f"ID{client}", f"{client} phone", client, at, DeviceOS="Android 12")


def in_intune(tenant: Tenancy) -> Json:
    """Grady's laptop as Intune has it."""
    user = tenant.user("grady")
    return next(row for row in tenant.sim.world.tenant.records.managed_devices.values() if row["userId"] == user.id)


def install(tenant: Tenancy, name: str) -> None:
    app = {"id": f"app-{name}", "displayName": name, "version": "1", "publisher": "?", "platform": "windows"}
    held = tenant.sim.world.tenant.records.detected_apps[str(in_intune(tenant)["id"])]
    held.append(app | {"sizeInByte": 0, "deviceCount": 1})


async def test_what_came_after_the_intruder_is_an_alarm_and_the_own_things_are_not(tenant: Tenancy) -> None:
    tenant.tell("method-and-device")
    plan = await tenant.plan(STEP, "joni.sherman2")
    assert {finding.key.partition(":")[0]: finding.severity for finding in loud(plan)} == {
        "device": Severity.ALARM,
        "phone": Severity.ALARM,
    }
    assert {"DESKTOP-7K2QF1M", "ANDROID8F21C4D0A7"} == {
        finding.data.get("name") or finding.data["device_id"] for finding in loud(plan)
    }
    assert all("It came after the first suspicious sign-in" in finding.reasons for finding in loud(plan))


async def test_genuine_devices_are_notes_at_most(tenant: Tenancy) -> None:
    tenant.tell("clean")
    assert loud(await tenant.plan(STEP, "jose")) == []
    device(tenant, "GRADY-NEW", timedelta(days=2), managed=True)
    phone(tenant, timedelta(days=2), "REST")
    plan = await tenant.plan(STEP, "grady")
    assert {finding.severity for finding in plan.findings} == {Severity.NOTE}
    assert len(plan.findings) == 2


async def test_a_new_device_that_nobody_manages_is_worth_a_look(tenant: Tenancy) -> None:
    device(tenant, "PRIVATE", timedelta(days=2), managed=False)
    device(tenant, "PRIVATE-OLD", timedelta(days=200), managed=False)
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert (found.severity, found.data["name"]) == (Severity.WARNING, "PRIVATE")


async def test_a_managed_device_that_came_after_the_intruder_is_worth_a_look(tenant: Tenancy) -> None:
    told = tenant.tell("method-and-device")
    ago = tenant.sim.world.clock.now() - told.entered - timedelta(hours=1)
    device(tenant, "ENROLLED", ago, managed=True, who="joni.sherman2")
    plan = await tenant.plan(STEP, "joni.sherman2")
    (found,) = [finding for finding in plan.findings if finding.data.get("name") == "ENROLLED"]
    assert found.severity is Severity.WARNING


async def test_a_program_for_remote_control_is_named(tenant: Tenancy) -> None:
    install(tenant, "AnyDesk 9.0")
    install(tenant, "Contoso Desk")
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert found.severity is Severity.WARNING
    assert "Lets somebody else use it: AnyDesk 9.0" in found.reasons


async def test_threats_and_broken_protection_that_intune_knows_are_told(tenant: Tenancy) -> None:
    in_intune(tenant).update({"partnerReportedThreatState": "compromised", "jailBroken": "True"})
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert found.severity is Severity.ALARM


async def test_breaking_a_rule_of_compliance_alone_is_a_note(tenant: Tenancy) -> None:
    in_intune(tenant)["complianceState"] = "noncompliant"
    (found,) = (await tenant.plan(STEP, "grady")).findings
    assert found.severity is Severity.NOTE


async def test_without_intune_the_licence_is_named_and_the_rest_is_read() -> None:
    async with tenancy(SimulatorConfig(licences=("O365_BUSINESS_ESSENTIALS",))) as tenant:
        device(tenant, "PRIVATE", timedelta(days=2), managed=False)
        plan = await tenant.plan(STEP, "grady")
        state, reason = settled(plan)
        assert state.value == "not-evaluated"
        assert "Microsoft Intune" in reason
        assert [finding.data["name"] for finding in loud(plan)] == ["PRIVATE"]


@pytest.mark.parametrize(
    ("permission", "stands_in"),
    [
        ("Device.Read.All", ("Device.ReadWrite.All", "Directory.Read.All")),
        ("DeviceManagementManagedDevices.Read.All", ()),
    ],
)
async def test_a_missing_permission_is_named_and_the_rest_is_read(
    tenant: Tenancy, permission: str, stands_in: tuple[str, ...]
) -> None:
    phone(tenant, timedelta(days=2), "EAS")
    device(tenant, "OLD", timedelta(days=200), managed=True)
    for name in (permission, *stands_in):
        tenant.sim.world.withdraw(name)
    plan = await tenant.plan(STEP, "grady")
    state, reason = settled(plan)
    assert state.value == "not-evaluated"
    assert permission in reason
    assert [finding.key.partition(":")[0] for finding in plan.findings] == ["phone"]


async def test_who_may_not_look_into_exchange_says_so() -> None:
    async with tenancy(SimulatorConfig(directory_roles=())) as tenant:
        state, reason = settled(await tenant.plan(STEP, "grady"))
        assert state.value == "not-evaluated"
        assert "Phones were not read" in reason


async def test_an_account_without_a_mailbox_has_no_phones(tenant: Tenancy) -> None:
    state, reason = settled(await tenant.plan(STEP, "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"))
    assert state.value == "done"
    assert reason.startswith("0 devices")
