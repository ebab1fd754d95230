"""One stage for all tests of a file: what is refused leaves it as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.database import Database
from tests.access.stage import Stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One of everything, and everybody."""
    database = await Database.open(f"sqlite:///{tmp_path_factory.mktemp('stage') / 'irbot.sqlite'}")
    async with Stage.open(database) as opened:
        yield opened
    await database.close()
