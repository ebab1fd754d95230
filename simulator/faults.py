"""Faults are data: what the next matching requests meet instead of, before or after their effect."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any


class Kind(StrEnum):
    """What goes wrong."""

    DELAY = "delay"  # slow by delay_seconds, then as usual
    DROP = "drop"  # the connection closes without an answer
    HALF = "half"  # half of the answer to a request that was carried out, then the connection closes
    HANG = "hang"  # no answer until the client gives up
    HTML502 = "html502"  # a gateway's HTML page
    KILL = "kill"  # SIGKILL to the process `pid`
    STATUS = "status"  # an error answer


class When(StrEnum):
    """Whether the fault comes instead of the effect or after it."""

    AFTER = "after"
    BEFORE = "before"


_ids = count(1)


@dataclass
class Fault:
    """One fault. `times=None` lasts until it is removed; `skip` lets that many matching requests pass first.

    `delay`, `hang` and `kill` before the effect; `delay` goes on to the handler afterwards, the others do not. `half`
    always comes after it.
    `path` is a regular expression that is searched for in the decoded path.
    """

    service: str | None = None
    method: str | None = None
    path: str = ""
    times: int | None = 1
    skip: int = 0
    kind: Kind = Kind.STATUS
    when: When = When.BEFORE
    status: int = 503
    code: str = "serviceNotAvailable"
    message: str = "The service is temporarily unavailable."
    retry_after: float | None = None
    delay_seconds: float = 0.0
    pid: int | None = None
    id: int = field(default_factory=lambda: next(_ids))

    def __post_init__(self) -> None:
        self.kind = Kind(self.kind)
        self.when = When(self.when)
        try:
            self._pattern = re.compile(self.path)
        except re.error as problem:
            raise ValueError(f"path is no regular expression: {problem}") from problem
        if not isinstance(self.status, int) or not 400 <= self.status <= 599:
            raise ValueError("status is an HTTP error, 400 to 599")
        if self.kind is Kind.KILL and self.pid is None:
            raise ValueError("a kill fault needs the pid to kill")
        if self.times is not None and self.times < 1:
            raise ValueError("times is at least 1, or None for ever")

    def fits(self, service: str, method: str, path: str) -> bool:
        """Whether this fault is meant for such a request."""
        return (
            (self.service is None or self.service == service)
            and (self.method is None or self.method.upper() == method)
            and self._pattern.search(path) is not None
        )

    def to_json(self) -> dict[str, Any]:
        """The fault as plain JSON."""
        return {
            "id": self.id,
            "service": self.service,
            "method": self.method,
            "path": self.path,
            "times": self.times,
            "skip": self.skip,
            "kind": self.kind,
            "when": self.when,
            "status": self.status,
            "code": self.code,
            "retry_after": self.retry_after,
            "delay_seconds": self.delay_seconds,
        }


class Faults:
    """The faults that are waiting, oldest first; at most one meets a request."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Sets a fault and returns it, so that it can be removed."""
        self._waiting.append(fault)
        return fault

    def remove(self, fault_id: int) -> bool:
        """Takes a fault back; False where it is gone already."""
        before = len(self._waiting)
        self._waiting = [fault for fault in self._waiting if fault.id != fault_id]
        return len(self._waiting) < before

    def clear(self) -> None:
        """Takes every fault back."""
        self._waiting.clear()

    def take(self, service: str, method: str, path: str) -> Fault | None:
        """The fault that this request meets, counted down."""
        for fault in self._waiting:
            if not fault.fits(service, method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
            return fault
        return None

    def waiting(self) -> list[Fault]:
        """What is still to come."""
        return list(self._waiting)
