"""Blasts over a real database and a Microsoft 365 in memory, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.access import Access
from services.blasts import rows
from services.blasts.model import Blast, BlastKind, Content, Draft, MailText, Recipient, TeamsText, Via
from services.blasts.store import Blasts
from services.database import Database
from tests.services.fakes import APPROVERS, CHANNEL, Clock, FakeM365, account, actor, settings

COMMUNICATORS = "group-communicators"
CAROL, COLIN, ADELE, ZOE, MEGAN = (actor(name) for name in ("carol", "colin", "adele", "zoe", "megan"))
CARD = {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "Watch out"}]}
WORDS = Content(
    teams={"en": TeamsText(CARD, "Watch out"), "de": TeamsText({**CARD, "lang": "de"}, "Achtung")},
    mail={"en": MailText("Watch out", "Watch out.")},
)
SETTINGS: dict[str, object] = {"communicator_groups": (COMMUNICATORS,)}


def people(count: int, **changes: Any) -> Iterable[Recipient]:
    """So many people of one audience."""
    for number in range(count):
        yield Recipient(f"person-{number:05}", Via.TEAMS, f"Person {number}", **changes)


@dataclass
class Desk:
    """Carol and Colin may ask, Adele and Colin may decide, Zoe may nothing."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    m365: FakeM365 = field(default_factory=FakeM365)
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("carol", "colin", "adele", "zoe", "megan"):
            self.m365.directory.accounts[name] = account(name)
        self.m365.directory.groups = {COMMUNICATORS: {"carol", "colin"}, APPROVERS: {"adele", "colin"}}
        self.access = Access(settings(**SETTINGS), self.m365.typed, self.database)
        self.blasts = Blasts(self.database, self.access, self.clock, self._wake)

    async def _wake(self, key: str) -> None:
        self.woken.append(key)

    async def draft(self, audience: Iterable[Recipient] = (), **changes: Any) -> Blast:
        """A draft by Carol; three people where nobody is named."""
        values: dict[str, Any] = {
            "kind": BlastKind.EDUCATE,
            "title": "Phishing links",
            "requester": CAROL,
            "content": WORDS,
        } | changes
        return await self.blasts.create(Draft(**values), list(audience) or list(people(3)), CHANNEL)

    async def asked(self, audience: Iterable[Recipient] = (), **changes: Any) -> Blast:
        """A blast that waits for its second person."""
        return await self.blasts.ask((await self.draft(audience, **changes)).id, CAROL, CHANNEL)

    async def approved(self, audience: Iterable[Recipient] = (), **changes: Any) -> Blast:
        """A blast that may be sent."""
        blast = await self.asked(audience, **changes)
        return await self.blasts.approve(blast.id, blast.decision_nonce, ADELE, CHANNEL)

    async def now(self, blast: Blast) -> Blast:
        """The blast as it stands in the database."""
        async with self.database.read() as connection:
            return await rows.get(connection, blast.id)

    async def events(self, blast: Blast) -> list[str]:
        """What is on record about a blast."""
        async with self.database.read() as connection:
            return [event for _, event, _, _ in await rows.events_of(connection, blast.id)]
