from __future__ import annotations

import pytest

from tests.workers import spread


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 7])
def test_every_test_is_run_once(processes: int) -> None:
    order = spread([100, 101], list(range(50, 60)), list(range(41)), processes)
    assert sorted(order) == [*range(41), *range(50, 60), 100, 101]


def test_half_of_the_processes_begin_with_what_waits() -> None:
    pieces = _pieces(spread(["browser"] * 2, ["story"] * 10, ["quick"] * 28, 4))
    assert pieces[0] == ["browser"] * 2 + ["story"] * 5 + ["quick"] * 3
    assert pieces[1] == ["story"] * 5 + ["quick"] * 5
    assert pieces[2] == pieces[3] == ["quick"] * 10


def test_more_that_waits_than_a_piece_holds_runs_over_into_the_next() -> None:
    order = spread([], ["story"] * 10, ["quick"] * 2, 4)
    assert order == ["story"] * 10 + ["quick"] * 2


def _pieces(order: list[str]) -> list[list[str]]:
    return [order[at : at + 10] for at in range(0, 40, 10)]
