"""Simulated time: real time plus an offset that tests and people may advance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Runs at real speed and can jump forward."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """Simulated now, in UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> datetime:
        """Jumps forward and returns the new time."""
        if seconds < 0:
            raise ValueError("time only moves forward")
        self._offset += timedelta(seconds=seconds)
        return self.now()


def stamp(moment: datetime) -> str:
    """The directory's own form of a time: whole seconds, Z."""
    return f"{moment.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z"


def parse_stamp(text: str) -> datetime:
    """Reads what `stamp` writes, and ISO-8601 with fractions or an offset."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
