"""The last figures, as `docs/benchmarks.md` keeps them: one table, and when and where each part was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from benchmarks.promises import PROMISES, Promise
from benchmarks.table import Row

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_HEADS = ("measured", "figure", "limit", "ratio", "must be", "", "by")
_MACHINES = ("by", "measured on", "machine")


def saved(page: str, rows: Iterable[Row], machines: Mapping[str, str], day: date) -> str:
    """The page with these rows in place of what it said about them. `machines` tells each benchmark's machine.

    Raises ValueError where the marks are missing.
    """
    figures, measured = figures_of(page), _measured_of(page)
    figures |= {row.name: row.cells() for row in rows}
    measured |= {name: (day.isoformat(), machine) for name, machine in machines.items()}
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{_tables(figures, measured)}\n{END}{tail}"


def not_yet(promise: Promise) -> tuple[str, ...]:
    """The line of a promise that nobody has measured."""
    return (promise.name, "not measured yet", "", "", promise.must_be, "")


def figures_of(page: str) -> dict[str, tuple[str, ...]]:
    """What the page's table says, by the name of the row, without the column that names the benchmark."""
    return {cells[0]: cells[:-1] for cells in _cells(page, len(_HEADS))}


def promises_of(page: str) -> list[Promise]:
    """What the page promises, line by line."""
    return [Promise(cells[0], cells[-1].strip("`"), cells[4]) for cells in _cells(page, len(_HEADS))]


def _measured_of(page: str) -> dict[str, tuple[str, str]]:
    return {cells[0].strip("`"): (cells[1], cells[2]) for cells in _cells(page, len(_MACHINES))}


def _cells(page: str, columns: int) -> Iterable[tuple[str, ...]]:
    """The lines of the table with so many columns, without its head."""
    if BEGIN not in page or END not in page:
        raise ValueError(f"{PAGE.name} has lost the marks of its table")
    table = page.partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in table.splitlines() if line.startswith("| ") and line.count(" |") == columns]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[1:]]


def _tables(figures: Mapping[str, tuple[str, ...]], measured: Mapping[str, tuple[str, str]]) -> str:
    lines = [_line(_HEADS), _rule(_HEADS)]
    for promise in PROMISES.values():
        cells = figures.get(promise.name, not_yet(promise))
        lines.append(_line((*cells, f"`{promise.benchmark}`")))
    lines += ["", _line(_MACHINES), _rule(_MACHINES)]
    known = dict.fromkeys(promise.benchmark for promise in PROMISES.values())
    lines += [_line((f"`{name}`", *measured[name])) for name in known if name in measured]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(cells: Iterable[str]) -> str:
    return "|" + "---|" * len(tuple(cells))
