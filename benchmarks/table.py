"""What a benchmark tells: a figure, the limit that was measured in the same run, and whether its target is met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Unit = Callable[[float], str]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `limit` is what nobody could beat, measured in the same run; `target` is the most that the figure may be, or the
    most that figure / limit may be where it is a ratio. A row without a target only informs.
    """

    name: str
    figure: float
    unit: Unit
    limit: float | None = None
    target: float | None = None
    target_is_ratio: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times the limit the figure is."""
        if self.limit is None:
            return None
        if self.limit == 0:
            return 0.0 if self.figure == 0 else math.inf
        return self.figure / self.limit

    @property
    def over(self) -> bool:
        """Whether the target is missed. A ratio that could not be measured misses it."""
        if self.target is None:
            return False
        value = self.ratio if self.target_is_ratio else self.figure
        return value is None or not value <= self.target

    @property
    def must_be(self) -> str:
        """The target as text; empty where there is none."""
        if self.target is None:
            return ""
        return at_most(times if self.target_is_ratio else self.unit, self.target)

    def cells(self) -> tuple[str, ...]:
        """The line as texts."""
        return (
            self.name,
            self.unit(self.figure),
            "" if self.limit is None else self.unit(self.limit),
            "" if self.ratio is None else times(self.ratio),
            self.must_be,
            "" if self.target is None else "over" if self.over else "ok",
        )


HEADS = ("measured", "figure", "limit", "ratio", "must be", "")


def drawn(cells: Iterable[tuple[str, ...]]) -> str:
    """The table as text."""
    lines = [HEADS, *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    rule = "  ".join("─" * width for width in widths)
    texts = [
        "  ".join(
            cell.ljust(width) if column in (0, len(HEADS) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([texts[0], rule, *texts[1:]])


def seconds(value: float) -> str:
    """A long time."""
    return f"{value:.2f} s"


def milliseconds(value: float) -> str:
    """A short time, given in seconds."""
    return f"{1000 * value:.1f} ms"


def megabytes(value: float) -> str:
    """Memory, given in bytes."""
    return f"{value / 1_000_000:.0f} MB"


def count(value: float) -> str:
    """A number of things."""
    return f"{value:.0f}"


def at_most(unit: Unit, value: float) -> str:
    """What a target is called in the table."""
    return f"≤ {unit(value)}"


def times(value: float) -> str:
    """A ratio."""
    return f"{value:.2f} x"


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest of the values that is not exceeded by this share of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
