"""The rights that IRBot's app asks an organisation for: those of the steps, and a few that the program needs itself."""

from __future__ import annotations

from collections.abc import Mapping

from services.incidents.model import Phase
from services.microsoft365 import GRAPH_NEEDS
from services.playbook import STEPS
from services.playbook.step import Step
from services.settings import Profile

_PHASES: Mapping[Profile, frozenset[Phase]] = {
    Profile.LOCK: frozenset({Phase.PREPARE, Phase.LOCK}),
    Profile.INVESTIGATE: frozenset({Phase.PREPARE, Phase.LOCK, Phase.SCOPE}),
}
EXCHANGE = "Exchange: "  # what a cmdlet bears before its name among the needs of a step

# What the program does in Microsoft 365 outside the steps, and what for.
BESIDE_THE_STEPS: Mapping[str, str] = {
    "alerts.changed": "alerts about accounts, where they are shown by themselves",
    "directory.account": "the account that somebody names",
    "directory.app_roles_of": "who may do what, where roles come from app roles",
    "directory.find_accounts": "the account that somebody names",
    "directory.groups_of": "who may do what",
    "directory.nearest_accounts": "accounts that are called nearly like that",
    "directory.people_in": "who is asked for an approval",
    "audit.changes_of": "who changed IRBot itself, or the groups that give its roles",
    "messages.reports": "mail of ours that could not be delivered",
    "messages.send": "mail from the organisation's own mailbox",
    "messages.sent_marks": "whether a mail has left before it is tried again",
    "own_app.app_roles_given": "whether somebody changed IRBot itself",
    "own_app.group": "whether somebody changed the groups that give its roles",
    "own_app.permissions": "whether somebody changed IRBot itself",
    "own_app.principal": "whether somebody changed IRBot itself",
    "own_app.registration": "whether somebody changed IRBot itself",
    "role_assignments.held_by": "whether somebody gave IRBot a directory role",
    "risk.changed": "accounts at risk, where they are shown by themselves",
    "risk.detections": "accounts at risk, where they are shown by themselves",
    "teams_apps.catalogue_id": "IRBot's own app in Teams, for people who get a message and do not have it yet",
    "teams_apps.install": "IRBot's own app in Teams, for people who get a message and do not have it yet",
}


# What finds an account, tells who may do what, and guards IRBot itself. The rest reaches people.
_IN_EVERY_PROFILE = ("directory.", "own_app.", "role_assignments.")


def beside_the_steps(profile: Profile = Profile.EVERYTHING) -> dict[str, tuple[str, ...]]:
    """Each Graph permission that the program needs itself, with what for. Only with everything does it reach people."""
    reasons: dict[str, dict[str, None]] = {}
    for function, what_for in BESIDE_THE_STEPS.items():
        if profile is not Profile.EVERYTHING and not function.startswith(_IN_EVERY_PROFILE):
            continue
        for permission in GRAPH_NEEDS[function]:
            reasons.setdefault(permission, {})[what_for] = None
    return {permission: tuple(found) for permission, found in sorted(reasons.items())}


def steps_of(profile: Profile) -> tuple[Step, ...]:
    """The steps that an organisation wants IRBot to take at all, in their order."""
    return tuple(step for step in STEPS if profile is Profile.EVERYTHING or step.phase in _PHASES[profile])


def graph_permissions(profile: Profile = Profile.EVERYTHING) -> frozenset[str]:
    """Every Graph application permission that the app asks for."""
    of_steps = {need for step in steps_of(profile) for need in step.needs if not need.startswith(EXCHANGE)}
    return frozenset(of_steps | set(beside_the_steps(profile)))


def cmdlets(profile: Profile = Profile.EVERYTHING) -> frozenset[str]:
    """Every Exchange cmdlet that the app runs."""
    needs = {need for step in steps_of(profile) for need in step.needs}
    return frozenset(need.removeprefix(EXCHANGE) for need in needs if need.startswith(EXCHANGE))
