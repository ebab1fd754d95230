"""An incident's past as a test wants it: the gate is open, some things were changed before, a pass reaches somebody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from services.microsoft365.sign_in_methods import AccessPass
from services.playbook.past import PassState
from services.playbook.step import Change, Context
from simulator.roles import NAMES
from simulator.world import World

_KIND = "temporaryAccessPassAuthenticationMethod"


@dataclass
class OpenPast:
    """See `services.playbook.past.Past`. `shut` is why the gate is not open, `fail` what the showing raises."""

    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    shut: str | None = None
    states: dict[str, PassState] = field(default_factory=dict)
    shown: list[AccessPass] = field(default_factory=list)
    fail: Exception | None = None

    async def made(self, incident_id: str, step_id: str) -> tuple[Change, ...]:
        return self.changes.get(step_id, ())

    async def closed_gate(self, ctx: Context, *, mail_only: bool = False) -> str | None:
        return self.shut

    async def pass_state(self, cause: str) -> PassState | None:
        return self.states.get(cause)

    async def hand_over(self, ctx: Context, make: Callable[[], Awaitable[AccessPass]]) -> None:
        made = await make()
        if self.fail is not None:
            raise self.fail
        self.shown.append(made)
        self.states[ctx.cause] = PassState.SHOWN

    async def withdraw(self, ctx: Context) -> bool:
        methods = ctx.m365.sign_in_methods
        for method in await methods.list(ctx.subject.object_id):
            if method.kind == _KIND:
                await methods.remove(ctx.subject.object_id, method)
        self.states[ctx.cause] = PassState.WITHDRAWN
        return True


def taken_away(world: World) -> OpenPast:
    """A past in which one role of each kind and one protocol were taken away, from somebody who has none now."""
    group = next(each for each in world.tenant.groups.values() if each.properties.get("isAssignableToRole"))
    role_id = next(key for key, name in NAMES.items() if name == "Cloud Application Administrator")
    data = {"id": "gone", "role_id": role_id, "scope": "/", "ends_at": None}
    return OpenPast(
        {
            "strip-roles": (
                Change(f"role:{role_id}:/", "Role", "Held", "Removed", data=data),
                Change(f"eligible:{role_id}:/", "Eligible role", "May be taken at will", "Removed", data=data),
                Change(f"group:{group.id}", "Place in the group", "Member", "Removed", data={"id": group.id}),
            ),
            "switch-off-mail-protocols": (
                Change("SmtpAuth", "SMTP AUTH", "On", "Off, while the account is locked", data={"on": True}),
            ),
        }
    )
