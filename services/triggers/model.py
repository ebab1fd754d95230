"""What starts by itself: the signs that Microsoft or a person gives about an account, gathered for one card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from services.channel import Actor
from services.incidents.model import Subject

LOUDNESS: Mapping[str, int] = {"high": 3, "medium": 2, "low": 1}


class Source(StrEnum):
    """Who gave the signs."""

    MICROSOFT = "microsoft"
    REPORT = "report"


class SignSource(StrEnum):
    """Where a sign was read, and so which rules and thresholds hold for it."""

    ALERT = "alert"
    REPORT = "report"
    RISK = "risk"


class TriggerState(StrEnum):
    """What became of it. Only an open one has buttons; `NOTED` went into the thread of an incident that was open."""

    DISMISSED = "dismissed"
    NOTED = "noted"
    OPEN = "open"
    OPENED = "opened"


class RuleState(StrEnum):
    """How far a rule is that an administrator turned on."""

    APPROVED = "approved"
    HELD = "held"
    NONE = ""
    WAITING = "waiting"


@dataclass(frozen=True)
class Sign:
    """One thing that was seen, in plain words. `id` is unique within its source and account."""

    source: SignSource
    id: str
    level: str
    words: str
    at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        return {**asdict(self), "at": self.at.isoformat() if self.at else None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        at = datetime.fromisoformat(value["at"]) if value["at"] else None
        return cls(SignSource(value["source"]), value["id"], value["level"], value["words"], at)


@dataclass(frozen=True)
class Report:
    """What somebody reported: the message as Teams handed it in, which proves nothing, and what the reporter says."""

    kind: str  # "phishing" or "compromise"
    message_id: str
    sender_name: str
    sent_at: datetime | None
    excerpt: str
    notes: tuple[str, ...]
    reporters: tuple[Actor, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        return {**asdict(self), "sent_at": self.sent_at.isoformat() if self.sent_at else None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        return cls(
            kind=value["kind"],
            message_id=value["message_id"],
            sender_name=value["sender_name"],
            sent_at=datetime.fromisoformat(value["sent_at"]) if value["sent_at"] else None,
            excerpt=value["excerpt"],
            notes=tuple(value["notes"]),
            reporters=tuple(Actor(**reporter) for reporter in value["reporters"]),
        )


@dataclass(frozen=True)
class Trigger:
    """One row of `triggers`."""

    id: str
    source: Source
    subject: Subject | None
    level: str
    signs: tuple[Sign, ...]
    report: Report | None
    nonce: str
    state: TriggerState
    created_at: datetime
    show_at: datetime
    shown_at: datetime | None
    rule: str
    rule_state: RuleState
    rule_note: str
    incident_id: str | None
    decided_by: Actor | None
    decided_at: datetime | None
    reason: str

    @property
    def post_key(self) -> str:
        """The key of its card among the posts."""
        return f"trigger:{self.id}"


def loudest(levels: Sequence[str]) -> str:
    """The highest of these levels; "" where there is none."""
    return max(levels, key=lambda level: LOUDNESS.get(level, 0), default="")


def reaches(level: str, threshold: str) -> bool:
    """Whether a level is at the threshold or above."""
    return LOUDNESS.get(level, 0) >= LOUDNESS[threshold]
