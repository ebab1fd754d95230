"""How much of each story an investigation finds, and what it calls suspicious without reason.

Every story is played against the whole bot: an incident is opened, its checks end, and, as audit records come late,
they are made again hours later where something is missing. What a person would read on the cards is compared with what
really happened.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app import APPLICATION, Application
from services.database import Database
from services.incidents import store
from services.incidents.model import Incident, Phase
from services.playbook import BY_ID
from services.playbook.ledger import Found, findings_of, runs_of
from services.playbook.step import Finding, Risk, Severity, State
from simulator.bench import Bench, Build
from simulator.config import SimulatorConfig
from simulator.stories import STORIES, Expected, Story, Told
from simulator.stories import apply as tell

_ASKER = "alex"
_PATIENCE_SECONDS = 180.0
_LATE_RECORDS = timedelta(hours=2)
# What a finding calls a thing whose own text it must not repeat.
_ALSO_CALLED: Mapping[str, str] = {"automaticRepliesSetting": "automatic-reply"}
_SHORTEST_NAME = 4  # a shorter one stands in many titles by chance


@dataclass(frozen=True)
class StoryScore:
    """One story. `missed` and `false_alarms` in words; `blind` are the checks that could not be made whole."""

    story_id: str
    expected: int
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]
    blind: tuple[str, ...]
    seconds: float

    @property
    def found(self) -> int:
        return self.expected - len(self.missed)


@dataclass(frozen=True)
class _Seen:
    """What the bot shows of an incident: its findings, and what it would remove."""

    findings: tuple[Found, ...]
    proposals: Mapping[str, Sequence[Mapping[str, Any]]]
    blind: tuple[str, ...]


async def play(story: Story, *, build: Build | None = None, seconds_of_a_query: float = 4.0) -> StoryScore:
    """Plays one story in a tenant of its own."""
    async with Bench.start(SimulatorConfig(audit_query_seconds=seconds_of_a_query), build=build) as bench:
        told = tell(story, bench.sim.world)
        begun = time.monotonic()
        await bench.say(f"compromise {told.upn}", by=_ASKER)
        seen = await _investigated(bench, "")
        took = time.monotonic() - begun
        alarms = _false_alarms(story, told, seen)
        if _missed(story, told, seen):
            bench.sim.world.clock.advance(_LATE_RECORDS.total_seconds())
            nonce = await _round(bench)
            await bench.until_button("Look again", by=_ASKER, where="thread", timeout=_PATIENCE_SECONDS)
            await bench.click("Look again", by=_ASKER, where="thread")
            seen = await _investigated(bench, nonce)
            alarms = tuple(dict.fromkeys((*alarms, *_false_alarms(story, told, seen))))
        missed = _missed(story, told, seen)
    return StoryScore(story.id, len(_checkable(story)), missed, alarms, seen.blind, took)


# -- reading what the bot shows ------------------------------------------------------------------------------------


def _database(bench: Bench) -> Database:
    app = getattr(bench.bot, "app", None)
    assert app is not None, "the story is played with the bot in this process"
    application: Application = app[APPLICATION]
    assert application.parts is not None
    return application.parts.database


async def _incident(bench: Bench) -> Incident | None:
    async with _database(bench).read() as connection:
        incidents, _ = await store.all_open(connection, limit=1)
    return incidents[0] if incidents else None


async def _round(bench: Bench) -> str:
    incident = await _incident(bench)
    assert incident is not None
    return str(incident.investigation.get("nonce"))


async def _investigated(bench: Bench, before: str) -> _Seen:
    """What is seen when the round after `before` has ended."""

    async def ended() -> Incident | None:
        incident = await _incident(bench)
        if incident is None or not incident.investigation.get("done"):
            return None
        return None if incident.investigation.get("nonce") == before else incident

    incident = await bench.until(ended, _PATIENCE_SECONDS, "the end of the investigation")
    async with _database(bench).read() as connection:
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


# -- the command ---------------------------------------------------------------------------------------------------


def run(only: Sequence[str] | None) -> int:
    """Plays the stories and prints recall and false alarms; 1 where either is not perfect, 2 for an unknown story."""
    unknown = sorted(set(only or ()) - set(STORIES))
    if unknown:
        sys.stderr.write(f"There is no story {unknown[0]}; there are {', '.join(STORIES)}.\n")
        return 2
    scores = [_played(STORIES[story_id]) for story_id in only or STORIES]
    expected, found = sum(score.expected for score in scores), sum(score.found for score in scores)
    alarms = sum(len(score.false_alarms) for score in scores)
    share = 100.0 if not expected else 100.0 * found / expected
    _say("", f"Recall {share:.1f} % ({found} of {expected}), false alarms {alarms}.")
    return 0 if found == expected and not alarms else 1


def _played(story: Story) -> StoryScore:
    score = asyncio.run(play(story))
    _say(
        f"{story.id:<22}{score.found:>3} of {score.expected:<3} found, {len(score.false_alarms)} false alarms,"
        f" {score.seconds:5.1f} s",
        *(f"    missed: {each}" for each in score.missed),
        *(f"    false alarm: {each}" for each in score.false_alarms),
        *(f"    not evaluated: {each}" for each in score.blind),
    )
    return score


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
