"""The databases for everything under `services/`."""

from __future__ import annotations

from tests.databases import database, database_url, postgres, postgres_template, sqlite_template

__all__ = ["database", "database_url", "postgres", "postgres_template", "sqlite_template"]
