"""What a story is: a compromise as data, what happened in it, and what an investigation has to find."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from simulator.stories.scene import Scene


@dataclass(frozen=True)
class Origin:
    """Where somebody works from. `device_id` and `device` are those of an Entra device, empty where there is none."""

    ip: str
    city: str
    country: str
    asn: int = 64500
    system: str = "Windows10"
    browser: str = "Edge 142.0"
    user_agent: str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/142.0"
    device_id: str = ""
    device: str = ""

    @property
    def place(self) -> str:
        """City and country in one text."""
        return f"{self.city}, {self.country}"


@dataclass(frozen=True, kw_only=True)
class Action(ABC):
    """One deed of the intruder, or of the account's own user where it only looks like one.

    `after` counts from the intruder's entry; negative is earlier. `origin` is where this deed is done from, where that
    is not the intruder's or the user's usual place.
    """

    key: str
    after: timedelta = timedelta()
    origin: Origin | None = None
    lasting: ClassVar[bool] = False  # whether it leaves something that works until somebody takes it away
    made_anew: ClassVar[bool] = False  # whether the user makes it again after a compromise, so that it may go

    @abstractmethod
    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        """Puts the deed into the tenant; returns every name by which the tenant knows what it left."""

    def remains(self, scene: Scene) -> bool:
        """Whether what the deed left is there and works. Only lasting deeds leave anything."""
        assert not self.lasting, f"{type(self).__name__} does not say what remains"
        assert scene
        return False


@dataclass(frozen=True, kw_only=True)
class Journey(Action):
    """A deed that takes the user away from home for some days, with a flight before and after."""

    days: float = 2
    flight: timedelta = timedelta(hours=14)


@dataclass(frozen=True)
class Expected:
    """What must be found: by which step, which deed, and the step that takes it away (none where nothing lasts)."""

    step: str
    item: str
    evicted_by: str | None = None


@dataclass(frozen=True)
class Story:
    """One compromise. An empty `truth` says that the account is clean: every alarm about it is a false one."""

    id: str
    title: str
    account: str  # the first name of the cast, or what stands before the @
    since: timedelta  # how long before now the intruder came in
    intruder: Origin
    intruder_actions: tuple[Action, ...]
    look_alikes: tuple[Action, ...]
    truth: tuple[Expected, ...]
    background_days: int = 14


@dataclass(frozen=True)
class Trace:
    """What a deed left in the tenant, by all the names that the tenant has for it."""

    key: str
    at: datetime
    names: frozenset[str]
    by_intruder: bool
    lasting: bool


@dataclass(frozen=True)
class Told:
    """A story that was put into a tenant: whom it hit, when the intruder came in, and what each deed left."""

    story_id: str
    account_id: str
    upn: str
    now: datetime
    entered: datetime
    password_version: int
    traces: tuple[Trace, ...]

    def trace(self, key: str) -> Trace:
        """What the deed of that key left. Raises KeyError."""
        for trace in self.traces:
            if trace.key == key:
                return trace
        raise KeyError(key)
