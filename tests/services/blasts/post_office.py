"""A Teams in memory that the engine of blasts sends to, and the engine around it, for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from services.blasts import receipts, rows
from services.blasts.channel import Letter
from services.blasts.delivery import Delivery
from services.blasts.installing import Installer
from services.blasts.mail_lane import MailLane
from services.blasts.model import Blast, Counts
from services.channel import Card, Conversation, ConversationKind
from services.errors import IRBotError, NotAllowed, NotFound
from tests.services.blasts.desk import SETTINGS, Desk
from tests.services.fakes import settings

FAST: dict[str, object] = {"blast_messages_per_second": 2000, "teams_calls_per_second": 2500}


class FakeTeams:
    """Chats, messages and refusals. `trouble[address]` are errors for the next calls about that person."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str]] = []  # conversation and summary, in the order of sending
        self.gone: set[str] = set()  # activity ids that were taken back
        self.opened: list[str] = []
        self.dead_chats: set[str] = set()
        self.without_app: set[str] = set()
        self.trouble: dict[str, list[IRBotError]] = {}
        self.arrives_anyway = False
        self.before_post: Callable[[str], Any] | None = None
        self.left: list[float] = []

    def prepare(self, card: Card, summary: str) -> Letter:
        return Letter(json.dumps(summary).encode(), b"")

    async def post(self, where: Conversation, letter: Letter) -> str:
        person = where.id.partition("#")[0].removeprefix("chat-")
        if self.before_post is not None:
            await self.before_post(person)
        if where.id in self.dead_chats:
            raise NotFound(what="conversation")
        if person in self.without_app:
            raise NotAllowed(reason="not-in-conversation")
        trouble = self._trouble(person)
        if trouble is None or self.arrives_anyway:
            self.posts.append((person, json.loads(letter.before)))
        if trouble is not None:
            raise trouble
        return str(1_800_000_000_000 + len(self.posts))

    async def open_chat(self, object_id: str, service_url: str) -> Conversation:
        await asyncio.sleep(0)
        if object_id in self.without_app:
            raise NotAllowed(reason="not-installed")
        self.opened.append(object_id)
        chat = f"chat-{object_id}#{self.opened.count(object_id)}"
        return Conversation(chat, ConversationKind.PERSONAL, service_url, "tenant")

    async def delete(self, where: Conversation, activity_id: str) -> None:
        if activity_id in self.gone:
            raise NotFound(what="message")
        trouble = self._trouble(where.id.partition("#")[0].removeprefix("chat-"))
        if trouble is not None:
            raise trouble
        self.gone.add(activity_id)

    def leave(self, calls_per_second: float) -> None:
        self.left.append(calls_per_second)

    def live_calls(self) -> int:
        return 0

    def received(self, person: str) -> int:
        """How many messages somebody got."""
        return sum(to == person for to, _ in self.posts)

    def _trouble(self, person: str) -> IRBotError | None:
        waiting = self.trouble.get(person) or self.trouble.get("*")
        return waiting.pop(0) if waiting else None


class FakeApps:
    """The app catalogue, and installations that end the lack of the app in `teams`."""

    def __init__(self, teams: FakeTeams) -> None:
        self._teams = teams
        self.catalogue: str | None = "app-1"
        self.fail: list[IRBotError] = []
        self.installed: list[str] = []

    async def catalogue_id(self, manifest_id: str) -> str | None:
        return self.catalogue

    async def install(self, object_id: str, catalogue_id: str) -> None:
        if self.fail:
            raise self.fail.pop(0)
        self.installed.append(object_id)
        self._teams.without_app.discard(object_id)


@dataclass
class PostOffice(Desk):
    """A desk with the engine behind it. A run is carried out when a test says so."""

    teams: FakeTeams = field(default_factory=FakeTeams)
    alive: bool = True
    told: list[str] = field(default_factory=list)
    mail: MailLane | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.apps = FakeApps(self.teams)
        self.delivery = self.engine("one")

    def engine(self, executor: str, **changes: object) -> Delivery:
        """A process that could carry out runs."""
        return Delivery(
            database=self.database,
            access=self.access,
            channel=self.teams,
            installer=Installer(self.database, cast("Any", self.apps), "app"),
            mail=self.mail,
            settings=settings(**(SETTINGS | FAST | changes)),
            executor=executor,
            holds_lease=lambda: self.alive,
            tell=self._tell,
            now=self.clock,
        )

    async def _tell(self, blast_id: str) -> None:
        self.told.append(blast_id)

    async def carry_out(self, blast: Blast) -> Blast:
        """Carries out the blast's present run; how it stands afterwards."""
        current = await self.now(blast)
        await self.delivery.run(rows.run_key(current.id, current.run))
        return await self.now(blast)

    async def counts(self, blast: Blast) -> Counts:
        """How many are how far."""
        async with self.database.read() as connection:
            return await receipts.counts_of(connection, blast.id)

    async def reasons(self, blast: Blast) -> dict[str, str | None]:
        """Why each recipient is in the state it is in, by address."""
        async with self.database.read() as connection:
            return {
                each.recipient.address: each.reason
                async for page in rows.deliveries(connection, blast.id)
                for each in page
            }
