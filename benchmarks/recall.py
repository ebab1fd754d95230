"""How much of each story an investigation finds and an eviction takes away, what is suspected without reason, how long
it takes.

Every story is played against the whole bot, with services that take their time and keep their limits: an incident is
opened, its checks end, and, as audit records come late, they are made again hours later where something is missing.
What a person would read on the cards is compared with what really happened. Then the account is locked, all that is
ticked on the plan is removed, and the tenant is asked what of the intruder's still works and what of the owner's is
gone. The time is compared with the least in which the same calls could have been answered.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet

from app import APPLICATION, Application
from benchmarks.lanes import least_seconds
from benchmarks.table import Row, count, seconds
from services.approvals import PlanKind
from services.database import Database
from services.incidents import store, timeline
from services.incidents.model import Incident, Phase
from services.incidents.timeline import AuditTag
from services.playbook import BY_ID
from services.playbook.ledger import Found, findings_of, runs_of
from services.playbook.step import Finding, Risk, Severity, State
from services.vault import Vault
from simulator.bench import Bench, Build
from simulator.config import SimulatorConfig
from simulator.stories import STORIES, Expected, Story, Told, evicted, harmed
from simulator.stories import apply as tell

MISSED = "All stories: deeds that were not found"
STAYED = "All stories: deeds that work on behind the eviction"
ALARMS = "All stories: false alarms"
HARMED = "All stories: taken from the owner"
SLOWEST = "Slowest investigation, throttle-aware limit"
LONGEST = "Longest investigation"

_ASKER = "alex"
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.1
MOST_TIMES_THE_LEAST = 1.25
MOST_SECONDS = 60.0
_LATE_RECORDS = timedelta(hours=2)
# What a finding calls a thing whose own text it must not repeat.
_ALSO_CALLED: Mapping[str, str] = {"automaticRepliesSetting": "automatic-reply"}
_SHORTEST_NAME = 4  # a shorter one stands in many titles by chance


@dataclass(frozen=True)
class StoryScore:
    """One story. `missed` and `false_alarms` in words; `blind` are the checks that could not be made whole.

    `lasting` is how many deeds left something that works, `stayed` what of it still does behind the eviction, and
    `harmed` what of the owner's own is gone. `seconds` is what the first round took, `least` what its calls would take.
    """

    story_id: str
    expected: int
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]
    blind: tuple[str, ...]
    seconds: float
    least: float = math.nan
    lasting: int = 0
    stayed: tuple[str, ...] = ()
    harmed: tuple[str, ...] = ()

    @property
    def found(self) -> int:
        return self.expected - len(self.missed)

    @property
    def evicted(self) -> int:
        return self.lasting - len(self.stayed)

    @property
    def times_the_least(self) -> float:
        """How many times as long it took as the same calls would."""
        return self.seconds / self.least

    @property
    def slow(self) -> bool:
        """Whether the round took too long, by the calls that it made or by the clock."""
        return self.times_the_least > MOST_TIMES_THE_LEAST or self.seconds >= MOST_SECONDS

    @property
    def whole(self) -> bool:
        """Whether everything was found and removed, and nothing else."""
        return not (self.missed or self.false_alarms or self.stayed or self.harmed)


@dataclass(frozen=True)
class _Seen:
    """What the bot shows of an incident: its findings, and what it would remove."""

    findings: tuple[Found, ...]
    proposals: Mapping[str, Sequence[Mapping[str, Any]]]
    blind: tuple[str, ...]


async def play(
    story: Story, *, build: Build | None = None, seconds_of_a_query: float = 4.0, realistic: bool = False
) -> StoryScore:
    """Plays one story in a tenant of its own up to what is found; `realistic` measures the time, and evicts.

    Where time is measured the bot is a process of its own, so that the tenant's work does not hold it up.
    """
    config = SimulatorConfig(
        audit_query_seconds=seconds_of_a_query, latency="realistic" if realistic else "none", throttling=realistic
    )
    async with _staged(config, build, apart=realistic) as (bench, database):
        told = tell(story, bench.sim.world)
        await bench.say(f"compromise {told.upn}", by=_ASKER)
        seen = await _investigated(bench, database, "")
        took, least = await _times(bench, database, seconds_of_a_query)
        alarms = _false_alarms(story, told, seen)
        if _missed(story, told, seen):
            bench.sim.world.clock.advance(_LATE_RECORDS.total_seconds())
            nonce = await _round(database)
            await bench.until_button("Look again", by=_ASKER, where="thread", timeout=_PATIENCE_SECONDS)
            await bench.click("Look again", by=_ASKER, where="thread")
            seen = await _investigated(bench, database, nonce)
            alarms = tuple(dict.fromkeys((*alarms, *_false_alarms(story, told, seen))))
        missed = _missed(story, told, seen)
        score = StoryScore(story.id, len(_checkable(story)), missed, alarms, seen.blind, took, least)
        if not realistic:
            return score
        lasting = evicted(story, bench.sim.world)
        await _evict(bench, database)
        stayed = tuple(f"“{each}” still works" for each in evicted(story, bench.sim.world))
        lost = tuple(f"“{each}” was the owner's own" for each in harmed(story, bench.sim.world))
    return replace(score, lasting=len(lasting), stayed=stayed, harmed=lost)


@asynccontextmanager
async def _staged(
    config: SimulatorConfig, build: Build | None, *, apart: bool
) -> AsyncIterator[tuple[Bench, Database]]:
    """The tenant with its bot, in this process or apart, and the bot's database."""
    if not apart:
        async with Bench.start(config, build=build) as bench:
            yield bench, _database(bench)
        return
    key = Fernet.generate_key().decode()
    async with Bench.start(config, own_process=True, settings={"data_keys": key, "log_level": "WARNING"}) as bench:
        database = Database.connect_to_read(f"sqlite+aiosqlite:///{bench.bot.folder / 'data' / 'irbot.sqlite'}")
        database.seal(Vault((key,)))
        try:
            yield bench, database
        finally:
            await database.close()


async def _times(bench: Bench, database: Database, seconds_of_a_query: float) -> tuple[float, float]:
    """What the round took from the opening of the incident on, and the least that its calls could have taken."""
    incident = await _incident(database)
    assert incident is not None
    async with database.read() as connection:
        entries = await timeline.read(connection, incident.id)
    proposed = [
        entry.at
        for entry in entries
        if entry.event == AuditTag.PLAN_PROPOSED and entry.data.get("kind") == PlanKind.EVICT.value
    ]
    calls = [
        call
        for call in bench.sim.world.journal.entries()
        if incident.opened_at <= call.wall and call.wall <= proposed[-1]
    ]
    took = (proposed[-1] - incident.opened_at).total_seconds()
    return took, least_seconds(calls, seconds_of_a_query=seconds_of_a_query, of_a_round=True)


# -- removing what was found ---------------------------------------------------------------------------------------


async def _evict(bench: Bench, database: Database) -> None:
    """Locks the account and removes all that is ticked, as a responder does who changes nothing on the plan."""
    await bench.click("Lock account…", by=_ASKER, where="thread", patience=_PATIENCE_SECONDS)
    await bench.decide("Lock now", timeout=_PATIENCE_SECONDS)
    await bench.click("Remove what they left…", by=_ASKER, where="thread", patience=_PATIENCE_SECONDS)
    card = await bench.until_button("Remove what is ticked…", by=_ASKER, where="thread", timeout=_PATIENCE_SECONDS)
    if not any(each.get("value") for each in card.inputs.values()):
        return  # of a clean account nothing is ticked
    nonce = await _round(database)
    await bench.click("Remove what is ticked…", by=_ASKER, where="thread")
    await bench.decide("Remove now", timeout=_PATIENCE_SECONDS)
    await _investigated(bench, database, nonce)  # the round behind the eviction


# -- reading what the bot shows ------------------------------------------------------------------------------------


def _database(bench: Bench) -> Database:
    app = getattr(bench.bot, "app", None)
    assert app is not None, "the story is played with the bot in this process"
    application: Application = app[APPLICATION]
    assert application.parts is not None
    return application.parts.database


async def _incident(database: Database) -> Incident | None:
    async with database.read() as connection:
        incidents, _ = await store.all_open(connection, limit=1)
    return incidents[0] if incidents else None


async def _round(database: Database) -> str:
    incident = await _incident(database)
    assert incident is not None
    return str(incident.investigation.get("nonce"))


async def _investigated(bench: Bench, database: Database, before: str) -> _Seen:
    """What is seen when the round after `before` has ended."""

    async def ended() -> Incident | None:
        incident = await _incident(database)
        if incident and incident.investigation.get("done") and incident.investigation.get("nonce") != before:
            return incident
        await asyncio.sleep(_LOOK_SECONDS)  # who looks without a pause takes the processor from the bot
        return None

    incident = await bench.until(ended, _PATIENCE_SECONDS, "the end of the investigation")
    async with database.read() as connection:
        findings = await findings_of(connection, incident.id)
        runs = await runs_of(connection, incident.id)
    nonce = incident.investigation.get("nonce")
    blind = tuple(
        f"{run.step_id}: {run.reason}"
        for run in runs
        if run.cause == nonce and run.state is not State.DONE and BY_ID[run.step_id].phase is Phase.SCOPE
    )
    steps: Mapping[str, Any] = incident.eviction.get("steps", {})
    return _Seen(findings, {step_id: plan["changes"] for step_id, plan in steps.items()}, blind)


# -- comparing -----------------------------------------------------------------------------------------------------


def _checkable(story: Story) -> tuple[Expected, ...]:
    """What must be found by checks and evictions that exist."""
    known = [step for step in BY_ID.values() if step.phase in {Phase.SCOPE, Phase.EVICT}]
    return tuple(each for each in story.truth if each.step in {step.id for step in known})


def _missed(story: Story, told: Told, seen: _Seen) -> tuple[str, ...]:
    return tuple(
        f"{each.step} does not show “{each.item}”"
        for each in _checkable(story)
        if not _shows(each.step, told.trace(each.item).names, seen)
    )


def _shows(step_id: str, names: frozenset[str], seen: _Seen) -> bool:
    """Whether a check warns of it, or an eviction would take it away."""
    if BY_ID[step_id].risk is Risk.READ:
        return any(
            each.step_id == step_id and each.finding.severity is not Severity.NOTE and _speaks_of(each.finding, names)
            for each in seen.findings
        )
    return any(_named(_texts(change), names) for change in seen.proposals.get(step_id, ()))


def _false_alarms(story: Story, told: Told, seen: _Seen) -> tuple[str, ...]:
    """Warnings about a clean account, and about what in another story only looks like the intruder's."""
    loud = [(each.step_id, each.finding) for each in seen.findings if each.finding.severity is not Severity.NOTE]
    if not story.truth:
        return tuple(f"{step_id}: {found.title}" for step_id, found in loud)
    theirs = frozenset(name for trace in told.traces if trace.by_intruder for name in trace.names)
    own = frozenset(name for trace in told.traces if not trace.by_intruder for name in trace.names) - theirs
    return tuple(
        f"{step_id}: {found.title}"
        for step_id, found in loud
        if _speaks_of(found, own) and not _speaks_of(found, theirs)
    )


def _speaks_of(found: Finding, names: frozenset[str]) -> bool:
    title = found.title.casefold()
    in_title = (name for name in names if len(name) >= _SHORTEST_NAME and name.casefold() in title)
    return any(in_title) or _named([found.key, *found.key.split(":"), *_texts(found.data)], names)


def _named(texts: Iterable[str], names: frozenset[str]) -> bool:
    known = {name.casefold() for name in (*names, *(_ALSO_CALLED.get(name, name) for name in names))}
    return any(text.casefold() in known or any(part in known for part in _words(text)) for text in texts)


def _words(text: str) -> Iterable[str]:
    """An item's key carries ids behind colons."""
    return text.casefold().split(":")


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value)


# -- the figures ---------------------------------------------------------------------------------------------------


async def measure() -> tuple[list[Row], list[str]]:
    """Plays every story, and counts over all of them."""
    scores = [await play(story, realistic=True) for story in STORIES.values()]
    return rows(scores), [_line(score) for score in scores if score.slow or not score.whole]


def rows(scores: Sequence[StoryScore]) -> list[Row]:
    """All stories together, as lines of the table."""
    slowest = max(scores, key=lambda score: score.times_the_least)
    longest = max(score.seconds for score in scores)
    counted = {
        MISSED: sum(len(score.missed) for score in scores),
        STAYED: sum(len(score.stayed) for score in scores),
        ALARMS: sum(len(score.false_alarms) for score in scores),
        HARMED: sum(len(score.harmed) for score in scores),
    }
    return [
        *(Row(name, number, count, target=0) for name, number in counted.items()),
        Row(SLOWEST, slowest.seconds, seconds, slowest.least, MOST_TIMES_THE_LEAST, target_is_ratio=True),
        Row(LONGEST, longest, seconds, target=MOST_SECONDS),
    ]


# -- the command ---------------------------------------------------------------------------------------------------


def run(only: Sequence[str] | None) -> int:
    """Plays the stories and prints what was found, removed and suspected, and how long it took.

    1 where something is missed, suspected or taken without reason, or where it took too long; 2 for an unknown story.
    """
    unknown = sorted(set(only or ()) - set(STORIES))
    if unknown:
        sys.stderr.write(f"There is no story {unknown[0]}; there are {', '.join(STORIES)}.\n")
        return 2
    scores = [_played(STORIES[story_id]) for story_id in only or STORIES]
    _say("", *summary(scores))
    return 0 if all(score.whole and not score.slow for score in scores) else 1


def summary(scores: Sequence[StoryScore]) -> list[str]:
    """All stories together, in words."""
    expected, found = sum(score.expected for score in scores), sum(score.found for score in scores)
    lasting, gone = sum(score.lasting for score in scores), sum(score.evicted for score in scores)
    alarms, lost = sum(len(score.false_alarms) for score in scores), sum(len(score.harmed) for score in scores)
    slowest = max(scores, key=lambda score: score.times_the_least)
    longest = max(scores, key=lambda score: score.seconds)
    return [
        f"Recall of findings {_share(found, expected)}, of evictions {_share(gone, lasting)}.",
        f"False alarms {alarms}, of the owner's own removed {lost}.",
        f"Slowest: {slowest.times_the_least:.2f} times the least time of its calls ({slowest.story_id};"
        f" at most {MOST_TIMES_THE_LEAST}).",
        f"Longest: {longest.seconds:.1f} s ({longest.story_id}; under {MOST_SECONDS:.0f} s).",
    ]


def _share(part: int, whole: int) -> str:
    return f"{100.0 * part / whole if whole else 100.0:.1f} % ({part} of {whole})"


def _played(story: Story) -> StoryScore:
    score = asyncio.run(play(story, realistic=True))
    _say(
        _line(score),
        *(f"    missed: {each}" for each in score.missed),
        *(f"    false alarm: {each}" for each in score.false_alarms),
        *(f"    not removed: {each}" for each in score.stayed),
        *(f"    wrongly removed: {each}" for each in score.harmed),
        *(f"    not evaluated: {each}" for each in score.blind),
    )
    return score


def _line(score: StoryScore) -> str:
    return (
        f"{score.story_id:<22}{score.found:>3} of {score.expected:<3} found,"
        f" {score.evicted:>2} of {score.lasting:<2} removed, {len(score.false_alarms)} false alarms,"
        f" {score.seconds:5.1f} s, {score.times_the_least:.2f} times the least"
    )


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
