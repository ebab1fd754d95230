"""Everything that the bot has written down, read as it stands in the database."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from services.database import sealed
from services.database.schema import metadata
from services.vault import Vault

Row = sa.RowMapping


class Books:
    """All tables at one moment, by name: `books["approvals"]` are the rows of approvals."""

    def __init__(self, rows: Mapping[str, list[Row]]) -> None:
        self._rows = rows

    def __getitem__(self, table: str) -> list[Row]:
        return self._rows[table]

    @property
    def tables(self) -> list[str]:
        """The names of all tables."""
        return list(self._rows)

    @classmethod
    def read(cls, url: str, data_key: str, *only: str) -> Books:
        """All tables, or those of these names. Raises what the driver raises where the database cannot be read."""
        with engine_of(url, data_key).connect() as plain:
            # SQLite's transactions see one moment by themselves.
            sqlite = url.startswith("sqlite")
            connection = plain if sqlite else plain.execution_options(isolation_level="REPEATABLE READ")
            return cls(
                {
                    name: list(connection.execute(sa.select(table)).mappings())
                    for name, table in metadata.tables.items()
                    if name in only or not only
                }
            )

    def unfinished(self) -> list[str]:
        """What the bot still has to do, in words; empty where it has come to rest."""
        waiting: list[tuple[str, str, set[Any]]] = [
            ("approvals", "state", {"approved"}),
            ("blasts", "state", {"running", "recalling"}),
            ("mails", "state", {"wanted", "sending"}),
            ("notices", "webhook", {"wanted", "sending"}),
            ("posts", "state", {"sending", "wanted"}),
            ("report_offers", "state", {"sending", "wanted"}),
            ("requests", "state", {"received"}),
            ("step_plans", "state", {"planning"}),
            ("step_runs", "state", {"running"}),
            ("gates", "state", {"looking"}),
            ("watches", "state", {"looking"}),
        ]
        found = [
            f"{table}: {row[column]} {_name(row)}"
            for table, column, states in waiting
            for row in self[table]
            if row[column] in states
        ]
        behind = [row for row in self["posts"] if row["state"] == "posted" and _behind(row)]
        looking = [row for row in self["incidents"] if row["investigation"] and not row["investigation"].get("done")]
        return [
            *found,
            *(f"posts: behind {_name(row)}" for row in behind),
            *(f"incidents: looking {row['number']}" for row in looking),
        ]


def _behind(row: Row) -> bool:
    return bool(row["wanted_revision"] > row["published_revision"])


def _name(row: Row) -> str:
    for name in ("subject_key", "step_id", "kind", "key", "contact_id", "incident_id", "id"):
        if name in row:
            return str(row[name])
    return ""


@functools.cache
def engine_of(url: str, data_key: str) -> sa.Engine:
    """Connections to the bot's database, which open what the bot has sealed."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    sealed.seal(engine.dialect, Vault((data_key,)))
    return engine
