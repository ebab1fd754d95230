"""Who keeps the key when a policy locks everybody out: the break-glass accounts that the settings name, as they are."""

from __future__ import annotations

from dataclasses import dataclass

from services.errors import Gone
from services.microsoft365.accounts import Account
from services.playbook.step import Context
from services.together import together

_MOST_PEOPLE = 50

NOBODY = (
    "No break-glass account is named, and without one such a policy could lock everybody out. Make two cloud accounts "
    "that are Global Administrators and that nobody uses day by day, put their object ids into "
    "IRBOT_BREAK_GLASS_USERS (or a group of them into IRBOT_BREAK_GLASS_GROUPS), restart IRBot, and plan again."
)


@dataclass(frozen=True)
class BreakGlass:
    """Whom to leave out. `problem` says why nobody can be relied on; then the rest is of no use."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    people: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    problem: str | None = None


async def break_glass_of(ctx: Context) -> BreakGlass:
    """The accounts and groups of the settings, looked up: a name that leads nowhere protects nobody."""
    settings, directory = ctx.settings, ctx.m365.directory
    if not settings.break_glass_users and not settings.break_glass_groups:
        return BreakGlass(problem=NOBODY)
    found = await together(*(directory.find_accounts(name) for name in settings.break_glass_users))
    for name, accounts in zip(settings.break_glass_users, found, strict=True):
        if len(accounts) != 1:
            return BreakGlass(problem=f"IRBOT_BREAK_GLASS_USERS names {name}, and there is no such account.")
    users = [accounts[0] for accounts in found]
    members: list[Account] = []
    for group in settings.break_glass_groups:
        try:
            members += (await directory.people_in(group, _MOST_PEOPLE)).accounts
        except Gone:
            return BreakGlass(problem=f"IRBOT_BREAK_GLASS_GROUPS names {group}, and there is no such group.")
    people = {account.id: account for account in (*users, *members)}
    if not any(account.account_enabled for account in people.values()):
        return BreakGlass(problem="None of the break-glass accounts that IRBot knows can sign in. Look at them first.")
    if ctx.subject.object_id in people:
        problem = "The account of this incident is a break-glass account: leaving it out would keep its door open."
        return BreakGlass(problem=f"{problem} Name another one, and take this one out of IRBot's settings.")
    return BreakGlass(
        users=tuple(sorted(account.id for account in users)),
        groups=tuple(sorted(settings.break_glass_groups)),
        people=frozenset(people),
        names=tuple(sorted(account.display_name for account in people.values())),
    )
