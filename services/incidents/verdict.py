"""The verdict: what happened, in plain words, by rules over what was found. Nothing is claimed that nothing supports.

Each claim names the checks that it comes from, and those that it would need and that could not be made. With no
alarming finding it says so; that an account is clean is never said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.incidents.entry import SIGN_INS, Entry, Suspect, Way, entry_of, suspects, texts
from services.incidents.model import Incident
from services.incidents.still_open import still_open
from services.incidents.verdict_case import (
    ACTIVITY,
    BLOCK,
    CONSENTS,
    EXPOSURE,
    FEW,
    LEAKS,
    RESTS_ON,
    SENT_MAIL,
    Case,
    Claim,
    Gap,
    Topic,
    case_of,
)
from services.playbook.ledger import Effect, Found, Run, RunKind
from services.playbook.step import Finding, Severity, State, Step
from services.tasks import Task

# A conclusion from other findings, and so no event of its own.
_NO_EVENTS = frozenset({(SIGN_INS, "password")})
_SAME_TIME = timedelta(minutes=1)
_LONG_AFTER = timedelta(hours=1)


class Level(StrEnum):
    """How sure it is that somebody else was in the account; alphabetised. `NONE`: nothing speaks for it."""

    HIGH = "high"
    LOW = "low"
    MEDIUM = "medium"
    NONE = "none"


_LOWER: Mapping[Level, Level] = {Level.HIGH: Level.MEDIUM, Level.MEDIUM: Level.LOW}


@dataclass(frozen=True)
class Event:
    """Something that happened at a time, and the steps that say so."""

    at: datetime
    text: str
    by: tuple[str, ...]
    severity: Severity


@dataclass(frozen=True)
class Verdict:
    """What there is to say about an incident now. `worst` is None where nothing that was found is more than a note."""

    summary: Claim
    claims: tuple[Claim, ...]
    still_open: tuple[Claim, ...]
    events: tuple[Event, ...]
    level: Level
    level_why: str
    gaps: tuple[Gap, ...]
    entry: Entry | None
    worst: Severity | None


def verdict_of(
    incident: Incident,
    steps: Iterable[Step],
    runs: Sequence[Run],
    findings: Sequence[Found],
    effects: Mapping[str, Sequence[Effect]],
    tasks: Sequence[Task] = (),
) -> Verdict:
    """The verdict. `runs` are in the order in which they began; `effects` are those of each run, by its id."""
    case = case_of(incident, steps, runs, findings, effects, tasks)
    suspicious = suspects(case.findings)
    consents = _consents(case)
    intruder = bool(case.loud) or bool(consents)
    level, why = _level(case, consents)
    entry = entry_of(suspicious, consents, certain=level is Level.HIGH) if intruder else None
    claims: list[Claim] = []
    if entry is not None:
        claims += [*_since(case, suspicious, entry), _entry(case, entry, suspicious), *_did(case)]
    claims += [*_sent(case), *_rest(case)]
    return Verdict(
        summary=_summary(case, suspicious, consents, level),
        claims=tuple(claims),
        still_open=tuple(still_open(case)),
        events=_events(case),
        level=level,
        level_why=why,
        gaps=case.gaps,
        entry=entry,
        worst=max((each.finding.severity for each in case.loud), key=lambda one: one.weight, default=None),
    )


# -- the claims ----------------------------------------------------------------------------------------------------


def _consents(case: Case) -> tuple[str, ...]:
    """The suspicious consents, in the words of the step that would take them back, or has."""
    plans = [case.proposed.get(CONSENTS), *(run.plan for run, _ in case.applied if run.step_id == CONSENTS)]
    changes = [change for plan in plans if plan is not None for change in plan.changes]
    return tuple(dict.fromkeys(change.what for change in changes if change.item.startswith(("app:", "grant:"))))


def _summary(case: Case, suspicious: Sequence[Suspect], consents: Sequence[str], level: Level) -> Claim:
    """The one sentence that everybody reads."""
    alarms = [each for each in case.loud if each.finding.severity is Severity.ALARM]
    inside = [each for each in suspicious if each.got_in and each.severity is Severity.ALARM]
    name = case.incident.subject.name
    if inside:
        return case.claim(Topic.HAPPENED, f"Somebody else was in the account of {name}.", [inside[0].found])
    if alarms:
        return case.claim(Topic.HAPPENED, f"There are strong signs of an intruder in the account of {name}.", alarms)
    if case.loud and level is Level.MEDIUM:
        text = f"There are several signs of an intruder in the account of {name}."
        return case.claim(Topic.HAPPENED, text, case.loud)
    if case.loud:
        text = f"There are weak signs of an intruder in the account of {name}. A person must judge them."
        return case.claim(Topic.HAPPENED, text, case.loud)
    if consents:
        text = f"{name} has agreed to an app that is suspicious. Nothing else was found that is more than a note."
        return Claim(Topic.HAPPENED, text, (case.title(CONSENTS),), tuple(consents[:1]))
    lacking = case.lacks(*(gap.step_id for gap in case.gaps))
    if lacking:
        text = "Nothing alarming was found where IRBot could look. Some checks could not be made."
    else:
        text = "Nothing alarming was found. That does not prove that nobody was there."
    return Claim(Topic.HAPPENED, text, not_evaluated=lacking)


def _since(case: Case, suspicious: Sequence[Suspect], entry: Entry) -> Iterable[Claim]:
    """The oldest strong sign, and an older weak one beside it."""
    inside = [each.found for each in suspicious if each.got_in]
    pool = [each for each in (inside or case.loud) if each.finding.at is not None]
    alarms = [each for each in pool if each.finding.severity is Severity.ALARM]
    first = _oldest(alarms or pool)
    if first is None:
        yield Claim(Topic.SINCE, "It is not known since when.", not_evaluated=case.lacks(*RESTS_ON[Topic.SINCE]))
        return
    words = "They were in since, or earlier" if entry.sure else "Perhaps since, or earlier"
    if not inside:
        words = "The oldest sign is of"
    yield case.claim(Topic.SINCE, words, [first], (first.finding.title,), first.finding.at)
    older = _oldest([each for each in case.loud if each.finding.at is not None])
    if older is not None and older is not first and _at(older) < _at(first):
        yield case.claim(
            Topic.SINCE, "An older sign, which may belong to it", [older], (older.finding.title,), _at(older)
        )


def _oldest(found: Sequence[Found]) -> Found | None:
    return min(found, key=_at, default=None)


def _at(found: Found) -> datetime:
    assert found.finding.at is not None
    return found.finding.at


def _entry(case: Case, entry: Entry, suspicious: Sequence[Suspect]) -> Claim:
    by = [case.title(SIGN_INS)] if any(each.got_in for each in suspicious) else []
    if entry.way is Way.CONSENT and _consents(case):
        by.append(case.title(CONSENTS))
    return Claim(Topic.ENTRY, entry.text, tuple(by), entry.why, None, case.lacks(*RESTS_ON[Topic.ENTRY]))


def _did(case: Case) -> Iterable[Claim]:
    """What was read, taken or sent on, finding by finding; what merely lay within reach says so."""
    for found in _listed(case.of(ACTIVITY, *LEAKS)):
        yield case.claim(Topic.DID, _past(found), [found], found.finding.reasons)
    within_reach = [each for each in case.findings if each.step_id == EXPOSURE]
    for found in _listed(within_reach):
        yield case.claim(Topic.DID, f"Within their reach: {found.finding.title}", [found], found.finding.reasons)
    if not case.of(ACTIVITY, *LEAKS):
        if case.lacks(ACTIVITY, *LEAKS):
            text = "It is not known what was read or taken."
        else:
            text = "No check saw mail or files being taken."
        yield Claim(Topic.DID, text, (), (), None, case.lacks(*RESTS_ON[Topic.DID]))


def _sent(case: Case) -> Iterable[Claim]:
    """To how many people mail went that looks like the intruder's."""
    mailings = case.of(SENT_MAIL)
    lacking = case.lacks(SENT_MAIL)
    if mailings:
        yield case.claim(Topic.SENT, _recipients([each.finding for each in mailings]), mailings)
        for found in _listed(mailings):
            yield case.claim(Topic.SENT, _past(found), [found], found.finding.reasons)
    elif lacking:
        yield Claim(Topic.SENT, "It is not known whether somebody else sent mail.", not_evaluated=lacking)
    elif case.was_made(SENT_MAIL):
        text = "No mail that was sent looks like an intruder's."
        yield Claim(Topic.SENT, text, (case.title(SENT_MAIL),))


def _recipients(mailings: Sequence[Finding]) -> str:
    """Each recipient once, where the findings name them; else as many as they count."""
    named = {address.lower() for each in mailings for address in texts(each.data.get("recipients"))}
    more = sum(_count(each, "more_recipients") for each in mailings)
    inside, outside = (sum(_count(each, key) for each in mailings) for key in ("inside", "outside"))
    total = max(len(named) + more, 0)
    if not total and not inside + outside:
        return "Mail was sent that looks like the intruder's. To how many people is not known."
    if not total:
        total = inside + outside
    people = "1 person" if total == 1 else f"{total} people"
    exact = "" if inside + outside == total else "at most "
    split = f", {exact}{inside} inside and {exact}{outside} outside your organisation" if inside + outside else ""
    return f"Mail that looks like the intruder's went to {people}{split}."


def _count(finding: Finding, key: str) -> int:
    value = finding.data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _rest(case: Case) -> Iterable[Claim]:
    """Loud findings of the other checks, gathered by check, so that a new check needs nothing here."""
    told = {SIGN_INS, SENT_MAIL, ACTIVITY, EXPOSURE, *LEAKS}
    by_step: defaultdict[str, list[Found]] = defaultdict(list)
    for found in case.loud:
        if found.step_id not in told:
            by_step[found.step_id].append(found)
    for found_by in by_step.values():
        shown = "; ".join(_past(each) for each in found_by[:FEW])
        rest = len(found_by) - FEW
        yield case.claim(Topic.FOUND, f"{shown}; and {rest} more" if rest > 0 else shown, found_by)


def _listed(found: Sequence[Found]) -> Sequence[Found]:
    """The worst ones; the headline card and the report have the others."""
    return found[: 2 * FEW]


def _past(found: Found) -> str:
    gone = " (not there any more)" if found.resolved_at is not None else ""
    return f"{found.finding.title}{gone}"


# -- the timeline, and how sure it is ------------------------------------------------------------------------------


def _events(case: Case) -> tuple[Event, ...]:
    """In order, each once: what two steps saw in the same minute under the same words is one event of both."""
    merged: list[Event] = []
    for event in sorted(_raw_events(case), key=lambda each: (each.at, -each.severity.weight, each.text)):
        twin = next((n for n, old in enumerate(merged) if _same(old, event)), None)
        if twin is None:
            merged.append(event)
        else:
            old = merged[twin]
            worse = max(old.severity, event.severity, key=lambda one: one.weight)
            merged[twin] = Event(old.at, old.text, tuple(dict.fromkeys((*old.by, *event.by))), worse)
    return tuple(merged)


def _same(one: Event, other: Event) -> bool:
    return one.text.casefold() == other.text.casefold() and abs(other.at - one.at) <= _SAME_TIME


def _raw_events(case: Case) -> Iterable[Event]:
    for found in case.loud:
        finding = found.finding
        if finding.at is None or (found.step_id, finding.key) in _NO_EVENTS:
            continue
        by = (case.title(found.step_id),)
        yield Event(finding.at, finding.title, by, finding.severity)
        for key, words in (("last", "Last seen"), ("until", "The last of it")):
            until = _moment(finding.data.get(key))
            if until is not None and until - finding.at >= _LONG_AFTER:
                yield Event(until, f"{words}: {finding.title}", by, finding.severity)
    block = case.latest.get(BLOCK)
    if block is not None and block.kind is RunKind.APPLY and block.state is State.DONE and block.finished_at:
        yield Event(block.finished_at, "IRBot blocked the sign-in", (case.title(BLOCK),), Severity.NOTE)


def _moment(value: object) -> datetime | None:
    """A time of a finding's data, where it is one and knows its zone."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _level(case: Case, consents: Sequence[str]) -> tuple[Level, str]:
    """By how many checks agree. Without the sign-ins it is one step lower, because they decide most."""
    alarming = case.titles(each for each in case.loud if each.finding.severity is Severity.ALARM)
    asked = (*case.titles(case.loud), *((case.title(CONSENTS),) if consents else ()))
    warning = tuple(title for title in asked if title not in alarming)
    if len(alarming) > 1:
        level, why = Level.HIGH, f"{len(alarming)} checks raise an alarm: {_names(alarming)}."
    elif alarming and warning:
        level, why = Level.HIGH, f"{alarming[0]} raises an alarm, and there are warnings of {_names(warning)}."
    elif alarming:
        level, why = Level.MEDIUM, f"Only one check raises an alarm: {alarming[0]}."
    elif len(warning) >= FEW:
        level, why = Level.MEDIUM, f"No check raises an alarm, but {len(warning)} agree in warning: {_names(warning)}."
    elif warning:
        level, why = Level.LOW, f"No check raises an alarm. There are warnings of {_names(warning)}."
    else:
        level, why = Level.NONE, "No check found more than notes."
    if case.lacks(SIGN_INS) and level in _LOWER:
        return _LOWER[level], f"{why} It is less sure because {case.lacks(SIGN_INS)[0]} could not be evaluated."
    if len(case.gaps) == 1:
        why += f" {case.gaps[0].title} was not, or not wholly, made."
    elif case.gaps:
        why += f" {len(case.gaps)} checks were not, or not wholly, made."
    return level, why


def _names(titles: Sequence[str]) -> str:
    return ", ".join(titles[:FEW]) + (f" and {len(titles) - FEW} more" if len(titles) > FEW else "")
