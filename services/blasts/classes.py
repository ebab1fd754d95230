"""Who is taught: people, groups, departments, everybody with a licence, or all who clicked; as a stream.

People of the test group come first. Guests, blocked accounts and people without a licence are counted, not taught.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa

from services.blasts.audience import recipient_of
from services.blasts.model import AnswerWord, Recipient, Via
from services.blasts.zones import iana
from services.database import Database
from services.database.blast_tables import blast_recipients, blasts
from services.errors import BadInput, IRBotError
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account

_AT_ONCE = 8
_MOST_NAMES = 200


class Pick(StrEnum):
    """How an audience is named."""

    CLICKED = "clicked"
    DEPARTMENTS = "departments"
    EVERYBODY = "everybody"
    GROUPS = "groups"
    PEOPLE = "people"


@dataclass(frozen=True)
class Class:
    """An audience as a person chose it. `names` are what they typed; `incident_id` narrows "all who clicked"."""

    pick: Pick
    names: tuple[str, ...] = ()
    incident_id: str | None = None
    first_group: str = ""  # object id of the test group
    own_zones: bool = False  # whether each person's own clock matters


@dataclass
class Tally:
    """What was not taken along, and how large the test group is; filled while the stream is read."""

    left_out: Counter[str] = field(default_factory=Counter)
    first: int = 0
    zones_unknown: int = 0

    def notes(self) -> tuple[str, ...]:
        """In words, for the card."""
        said = [f"{count} not taught: {why}" for why, count in sorted(self.left_out.items())]
        if self.zones_unknown:
            said.append(f"{self.zones_unknown} by the organisation's clock: their own time zone could not be read")
        return tuple(said)


def names_in(text: str) -> tuple[str, ...]:
    """What a person typed, one name a line or with commas or semicolons between, each once."""
    names = tuple(dict.fromkeys(" ".join(part.split()) for part in re.split(r"[,;\n\r]+", text) if part.strip()))
    if len(names) > _MOST_NAMES:
        raise BadInput(reason="too-many-names", limit=_MOST_NAMES)
    return names


async def students(
    m365: Microsoft365, database: Database, chosen: Class, default_zone: str, tally: Tally
) -> AsyncIterator[Recipient]:
    """The audience, the test group before all others. Raises BadInput for a name that fits nobody, or several."""
    if chosen.pick in {Pick.PEOPLE, Pick.GROUPS, Pick.DEPARTMENTS} and not chosen.names:
        raise BadInput(reason="nobody-named")
    first: set[str] = set()
    if chosen.first_group:
        async for testers in m365.address_book.members(chosen.first_group):
            async for person in _taught(m365, testers, chosen, default_zone, tally, first):
                first.add(person.address)
                yield person
        tally.first = len(first)
    if chosen.pick is Pick.CLICKED:
        async for person in _who_clicked(database, chosen.incident_id):
            if person.address not in first:
                yield person
        return
    async for page in _pages(m365, chosen):
        async for person in _taught(m365, page, chosen, default_zone, tally, first):
            yield person


async def _pages(m365: Microsoft365, chosen: Class) -> AsyncIterator[Sequence[Account]]:
    book = m365.address_book
    if chosen.pick is Pick.EVERYBODY:
        async for page in book.all_people():
            yield page
    elif chosen.pick is Pick.PEOPLE:
        for name in chosen.names:
            yield (await _the_person(m365, name),)
    elif chosen.pick is Pick.GROUPS:
        ids = [await _the_group(m365, name) for name in chosen.names]  # every name is known before anybody is taught
        for group_id in ids:
            async for page in book.members(group_id):
                yield page
    else:
        for name in chosen.names:
            found = 0
            async for page in book.department(name):
                found += len(page)
                yield page
            if not found:
                raise BadInput(reason="unknown-department", word=name)


async def _the_person(m365: Microsoft365, name: str) -> Account:
    found = await m365.address_book.people_at(name) if "@" in name else ()
    if len(found) != 1:
        raise BadInput(reason="unknown-person", word=name)
    return found[0]


async def _the_group(m365: Microsoft365, name: str) -> str:
    found = await m365.address_book.groups_at(name)
    if len(found) != 1:
        raise BadInput(reason="several-groups" if found else "unknown-group", word=name)
    return found[0].id


async def _taught(
    m365: Microsoft365, page: Sequence[Account], chosen: Class, default_zone: str, tally: Tally, without: set[str]
) -> AsyncIterator[Recipient]:
    able = [account for account in page if account.id not in without and _can_be_taught(account, tally)]
    zones = await _zones(m365, able, default_zone, tally) if chosen.own_zones else [""] * len(able)
    for account, zone in zip(able, zones, strict=True):
        yield recipient_of(account, zone)


def _can_be_taught(account: Account, tally: Tally) -> bool:
    if account.is_guest:
        tally.left_out["guests"] += 1
    elif not account.account_enabled:
        tally.left_out["sign-in is blocked"] += 1
    elif not account.licensed:
        tally.left_out["no licence"] += 1
    else:
        return True
    return False


async def _zones(m365: Microsoft365, people: Sequence[Account], default: str, tally: Tally) -> list[str]:
    """The clock of each person's mailbox. One that cannot be read costs only precision."""
    door = asyncio.Semaphore(_AT_ONCE)

    async def zone_of(account: Account) -> str:
        async with door:
            try:
                found = iana((await m365.mailbox.settings(account.id)).time_zone)
            except IRBotError:
                found = None
        if found is None:
            tally.zones_unknown += 1
        return found or default

    return list(await asyncio.gather(*(zone_of(account) for account in people)))


async def _who_clicked(database: Database, incident_id: str | None) -> AsyncIterator[Recipient]:
    """Those who said so to an earlier warning; of this incident, where there is one."""
    table = blast_recipients.c
    query = (
        sa.select(table.address, table.name, table.language, table.department, table.zone)
        .select_from(blast_recipients.join(blasts, blasts.c.id == table.blast_id))
        .where(table.answer == AnswerWord.CLICKED.value, table.channel == Via.TEAMS.value)
        .order_by(blasts.c.created_at.desc(), table.number)
    )
    if incident_id is not None:
        query = query.where(blasts.c.incident_id == incident_id)
    async with database.read() as connection:
        rows = (await connection.execute(query)).all()
    for row in {row.address: row for row in reversed(rows)}.values():
        yield Recipient(row.address, Via.TEAMS, row.name, row.language, row.department, row.zone)
