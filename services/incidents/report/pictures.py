"""Two pictures of the sign-ins, drawn from the kept evidence alone: when, and from which places.

Without that evidence there is no picture. Sign-ins close in time are drawn as one dot that says how many they are, so
that a picture stays small and readable however long the log is.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.incidents.report.case import Case
from services.incidents.report.page import Html, element, joined
from services.incidents.report.words import count
from services.playbook.step import Severity

_STEP, _PIECE = "review-sign-ins", "sign-ins"
_MOST_PLACES = 12
_LONGEST_PLACE = 32
_BINS = 120
_TICKS = 5
_LEFT, _WIDTH, _ROW, _TOP = 210, 720, 26, 14
_RIGHT = 20
_SUSPECT, _USUAL, _FAILED = "#b10e1c", "#2b5f9e", "#777"
_BY_HAND, _TOKENS, _REFUSED = "Worked, by hand", "Worked, with tokens", "Did not work"


@dataclass(frozen=True)
class SignIn:
    """What the pictures and the table need of one entry of the log."""

    at: datetime
    place: str
    ip: str
    app: str
    device: str
    by_hand: bool
    error_code: int
    suspect: bool

    @property
    def worked(self) -> bool:
        return self.error_code == 0


@dataclass(frozen=True)
class Log:
    """The sign-ins of the newest look. `complete` is False where the log had more than was read."""

    entries: tuple[SignIn, ...]
    without_time: int
    complete: bool
    as_of: datetime


def log_of(case: Case) -> Log | None:
    """The newest sign-in evidence that can be read; None where there is none."""
    suspects = _suspects(case)
    for piece in reversed(case.evidence):
        if (piece.step_id, piece.name) == (_STEP, _PIECE) and piece.raw is not None and not piece.problem:
            content = json.loads(piece.raw)
            rows = [row for row in _list(_map(content).get("entries")) if isinstance(row, Mapping)]
            found = [entry for row in rows if (entry := _entry(row, suspects)) is not None]
            found.sort(key=lambda entry: entry.at)
            complete = _map(content).get("complete") is True
            return Log(tuple(found), len(rows) - len(found), complete, piece.at)
    return None


def _suspects(case: Case) -> frozenset[str]:
    """The addresses that the review of sign-ins found to be an alarm or a warning."""
    return frozenset(
        str(address)
        for found in case.findings
        if found.step_id == _STEP
        and found.finding.severity is not Severity.NOTE
        and found.finding.key.startswith("address:")
        for address in _list(found.finding.data.get("addresses"))
    )


def _entry(row: Mapping[str, Any], suspects: frozenset[str]) -> SignIn | None:
    try:
        at = datetime.fromisoformat(str(row.get("at")))
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    code = row.get("error_code")
    where = ", ".join(str(row[part]) for part in ("city", "country") if row.get(part))
    return SignIn(
        at=at.astimezone(UTC),
        place=where or "Unknown place",
        ip=str(row.get("ip") or ""),
        app=str(row.get("app") or ""),
        device=str(row.get("device") or row.get("operating_system") or ""),
        by_hand=row.get("interactive") is True,
        error_code=code if isinstance(code, int) else -1,
        suspect=str(row.get("ip") or "") in suspects,
    )


def figures(log: Log) -> tuple[Html, ...]:
    """The sign-in timeline and the place-by-time chart; nothing for a log without sign-ins."""
    if not log.entries:
        return ()
    note = _note(log)
    lanes = ((entry, _REFUSED if not entry.worked else _BY_HAND if entry.by_hand else _TOKENS) for entry in log.entries)
    places = _places(log.entries)
    rows = list(dict.fromkeys(places.values()))
    return (
        _figure("Sign-ins over time", (_BY_HAND, _TOKENS, _REFUSED), list(lanes), note),
        _figure("Places over time", rows, [(entry, places[entry.place]) for entry in log.entries], note),
    )


def _note(log: Log) -> str:
    words = [f"{count(len(log.entries), 'sign-in')}, as of {log.as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC."]
    if not log.complete:
        words.append("The log has more than was read.")
    if log.without_time:
        words.append(f"{count(log.without_time, 'entry', 'entries')} without a time left out.")
    return " ".join(words)


def _places(entries: Sequence[SignIn]) -> dict[str, str]:
    """The row of each place: suspicious ones first, then the most used; the rest share one row that says so."""
    used = Counter(entry.place for entry in entries)
    suspect = {entry.place for entry in entries if entry.suspect}
    ranked = sorted(used, key=lambda place: (place not in suspect, -used[place], place))
    if len(ranked) <= _MOST_PLACES:
        return {place: place for place in ranked}
    shown, rest = ranked[: _MOST_PLACES - 1], ranked[_MOST_PLACES - 1 :]
    return {place: place for place in shown} | dict.fromkeys(rest, f"{len(rest)} other places")


def _figure(title: str, rows: Sequence[str], entries: Sequence[tuple[SignIn, str]], note: str) -> Html:
    first, last = entries[0][0].at, entries[-1][0].at
    span = max(last - first, timedelta(hours=1))
    height = _TOP + _ROW * len(rows) + 52
    heights = {row: _TOP + _ROW * index + _ROW // 2 for index, row in enumerate(rows)}
    drawing = element(
        "svg",
        element("title", f"{title}. {note}"),
        joined(_lines(rows, heights)),
        joined(_axis(first, span, _TOP + _ROW * len(rows))),
        joined(_dots(entries, heights, first, span)),
        joined(_legend(height - 10)),
        viewBox=f"0 0 {_LEFT + _WIDTH + _RIGHT} {height}",
        role="img",
    )
    return element("figure", drawing, element("figcaption", element("strong", title), f". {note}"))


def _lines(rows: Iterable[str], heights: Mapping[str, int]) -> Iterable[Html]:
    for row in rows:
        name = row if len(row) <= _LONGEST_PLACE else f"{row[: _LONGEST_PLACE - 1]}…"
        yield element("text", name, x=_LEFT - 12, y=heights[row] + 4, text_anchor="end")
        yield element(
            "line", x1=_LEFT, x2=_LEFT + _WIDTH, y1=heights[row], y2=heights[row], stroke="#ddd", stroke_width=1
        )


def _axis(first: datetime, span: timedelta, bottom: int) -> Iterable[Html]:
    pattern = "%m-%d %H:%M" if span < timedelta(days=3) else "%Y-%m-%d"
    for index in range(_TICKS):
        x = _LEFT + _WIDTH * index // (_TICKS - 1)
        anchor = "end" if index == _TICKS - 1 else "start" if index == 0 else "middle"
        label = (first + span * index / (_TICKS - 1)).strftime(pattern)
        yield element("line", x1=x, x2=x, y1=_TOP, y2=bottom, stroke="#ccc", stroke_width=1)
        yield element("text", label, x=x, y=bottom + 15, text_anchor=anchor)


def _dots(
    entries: Iterable[tuple[SignIn, str]], heights: Mapping[str, int], first: datetime, span: timedelta
) -> Iterable[Html]:
    bins: Counter[tuple[str, int, bool, bool]] = Counter()
    for entry, row in entries:
        bins[row, min(_BINS - 1, int((entry.at - first) / span * _BINS)), entry.suspect, entry.worked] += 1
    # The suspicious ones last: nothing may lie over them.
    for (row, place, suspect, worked), number in sorted(bins.items(), key=lambda item: (item[0][2], item[0])):
        start = first + span * place / _BINS
        says = f"{count(number, 'sign-in')}, {row}, from {start:%Y-%m-%d %H:%M} UTC"
        x = _LEFT + round(_WIDTH * (place + 0.5) / _BINS, 1)
        yield _dot(x, heights[row], min(10.0, round(3 + math.log2(number), 1)), says, suspect=suspect, worked=worked)


def _dot(x: float, y: int, size: float, says: str, *, suspect: bool, worked: bool) -> Html:
    """A diamond for what is suspicious, so that no colour is needed; hollow for what did not work."""
    title = element("title", says)
    colour = _SUSPECT if suspect else _USUAL if worked else _FAILED
    look = {"fill": colour if worked else "#fff", "stroke": colour, "stroke_width": 1}
    if suspect:
        corners = f"{x},{y - size} {x + size},{y} {x},{y + size} {x - size},{y}"
        return element("polygon", title, points=corners, **look)
    return element("circle", title, cx=x, cy=y, r=size, **look)


def _legend(y: int) -> Iterable[Html]:
    shown = (("suspicious address", True, True), ("other address", False, True), ("hollow: did not work", False, False))
    for index, (words, suspect, worked) in enumerate(shown):
        x = _LEFT + index * 160
        yield _dot(x + 5, y - 4, 5, words, suspect=suspect, worked=worked)
        yield element("text", words, x=x + 16, y=y)
    yield element("text", "times in UTC; a bigger dot is more of them", x=_LEFT + _WIDTH, y=y, text_anchor="end")


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
