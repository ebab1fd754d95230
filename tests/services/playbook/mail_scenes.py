"""What tests of steps about mailboxes share: rules to put into a mailbox, and pictures of what a mailbox holds."""

from __future__ import annotations

from typing import Any

from simulator.exchange import exchange_of
from simulator.exchange.graph_rules import graph_id
from simulator.exchange.state import Mailbox, new_folders
from simulator.faults import Fault, Kind
from simulator.tenant import Json, User
from tests.services.playbook.tenancy import Tenancy


def mailbox(home: Tenancy, who: str) -> Mailbox:
    """A person's mailbox in the simulated tenant."""
    return exchange_of(home.sim.world).mailbox(who)


def add_rule(
    user: User, name: str, *, conditions: Json | None = None, actions: Json | None = None, **more: object
) -> str:
    """A visible rule in Graph's form; returns its number as Exchange writes it."""
    number = 1 << 63 | (1000 + len(user.rules))
    user.rules.append(
        {
            "id": graph_id(number),
            "displayName": name,
            "sequence": 1 + len(user.rules),
            "isEnabled": True,
            "hasError": False,
            "isReadOnly": False,
            "conditions": conditions or {},
            "actions": actions or {},
            **more,
        }
    )
    return str(number)


def to(address: str, name: str = "") -> list[Json]:
    """A recipient in Graph's form."""
    return [{"emailAddress": {"name": name or address, "address": address}}]


def speak(home: Tenancy, who: str, locale: str) -> None:
    """The mailbox has its folders in this language."""
    held = mailbox(home, who)
    held.locale = locale
    held.folders = new_folders(held.object_id, locale)


def rules_picture(user: User) -> list[Json]:
    """The visible rules, without the ids that a rule made anew has of its own."""
    return [{key: value for key, value in rule.items() if key != "id"} for rule in _in_order(user.rules)]


def _in_order(rules: list[Json]) -> list[Json]:
    return sorted(rules, key=lambda rule: int(rule["sequence"]))


def refuse(home: Tenancy, cmdlet: str) -> None:
    """Exchange refuses this cmdlet."""
    fault = Fault(kind=Kind.STATUS, service="cmdlet", method="POST", path=f"^/{cmdlet}", status=403, times=None)
    home.sim.world.faults.add(fault)


def take_role(home: Tenancy) -> None:
    """The app holds no Exchange role any more."""
    home.sim.world.set_directory_roles("Cloud Device Administrator")


def settings_of(held: Mailbox) -> dict[str, Any]:
    """A copy of the mailbox's own settings."""
    return {name: list(value) if isinstance(value, list) else value for name, value in held.settings.items()}
