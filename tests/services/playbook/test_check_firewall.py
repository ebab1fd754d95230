from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.playbook.check_firewall import STEP
from services.playbook.step import Finding, Plan, Severity, State
from simulator.config import SimulatorConfig
from tests.services.playbook.device_scenes import firewall, laptop, private, protection
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def home() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def the(plan: Plan) -> Finding:
    (found,) = [each for each in plan.findings if each.key.startswith("intune:")]
    return found


async def test_a_protected_laptop_is_well(home: Tenancy) -> None:
    laptop(home)
    plan = await home.plan(STEP, "megan")
    assert settled(plan) == (State.DONE, "1 managed devices read, 0 not well protected.")
    assert the(plan).severity is Severity.NOTE


@pytest.mark.parametrize("state", ["nonCompliant", "error"])
async def test_a_firewall_that_is_off_is_said(home: Tenancy, state: str) -> None:
    firewall(home, laptop(home), state)
    plan = await home.plan(STEP, "megan")
    assert settled(plan)[0] is State.DONE
    assert "firewall is not on" in the(plan).reasons[0]


@pytest.mark.parametrize("state", [None, "unknown", "notApplicable"])
async def test_a_firewall_that_no_rule_asks_for_is_not_taken_for_on(home: Tenancy, state: str | None) -> None:
    row = laptop(home)
    firewall(home, row, state)
    plan = await home.plan(STEP, "megan")
    ended, reason = settled(plan)
    assert ended is State.NOT_EVALUATED
    assert f"Whether the firewall of {row['deviceName']} is on is not known" in reason
    assert the(plan).severity is Severity.WARNING
    (task,) = plan.todo
    assert any("firewall must be on" in each for each in task.instructions)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("malwareProtectionEnabled", "virus protection"),
        ("realTimeProtectionEnabled", "real-time protection"),
        ("tamperProtectionEnabled", "tamper protection"),
    ],
)
async def test_protection_that_is_off_is_said_and_what_is_not_told_is_not_on(
    home: Tenancy, name: str, words: str
) -> None:
    row = laptop(home)
    protection(home, row, **{name: False})
    plan = await home.plan(STEP, "megan")
    assert the(plan).reasons[0] == f"Its {words} is off"
    protection(home, row, **{name: None})
    ended, reason = settled(await home.plan(STEP, "megan"))
    assert ended is State.NOT_EVALUATED
    assert words in reason


async def test_a_phone_has_no_firewall_to_look_at(home: Tenancy) -> None:
    laptop(home, operatingSystem="iOS", osVersion="27.0.1")
    plan = await home.plan(STEP, "megan")
    assert settled(plan)[0] is State.DONE
    assert the(plan).severity is Severity.NOTE


async def test_a_private_device_is_somebodys_task(home: Tenancy) -> None:
    laptop(home)
    private(home, "PRIVATE")
    plan = await home.plan(STEP, "megan")
    (task,) = plan.todo
    assert task.title == "Check firewall and protection: PRIVATE"


async def test_a_mac_is_asked_by_its_own_rule(home: Tenancy) -> None:
    row = laptop(home, operatingSystem="macOS", osVersion="26.1")
    (policy,) = home.sim.world.tenant.records.compliance_states[row["id"]]
    policy["settingStates"] = [{"setting": "MacOSCompliancePolicy.FirewallEnabled", "state": "compliant"}]
    assert settled(await home.plan(STEP, "megan"))[0] is State.DONE


async def test_without_intune_the_licence_is_named() -> None:
    async with tenancy(SimulatorConfig(licences=("O365_BUSINESS_ESSENTIALS",))) as home:
        state, reason = settled(await home.plan(STEP, "megan"))
        assert state is State.NOT_EVALUATED
        assert "Microsoft Intune" in reason
