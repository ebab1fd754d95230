"""The long round of bad input: `python dev.py fuzz`, `make fuzz`.

Sends 10,000 fuzzed activities with good tokens to a real bot, and tries as much of every other kind. Prints a table,
and ends with 1 where anything but a clean answer came.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from hypothesis.errors import HypothesisWarning

from tests.fuzz import command_texts
from tests.fuzz.activities import Room
from tests.fuzz.exchange_answers import Office
from tests.fuzz.graph_answers import Area
from tests.fuzz.rounds import Came, Kind, Tally, long_round

# An answer that takes longer is as bad as none: Teams gives up on a turn then.
LONGEST_SECONDS = 15.0
_SETTLE_SECONDS = 60.0
_HEAD = ("kind", "tried", "clean refusals", "answered", "crashes", "slowest answer")


@contextmanager
def _commands() -> Iterator[Kind]:
    yield command_texts.kind()


@contextmanager
def _graph() -> Iterator[Kind]:
    area = Area()
    yield area.kind()
    area.close()


@contextmanager
def _exchange() -> Iterator[Kind]:
    office = Office()
    yield office.kind()
    office.close()


@contextmanager
def _activities() -> Iterator[Kind]:
    room = Room()
    yield room.kind()
    room.settle(_SETTLE_SECONDS)
    room.close()


KINDS: dict[str, Callable[[], AbstractContextManager[Kind]]] = {
    "commands": _commands,
    "graph": _graph,
    "exchange": _exchange,
    "activities": _activities,
}


def _row(tally: Tally) -> tuple[str, ...]:
    return (
        tally.name,
        f"{tally.tried:,}",
        f"{tally.came[Came.REFUSED]:,}",
        f"{tally.came[Came.ANSWERED]:,}",
        f"{tally.broken:,}",
        f"{tally.slowest_seconds * 1000:,.0f} ms",
    )


def _table(tallies: Sequence[Tally]) -> str:
    rows = [_HEAD, *map(_row, tallies)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]

    def line(row: Sequence[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])

    return "\n".join([line(rows[0]), "  ".join("-" * width for width in widths), *map(line, rows[1:])])


def main(given: Sequence[str] | None = None) -> int:
    """0 where every answer was clean, else 1."""
    parser = argparse.ArgumentParser(prog="python dev.py fuzz", description="Tries bad input, very often.")
    parser.add_argument("--times", type=int, default=10_000, help="how many inputs of each kind (10,000)")
    parser.add_argument("--only", choices=KINDS, action="append", help="only this kind; may be given several times")
    arguments = parser.parse_args(given)
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    warnings.simplefilter("ignore", HypothesisWarning)  # they print whole strategies, and would bury the table
    tallies: list[Tally] = []
    for name in arguments.only or KINDS:
        with KINDS[name]() as kind:
            tallies.append(long_round(kind, arguments.times))
            sys.stdout.write(f"{_table(tallies[-1:])}\n\n")
            sys.stdout.flush()
    sys.stdout.write(_table(tallies) + "\n")
    for tally in tallies:
        for place, (times, first) in sorted(tally.crashes.items(), key=lambda entry: -entry[1][0]):
            sys.stdout.write(f"\n{tally.name}, {times} times: {place}\n  first input: {first}\n")
        if tally.slowest_seconds > LONGEST_SECONDS:
            sys.stdout.write(f"\n{tally.name}: this took {tally.slowest_seconds:.1f} s: {tally.slowest_input}\n")
    return int(any(tally.broken or tally.slowest_seconds > LONGEST_SECONDS for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
