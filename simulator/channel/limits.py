"""Teams' rate limits for bots: sliding windows per conversation and for the whole app in the tenant."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What a call counts as. Edits and deletions count as sending: the stricter reading of the documentation."""

    CREATE = "create-conversation"
    READ = "get-members"
    SEND = "send"


@dataclass(frozen=True)
class Window:
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: float


SEND_WINDOWS = (Window(7, 1), Window(8, 2), Window(60, 30), Window(1800, 3600))
WINDOWS: dict[Operation, tuple[Window, ...]] = {
    Operation.CREATE: SEND_WINDOWS,
    Operation.READ: (Window(14, 1), Window(16, 2), Window(120, 30), Window(3600, 3600)),
    Operation.SEND: SEND_WINDOWS,
}
# What all bots together may send to one conversation.
ALL_BOTS = (Window(14, 1), Window(16, 2))
CALLS_PER_SECOND = 50  # of one app in one tenant


class _Log:
    """The times of the calls that were let through, oldest first."""

    def __init__(self, windows: tuple[Window, ...]) -> None:
        self._windows = windows
        self._longest = max(window.seconds for window in windows)
        self._times: list[float] = []

    def wait(self, now: float) -> float:
        """Seconds until one more call fits; 0 where it fits now."""
        del self._times[: bisect_right(self._times, now - self._longest)]
        waits = [0.0]
        for window in self._windows:
            if len(self._times) >= window.calls:
                waits.append(self._times[-window.calls] + window.seconds - now)
        return max(waits)

    def add(self, now: float) -> None:
        self._times.append(now)


class TeamsLimits:
    """Counts the calls of one bot in one tenant. `clock` gives seconds; a refused call is not counted."""

    def __init__(
        self, clock: Callable[[], float], *, enforced: bool = True, calls_per_second: int = CALLS_PER_SECOND
    ) -> None:
        self.enforced = enforced
        self._clock = clock
        self._app = _Log((Window(calls_per_second, 1),))
        self._logs: dict[tuple[Operation, str], _Log] = {}
        self._with_others: dict[str, _Log] = {}  # conversations in which another bot speaks, too
        self.refused: dict[str, int] = defaultdict(int)

    def take(self, operation: Operation, thread: str) -> int | None:
        """Counts a call; or gives the Retry-After in whole seconds where it is one too many.

        `thread` is the conversation, or for creations the person or channel that the conversation is with: the
        per-thread limit does not bite one message to each of many people.
        """
        if not self.enforced:
            return None
        now = self._clock()
        log = self._logs.get((operation, thread))
        if log is None:
            log = self._logs[operation, thread] = _Log(WINDOWS[operation])
        others = self._with_others.get(thread) if operation is Operation.SEND else None
        wait = max(self._app.wait(now), log.wait(now), others.wait(now) if others else 0.0)
        if wait > 0:
            self.refused[thread] += 1
            return max(1, math.ceil(wait))
        self._app.add(now)
        log.add(now)
        if others is not None:
            others.add(now)
        return None

    def another_bot_sends(self, thread: str) -> None:
        """Another bot has said something in this conversation."""
        self._with_others.setdefault(thread, _Log(ALL_BOTS)).add(self._clock())
