from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from services.blasts.hours import is_open, next_opening
from services.blasts.model import Hours

OFFICE = Hours(time(9), time(17))
WEDNESDAY = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "is_it_open"),
    [("", True), ("Europe/Berlin", True), ("Asia/Tokyo", False), ("America/New_York", False), ("No/Such", True)],
)
def test_the_clock_on_the_recipient_s_wall_counts(zone: str, is_it_open: bool) -> None:
    assert is_open(OFFICE, zone, WEDNESDAY) is is_it_open


def test_a_weekend_is_waited_out() -> None:
    saturday = datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert next_opening(OFFICE, "Europe/Madrid", saturday) == datetime(2026, 11, 30, 8, tzinfo=UTC)


def test_an_open_moment_is_now() -> None:
    assert next_opening(OFFICE, "Europe/Berlin", WEDNESDAY) == WEDNESDAY


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)])
def test_the_next_opening_is_open_when_the_clocks_change(day: datetime) -> None:
    daily = Hours(time(2, 30), time(4), tuple(range(7)))
    opening = next_opening(daily, "Europe/Berlin", day)
    assert timedelta() < opening - day < timedelta(hours=8)
    assert is_open(daily, "Europe/Berlin", opening)


@pytest.mark.parametrize(("start", "end", "days"), [(9, 9, (0,)), (17, 9, (0,)), (9, 17, ()), (9, 17, (7,))])
def test_hours_that_never_come_are_refused(start: int, end: int, days: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="never"):
        Hours(time(start), time(end), days)
