"""Every figure that the benchmarks tell, in the order of the table: what it must be, and which benchmark measures it.

What is measured and stands nowhere here is shown at the table's end; a promise that nobody measured says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks import answers, blast, bulk, crowd, locking, microsoft365, recall, starting
from benchmarks.table import Row, at_most, count, megabytes, milliseconds, seconds, times


@dataclass(frozen=True)
class Promise:
    """One line of the table. `must_be` is empty where the figure only informs."""

    name: str
    benchmark: str
    must_be: str = ""


def _sending(benchmark: str, people: str, *, click: bool) -> Iterator[Promise]:
    """A blast to so many people."""
    told = (
        ("from the first message to the last", at_most(times, 1 / blast.SHARE)),
        ("sent rate", ""),
        ("refused by Teams as too many", at_most(count, 0)),
        ("not sent, or sent twice", at_most(count, 0)),
        ("processor time of a message, beyond the idle bot's", at_most(milliseconds, blast.MOST_CPU_SECONDS)),
        ("most memory", at_most(megabytes, blast.MOST_BYTES)),
        ("longest gap of the event loop", at_most(milliseconds, blast.MOST_GAP_SECONDS)),
    )
    yield from (Promise(f"{people}: {what}", benchmark, must_be) for what, must_be in told)
    if click:
        yield Promise(f"{people}: slowest answer to a responder", benchmark, at_most(seconds, blast.CLICK_SECONDS))


_GAP = at_most(milliseconds, microsoft365.LONGEST_GAP_SECONDS)
_KILLS = f"{blast.KILLS} kills"
PROMISES: Mapping[str, Promise] = {
    each.name: each
    for each in (
        Promise("Time to lock, median", "lock"),
        Promise("Time to lock, run with the median ratio", "lock", at_most(times, locking.RATIO)),
        Promise("Time to lock, run with the worst ratio", "lock"),
        Promise("The same calls one after another, median", "lock"),
        Promise("Answer to a message, half of them within", "answers"),
        Promise("Answer to a message, 99 % within", "answers"),
        Promise("Answer to a click, half of them within", "answers"),
        Promise("Answer to a click, 99 % within", "answers"),
        Promise("Slowest answer while Graph takes 20 s", "answers", at_most(seconds, answers.PROMISE_SECONDS)),
        Promise("Memory after 120 messages and 60 clicks", "answers"),
        Promise("Processor time of one Graph call", "microsoft365"),
        Promise("30 reads at once, throttle-aware limit", "microsoft365"),
        Promise("Event loop's longest gap in 200 calls at once", "microsoft365", _GAP),
        Promise("First start to ready", "start", at_most(seconds, starting.READY_SECONDS)),
        Promise("Next start to ready", "start", at_most(seconds, starting.READY_SECONDS)),
        Promise("Memory when idle", "start", at_most(megabytes, starting.IDLE_BYTES)),
        Promise(recall.MISSED, "score", at_most(count, 0)),
        Promise(recall.STAYED, "score", at_most(count, 0)),
        Promise(recall.ALARMS, "score", at_most(count, 0)),
        Promise(recall.HARMED, "score", at_most(count, 0)),
        Promise(recall.SLOWEST, "score", at_most(times, recall.MOST_TIMES_THE_LEAST)),
        Promise(recall.LONGEST, "score", at_most(seconds, recall.MOST_SECONDS)),
        Promise(f"{crowd.NAME}: half of them answered within", "crowd"),
        Promise(f"{crowd.NAME}: 99 % answered within", "crowd", at_most(seconds, crowd.ANSWER_SECONDS)),
        Promise(f"{crowd.NAME}: without a good answer", "crowd", at_most(count, 0)),
        Promise(f"{crowd.NAME}: not done in the end", "crowd", at_most(count, 0)),
        Promise(f"{crowd.NAME}: longest gap of the event loop", "crowd", at_most(milliseconds, crowd.GAP_SECONDS)),
        *_sending("blast", "400 people", click=True),
        *_sending("blast-2000", "2,000 people", click=True),
        *_sending("blast-10000", "10,000 people", click=True),
        *_sending("blast-100000", "100,000 people", click=False),
        Promise(f"{_KILLS}: undecided, of those under way", "blast-kill", at_most(times, 1)),
        Promise(f"{_KILLS}: missed and not known as undecided", "blast-kill", at_most(count, 0)),
        Promise(f"{_KILLS}: sent twice", "blast-kill", at_most(count, 0)),
        Promise(f"{_KILLS}: not settled", "blast-kill", at_most(count, 0)),
        *_sending("blast-two", "2 x 5,000 people", click=False),
        Promise("Two replicas, one blast: sent twice", "blast-scheduled", at_most(count, 0)),
        Promise("Two replicas, one blast: missed", "blast-scheduled", at_most(count, 0)),
        Promise("Seconds for a thousand mailboxes, IMAP off", "imap", at_most(times, 1 / bulk.SHARE)),
        Promise("Memory that the working process gained", "imap", at_most(megabytes, bulk.GROWTH_BYTES)),
        Promise("Mailboxes skipped, still open or changed twice", "imap", at_most(count, 0)),
        Promise("Reading back found something else", "imap", at_most(count, 0)),
    )
}


def in_order(rows: Mapping[str, Row]) -> Iterator[tuple[Promise, Row | None]]:
    """Every promise with its row, None where it was not measured; then what was measured beside them.

    Raises ValueError for a row that must be something else than its promise says.
    """
    for name, promise in PROMISES.items():
        row = rows.get(name)
        if row is not None and row.must_be != promise.must_be:
            raise ValueError(f"{name}: promised {promise.must_be or 'nothing'}, measured against {row.must_be}")
        yield promise, row
    yield from ((Promise(name, "", row.must_be), row) for name, row in rows.items() if name not in PROMISES)
