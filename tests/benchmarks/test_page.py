"""The page of benchmarks promises what the benchmarks hold against, line by line, and keeps what was measured last."""

from __future__ import annotations

import re
from datetime import date

import pytest

from benchmarks import page
from benchmarks.promises import PROMISES
from benchmarks.suite import LONG, SUITE
from benchmarks.table import Row, seconds

TEXT = page.PAGE.read_text(encoding="utf-8")
DAY = date(2026, 11, 30)


def test_the_page_promises_what_the_benchmarks_hold_against() -> None:
    again = page.saved(TEXT, [], {}, DAY)
    assert page.promises_of(TEXT) == list(PROMISES.values()), "run: python app.py bench --save"
    assert again == TEXT


def test_every_benchmark_is_explained_and_promises_something() -> None:
    explained = re.findall(r"`([a-z0-9-]+)`", "".join(re.findall(r"^\| (`.*?) \|", TEXT.partition(page.END)[2], re.M)))
    assert explained == list(dict.fromkeys(promise.benchmark for promise in PROMISES.values()))
    assert set(explained) == {*SUITE, *LONG}


def test_what_is_measured_is_judged_and_says_where_it_was_measured() -> None:
    machines = TEXT.partition("| by | measured on | machine |")[2].partition(page.END)[0]
    for name, cells in page.figures_of(TEXT).items():
        _, figure, _, _, must_be, verdict = cells
        measured = figure != "not measured yet"
        assert verdict in ({"ok", "over"} if measured and must_be else {""}), name
        assert not measured or f"| `{PROMISES[name].benchmark}` |" in machines, name


def test_saving_replaces_what_was_measured_and_nothing_else() -> None:
    first, second = "First start to ready", "Next start to ready"
    once = page.saved(TEXT, [Row(first, 1.25, seconds, target=5.0)], {"start": "2 x Slow"}, DAY)
    twice = page.saved(once, [Row(second, 7.0, seconds, target=5.0)], {"start": "4 x Fast"}, DAY)
    figures = page.figures_of(twice)
    assert figures[first] == (first, "1.25 s", "", "", "≤ 5.00 s", "ok")
    assert figures[second] == (second, "7.00 s", "", "", "≤ 5.00 s", "over")
    assert "| `start` | 2026-11-30 | 4 x Fast |" in twice
    assert "2 x Slow" not in twice
    assert page.promises_of(twice) == page.promises_of(TEXT)
    rest = {name: cells for name, cells in page.figures_of(TEXT).items() if name not in {first, second}}
    assert rest.items() <= figures.items()
    assert twice.partition(page.BEGIN)[0] == TEXT.partition(page.BEGIN)[0]


def test_a_page_without_its_marks_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="marks"):
        page.saved("# Benchmarks", [], {}, DAY)
