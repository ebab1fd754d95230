"""What is measured must be held against exactly what is promised."""

from __future__ import annotations

import pytest

from benchmarks.promises import PROMISES, in_order
from benchmarks.table import Row, seconds


def test_every_promise_has_its_line_whether_it_was_measured_or_not() -> None:
    row = Row("First start to ready", 2.0, seconds, target=5.0)
    lines = list(in_order({row.name: row}))
    assert [promise for promise, _ in lines] == list(PROMISES.values())
    assert {promise.name: found for promise, found in lines if found} == {row.name: row}


def test_what_nobody_promised_stands_at_the_end() -> None:
    row = Row("Something new", 2.0, seconds, target=3.0)
    promise, found = list(in_order({row.name: row}))[-1]
    assert (promise.name, promise.must_be, found) == ("Something new", "≤ 3.00 s", row)


def test_a_target_that_is_not_the_promised_one_is_noticed() -> None:
    with pytest.raises(ValueError, match=r"First start to ready: promised ≤ 5\.00 s, measured against ≤ 9\.00 s"):
        list(in_order({"First start to ready": Row("First start to ready", 2.0, seconds, target=9.0)}))
