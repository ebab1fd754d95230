"""The gate before an account is given back: what must be green, and who waived what. Rules over facts, no look-ups."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from services.channel import Actor
from services.playbook.step import Plan, Severity, State

_GOOD = frozenset({State.ALREADY_SO, State.DONE})
_PASS = "temporaryAccessPassAuthenticationMethod"  # noqa: S105  # a kind of method
_METHODS, _DEVICES = "remove-sign-in-methods", "check-devices"
_FEW = 3


class LineState(StrEnum):
    """A line is green, shut, or shut and waived by somebody with a name."""

    GREEN = "green"
    SHUT = "shut"
    WAIVED = "waived"


@dataclass(frozen=True)
class Need:
    """One line: which removals must find nothing more, which checks must have looked, which steps must have ended well.

    A step of `ended` is also satisfied where its plan finds that it is so already.
    """

    key: str
    title: str
    removals: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    about_mail: bool = False


NEEDS: tuple[Need, ...] = (
    Need("methods", "No sign-in method of before is left", (_METHODS, "clear-recovery-details")),
    Need("rules", "Inbox rules are clean", ("remove-inbox-rules",), ("check-inbox-rules",), about_mail=True),
    Need("forwarding", "No mail is forwarded", ("remove-forwarding",), ("check-forwarding",), about_mail=True),
    Need("consents", "No suspicious app has consent", ("revoke-app-consents",), about_mail=True),
    Need("delegates", "Nobody suspicious is let in", ("remove-delegates",), ("check-delegates",), about_mail=True),
    Need("devices", "Devices are checked", ("disable-devices", "remove-mobile-partnerships"), (_DEVICES,)),
    Need("mail-flow", "Mail flow is clean", ("disable-mail-flow",), ("check-mail-flow",), about_mail=True),
    Need("password", "The password is scrambled", ended=("scramble-password",)),
    Need("partner", "The partner has been told", ended=("contact-partner",)),
)
BY_KEY: Mapping[str, Need] = {need.key: need for need in NEEDS}


@dataclass(frozen=True)
class Seen:
    """What looking again at one step gave: how its plan was settled, what it would still change, what is an alarm."""

    state: str
    reason: str
    left: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        return {"state": self.state, "reason": self.reason, "left": list(self.left), "alarms": list(self.alarms)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        return cls(value["state"], value["reason"], tuple(value["left"]), tuple(value["alarms"]))


@dataclass(frozen=True)
class Waiver:
    """Somebody's word that a line may stay shut, for exactly what was shut then."""

    line: str
    digest: str
    reason: str
    by: Actor
    at: datetime


@dataclass(frozen=True)
class Line:
    """One line of the gate. `digest` stands for what keeps it shut: a waiver counts for that alone."""

    key: str
    title: str
    state: LineState
    reason: str
    digest: str
    waiver: Waiver | None = None


@dataclass(frozen=True)
class Gate:
    """All lines. Open only where none is shut."""

    lines: tuple[Line, ...]

    @property
    def is_open(self) -> bool:
        return all(line.state is not LineState.SHUT for line in self.lines)

    @property
    def shut(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.state is LineState.SHUT)

    def why_shut(self, *, mail_only: bool = False) -> str | None:
        """The shut lines in a sentence; None without any."""
        shut = [line for line in self.shut if not mail_only or BY_KEY[line.key].about_mail]
        return "; ".join(f"{line.title}: no" for line in shut) + "." if shut else None


def looked_at(mail_only: bool) -> tuple[str, ...]:
    """The ids of the steps whose plans the gate needs."""
    needs = [need for need in NEEDS if need.about_mail or not mail_only]
    return tuple(step_id for need in needs for step_id in (*need.removals, *need.checks, *need.ended))


def seen_in(step_id: str, plan: Plan, our_passes: frozenset[str] = frozenset()) -> Seen:
    """What a fresh plan says. A pass that IRBot itself has issued is no method of before."""
    changes = [change for change in plan.changes if not _is_ours(change.data, our_passes)]
    alarms = tuple(
        finding.title
        for finding in plan.findings
        # What a removal step proposes is its own line's; what nobody removes stays an alarm.
        if finding.severity is Severity.ALARM and step_id == _DEVICES and not finding.key.startswith(_REMOVED)
    )
    if changes:
        return Seen("left", "", tuple(change.what for change in changes), alarms)
    if plan.unread:
        return Seen(State.NOT_EVALUATED.value, " ".join(plan.unread), (), alarms)
    if plan.settled is not None:
        return Seen(plan.settled.state.value, plan.settled.reason, (), alarms)
    return Seen(State.ALREADY_SO.value, "", (), alarms)


_REMOVED = ("device:", "phone:")  # the findings of the device check that a removal answers


def _is_ours(data: Mapping[str, Any], our_passes: frozenset[str]) -> bool:
    return data.get("kind") == _PASS and data.get("id") in our_passes


def gate_of(
    seen: Mapping[str, Seen],
    ended: Mapping[str, State],
    waivers: Iterable[Waiver],
    *,
    not_by: frozenset[str] = frozenset(),
    mail_only: bool = False,
) -> Gate:
    """The gate by what was seen just now, how steps ended last, and the waivers of all but `not_by` (object ids)."""
    held = {(each.line, each.digest): each for each in waivers if each.by.object_id not in not_by}
    needs = [need for need in NEEDS if need.about_mail or not mail_only]
    return Gate(tuple(_line(need, seen, ended, held) for need in needs))


def _line(
    need: Need, seen: Mapping[str, Seen], ended: Mapping[str, State], waivers: Mapping[tuple[str, str], Waiver]
) -> Line:
    reasons = [
        *(_of_removal(seen.get(step_id)) for step_id in need.removals),
        *(_of_check(seen.get(step_id)) for step_id in need.checks),
        *(_of_ended(seen.get(step_id), ended.get(step_id)) for step_id in need.ended),
    ]
    shut = [reason for reason in reasons if reason]
    if not shut:
        return Line(need.key, need.title, LineState.GREEN, "", "")
    whole = [(step_id, _all_of(seen.get(step_id))) for step_id in (*need.removals, *need.checks, *need.ended)]
    digest = hashlib.sha256(json.dumps([need.key, whole], ensure_ascii=True).encode()).hexdigest()
    waiver = waivers.get((need.key, digest))
    state = LineState.SHUT if waiver is None else LineState.WAIVED
    return Line(need.key, need.title, state, " ".join(shut), digest, waiver)


def _all_of(seen: Seen | None) -> Sequence[Any]:
    """What a waiver is about: what is left and what is an alarm; the words of a reason may hold counts and times."""
    return ["not looked"] if seen is None else [seen.state, sorted(seen.left), sorted(seen.alarms)]


def _of_removal(seen: Seen | None) -> str:
    if seen is None:
        return "Nobody has looked."
    if seen.left:
        return f"Still there: {_few(seen.left)}."
    return "" if State(seen.state) in _GOOD else _not_looked(seen)


def _of_check(seen: Seen | None) -> str:
    if seen is None:
        return "Nobody has looked."
    if seen.alarms:
        return f"An alarm: {_few(seen.alarms)}."
    return "" if State(seen.state) in _GOOD else _not_looked(seen)


def _of_ended(seen: Seen | None, ended: State | None) -> str:
    if ended in _GOOD or (seen is not None and seen.state == State.ALREADY_SO.value):
        return ""
    if ended is None:
        return seen.reason if seen is not None and seen.reason else "This has not been done."
    if ended is State.ACCEPTED:
        return "It was begun, and has not come to an end yet."
    return f"It ended as {ended.value.replace('-', ' ')}."


def _not_looked(seen: Seen) -> str:
    return f"Could not be looked at: {seen.reason}" if seen.reason else "Could not be looked at."


def _few(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _FEW} more" if len(texts) > _FEW else ""
    return f"{'; '.join(texts[:_FEW])}{more}"
