"""Watch for a return: what a look found is compared with what was known before. Rules over readings, no look-ups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.step import Finding, Guided, Plan, Severity, State

GUIDED = Guided(
    id="watch-for-return",
    seed=(),
    phase=Phase.RECOVER,
    title="Watch for a return",
    why="Intruders come back through what was missed, and some records arrive a day late.",
    opens="watch.show",
    needs=(),
    may_run=Permission.INCIDENT_READ,
    button="Show the watch",
)

_FIRST_HOURS = (1, 24, 72)
_GOOD = frozenset({State.ALREADY_SO, State.DONE})


class Remedy(StrEnum):
    """What a responder does about something new."""

    EVICT = "evict"
    LOCK = "lock"
    LOOK = "look"


@dataclass(frozen=True)
class Area:
    """One part of the account that is looked at, by the plan of one step.

    With `planned` every item that the step would change counts, without it every finding from `least` on.
    """

    key: str
    step_id: str
    new: str  # begins the line about something new
    remedy: Remedy
    planned: bool = False
    least: Severity = Severity.WARNING
    own_after_return: bool = False  # the owner makes such things too, once the account is theirs again


AREAS: tuple[Area, ...] = (
    Area("rules", "check-inbox-rules", "New inbox rule", Remedy.EVICT, least=Severity.NOTE, own_after_return=True),
    Area("forwarding", "check-forwarding", "New forwarding", Remedy.EVICT),
    Area("methods", "remove-sign-in-methods", "New sign-in method", Remedy.EVICT, planned=True, own_after_return=True),
    Area("consents", "revoke-app-consents", "New app consent", Remedy.EVICT, planned=True),
    Area("delegates", "check-delegates", "New delegate", Remedy.EVICT),
    Area("sign-ins", "review-sign-ins", "Sign-in from a suspicious address", Remedy.LOCK),
    Area("activity", "review-activity", "Record that arrived late, or is new", Remedy.LOOK),
)


@dataclass(frozen=True)
class Thing:
    """Something that is there. `mark` changes where the same thing has happened again."""

    key: str
    title: str
    mark: str
    severity: Severity

    def to_json(self) -> list[str]:
        """Plain JSON; `from_json` reads it."""
        return [self.key, self.title, self.mark, self.severity.value]

    @classmethod
    def from_json(cls, value: Sequence[str]) -> Self:
        """Reads what `to_json` wrote."""
        return cls(value[0], value[1], value[2], Severity(value[3]))


@dataclass(frozen=True)
class Picture:
    """What one look saw: the things of each area that could be read, the areas that could not, and the account."""

    things: Mapping[str, tuple[Thing, ...]]
    unread: Mapping[str, str]
    enabled: bool
    given_back: bool

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        return {
            "things": {area: [thing.to_json() for thing in things] for area, things in self.things.items()},
            "unread": dict(self.unread),
            "enabled": self.enabled,
            "given_back": self.given_back,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        things = {area: tuple(Thing.from_json(each) for each in held) for area, held in value["things"].items()}
        return cls(things, value["unread"], value["enabled"], value["given_back"])


@dataclass(frozen=True)
class News:
    """Something that was not there before."""

    title: str
    severity: Severity
    remedy: Remedy


def schedule(start: datetime, days: int) -> tuple[datetime, ...]:
    """When to look: at once, after 1, 24 and 72 hours, then daily up to `days`."""
    first = [start + timedelta(hours=hours) for hours in _FIRST_HOURS if hours <= 24 * days]
    daily = [start + timedelta(days=day) for day in range(4, days + 1)]
    return (start, *first, *daily)


def picture_of(plans: Mapping[str, Plan], *, enabled: bool, given_back: bool) -> Picture:
    """What the plans of the areas' steps say. A step without a plan is an area that could not be read."""
    things: dict[str, tuple[Thing, ...]] = {}
    unread: dict[str, str] = {}
    for area in AREAS:
        plan = plans.get(area.step_id)
        if plan is None:
            unread[area.key] = "Nobody has looked."
            continue
        if plan.settled is not None and plan.settled.state not in _GOOD:
            unread[area.key] = plan.settled.reason
        elif plan.unread:
            unread[area.key] = " ".join(plan.unread)
        if area.key not in unread or plan.findings or plan.changes:
            things[area.key] = tuple(_things(area, plan))
    return Picture(things, unread, enabled, given_back)


def _things(area: Area, plan: Plan) -> Iterable[Thing]:
    if area.planned:
        for change in plan.changes:
            yield Thing(change.item, change.what, change.item, Severity.WARNING)
    else:
        for finding in plan.findings:
            if finding.severity.weight >= area.least.weight:
                yield Thing(finding.key, finding.title, _mark(finding), finding.severity)


def _mark(finding: Finding) -> str:
    """A sign-in moves with its last time, everything else with its title: another target is another forwarding."""
    return str(finding.data.get("last") or finding.title)


def news_in(known: Picture, now: Picture) -> tuple[News, ...]:
    """What `now` shows that `known` did not, worst first."""
    found: list[News] = []
    if now.enabled and not known.enabled and not now.given_back:
        title = "Sign-in is allowed again, and not by IRBot: perhaps by a directory sync"
        found.append(News(title, Severity.ALARM, Remedy.LOCK))
    for area in AREAS:
        before = {(thing.key, thing.mark) for thing in known.things.get(area.key, ())}
        for thing in now.things.get(area.key, ()):
            if (thing.key, thing.mark) in before:
                continue
            theirs = area.own_after_return and now.given_back
            if theirs and thing.severity is Severity.NOTE:
                continue
            hint = ". If the owner made it after the account was given back, all is well" if theirs else ""
            severity = thing.severity if theirs else max(thing.severity, Severity.WARNING, key=_weight)
            found.append(News(f"{area.new}: {thing.title}{hint}", severity, area.remedy))
    return tuple(sorted(found, key=lambda each: -each.severity.weight))


def _weight(severity: Severity) -> int:
    return severity.weight


def known_after(known: Picture | None, now: Picture) -> Picture:
    """What the next look compares with. What could not be read now stays as it was known: it is not gone."""
    if known is None:
        return now
    things = dict(now.things)
    for area in now.unread:
        seen = {(thing.key, thing.mark) for thing in things.get(area, ())}
        old = tuple(thing for thing in known.things.get(area, ()) if (thing.key, thing.mark) not in seen)
        things[area] = (*things.get(area, ()), *old)
    return Picture(things, now.unread, now.enabled, now.given_back)
