"""The values of the guard: facts by area, what differs, and the alarm about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.channel import Actor

# Facts of one area: what makes each one the same at the next look, and the words for it.
Facts = Mapping[str, str]

APP, REGISTRATION, PERMISSIONS, ROLES, APP_ROLES = "app", "registration", "permissions", "directory-roles", "app-roles"
MEMBER = "member:"
_GROUP = "group:"


def area_of_group(group_id: str) -> str:
    """The area of a group."""
    return f"{_GROUP}{group_id.lower()}"


class Kind(StrEnum):
    """How a fact differs from the truth."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class AlarmState(StrEnum):
    """Where an alarm is. `GONE`: all of it stands again as it did before."""

    CONFIRMED = "confirmed"
    GONE = "gone"
    OPEN = "open"


@dataclass(frozen=True)
class Change:
    """One difference. `who` and `when` are from the directory's audit log, or say why they are not."""

    area: str
    key: str
    kind: Kind
    before: str
    after: str
    where: str  # the area in words: “the group Approvers, which gives the role Approver”
    who: str = ""

    @property
    def same(self) -> tuple[str, str, str]:
        """What makes two differences one."""
        return self.area, self.key, self.after

    @property
    def words(self) -> str:
        """The difference as a sentence, without who did it."""
        if self.kind is Kind.ADDED:
            return _sentence(f"{self.after} was added to {self.where}.")
        if self.kind is Kind.REMOVED:
            return _sentence(f"{self.before} was removed from {self.where}.")
        return _sentence(f"{self.where}: {self.before} is now {self.after}.")

    def to_json(self) -> dict[str, Any]:
        """As the row keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Change:
        """Reads what `to_json` wrote."""
        return cls(**{**value, "kind": Kind(value["kind"])})


@dataclass(frozen=True)
class Alarm:
    """What one look found, and what an administrator said about it."""

    id: str
    changes: tuple[Change, ...]
    found_at: datetime
    nonce: str
    state: AlarmState
    decided_by: Actor | None
    decided_at: datetime | None

    @property
    def post_key(self) -> str:
        """The key of its card in the channel."""
        return f"guard:{self.id}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def differences(area: str, where: str, truth: Facts, now: Facts) -> tuple[Change, ...]:
    """What is not as it was accepted, in a stable order."""
    found = []
    for key in sorted(truth.keys() | now.keys()):
        before, after = truth.get(key, ""), now.get(key, "")
        if key not in truth:
            found.append(Change(area, key, Kind.ADDED, before, after, where))
        elif key not in now:
            found.append(Change(area, key, Kind.REMOVED, before, after, where))
        elif before != after and not key.startswith(MEMBER):  # that somebody changed their name changes no right
            found.append(Change(area, key, Kind.CHANGED, before, after, where))
    return tuple(found)


def accepted(truth: Facts, changes: Iterable[Change]) -> dict[str, str]:
    """The truth after an administrator said that the changes were ours."""
    facts = dict(truth)
    for change in changes:
        if change.kind is Kind.REMOVED:
            facts.pop(change.key, None)
        else:
            facts[change.key] = change.after
    return facts


def without(changes: Sequence[Change], known: Iterable[Change]) -> tuple[Change, ...]:
    """The changes that nobody was told of yet."""
    told = {change.same for change in known}
    return tuple(change for change in changes if change.same not in told)
