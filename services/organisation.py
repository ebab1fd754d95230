"""The organisation as the program uses it: the environment's settings, and what administrators added in Teams.

What stands in the environment cannot be taken away here: lists grow, and a single value of the environment stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import PrivateAttr
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor
from services.database import Database
from services.database.operation_tables import organisation_entries
from services.incidents.model import actor_from_json
from services.settings import Settings

REFRESH_SECONDS = 0.5  # how long another replica may not know of a change


class Kind(StrEnum):
    """What can be set from Teams."""

    BREAK_GLASS = "break-glass"
    CHANNEL = "channel"
    HELPDESK = "helpdesk"
    QUIET_HOURS = "quiet-hours"
    TIME_ZONE = "time-zone"
    VIP = "vip"


PROTECTED = (Kind.VIP, Kind.BREAK_GLASS)  # lists of people; all others are single values

FIELDS: Mapping[Kind, str] = {
    Kind.BREAK_GLASS: "break_glass_users",
    Kind.CHANNEL: "incident_channel",
    Kind.HELPDESK: "helpdesk",
    Kind.QUIET_HOURS: "trigger_quiet_hours",
    Kind.TIME_ZONE: "time_zone",
    Kind.VIP: "vip_users",
}
_LIVE = frozenset(FIELDS.values())


@dataclass(frozen=True)
class Entry:
    """One value that an administrator set, with who and when."""

    kind: Kind
    value: str
    shown: str  # the person's name and address when they were added, or the value itself
    by: Actor
    at: datetime


class LiveSettings(Settings):
    """Settings whose fields in `FIELDS` follow what administrators add. Read them at the moment of use."""

    _added: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def over(cls, environment: Settings) -> LiveSettings:
        """The environment's settings, and nothing added yet."""
        return cls.model_construct(_fields_set=set(environment.model_fields_set), **dict(environment))

    def hold(self, added: Mapping[str, Any]) -> None:
        """Replaces all that was added, at once."""
        self._added = added

    def __getattribute__(self, name: str) -> Any:
        if name in _LIVE:
            private = super().__getattribute__("__pydantic_private__")
            if private and name in private["_added"]:
                return private["_added"][name]
        return super().__getattribute__(name)


class Organisation:
    """The merged view of one process. `settings` is one object for the whole life of the process."""

    def __init__(self, database: Database, environment: Settings) -> None:
        self._database = database
        self._reading = asyncio.Lock()
        self.environment = environment
        self.settings = LiveSettings.over(environment)

    @classmethod
    async def open(cls, database: Database, environment: Settings) -> Organisation:
        """The merged view as it stands in the table now."""
        opened = cls(database, environment)
        await opened.refresh()
        return opened

    async def refresh(self) -> None:
        """Takes over what stands in the table now. One at a time: an older reading never replaces a newer one."""
        async with self._reading:
            async with self._database.read() as connection:
                found = await entries(connection)
            self.take(found)

    def take(self, found: Sequence[Entry]) -> None:
        """Merges these entries into the settings."""
        self.settings.hold(self._merged(found))

    def fixed(self, kind: Kind) -> bool:
        """Whether the environment sets this single value, so that it cannot be set from Teams."""
        field = FIELDS[kind]
        return kind not in PROTECTED and field in self.environment.model_fields_set and bool(self.in_environment(kind))

    def in_environment(self, kind: Kind) -> Any:
        """What the environment alone says."""
        return getattr(self.environment, FIELDS[kind])

    def _merged(self, found: Sequence[Entry]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for kind in Kind:
            values = [entry.value for entry in found if entry.kind is kind]
            if kind in PROTECTED:
                merged[FIELDS[kind]] = tuple(dict.fromkeys((*self.in_environment(kind), *values)))
            elif values and not self.fixed(kind):
                merged[FIELDS[kind]] = values[-1]  # two replicas at once: the newest
        return merged


async def entries(connection: AsyncConnection) -> tuple[Entry, ...]:
    """All that was set from Teams, by kind, oldest first."""
    query = sa.select(organisation_entries).order_by(
        organisation_entries.c.kind, organisation_entries.c.at, organisation_entries.c.value
    )
    return tuple(
        Entry(Kind(row.kind), row.value, row.shown, actor_from_json(row.by), row.at)
        for row in await connection.execute(query)
    )
