"""What an incident is: the compromised account as we recognised it, where the talk is, and how far things are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from services.channel import Actor, Conversation, ConversationKind


class IncidentState(StrEnum):
    """An incident is open, or read only."""

    CLOSED = "closed"
    OPEN = "open"


class Phase(StrEnum):
    """The phases of the playbook, in DESIGN order 0 to 6."""

    PREPARE = "prepare"
    LOCK = "lock"
    EVICT = "evict"
    SCOPE = "scope"
    INFORM = "inform"
    RECOVER = "recover"
    STRENGTHEN = "strengthen"


# What a responder begins when the time has come; the earlier ones run by themselves.
LATER = (Phase.INFORM, Phase.RECOVER, Phase.STRENGTHEN)


@dataclass(frozen=True)
class Subject:
    """The compromised account. What could not be looked up is listed in `unknowns`, and counts as the worse case."""

    object_id: str
    name: str
    upn: str
    mail: str | None = None
    department: str | None = None
    job_title: str | None = None
    guest: bool = False
    synced: bool = False
    on_premises_name: str | None = None
    shared_mailbox: bool = False
    active_roles: tuple[str, ...] = ()
    eligible_roles: tuple[str, ...] = ()
    role_assignable_group: bool = False
    management_restricted: bool = False
    privileged: bool = False
    vip: bool = False
    break_glass: bool = False
    unknowns: tuple[str, ...] = ()

    @property
    def protected(self) -> bool:
        """Whether dangerous steps on this account need a second person."""
        return self.privileged or self.vip or self.break_glass

    def kinds(self) -> tuple[str, ...]:
        """What a responder must know about the account before anything runs, most telling first."""
        kinds: list[str] = []
        if self.break_glass:
            kinds.append("Break-glass account")
        if self.privileged:
            roles = ", ".join(self.active_roles or self.eligible_roles)
            kinds.append(f"Privileged: {roles}" if roles else "Privileged")
        if self.vip:
            kinds.append("VIP")
        if self.guest:
            kinds.append("Guest")
        elif self.shared_mailbox:
            kinds.append("Shared mailbox")
        kinds.append("Synced from on-premises" if self.synced else "Cloud account")
        return tuple(kinds)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        lists = ("active_roles", "eligible_roles", "unknowns")
        fields: dict[str, Any] = {name: tuple(field) if name in lists else field for name, field in value.items()}
        return cls(**fields)


def actor_from_json(value: Mapping[str, Any]) -> Actor:
    """Reads an Actor that `dataclasses.asdict` wrote."""
    return Actor(**value)


def conversation_from_json(value: Mapping[str, Any]) -> Conversation:
    """Reads a Conversation that `dataclasses.asdict` wrote."""
    return Conversation(**{**value, "kind": ConversationKind(value["kind"])})


@dataclass(frozen=True)
class Incident:
    """One row of `incidents`.

    `plan` is the proposal of the lock, `eviction` that of what to remove: `{"kind": …, "steps": {step id: plan}}`, or
    empty while it is being drawn up. `investigation` is the current round: its nonce, and whether it is done.
    """

    id: str
    number: int
    subject: Subject
    state: IncidentState
    phase: Phase
    opened_by: Actor
    opened_at: datetime
    conversation: Conversation
    nonce: str
    revision: int
    plan: Mapping[str, Any]
    investigation: Mapping[str, Any]
    eviction: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The number as people say it."""
        return f"IR-{self.number:04d}"
