"""What a blast is: one approved content, one frozen audience, and what became of each recipient."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Any, Self

from services.channel import Actor, Card, Conversation
from services.incidents.store import new_nonce

FALLBACK_LANGUAGE = "en"


class BlastKind(StrEnum):
    """What a blast is for."""

    CUSTOM = "custom"
    EDUCATE = "educate"
    WARN = "warn"


class BlastState(StrEnum):
    """How far a blast is. `PAUSED` waits for a person, with the reason in the row."""

    CANCELLED = "cancelled"
    DONE = "done"
    DRAFT = "draft"
    EXPIRED = "expired"
    PAUSED = "paused"
    RECALLED = "recalled"
    RECALLING = "recalling"
    REFUSED = "refused"
    RUNNING = "running"
    SCHEDULED = "scheduled"
    WAITING = "waiting"


class RecipientState(StrEnum):
    """How far one message is. What the person did with it stands in `read_at`, `acknowledged_at` and `answer`."""

    CANCELLED = "cancelled"
    CLAIMED = "claimed"
    FAILED = "failed"
    QUEUED = "queued"
    RECALLED = "recalled"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"


class BlastEvent(StrEnum):
    """What happened to a blast, alphabetised; `blast_events` is append-only."""

    APPROVED = "approved"
    ASKED = "asked"
    CANCELLED = "cancelled"
    CREATED = "created"
    EDITED = "edited"
    ENDED = "ended"
    EXPIRED = "expired"
    EXPORTED = "exported"
    PAUSED = "paused"
    RECALL_STARTED = "recall-started"
    RECALLED = "recalled"
    REFUSED = "refused"
    RESUMED = "resumed"
    SENT_AGAIN = "sent-again"
    STARTED = "started"


class Via(StrEnum):
    """How a recipient is reached: `address` is an Entra object id, or a mail address."""

    MAIL = "mail"
    TEAMS = "teams"


class AnswerWord(StrEnum):
    """What a person answered, to a warning or to a lesson's question."""

    CLICKED = "clicked"
    NOT_CLICKED = "not-clicked"
    RIGHT = "right"
    WRONG = "wrong"


class UnknownPolicy(StrEnum):
    """What becomes of a message that a crash or a time-out left undecided: a person decides, or it is sent again."""

    ASK = "ask"
    SEND_AGAIN = "send-again"


class PauseReason(StrEnum):
    """Why a blast waits for a person."""

    BRAKE = "brake"  # all work was stopped; goes on with it
    CANARY = "canary"
    CHANGED = "changed"
    FAILURES = "failures"
    LATE = "late"
    PERSON = "person"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Recipient:
    """One person of an audience. `zone` is an IANA name; empty counts as UTC."""

    address: str
    via: Via
    name: str = ""
    language: str = FALLBACK_LANGUAGE
    department: str = ""
    zone: str = ""


@dataclass(frozen=True)
class TeamsText:
    """What is sent in Teams in one language: a finished card, and what the notification shows."""

    card: Card
    summary: str


@dataclass(frozen=True)
class MailText:
    """What is sent by mail in one language, in plain words: see `services.mailing`."""

    subject: str
    text: str


@dataclass(frozen=True)
class Content:
    """The message in each language. A language that is not there gets the fallback's.

    `about` is what the dialogs need to understand an answer: plain JSON, and approved like the words.
    """

    teams: Mapping[str, TeamsText] = field(default_factory=dict)
    mail: Mapping[str, MailText] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def card_in(self, language: str) -> TeamsText:
        """The card for this language. Raises KeyError where there is neither it nor the fallback."""
        return self.teams.get(language) or self.teams[FALLBACK_LANGUAGE]

    def mail_in(self, language: str) -> MailText:
        """The mail for this language. Raises KeyError where there is neither it nor the fallback."""
        return self.mail.get(language) or self.mail[FALLBACK_LANGUAGE]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        return cls(
            teams={language: TeamsText(**text) for language, text in value["teams"].items()},
            mail={language: MailText(**text) for language, text in value["mail"].items()},
            about=value.get("about", {}),
        )


@dataclass(frozen=True)
class Hours:
    """When messages may arrive, by the clock of the recipient's own zone. Monday is 0."""

    start: time = time(9)
    end: time = time(17)
    days: tuple[int, ...] = (0, 1, 2, 3, 4)

    def __post_init__(self) -> None:
        if self.start >= self.end or not self.days or not set(self.days) <= set(range(7)):
            raise ValueError("hours that never come")


@dataclass(frozen=True)
class SendingPlan:
    """How a blast is sent: part of what is approved.

    `canary` people come first, and a person says "go on" before the rest. A reminder goes to those who have not
    acknowledged, so many hours after the blast began, once for each entry.
    """

    hours: Hours | None = None
    canary: int = 0
    unknown: UnknownPolicy = UnknownPolicy.ASK
    reminder_hours: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        hours = None
        if self.hours is not None:
            hours = {
                "start": self.hours.start.isoformat(),
                "end": self.hours.end.isoformat(),
                "days": list(self.hours.days),
            }
        return {
            "hours": hours,
            "canary": self.canary,
            "unknown": self.unknown.value,
            "reminder_hours": list(self.reminder_hours),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        hours = value["hours"]
        return cls(
            hours=hours
            and Hours(time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"]), tuple(hours["days"])),
            canary=value["canary"],
            unknown=UnknownPolicy(value["unknown"]),
            reminder_hours=tuple(value["reminder_hours"]),
        )


@dataclass(frozen=True)
class Draft:
    """A blast before its audience is frozen. The card's buttons carry `id` and `nonce`, so both are known at once."""

    kind: BlastKind
    title: str
    requester: Actor
    content: Content = field(default_factory=Content)
    plan: SendingPlan = field(default_factory=SendingPlan)
    incident_id: str | None = None
    scheduled_at: datetime | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    nonce: str = field(default_factory=new_nonce)


@dataclass(frozen=True)
class Blast:
    """One row of `blasts`. `people` is how many the frozen audience holds.

    `nonce` is of the recipients' cards; `decision_nonce` of those that ask for approval, new for every question.
    """

    id: str
    kind: BlastKind
    incident_id: str | None
    parent_id: str | None
    title: str
    state: BlastState
    nonce: str
    decision_nonce: str
    content: Content
    plan: SendingPlan
    people: int
    audience_digest: str
    digest: str
    conversation: Conversation | None
    requester: Actor
    created_at: datetime
    asked_at: datetime | None
    expires_at: datetime | None
    decided_by: Actor | None
    decided_at: datetime | None
    scheduled_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    canary_passed: bool
    reason: str | None
    run: int
    next_at: datetime | None
    rate: float


@dataclass(frozen=True)
class Delivery:
    """What became of one recipient: one row of `blast_recipients`."""

    number: int
    recipient: Recipient
    state: RecipientState
    attempts: int
    reason: str | None
    sent_at: datetime | None
    read_at: datetime | None
    acknowledged_at: datetime | None
    answer: AnswerWord | None
    answered_at: datetime | None


@dataclass(frozen=True)
class Counts:
    """How many are how far. `sent` counts what arrived and still stands there; `left` what is still to be sent."""

    people: int = 0
    sent: int = 0
    failed: int = 0
    unknown: int = 0
    cancelled: int = 0
    recalled: int = 0
    left: int = 0
    read: int = 0
    acknowledged: int = 0
    right: int = 0
    wrong: int = 0
    clicked: int = 0
    not_clicked: int = 0


@dataclass(frozen=True)
class Progress:
    """Where a blast stands now. `seconds_left` is None where nothing moves."""

    counts: Counts
    per_second: float
    seconds_left: float | None
    waits_until: datetime | None


def digest_of(
    kind: BlastKind,
    audience_digest: str,
    people: int,
    content: Content,
    plan: SendingPlan,
    scheduled_at: datetime | None,
) -> str:
    """The fingerprint of everything that an approval is about: who gets which words, when and how."""
    everything = [
        kind.value,
        audience_digest,
        people,
        content.to_json(),
        plan.to_json(),
        None if scheduled_at is None else scheduled_at.timestamp(),
    ]
    line = json.dumps(everything, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(line.encode()).hexdigest()


class AudienceDigest:
    """The fingerprint of an audience, fed one recipient after another in the order of their numbers."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, number: int, address: str, via: str, language: str, zone: str) -> None:
        """Takes in one recipient: whom, how, in which language and by which clock."""
        self._sum.update(json.dumps([number, address, via, language, zone]).encode() + b"\n")

    def value(self) -> str:
        """The fingerprint so far."""
        return self._sum.hexdigest()
