"""The rights that IRBot's app asks an organisation for: those of the steps, and a few that the program needs itself."""

from __future__ import annotations

from collections.abc import Mapping

from services.microsoft365 import GRAPH_NEEDS
from services.playbook import STEPS

EXCHANGE = "Exchange: "  # what a cmdlet bears before its name among the needs of a step

# What the program does in Microsoft 365 outside the steps, and what for.
BESIDE_THE_STEPS: Mapping[str, str] = {
    "directory.account": "the account that somebody names",
    "directory.app_roles_of": "who may do what, where roles come from app roles",
    "directory.find_accounts": "the account that somebody names",
    "directory.groups_of": "who may do what",
    "directory.nearest_accounts": "accounts that are called nearly like that",
    "directory.people_in": "who is asked for an approval",
    "messages.reports": "mail of ours that could not be delivered",
    "messages.send": "mail from the organisation's own mailbox",
    "messages.sent_marks": "whether a mail has left before it is tried again",
}


def beside_the_steps() -> dict[str, tuple[str, ...]]:
    """Each Graph permission that the program needs itself, with what for."""
    reasons: dict[str, dict[str, None]] = {}
    for function, what_for in BESIDE_THE_STEPS.items():
        for permission in GRAPH_NEEDS[function]:
            reasons.setdefault(permission, {})[what_for] = None
    return {permission: tuple(found) for permission, found in sorted(reasons.items())}


def graph_permissions() -> frozenset[str]:
    """Every Graph application permission that the app asks for."""
    of_steps = {need for step in STEPS for need in step.needs if not need.startswith(EXCHANGE)}
    return frozenset(of_steps | set(beside_the_steps()))
