"""What a bulk job is: its items, how far each is, and what the job can tell about itself."""

from __future__ import annotations

import math
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

Switches = Mapping[str, bool | None]


class ItemState(StrEnum):
    """How far one item is. `CLAIMED`: its change may be under way; without a living owner, look before you act."""

    CLAIMED = "claimed"
    FAILED = "failed"
    GONE = "gone"
    SENT = "sent"
    SHOWN = "shown"
    UNKNOWN = "unknown"
    WAITING = "waiting"


SETTLED = frozenset({ItemState.FAILED, ItemState.GONE, ItemState.SENT, ItemState.SHOWN, ItemState.UNKNOWN})


class JobState(StrEnum):
    """How far a job is. A frozen list does not change any more; only a frozen or running one is worked off."""

    DRAFT = "draft"
    ENDED = "ended"
    FROZEN = "frozen"
    RUNNING = "running"


class Halt(StrEnum):
    """What a person wants of a running job."""

    NONE = ""
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list: which mailbox, how it stands, how it is to stand. `label` is only for people."""

    key: str
    object_id: str
    label: str
    before: Switches
    after: Switches


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list and how far it is."""

    key: str
    before: Switches
    after: Switches
    state: ItemState
    attempts: int


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an item. `tried`: its change may have been sent, so what stands there later may be ours."""

    key: str
    state: ItemState
    changed: bool = False
    tried: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A list and how far it is."""

    id: str
    census: str
    kind: str
    digest: str
    total: int
    state: JobState
    halt: Halt
    reason: str
    began_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job is."""

    done: int
    total: int
    seconds_left: float | None = None
    paused: bool = False

    @property
    def words(self) -> str:
        """`12,400 of 49,812, about 14 min left`."""
        text = f"{self.done:,} of {self.total:,}"
        if self.paused:
            return f"{text}, paused"
        if self.seconds_left is None:
            return text
        minutes = math.ceil(self.seconds_left / 60)
        left = f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} hours"
        return f"{text}, about {left} left"


@dataclass(frozen=True, slots=True)
class Check:
    """What a job's reading back found.

    `missing` were sent and do not show, `again` showed and stand differently now. `left` were never sent, because of
    `reason`. `failed` counts by reason. `new` are mailboxes that nobody knew of when the list was made.
    """

    shown: int
    gone: int
    missing: int
    again: int
    left: int
    new: int
    reason: str
    failed: Mapping[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether all that was sent shows."""
        return not self.missing and not self.again


class Work(Protocol):
    """What a job does to one item. Errors are those of `services.errors`."""

    async def change(self, key: str, switches: Switches) -> bool:
        """Sets the switches; safe to repeat. False where all was so already."""
        ...

    async def read(self, key: str) -> Switches:
        """How one item stands. Raises Gone where it is not there."""
        ...

    def pages(self) -> AsyncIterator[Mapping[str, Switches]]:
        """How every item of the organisation stands, by key, page after page."""
        ...

    def is_open(self, switches: Switches) -> bool:
        """Whether an item that stands so would belong on a list."""
        ...


def reached(now: Switches, wanted: Switches) -> bool:
    """Whether an item stands as it is to stand."""
    return all(now.get(name) == value for name, value in wanted.items())


def undo_of(job_id: str) -> str:
    """The id of the list that puts back what the list with this id changed."""
    return str(uuid.uuid5(uuid.UUID(job_id), "undo"))
