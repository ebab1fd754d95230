"""All benchmarks, one after another, in one table."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

from benchmarks import answers, blast, bulk, locking, microsoft365, starting
from benchmarks.machine import described
from benchmarks.table import Row, drawn

Measure = Callable[[], Awaitable[tuple[list[Row], list[str]]]]

SUITE: Mapping[str, Measure] = {
    "lock": locking.measure,
    "answers": answers.measure,
    "microsoft365": microsoft365.measure,
    "start": starting.measure,
    "blast": blast.measure,
}
# What takes a quarter of an hour is measured only where it is named.
LONG: Mapping[str, Measure] = {
    "imap": bulk.measure,
    "blast-2000": blast.two_thousand,
    "blast-10000": blast.ten_thousand,
    "blast-100000": blast.hundred_thousand,
    "blast-kill": blast.killed,
    "blast-two": blast.two_workers,
    "blast-scheduled": blast.scheduled_twice,
}


def run(only: Sequence[str] | None, *, report_only: bool) -> int:
    """Measures, prints, and ends with 1 where a target is missed; with 2 for a name that is none of the suite's."""
    known = {**SUITE, **LONG}
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        sys.stderr.write(f"There is no benchmark {unknown[0]}; there are {', '.join(known)}.\n")
        return 2
    rows: list[Row] = []
    notes: list[str] = []
    for name in only or SUITE:
        _say(f"Measuring: {name}…")
        found, told = asyncio.run(_measured(known[name]))
        rows += found
        notes += told
    _say("", drawn(rows), "", f"Machine: {described()}", *notes)
    missed = [row.name for row in rows if row.over]
    if missed:
        _say("", f"Over the target: {'; '.join(missed)}")
    return 1 if missed and not report_only else 0


async def _measured(measure: Measure) -> tuple[list[Row], list[str]]:
    return await measure()


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
