"""How a request ends that is not let in: an HTTP status and a stable word for the reason."""

from __future__ import annotations


class Rejected(Exception):
    """The request goes no further. `reason` is safe to show: it never repeats what was sent."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(status, reason)
