"""When cards wait for the morning."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.triggers.quiet import end_of_quiet


@pytest.mark.parametrize(
    ("quiet", "zone", "now", "end"),
    [
        ("22-06", "UTC", "2026-12-01T23:30", "2026-12-02T06:00"),
        ("22-06", "UTC", "2026-12-02T05:59", "2026-12-02T06:00"),
        ("22-06", "UTC", "2026-12-02T06:00", None),
        ("22-06", "UTC", "2026-12-01T21:59", None),
        ("22-06", "Europe/Berlin", "2026-12-01T21:00", "2026-12-02T05:00"),
        ("22-06", "Europe/Berlin", "2026-07-01T20:00", "2026-07-02T04:00"),
        ("21:30-06:15", "UTC", "2026-12-01T21:30", "2026-12-02T06:15"),
        ("12-13", "UTC", "2026-12-01T12:30", "2026-12-01T13:00"),
        ("12-13", "UTC", "2026-12-01T13:00", None),
        ("22-22", "UTC", "2026-12-01T22:00", None),
        ("", "UTC", "2026-12-01T23:30", None),
    ],
)
def test_quiet_hours_end_by_the_organisations_clock(quiet: str, zone: str, now: str, end: str | None) -> None:
    found = end_of_quiet(quiet, zone, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (datetime.fromisoformat(end).replace(tzinfo=UTC) if end else None)
