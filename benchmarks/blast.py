"""Message blasts: the rate against the budget, what Teams refuses, kills, replicas, and what the bot feels meanwhile.

The budget is 35 calls a second of Teams' 50. The long runs raise both by one factor, so that they take minutes and not
an hour; what counts is the ratio.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from benchmarks.blast_stage import BlastStage, staged
from benchmarks.table import Row, count, megabytes, milliseconds, seconds
from services.blasts.model import Counts
from simulator.postgres import NotInstalled, cluster

_BUDGET, _LIMIT = 35.0, 50
SHARE = 0.95
MOST_BYTES = 250_000_000.0
MOST_CPU_SECONDS = 0.003
MOST_GAP_SECONDS = 0.1
CLICK_SECONDS = 2.0
KILLS = 5
_JUST_ANSWERED = timedelta(milliseconds=150)  # what the bot may not have written down yet
_IN_SECONDS = 12.0
_IDLE_SECONDS = 5.0
POSTGRES = "BENCH_POSTGRES_URL"
_NO_POSTGRES = f"not measured; PostgreSQL's server is not installed, and {POSTGRES} names no empty database"


def per_second(value: float) -> str:
    """A rate."""
    return f"{value:.1f}/s"


async def measure() -> tuple[list[Row], list[str]]:
    """The short one: 400 people at the real numbers, with somebody who works in the middle of it."""
    return await _sent([400], factor=1.0, name="400 people", click=True)


async def two_thousand() -> tuple[list[Row], list[str]]:
    """2,000 people at the real numbers."""
    return await _sent([2_000], factor=1.0, name="2,000 people", click=True)


async def ten_thousand() -> tuple[list[Row], list[str]]:
    """10,000 people, by one worker."""
    return await _sent([10_000], factor=3.0, name="10,000 people", click=True)


async def two_workers() -> tuple[list[Row], list[str]]:
    """Two blasts to 5,000 people each, by two workers that share the budget through PostgreSQL."""
    async with _postgres() as url:
        if not url:
            return [], [f"two workers: {_NO_POSTGRES}"]
        return await _sent([5_000, 5_000], factor=3.0, name="2 x 5,000 people", click=False, database_url=url)


async def hundred_thousand() -> tuple[list[Row], list[str]]:
    """100,000 people."""
    return await _sent([100_000], factor=6.0, name="100,000 people", click=False)


async def killed() -> tuple[list[Row], list[str]]:
    """2,000 people, and a worker that is killed five times."""
    factor = 3.0
    async with staged([2_000], budget=_BUDGET * factor, teams_limit=int(_LIMIT * factor), latency="realistic") as stage:
        [worker] = stage.workers
        await worker.start()
        under_way = 0
        for kill in range(1, KILLS + 1):
            before = stage.received()
            await _until_received(stage, max(before + 50, 2_000 * kill // (KILLS + 2)))
            under_way += _under_way(stage)
            await worker.process.kill()
            await worker.start()
        [counts] = await stage.until_ended(900)
        missed = 2_000 - len({ring.object_id for ring in stage.teams.conversations.notifications})
    return [
        Row(f"{KILLS} kills: undecided, of those under way", counts.unknown, count, under_way, 1.0, True),
        Row(f"{KILLS} kills: missed and not known as undecided", max(0, missed - counts.unknown), count, target=0),
        Row(f"{KILLS} kills: sent twice", stage.duplicates(), count, target=0),
        Row(f"{KILLS} kills: not settled", 2_000 - counts.sent - counts.unknown, count, target=0),
    ], []


async def scheduled_twice() -> tuple[list[Row], list[str]]:
    """One blast whose time has come, and two replicas that both look."""
    async with _postgres() as url:
        return await _scheduled(url) if url else ([], [f"two replicas: {_NO_POSTGRES}"])


async def _scheduled(url: str) -> tuple[list[Row], list[str]]:
    async with staged([500, 0], budget=_BUDGET, teams_limit=_LIMIT, database_url=url, in_seconds=_IN_SECONDS) as stage:
        await asyncio.gather(*(worker.start() for worker in stage.workers))
        await stage.until_ended(120)
        return [
            Row("Two replicas, one blast: sent twice", stage.duplicates(), count, target=0),
            Row("Two replicas, one blast: missed", 500 - stage.received(), count, target=0),
        ], []


@asynccontextmanager
async def _postgres() -> AsyncIterator[str]:
    """The URL of an empty database: the one that is named, else one that is thrown away afterwards; else none."""
    async with AsyncExitStack() as stack:
        url = os.environ.get(POSTGRES, "")
        if not url:
            with suppress(NotInstalled):
                own = cluster()
                server = await asyncio.to_thread(own.__enter__)
                stack.push_async_callback(asyncio.to_thread, own.__exit__, None, None, None)
                url = server.url(await asyncio.to_thread(server.new_database))
        yield url


async def _sent(
    audiences: Sequence[int], *, factor: float, name: str, click: bool, database_url: str = ""
) -> tuple[list[Row], list[str]]:
    budget, limit = _BUDGET * factor, int(_LIMIT * factor)
    people = sum(audiences)
    async with staged(list(audiences), budget=budget, teams_limit=limit, database_url=database_url) as stage:
        for worker in stage.workers:
            await worker.start()
        begun = datetime.now(UTC)
        pressed = await _pressed(stage) if click else None
        ends = await stage.until_ended(120 + 3 * people / budget)
        spent = sum(worker.cpu_seconds() for worker in stage.workers)
        lasted = (datetime.now(UTC) - begun).total_seconds()
        await asyncio.sleep(_IDLE_SECONDS)
        idle = (sum(worker.cpu_seconds() for worker in stage.workers) - spent) / _IDLE_SECONDS
        spent -= idle * lasted
        pulses = [await worker.stop() for worker in stage.workers]
        return _rows(stage, name, people, budget, ends, spent, max(gap for gap, _ in pulses), pressed), [
            f"{name}: budget {budget:g} of {limit} calls a second, {len(audiences)} worker(s), of which each takes"
            f" {milliseconds(idle / len(audiences))} of processor time a second without any work"
        ]


def _rows(
    stage: BlastStage,
    name: str,
    people: int,
    budget: float,
    ends: Sequence[Counts],
    spent: float,
    gap: float,
    pressed: float | None,
) -> list[Row]:
    arrivals = stage.arrivals()
    took = (arrivals[-1] - arrivals[0]).total_seconds()
    lost = people - sum(end.sent for end in ends)
    found = [
        Row(f"{name}: from the first message to the last", took, seconds, people / budget, 1 / SHARE, True),
        Row(f"{name}: sent rate", people / took, per_second, budget),
        Row(f"{name}: refused by Teams as too many", stage.refusals(), count, target=0),
        Row(f"{name}: not sent, or sent twice", lost + stage.duplicates(), count, target=0),
        Row(
            f"{name}: processor time of a message, beyond the idle bot's",
            spent / people,
            milliseconds,
            target=MOST_CPU_SECONDS,
        ),
        Row(f"{name}: most memory", max(worker.peak_bytes for worker in stage.workers), megabytes, target=MOST_BYTES),
        Row(f"{name}: longest gap of the event loop", gap, milliseconds, target=MOST_GAP_SECONDS),
    ]
    if pressed is not None:
        found.append(Row(f"{name}: slowest answer to a responder", pressed, seconds, target=CLICK_SECONDS))
    return found


def _under_way(stage: BlastStage) -> int:
    """How many messages are between the bot's two commits at this moment, as Teams sees it."""
    now = datetime.now(UTC)
    calls = stage.sim.world.journal.entries(service="connector", method="POST")
    ends = (call.wall + timedelta(seconds=call.duration_seconds or 0.0) for call in calls[-500:] if call.status)
    return sum(call.status is None for call in calls) + sum(now - end < _JUST_ANSWERED for end in ends)


async def _until_received(stage: BlastStage, messages: int) -> None:
    async with asyncio.timeout(300):
        while stage.received() < messages:
            await stage.teams.conversations.changed()


async def _pressed(stage: BlastStage) -> float:
    """The slowest answer that somebody gets who opens an incident and presses its buttons during the blast."""
    bench = stage.bench
    answers = [(await bench.say("compromise megan@contoso.com", by="alex")).answer.seconds]
    for _ in range(3):
        for title in ("Lock account…", "Cancel"):
            await bench.until_button(title, by="alex", where="thread", timeout=60)
            answers.append((await bench.click(title, by="alex", where="thread")).answer.seconds)
    return max(answers)
