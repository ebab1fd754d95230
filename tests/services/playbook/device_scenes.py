"""What happens to the devices of the simulated tenant, as Intune and Entra show them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from simulator.clock import stamp
from simulator.ids import guid
from simulator.tenant import Device, Json, User
from simulator.world import World
from tests.services.playbook.tenancy import Tenancy

CURRENT = "10.0.26100.9974"  # of the file that ships, or newer than it


def laptop(home: Tenancy, who: str = "megan", **changes: Any) -> Json:
    """The person's laptop as Intune has it, current unless changed."""
    row = next(each for each in _rows(home) if each["userId"] == home.user(who).id)
    row |= {"osVersion": CURRENT, **changes}
    for app in home.sim.world.tenant.records.detected_apps[row["id"]]:
        if app["displayName"].startswith("Microsoft 365 Apps"):
            app["version"] = "16.0.99999.20000"
    return row


def protection(home: Tenancy, row: Json, **changes: Any) -> None:
    home.sim.world.tenant.records.protection_states[row["id"]] |= changes


def firewall(home: Tenancy, row: Json, state: str | None) -> None:
    """What the rule about the firewall says of a device; None: no rule asks for one."""
    (policy,) = home.sim.world.tenant.records.compliance_states[row["id"]]
    if state is None:
        policy["settingStates"] = []
    else:
        policy["settingStates"][0]["state"] = state


def private(home: Tenancy, name: str, who: str = "megan", ago: timedelta = timedelta(days=2)) -> Device:
    """A device that Entra knows and Intune does not manage, last used so long ago."""
    return private_device(home.sim.world, home.user(who), name, ago)


def private_device(world: World, user: User, name: str, ago: timedelta = timedelta(days=2)) -> Device:
    """The same, in any tenant."""
    seen = stamp(world.clock.now() - ago)
    made = Device(
        {
            "id": guid(7, name),
            "deviceId": guid(7, f"{name}:device"),
            "displayName": name,
            "operatingSystem": "Windows",
            "operatingSystemVersion": "10.0.26100.1",
            "trustType": "Workplace",
            "isCompliant": False,
            "isManaged": False,
            "accountEnabled": True,
            "registrationDateTime": seen,
            "approximateLastSignInDateTime": seen,
        }
    )
    world.tenant.devices[made.id] = made
    user.registered_device_ids.append(made.id)
    return made


def _rows(home: Tenancy) -> list[Json]:
    return list(home.sim.world.tenant.records.managed_devices.values())
