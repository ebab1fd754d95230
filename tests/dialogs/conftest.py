"""The databases, and a desk with everything that dialogs need."""

from __future__ import annotations

import pytest

from services.database import Database
from tests.databases import database, database_url, postgres, postgres_template, sqlite_template
from tests.dialogs.desk import DialogDesk

__all__ = ["database", "database_url", "desk", "postgres", "postgres_template", "sqlite_template"]


@pytest.fixture
async def desk(database: Database) -> DialogDesk:
    """An open incident about Megan, and nothing published yet."""
    return await DialogDesk.start(database)
