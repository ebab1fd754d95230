"""What the playbook is made of: steps (one frozen declaration, at most four functions), human tasks, guided steps."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, TypeVar

from services.access import Permission
from services.bulk import Bulk
from services.channel import Actor
from services.errors import IRBotError
from services.incidents.model import Phase, Subject
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.playbook.past import NO_PAST, Past
from services.settings import Settings

T = TypeVar("T")


class State(StrEnum):
    """How a step ended; every step ends in exactly one. `RUNNING` is the only one that is not an end."""

    ACCEPTED = "accepted"
    ALREADY_SO = "already-so"
    DONE = "done"
    FAILED = "failed"
    NEEDS_ON_PREMISES = "needs-on-premises"
    NOT_EVALUATED = "not-evaluated"
    REFUSED = "refused"
    RUNNING = "running"
    SKIPPED = "skipped"
    UNDONE = "undone"
    UNKNOWN = "unknown"


class Risk(StrEnum):
    """What a step can break, from nothing to what cannot be put back."""

    DESTRUCTIVE = "destructive"
    DISRUPTIVE = "disruptive"
    READ = "read"
    REVERSIBLE = "reversible"


class Rule(StrEnum):
    """Who must say yes: nobody, the asker, or somebody else with the approver role."""

    CONFIRM = "confirm"
    NONE = "none"
    SECOND_PERSON = "second-person"

    @property
    def strictness(self) -> int:
        """0 for none, 1 for confirm, 2 for second person."""
        return [Rule.NONE, Rule.CONFIRM, Rule.SECOND_PERSON].index(self)


@dataclass(frozen=True)
class Outcome:
    """An end state and its reason in plain words."""

    state: State
    reason: str


@dataclass(frozen=True)
class Change:
    """One exact change, and one item that a person can choose.

    `item` is its stable key. `seen` is what was read before (a value that the effect moves). `data` is what undo needs
    to put the old state back, in plain JSON; neither is part of what is approved. `later`: what is asked for is done by
    something that may be switched off now, so nobody waits for it to show.
    """

    item: str
    what: str
    before: str
    after: str
    seen: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    later: bool = False


class Severity(StrEnum):
    """How much a finding weighs: worth knowing, worth a look, or a sign of the intruder."""

    ALARM = "alarm"
    NOTE = "note"
    WARNING = "warning"

    @property
    def weight(self) -> int:
        """0 for a note, 2 for an alarm."""
        return [Severity.NOTE, Severity.WARNING, Severity.ALARM].index(self)


@dataclass(frozen=True)
class Finding:
    """What a check found. `key` is stable within its step, so that a second look finds the same again.

    `title` is one line; `reasons` say in words why it weighs what it weighs. `data` is plain JSON for other checks and
    the report: never a password, never the text of a mail.
    """

    key: str
    severity: Severity
    title: str
    reasons: tuple[str, ...] = ()
    at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Todo:
    """What a person must look at or do because of what a step read. `key` is stable within its step.

    `organisation`: it is about everybody, so it is wanted once, not once for each incident.
    """

    key: str
    title: str
    instructions: tuple[str, ...]
    organisation: bool = False


@dataclass(frozen=True)
class Plan:
    """What a step would do. With nothing to change, `settled` says why.

    `unread` are sentences about what could not be looked at while there is something to change all the same.
    """

    changes: tuple[Change, ...] = ()
    settled: Outcome | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    todo: tuple[Todo, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON without the evidence, the findings and what is to do, which are kept apart."""
        settled = None if self.settled is None else asdict(self.settled)
        return {
            "changes": [asdict(change) for change in self.changes],
            "settled": settled,
            "unread": list(self.unread),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        settled = value["settled"]
        return cls(
            changes=tuple(Change(**change) for change in value["changes"]),
            settled=None if settled is None else Outcome(State(settled["state"]), settled["reason"]),
            unread=tuple(value.get("unread", ())),
        )

    def same_changes(self, other: Plan) -> bool:
        """Whether the two would change the same; what was merely seen (a time stamp) does not count."""
        return _exact(self) == _exact(other)


def _exact(plan: Plan) -> list[tuple[str, str, str, str]]:
    return [(change.item, change.what, change.before, change.after) for change in plan.changes]


def digest_of(target_id: str, kind: str, plans: Mapping[str, Plan]) -> str:
    """The fingerprint of an exact change: target, steps, and each item's before and after."""
    body = [target_id, kind, [[step_id, _exact(plan)] for step_id, plan in sorted(plans.items())]]
    return hashlib.sha256(json.dumps(body, ensure_ascii=True).encode()).hexdigest()


class Shared:
    """What several checks of one round need and only one of them reads.

    Whoever comes second waits for the first, and reads for itself where the first failed or was cut short.
    """

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._found: dict[str, Any] = {}

    async def once(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` gave the first time. A key always stands for the same kind of value."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._found:
                self._found[key] = await read()
            found: T = self._found[key]
            return found


async def _silent(words: str) -> None:
    """Tells nobody."""


class Report:
    """What a long change tells, by its item: how far it is, what is worth knowing at the end, what was not done."""

    def __init__(self, progress: Callable[[str], Awaitable[None]] = _silent) -> None:
        self.progress = progress
        self.notes: dict[str, str] = {}
        self.shortfalls: dict[str, str] = {}


async def _nothing() -> Mapping[str, Outcome]:
    """Outside an incident no step has been run."""
    return {}


@dataclass(frozen=True)
class Context:
    """All that a step may use: Microsoft 365, the subject, and the account as it was read for this run.

    `incident` and `round` name the incident and its round of investigation; both stay the same over a restart.
    `ended` tells how each step of the incident ended when it was last run.
    `cause` and who asked and decided are known only while an approval is carried out, as are `approved`, the plan that
    was approved, and `report`, where a long change tells how far it is.
    """

    m365: Microsoft365
    settings: Settings
    subject: Subject
    account: Account
    opened_at: datetime
    since: datetime  # how far back the investigation looks
    now: datetime
    incident: str = ""
    round: str = ""
    cause: str = ""  # the approval that is being carried out
    asked_by: str = ""  # the object id of who asked for it
    decided_by: Actor | None = None
    past: Past = field(default=NO_PAST, compare=False, repr=False)
    ended: Callable[[], Awaitable[Mapping[str, Outcome]]] = field(default=_nothing, compare=False, repr=False)
    shared: Shared = field(default_factory=Shared, compare=False, repr=False)
    bulk: Bulk | None = field(default=None, compare=False, repr=False)
    approved: Plan | None = None
    report: Report = field(default_factory=Report, compare=False, repr=False)


@dataclass(frozen=True)
class NoUndo:
    """The honest reason why a step cannot be undone."""

    reason: str


@dataclass(frozen=True)
class Undo:
    """Puts back what a step changed. `after` says to what; the two functions are `apply` and `verify` backwards."""

    note: str
    what: str
    apply: Callable[[Context, Change], Awaitable[None]]
    verify: Callable[[Context, Change], Awaitable[bool]]


def general_words(ctx: Context, error: IRBotError) -> Outcome | None:
    """For a step without words of its own for a refusal: the runner's fit."""
    return None


@dataclass(frozen=True)
class Step:
    """One step of the playbook. Every field is asked for, so that forgetting one is an error at import.

    `plan` only reads. `apply` makes one approved change and is safe to repeat. `verify` reads once and says whether
    the change shows; the runner repeats it. `explain` may put a service's refusal into this step's own words, and None
    leaves it to the runner.
    """

    id: str
    seed: tuple[int, ...]
    phase: Phase
    title: str
    why: str
    reads: tuple[str, ...]
    changes: tuple[str, ...]
    needs: tuple[str, ...]
    may_run: Permission
    risk: Risk
    approval: Rule
    undo: Undo | NoUndo
    plan: Callable[[Context], Awaitable[Plan]]
    apply: Callable[[Context, Change], Awaitable[None]] | None
    verify: Callable[[Context, Change], Awaitable[bool]] | None
    explain: Callable[[Context, IRBotError], Outcome | None]
    plan_seconds: float = 0.0  # what drawing the plan may take where that is more than usual

    def __post_init__(self) -> None:
        reads_only = self.risk is Risk.READ
        if reads_only != (self.apply is None) or reads_only != (self.verify is None):
            raise ValueError(f"{self.id}: a step that changes something needs apply and verify, and no other has them")
        if reads_only != (self.approval is Rule.NONE):
            raise ValueError(f"{self.id}: only a step that changes nothing runs without approval")


@dataclass(frozen=True)
class HumanTask:
    """What no software can do. A person ticks it off; name and time are kept."""

    id: str
    seed: tuple[int, ...]
    phase: Phase
    title: str
    why: str
    instructions: tuple[str, ...]
    may_run: Permission

    def __post_init__(self) -> None:
        if not self.instructions:
            raise ValueError(f"{self.id}: a task that nobody explains is none")


@dataclass(frozen=True)
class Guided:
    """A step that is a conversation of its own. `opens` is the verb of the button that begins it.

    How the conversation ends is recorded as a run of this id (`services/playbook/guided.py`).
    """

    id: str
    seed: tuple[int, ...]
    phase: Phase
    title: str
    why: str
    opens: str
    needs: tuple[str, ...]
    may_run: Permission
    button: str = "Start…"


Entry = Step | HumanTask | Guided
