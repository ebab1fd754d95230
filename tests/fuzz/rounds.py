"""One kind of bad input and what must come of it, tried a little in every test run and very often in the long round."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import Bug, IRBotError
from tests.fuzz.hostile import LONG_PHASES, unstorable


class Came(Enum):
    """What came of one bad input. Everything else that may come is an exception."""

    ANSWERED = "answered"
    REFUSED = "refused"


class Broken(AssertionError):
    """A promise is not kept: the text says which, and for what."""


def came_of(name: str, call: Callable[[], Any], is_fault: Callable[[Bug], bool]) -> Came:
    """What came of one call of a function that reads answers from outside. `is_fault` tells our own mistakes.

    Raises Broken for such a one, and where the function gives what cannot be stored; anything but a typed error passes.
    """
    try:
        found = call()
    except IRBotError as error:
        if isinstance(error, Bug) and is_fault(error):
            raise Broken(f"{name}: {error!r}") from error
        found, came = error.data, Came.REFUSED
    else:
        came = Came.ANSWERED
    if (bad := unstorable(found)) is not None:
        raise Broken(f"{name} gives a text that no database takes: {bad[:80]!r}")
    return came


@dataclass(frozen=True)
class Kind:
    """`check` gives one value of `values` to what is tested. It raises where the promise is broken."""

    name: str
    values: st.SearchStrategy[Any]
    check: Callable[[Any], Came]


@dataclass
class Tally:
    """What came of a round."""

    name: str
    came: Counter[Came] = field(default_factory=Counter)
    crashes: dict[str, tuple[int, str]] = field(default_factory=dict)  # by place: how often, and the first input
    slowest_seconds: float = 0.0
    slowest_input: str = ""

    @property
    def tried(self) -> int:
        return sum(self.came.values()) + self.broken

    @property
    def broken(self) -> int:
        return sum(times for times, _ in self.crashes.values())

    def take(self, value: Any, check: Callable[[Any], Came]) -> None:
        """Tries one input."""
        began = time.perf_counter()
        try:
            self.came[check(value)] += 1
        except Exception as error:  # noqa: BLE001  # each is what this looks for
            place = self.place_of(error)
            times, first = self.crashes.get(place, (0, repr(value)[:2000]))
            self.crashes[place] = (times + 1, first)
        took = time.perf_counter() - began
        if took > self.slowest_seconds:
            self.slowest_seconds, self.slowest_input = took, repr(value)[:300]

    @staticmethod
    def place_of(error: BaseException) -> str:
        """What broke, and where: crashes of one place are one fault."""
        frames = [each for each in traceback.extract_tb(error.__traceback__) if "site-packages" not in each.filename]
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
        return f"{type(error).__name__} at {where}: {str(error)[:200]}"


def long_round(kind: Kind, times: int) -> Tally:
    """Tries that many different inputs, goes on after a crash, and tells."""
    tally = Tally(kind.name)

    @settings(
        max_examples=times, deadline=None, database=None, phases=LONG_PHASES, suppress_health_check=list(HealthCheck)
    )
    @given(kind.values)
    def one(value: Any) -> None:
        tally.take(value, kind.check)

    one()
    return tally
