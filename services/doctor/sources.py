"""The settings as the running bot has them, and whence each comes: the environment, or an administrator in Teams."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from services.database import Database
from services.database.operation_tables import organisation_entries
from services.doctor.model import Check, Grade
from services.organisation import FIELDS, Entry, Kind, Organisation, entries
from services.settings import Settings


@dataclass(frozen=True)
class Sources:
    """`problem` says why nobody could look at what was set in Teams; `settings` are the environment's alone then."""

    organisation: Organisation
    entries: tuple[Entry, ...] = ()
    problem: str = ""

    @property
    def settings(self) -> Settings:
        """As the running bot has them."""
        return self.organisation.settings

    @classmethod
    async def read(cls, environment: Settings, patience_seconds: float = 40.0) -> Sources:
        """Looks into the database beside a bot that runs, and changes nothing; one that is not there holds nothing."""
        database = Database.connect_to_read(environment.sql_url)
        organisation = Organisation(database, environment)
        try:
            if await asyncio.to_thread(no_file_yet, environment):
                return cls(organisation)
            async with asyncio.timeout(patience_seconds), database.read() as connection:
                table = organisation_entries.name
                there = await connection.run_sync(lambda plain: sa.inspect(plain).has_table(table))
                found = await entries(connection) if there else ()
        except (sa.exc.SQLAlchemyError, TimeoutError, ValueError):
            return cls(organisation, problem="The database could not be read.")
        finally:
            await database.close()
        organisation.take(found)
        return cls(organisation, found)


def no_file_yet(settings: Settings) -> bool:
    """Whether IRBot has not run here yet: its data is to be a file, and there is none."""
    url = sa.make_url(settings.sql_url)
    return url.get_backend_name() == "sqlite" and bool(url.database) and not Path(url.database or "").exists()


def setting_checks(sources: Sources) -> Sequence[Check]:
    """Every setting that can come from Teams: what counts, and who said so."""
    return (
        _read(sources),
        _people(sources, Kind.BREAK_GLASS, "Break-glass accounts", "Name your emergency accounts"),
        _people(sources, Kind.VIP, "VIPs", ""),
        _value(sources, Kind.CHANNEL, "Incident channel", "risks, alerts and reported messages reach nobody"),
        _value(sources, Kind.HELPDESK, "Helpdesk", "warnings do not say whom people ask"),
        _value(sources, Kind.TIME_ZONE, "Time zone", ""),
        _value(sources, Kind.QUIET_HOURS, "Quiet hours", ""),
    )


def _read(sources: Sources) -> Check:
    title = "What administrators set in Teams"
    if sources.problem:
        found = f"{sources.problem} What is said below goes by the environment alone."
        return Check("setup", title, Grade.UNKNOWN, found, "Check IRBOT_DATABASE_URL and IRBOT_DATA_DIR.")
    count = len(sources.entries)
    return Check("setup", title, Grade.GOOD, f"{count} entries, which count below." if count else "Nothing yet.")


def _people(sources: Sources, kind: Kind, title: str, wanted: str) -> Check:
    """A list of people: it is what the environment says and what was added to it."""
    setting, groups = _variable(kind), _variable(kind).replace("_USERS", "_GROUPS")
    users_here = sources.organisation.in_environment(kind)
    groups_here = getattr(sources.settings, FIELDS[kind].replace("_users", "_groups"))
    found = [f"{len(each)} by {name}" for each, name in ((users_here, setting), (groups_here, groups)) if each]
    found += [f"{entry.shown}, added in Teams by {entry.by.name}" for entry in sources.entries if entry.kind is kind]
    if found:
        return Check(kind.value, title, Grade.GOOD, f"{'; '.join(found)}.")
    if sources.problem:
        return Check(kind.value, title, Grade.UNKNOWN, "None by the environment.")
    if not wanted:
        return Check(kind.value, title, Grade.GOOD, "None is named.")
    return Check(kind.value, title, Grade.WARNING, "None is named.", f"{wanted} with setup in Teams, or in {setting}.")


def _value(sources: Sources, kind: Kind, title: str, without: str) -> Check:
    """A single value: the environment's stays, whatever was set in Teams."""
    setting = _variable(kind)
    value = str(getattr(sources.settings, FIELDS[kind]))
    entry = next((each for each in reversed(sources.entries) if each.kind is kind), None)
    if sources.organisation.fixed(kind):
        over = f" What {entry.by.name} set in Teams does not count beside it." if entry else ""
        return Check(kind.value, title, Grade.GOOD, f"{value}, by {setting}.{over}")
    if entry is not None:
        return Check(kind.value, title, Grade.GOOD, f"{value}, set in Teams by {entry.by.name}.")
    if sources.problem:
        return Check(kind.value, title, Grade.UNKNOWN, f"{value or 'None'} by the environment.")
    if value or not without:
        return Check(kind.value, title, Grade.GOOD, f"{value or 'None'}; nobody set it.")
    return Check(kind.value, title, Grade.WARNING, f"None: {without}.", f"Set it with setup in Teams, or in {setting}.")


def _variable(kind: Kind) -> str:
    return f"IRBOT_{FIELDS[kind].upper()}"
