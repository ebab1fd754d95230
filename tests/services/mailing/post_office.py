"""A mailing over a real database and a simulated tenant, with a clock that a test moves for both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from services.database import Database
from services.database.mail_tables import mails
from services.durable import Durable
from services.mailing import Mail, Mailing, MailState, Sent
from services.microsoft365 import Microsoft365, Tokens
from services.settings import Settings
from simulator.faults import Fault
from simulator.server import Simulator
from simulator.tenant import Json
from tests.services.playbook.bench import FakeDurable
from tests.services.playbook.tenancy import unpaced

SENDER = "reception@contoso.com"
CAUSE = "blast-1"


@dataclass
class PostOffice:
    """One replica after the other, or beside it: `mailing` is the first."""

    sim: Simulator
    database: Database
    settings: Settings
    m365: Microsoft365
    durable: FakeDurable = field(default_factory=FakeDurable)

    @classmethod
    def open(cls, sim: Simulator, database: Database, **changes: Any) -> PostOffice:
        values: dict[str, Any] = {key.removeprefix("IRBOT_").lower(): each for key, each in sim.environment().items()}
        settings = Settings(**{**values, "mail_from": SENDER, "call_timeout_seconds": 5.0, **changes})
        return cls(sim, database, settings, unpaced(settings, Tokens(settings)))

    def now(self) -> datetime:
        return self.sim.world.clock.now()

    def mailing(self) -> Mailing:
        """A replica."""
        return Mailing(
            database=self.database,
            m365=self.m365,
            settings=self.settings,
            durable=cast("Durable", self.durable),
            now=self.now,
        )

    async def queue(self, *recipients: str, cause: str = CAUSE, **changes: Any) -> None:
        written = [
            Mail(f"{cause}:{each}", each, changes.get("subject", "Warning"), "Beware.", changes.get("urgent", False))
            for each in recipients
        ]
        async with self.database.write() as connection:
            await self.mailing().queue(connection, written, cause=cause)

    async def sent(self, cause: str = CAUSE) -> dict[str, Sent]:
        async with self.database.read() as connection:
            return {each.recipient: each for each in await self.mailing().states(connection, cause)}

    async def state(self, recipient: str) -> MailState:
        return (await self.sent())[recipient].state

    async def rows(self) -> list[sa.Row[Any]]:
        async with self.database.read() as connection:
            return list(await connection.execute(sa.select(mails)))

    def delivered(self) -> list[Json]:
        """What lies in the sender's Sent Items."""
        owner = self.sim.world.tenant.user("reception")
        return [row for row in self.sim.world.tenant.records.mail[owner.id] if row["parentFolderId"] == "sentitems"]

    async def until_delivered(self) -> None:
        async with asyncio.timeout(10):
            while not self.delivered():  # noqa: ASYNC110  # the simulator has no event for it
                await asyncio.sleep(0.01)

    def fault(self, **values: Any) -> None:
        self.sim.world.faults.add(Fault(service="graph", method="POST", path="/sendMail", **values))
