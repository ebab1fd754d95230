"""Teams' limits, kept with a clock that moves only when somebody waits."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.pace import APP_WINDOWS, CONVERSATION_WINDOWS, Pace
from services.errors import Throttled


class Time:
    """A clock for one waiter at a time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def _pace(time: Time) -> Pace:
    return Pace(clock=time.clock, sleep=time.sleep)


def _insist(times: list[float], windows: tuple[tuple[int, float], ...]) -> None:
    for count, seconds in windows:
        for earlier, later in zip(times, times[count:], strict=False):
            assert later - earlier >= seconds


async def test_one_conversation_is_never_faster_than_teams_allows() -> None:
    time = Time()
    pace = _pace(time)
    times = []
    for _ in range(300):
        await pace.wait("a", 3600)
        times.append(time.now)
    _insist(times, CONVERSATION_WINDOWS)
    assert times[6] == times[0]  # seven may go at once


async def test_the_hour_is_kept_too() -> None:
    time = Time()
    pace = _pace(time)
    times = []
    for _ in range(1900):
        await pace.wait("a", 7200)
        times.append(time.now)
    _insist(times, ((1800, 3600),))


async def test_the_whole_app_is_never_faster_than_its_share() -> None:
    time = Time()
    pace = _pace(time)
    times = []
    for number in range(200):
        await pace.wait(f"conversation-{number}", 60)
        times.append(time.now)
    _insist(times, APP_WINDOWS)


async def test_one_busy_conversation_does_not_hold_up_the_others() -> None:
    time = Time()
    pace = _pace(time)
    for _ in range(8):
        await pace.wait("busy", 60)
    before = time.now
    await pace.wait("quiet", 60)
    assert time.now == before


async def test_patience_is_checked_before_waiting() -> None:
    time = Time()
    pace = _pace(time)
    pace.hold("a", 50)
    with pytest.raises(Throttled) as refusal:
        await pace.wait("a", 10)
    assert time.now == 1000.0
    assert refusal.value.retry_after == 50
    await pace.wait("a", 60)
    assert time.now == 1050.0


async def test_a_hold_for_all_holds_all() -> None:
    time = Time()
    pace = _pace(time)
    pace.hold(None, 5)
    await pace.wait("a", 60)
    assert time.now == 1005.0


async def test_idle_conversations_are_forgotten() -> None:
    time = Time()
    pace = _pace(time)
    for number in range(4096):
        await pace.wait(f"c{number}", 3600)
    time.now += 2 * 3600
    await pace.wait("new", 60)
    assert len(pace._conversations) == 1


async def test_waiters_go_in_the_order_they_came() -> None:
    order: list[int] = []
    pace = Pace(per_conversation=((1, 0.01),))

    async def one(number: int) -> None:
        await pace.wait("a", 10)
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(10)))
    assert order == list(range(10))


@given(pauses=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=150))
@settings(max_examples=60, deadline=None)
def test_no_pattern_of_use_breaks_a_limit(pauses: list[tuple[str, float]]) -> None:
    async def play() -> None:
        time = Time()
        pace = _pace(time)
        times: dict[str, list[float]] = {"a": [], "b": [], "c": []}
        everything = []
        for conversation, pause in pauses:
            time.now += pause
            await pace.wait(conversation, 3600)
            times[conversation].append(time.now)
            everything.append(time.now)
        for taken in times.values():
            _insist(taken, CONVERSATION_WINDOWS)
        _insist(everything, APP_WINDOWS)

    asyncio.run(play())


async def test_live_cards_leave_room_for_a_blast_and_take_it_back() -> None:
    time = Time()
    pace = _pace(time)
    for blast, expected in ((20.0, 24), (35.0, 6), (48.0, 5), (0.0, 35)):
        pace.leave(blast)
        time.now += 100
        begun = time.now
        for number in range(expected):
            await pace.wait(f"chat-{blast}-{number}", 5)
        assert time.now == begun
        await pace.wait(f"chat-{blast}", 5)
        assert time.now > begun
    assert pace.calls == 24 + 6 + 5 + 35 + 4
