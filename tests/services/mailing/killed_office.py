"""A process that sends what is queued until it is killed. usage: python -m tests.services.mailing.killed_office"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

from services.database import Database
from services.durable import Durable
from services.mailing import Mailing
from services.microsoft365 import open_microsoft365
from services.microsoft365.tokens import Tokens
from services.settings import load
from tests.services.playbook.bench import FakeDurable


async def main() -> None:
    """Sends for ever."""
    settings = load()
    database = Database.connect(settings.sql_url)
    mailing = Mailing(
        database=database,
        m365=await open_microsoft365(settings, Tokens(settings)),
        settings=settings,
        durable=cast("Durable", FakeDurable()),
        now=lambda: datetime.now(UTC),
    )
    await mailing.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
