"""A figure is over its target unless it surely is not."""

from __future__ import annotations

import math

import pytest

from benchmarks.table import HEADS, Row, count, drawn, quantile, seconds


@pytest.mark.parametrize(
    ("row", "over"),
    [
        (Row("a", 2.0, seconds, target=2.0), False),
        (Row("a", 2.1, seconds, target=2.0), True),
        (Row("a", math.nan, seconds, target=2.0), True),
        (Row("a", 9.0, seconds), False),
        (Row("a", 2.2, seconds, 2.0, 1.15, True), False),
        (Row("a", 2.4, seconds, 2.0, 1.15, True), True),
        (Row("a", 2.4, seconds, None, 1.15, True), True),
        (Row("a", 2.4, seconds, math.nan, 1.15, True), True),
        (Row("none of none", 0, count, 0, 1.0, True), False),
        (Row("one of none", 1, count, 0, 1.0, True), True),
    ],
)
def test_over_or_not(row: Row, over: bool) -> None:
    assert row.over is over
    assert row.cells()[-1] == ("" if row.target is None else "over" if over else "ok")


def test_the_table_stands_in_columns() -> None:
    lines = drawn([Row("short", 2.0, seconds, 1.0, 3.0, True).cells(), Row("a longer name", 2.0, seconds).cells()])
    head, rule, first, second = lines.splitlines()
    assert [head.index(word) for word in HEADS[:1]] == [0]
    assert first.index("2.00 s") == second.index("2.00 s")
    assert first.endswith("≤ 3.00 x  ok")
    assert set(rule) == {"─", " "}


def test_a_quantile_is_one_of_the_values() -> None:
    assert quantile([3.0, 1.0, 2.0, 4.0], 0.5) == 3.0
    assert quantile([3.0, 1.0, 2.0, 4.0], 0.99) == 4.0
