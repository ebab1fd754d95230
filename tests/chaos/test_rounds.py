"""A short round inside this process, and what the seeds draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.stories import STORIES
from tests.chaos.harms import ERRORS, Engine, Harm, HarmKind, Round, Scene, drawn
from tests.chaos.inside import InsideBot
from tests.chaos.patience import Patience
from tests.chaos.rounds import play

_ROUND = Round(
    0,
    "token-replay",
    Engine.SQLITE,
    (Scene.OPENING, Scene.LOCKING),
    (
        Harm(HarmKind.CLOCK_MOVES, Scene.OPENING, 0.5, 2, {"hours": 5}),
        Harm(HarmKind.CALL_FAILS, Scene.OPENING, 0, 0, {"service": "graph", "skip": 3, "times": 2, "error": "503"}),
        Harm(HarmKind.DATABASE_AWAY, Scene.LOCKING, 0, 1, {"file": "irbot"}),
        Harm(HarmKind.CALL_FAILS, Scene.LOCKING, 0, 0, {"service": "graph", "method": "PATCH", "error": "reset, done"}),
        Harm(HarmKind.CALL_FAILS, Scene.LOCKING, 0, 0, {"service": "connector", "method": "PUT", "error": "502"}),
    ),
)


async def test_a_story_survives_what_is_done_to_it() -> None:
    result = await play(_ROUND, InsideBot)
    assert result.broken == []


def test_a_seed_always_draws_the_same_round_and_ten_in_a_row_play_every_story() -> None:
    rounds = [drawn(seed) for seed in range(1, 101)]
    assert rounds == [drawn(seed) for seed in range(1, 101)]
    for first in range(0, 100, 10):
        assert {each.story for each in rounds[first : first + 10]} == set(STORIES)
    harms = [harm for each in rounds for harm in each.harms]
    assert {harm.kind for harm in harms} == set(HarmKind)
    assert {harm.how["error"] for harm in harms if harm.kind is HarmKind.CALL_FAILS} >= set(ERRORS) - {"400", "504"}
    assert any(each.at_once for each in rounds)
    assert {each.story for each in rounds if Scene.WARNING in each.scenes} == set(STORIES) - {"guest"}
    assert {harm.kind for harm in harms if harm.scene is Scene.WARNING} >= {HarmKind.CALL_FAILS, HarmKind.KILL_AT_CALL}
    assert {each.engine for each in rounds} == set(Engine)


def test_what_moves_is_waited_for_and_what_stands_still_or_never_ends_is_given_up() -> None:
    assert not any(_given_up((0, 9, 18, 27), lambda now: now))
    assert _given_up((0, 10, 10.1), lambda _now: "the same") == [False, False, True]
    assert _given_up((0, 9, 18, 27, 36, 45, 54, 60, 60.1), lambda now: now)[-2:] == [False, True]


def _given_up(times: Sequence[float], seen_at: Callable[[float], object]) -> list[bool]:
    """Whether somebody who waits ten seconds for a change has given up at each of these times."""
    clock = iter((0.0, *times))
    patience = Patience(10, clock=lambda: next(clock))
    return [patience.is_over(seen_at(time)) for time in times]
