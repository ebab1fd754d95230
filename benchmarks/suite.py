"""All benchmarks, one after another, in one table."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from benchmarks import answers, blast, bulk, crowd, locking, microsoft365, page, recall, starting
from benchmarks.machine import described
from benchmarks.promises import Promise, in_order
from benchmarks.table import Row, drawn

Measure = Callable[[], Awaitable[tuple[list[Row], list[str]]]]

SUITE: Mapping[str, Measure] = {
    "lock": locking.measure,
    "answers": answers.measure,
    "microsoft365": microsoft365.measure,
    "start": starting.measure,
    "blast": blast.measure,
}
# What takes minutes is measured only where it is named.
LONG: Mapping[str, Measure] = {
    "imap": bulk.measure,
    "score": recall.measure,
    "crowd": crowd.measure,
    "blast-2000": blast.two_thousand,
    "blast-10000": blast.ten_thousand,
    "blast-100000": blast.hundred_thousand,
    "blast-kill": blast.killed,
    "blast-two": blast.two_workers,
    "blast-scheduled": blast.scheduled_twice,
}


def run(only: Sequence[str] | None, *, report_only: bool, save: bool = False) -> int:
    """Measures and prints; the exit code.

    It is 1 where a target is missed or a benchmark breaks off, 2 for a name that is none of the suite's. `save` puts
    what was measured into the page of benchmarks.
    """
    known = {**SUITE, **LONG}
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        sys.stderr.write(f"There is no benchmark {unknown[0]}; there are {', '.join(known)}.\n")
        return 2
    rows: dict[str, Row] = {}
    notes: list[str] = []
    machines: dict[str, str] = {}
    broken: list[str] = []
    for name in only or SUITE:
        _say(f"Measuring: {name}…")
        try:
            found, told = asyncio.run(_measured(known[name]))
        except Exception as error:  # noqa: BLE001  # the figures of the others are worth having
            broken.append(f"{name} could not be measured: {type(error).__name__}: {error}".partition("\n")[0])
            continue
        rows |= {row.name: row for row in found}
        notes += told
        if found:
            machines[name] = described()
    text = page.PAGE.read_text(encoding="utf-8")
    before = page.figures_of(text)
    lines = [row.cells() if row else _not_now(promise, before) for promise, row in in_order(rows)]
    _say("", drawn(lines), "", f"Machine: {described()}", *notes, *broken)
    if save:
        page.PAGE.write_text(page.saved(text, rows.values(), machines, datetime.now(UTC).date()), encoding="utf-8")
        _say("", f"Saved in {page.PAGE.name}.")
    missed = [row.name for row in rows.values() if row.over]
    if missed:
        _say("", f"Over the target: {'; '.join(missed)}")
    return 1 if broken or (missed and not report_only) else 0


def _not_now(promise: Promise, before: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The line of a promise that this run did not measure: what the page says, and how to measure it."""
    *cells, verdict = before.get(promise.name, page.not_yet(promise))
    return (*cells, f"{verdict} (saved; --only {promise.benchmark})".strip())


async def _measured(measure: Measure) -> tuple[list[Row], list[str]]:
    return await measure()


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
