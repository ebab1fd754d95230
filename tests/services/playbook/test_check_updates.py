from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.playbook.check_updates import STEP
from services.playbook.step import Finding, Plan, Severity, State
from simulator.clock import stamp
from simulator.config import SimulatorConfig
from tests.services.playbook.device_scenes import laptop, private, protection
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def home() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


def the(plan: Plan, kind: str = "intune") -> Finding:
    (found,) = [each for each in plan.findings if each.key.startswith(f"{kind}:")]
    return found


async def test_a_current_laptop_needs_nothing_and_says_by_which_list(home: Tenancy) -> None:
    laptop(home)
    plan = await home.plan(STEP, "megan")
    state, reason = settled(plan)
    assert state is State.DONE
    assert "1 managed devices read, 0 need updates" in reason
    assert "Windows as of " in reason
    assert "Office as of " in reason
    assert the(plan).severity is Severity.NOTE
    assert any("Last report" in each for each in the(plan).reasons)
    assert plan.todo == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"osVersion": "10.0.26100.4652"}, "lacks the security updates"),
        ({"osVersion": "10.0.19045.4000"}, "updates ended on 14 Oct 2025"),
        ({"complianceState": "noncompliant"}, "does not keep your organisation's rules"),
        ({"complianceState": "conflict"}, "contradict each other"),
        ({"lastSyncDateTime": "2026-01-01T00:00:00Z"}, "may be out of date"),
        ({"lastSyncDateTime": None}, "never reported"),
    ],
)
async def test_what_is_wrong_with_a_laptop_is_said_first(home: Tenancy, changes: dict[str, Any], words: str) -> None:
    laptop(home, **changes)
    found = the(await home.plan(STEP, "megan"))
    assert found.severity is Severity.WARNING
    assert words in found.reasons[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"signatureUpdateOverdue": True}, "virus protection"), ({"rebootRequired": True}, "waits for a restart")],
)
async def test_old_signatures_and_a_missing_restart_are_said(
    home: Tenancy, changes: dict[str, Any], words: str
) -> None:
    protection(home, laptop(home), **changes)
    found = the(await home.plan(STEP, "megan"))
    assert found.severity is Severity.WARNING
    assert any(words in each for each in found.reasons)


async def test_old_office_is_found_among_the_installed_programs(home: Tenancy) -> None:
    row = laptop(home)
    for app in home.sim.world.tenant.records.detected_apps[row["id"]]:
        if app["displayName"].startswith("Microsoft 365 Apps"):
            app["version"] = "16.0.17928.20776"
    found = the(await home.plan(STEP, "megan"))
    assert found.severity is Severity.WARNING
    assert "oldest that gets security updates" in found.reasons[0]


@pytest.mark.parametrize(
    ("changes", "severity", "tasks"),
    [
        ({"operatingSystem": "iOS", "osVersion": "99.0"}, Severity.WARNING, 1),
        ({"operatingSystem": "iOS", "osVersion": "18.1"}, Severity.WARNING, 0),
        ({"operatingSystem": "Android", "osVersion": "16"}, Severity.WARNING, 1),
        ({"operatingSystem": "macOS", "osVersion": "26.1"}, Severity.WARNING, 1),
    ],
)
async def test_what_no_list_knows_is_looked_at_by_a_person(
    home: Tenancy, changes: dict[str, Any], severity: Severity, tasks: int
) -> None:
    laptop(home, **changes)
    plan = await home.plan(STEP, "megan")
    assert the(plan).severity is severity
    assert len(plan.todo) == tasks


async def test_a_phone_with_fresh_updates_needs_nothing(home: Tenancy) -> None:
    patch = (home.sim.world.clock.now() - timedelta(days=20)).date().isoformat()
    laptop(home, operatingSystem="Android", osVersion="16", androidSecurityPatchLevel=patch)
    plan = await home.plan(STEP, "megan")
    assert the(plan).severity is Severity.NOTE
    assert settled(plan)[0] is State.DONE


async def test_a_private_device_is_a_checklist_for_whoever_helps_its_user(home: Tenancy) -> None:
    laptop(home)
    private(home, "PRIVATE")
    private(home, "OLD", ago=timedelta(days=200))
    plan = await home.plan(STEP, "megan")
    assert "1 more are not managed" in settled(plan)[1]
    found = the(plan, "unmanaged")
    assert (found.severity, found.data["name"]) == (Severity.WARNING, "PRIVATE")
    (task,) = plan.todo
    assert "PRIVATE" in task.title
    assert "helper of the device's user" in task.instructions[0]
    assert "locked out" in task.instructions[0]
    assert any("Windows Update" in each for each in task.instructions)


async def test_without_intune_the_licence_is_named_and_nothing_is_clean() -> None:
    async with tenancy(SimulatorConfig(licences=("O365_BUSINESS_ESSENTIALS",))) as home:
        plan = await home.plan(STEP, "megan")
        state, reason = settled(plan)
        assert state is State.NOT_EVALUATED
        assert "Microsoft Intune" in reason
        assert the(plan, "unmanaged").severity is Severity.WARNING
        assert len(plan.todo) == 1


async def test_what_cannot_be_read_of_a_device_is_not_clean(home: Tenancy) -> None:
    row = laptop(home)
    del home.sim.world.tenant.records.protection_states[row["id"]]
    state, reason = settled(await home.plan(STEP, "megan"))
    assert state is State.NOT_EVALUATED
    assert f"The protection of {row['deviceName']} has never reported" in reason


async def test_an_account_without_devices_says_so(home: Tenancy) -> None:
    state, reason = settled(await home.plan(STEP, "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"))
    assert state is State.DONE
    assert "No device in use is known" in reason


async def test_a_switched_off_device_asks_for_nobodys_time(home: Tenancy) -> None:
    laptop(home, lastSyncDateTime=stamp(home.sim.world.clock.now()))
    private(home, "OFF").properties["accountEnabled"] = False
    assert (await home.plan(STEP, "megan")).todo == ()
