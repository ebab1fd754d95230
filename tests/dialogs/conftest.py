"""A desk with everything that dialogs need."""

from __future__ import annotations

import pytest

from services.database import Database
from tests.dialogs.desk import DialogDesk


@pytest.fixture
async def desk(database: Database) -> DialogDesk:
    """An open incident about Megan, and nothing published yet."""
    return await DialogDesk.start(database)
