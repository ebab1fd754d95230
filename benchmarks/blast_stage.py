"""A tenant with very many people, blasts to them that are approved already, and bots in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet

from benchmarks.machine import resident_bytes
from services.access import Access
from services.blasts import receipts, rows
from services.blasts.model import Blast, BlastKind, BlastState, Content, Counts, Draft, Recipient, TeamsText, Via
from services.blasts.store import Blasts
from services.channel import Actor, Conversation, ConversationKind
from services.database import Database, tables
from services.database.sealing import seal_up
from services.microsoft365 import open_microsoft365
from services.microsoft365.tokens import Tokens
from services.settings import Settings
from simulator.bench import Bench
from simulator.channel import identities
from simulator.channel.conversations import ConversationRecord
from simulator.channel.teams import Teams, teams_of
from simulator.config import SimulatorConfig
from simulator.emulator import free_port
from simulator.server import Simulator
from simulator.sizes import Size
from simulator.stage import BotProcess

_WORKER = (sys.executable, "-m", "benchmarks.blast_bot")
_BATCH = 500
_WORDS = 12  # lines of a lesson
_ENDS = {BlastState.DONE, BlastState.PAUSED, BlastState.CANCELLED, BlastState.EXPIRED, BlastState.REFUSED}


@dataclass
class Worker:
    """One bot process, and what it took of the machine."""

    process: BotProcess
    pulse: Path
    settings: Settings
    peak_bytes: float = 0.0
    cpu_before: float = 0.0

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        return self.process.pid

    def cpu_seconds(self) -> float:
        """Processor time since it began to be watched; not a number where this system does not tell."""
        return _cpu_seconds(self.pid) - self.cpu_before

    async def start(self) -> None:
        """Starts it, and begins to watch."""
        await self.process.start()
        self.cpu_before = _cpu_seconds(self.pid)

    async def stop(self) -> tuple[float, float]:
        """Ends it; the longest gap of its event loop, and the processor time that looking for it took, in seconds."""
        await self.process.stop()
        with contextlib.suppress(OSError, ValueError):
            told = json.loads(await asyncio.to_thread(self.pulse.read_text, "ascii"))
            return float(told["gap"]), float(told["own"])
        return float("nan"), float("nan")


@dataclass
class BlastStage:
    """The running tenant with its workers."""

    sim: Simulator
    workers: list[Worker]
    database: Database
    blasts: list[Blast] = field(default_factory=list)

    @property
    def teams(self) -> Teams:
        """The channel."""
        return teams_of(self.sim.world)

    @property
    def bench(self) -> Bench:
        """People who talk to the first worker while it sends."""
        return Bench(self.sim, self.workers[0].process)  # type: ignore[arg-type]  # it only reports by it

    def received(self) -> int:
        """How many messages have arrived."""
        return len(self.teams.conversations.notifications)

    def arrivals(self) -> list[datetime]:
        """When they arrived, in order."""
        return [ring.at for ring in self.teams.conversations.notifications]

    def duplicates(self) -> int:
        """How many messages came to somebody who had one already."""
        count = Counter(ring.object_id for ring in self.teams.conversations.notifications)
        return sum(each - 1 for each in count.values())

    def refusals(self) -> int:
        """How often Teams said "too many"."""
        return sum(self.teams.limits.refused.values())

    async def until_ended(self, patience_seconds: float) -> list[Counts]:
        """Waits until every blast has ended, watching memory meanwhile; how each ended."""
        async with asyncio.timeout(patience_seconds):
            while True:
                for worker in self.workers:
                    held = await asyncio.to_thread(resident_bytes, worker.pid)
                    worker.peak_bytes = max(worker.peak_bytes, held)
                async with self.database.read() as connection:
                    now = [await rows.get(connection, blast.id) for blast in self.blasts]
                    if all(blast.state in _ENDS for blast in now):
                        return [await receipts.counts_of(connection, blast.id) for blast in self.blasts]
                await asyncio.sleep(0.5)


@asynccontextmanager
async def staged(
    audiences: list[int],
    *,
    budget: float,
    teams_limit: int,
    database_url: str = "",
    latency: str = "none",
    in_seconds: float = 0.0,
) -> AsyncIterator[BlastStage]:
    """One worker and one blast for each number of people; all of the people have talked to the bot before."""
    async with AsyncExitStack() as stack:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="irbot-blast-"))
        stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
        ports = [await asyncio.to_thread(free_port, 42000 + os.getpid() % 3000 + 10 * number) for number in range(2)]
        config = SimulatorConfig(
            size=_size(sum(audiences)),
            journal_limit=2000,
            latency=latency,
            teams_calls_per_second=teams_limit,
            bot_url=f"http://127.0.0.1:{ports[0]}/api/messages",
        )
        sim = await stack.enter_async_context(Simulator(config))
        environment = sim.environment() | {
            "IRBOT_BLAST_MESSAGES_PER_SECOND": str(budget),
            "IRBOT_TEAMS_CALLS_PER_SECOND": str(teams_limit),
            "IRBOT_LOG_LEVEL": "WARNING",
            "IRBOT_DATA_KEYS": Fernet.generate_key().decode(),  # of all workers, as replicas share theirs
        }
        if database_url:
            environment["IRBOT_DATABASE_URL"] = database_url
        workers = []
        for number, port in zip(range(len(audiences)), ports, strict=False):
            home, pulse = folder / str(number), folder / f"pulse-{number}"
            home.mkdir()
            process = BotProcess(_WORKER, environment | {"BENCH_PULSE": str(pulse)}, port, home)
            values = {name.removeprefix("IRBOT_").lower(): value for name, value in environment.items()}
            settings = Settings(**{**values, "port": port, "data_dir": home / "data"})  # type: ignore[arg-type]
            workers.append(Worker(process, pulse, settings))
            stack.push_async_callback(process.stop)
        database = await Database.open(workers[0].settings.sql_url)
        stack.push_async_callback(database.close)
        await seal_up(database, workers[0].settings)
        stage = BlastStage(sim, workers, database)
        people = _everybody(sim)
        for count in audiences:
            if count:
                stage.blasts.append(await _approved(stage, list(islice(people, count)), in_seconds))
        yield stage


def _size(people: int) -> Size:
    return next(
        size for size, count in ((Size.MEDIUM, 1_500), (Size.LARGE, 49_000), (Size.HUGE, 100_500)) if people <= count
    )


def _everybody(sim: Simulator) -> Iterator[str]:
    """Object ids of ordinary people, without making them: in a large tenant a person exists when looked at."""
    return islice(iter(tuple(sim.world.tenant.users)), 100, None)


async def _approved(stage: BlastStage, people: list[str], in_seconds: float) -> Blast:
    """A blast that begins as soon as a bot looks, or at a time; asked and approved as people do it."""
    settings, database = stage.workers[0].settings, stage.database
    tokens = Tokens(settings)
    m365 = await open_microsoft365(settings, tokens)
    try:
        blasts = Blasts(database, Access(settings, m365, database), lambda: datetime.now(UTC), _nobody)
        teams = stage.teams
        where = Conversation(
            teams.channel_id, ConversationKind.CHANNEL, teams.service_url, teams.tenant.id, teams.team.id
        )
        await _introduce(stage, people)
        asker, approver = (Actor(teams.person(who).id, who, teams.speaker(who).teams_id) for who in ("grady", "adele"))
        draft = Draft(
            BlastKind.EDUCATE,
            "Phishing links",
            asker,
            Content(teams={"en": _lesson()}),
            scheduled_at=datetime.now(UTC) + timedelta(seconds=in_seconds) if in_seconds else None,
        )
        audience = [
            Recipient(person, Via.TEAMS, department=f"Department {number % 20}") for number, person in enumerate(people)
        ]
        made = await blasts.create(draft, audience, where)
        asked = await blasts.ask(made.id, asker, where)
        return await blasts.approve(asked.id, asked.decision_nonce, approver, where)
    finally:
        await m365.close()
        await tokens.close()


async def _introduce(stage: BlastStage, people: list[str]) -> None:
    """Each of them has a chat with the bot, and the bot knows it."""
    teams, app_id = stage.teams, stage.sim.world.app_id
    for start in range(0, len(people), _BATCH):
        values = []
        for person in people[start : start + _BATCH]:
            chat = identities.personal_chat_id(app_id, person)
            teams.conversations.keep(ConversationRecord(chat, "personal", (person,)))
            place = Conversation(chat, ConversationKind.PERSONAL, teams.service_url, teams.tenant.id)
            values.append(
                {
                    "object_id": person,
                    "name": "",
                    "teams_id": "",
                    "service_url": place.service_url,
                    "personal": asdict(place),
                    "last_seen": datetime.now(UTC),
                }
            )
        async with stage.database.write() as connection:
            await connection.execute(sa.insert(tables.people), values)


def _lesson() -> TeamsText:
    """A card about as large as a lesson is."""
    lines: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "wrap": True,
            "text": f"Line {number} of the lesson: look at the sender before you press.",
        }
        for number in range(_WORDS)
    ]
    choice = {
        "type": "Input.ChoiceSet",
        "id": "answer",
        "label": "What gives a phishing mail away?",
        "isRequired": True,
        "choices": [{"title": f"Answer {letter}", "value": letter} for letter in "ABC"],
    }
    press = {"type": "Action.Execute", "title": "I understand", "verb": "lesson.answer", "data": {"v": 1, "id": "x"}}
    card = {"type": "AdaptiveCard", "version": "1.5", "body": [*lines, choice], "actions": [press]}
    return TeamsText(card, "A lesson of a minute")


async def _nobody(_key: str) -> None:
    """The bots find the work by themselves."""


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return float("nan")
