"""Whom a frozen audience reaches, and how: in Teams, by mail inside, by mail outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts.audience import OUTSIDE
from services.blasts.model import RecipientState, Via
from services.database.blast_tables import blast_recipients

_R = blast_recipients.c


@dataclass(frozen=True)
class Reach:
    """How many are reached in which way. `languages` are those of the audience, most readers first."""

    teams: int
    mail_inside: int
    outside: int
    languages: tuple[str, ...]
    in_teams: frozenset[str]  # the languages that are read in Teams

    @property
    def inside(self) -> int:
        """Colleagues, whichever way."""
        return self.teams + self.mail_inside


@dataclass(frozen=True)
class Someone:
    """One of the audience, as a list shows them."""

    number: int
    address: str
    name: str
    department: str


async def reach_of(connection: AsyncConnection, blast_id: str) -> Reach:
    """Counted from the rows."""
    count = sa.func.count()
    query = sa.select(_R.channel, _R.language, count).where(_R.blast_id == blast_id).group_by(_R.channel, _R.language)
    rows = (await connection.execute(query)).all()

    def number(via: Via, *, outside: bool) -> int:
        return sum(n for channel, language, n in rows if channel == via.value and is_outside(language) is outside)

    by_language: dict[str, int] = {}
    for _, language, people in rows:
        by_language[language] = by_language.get(language, 0) + people
    return Reach(
        teams=number(Via.TEAMS, outside=False),
        mail_inside=number(Via.MAIL, outside=False),
        outside=number(Via.MAIL, outside=True),
        languages=tuple(sorted(by_language, key=lambda each: (-by_language[each], each))),
        in_teams=frozenset(language for channel, language, _ in rows if channel == Via.TEAMS.value),
    )


def is_outside(language: str) -> bool:
    """Whether this is the language of somebody outside."""
    return language.endswith(OUTSIDE)


async def first_of(connection: AsyncConnection, blast_id: str, limit: int) -> tuple[Someone, ...]:
    """The first of the audience, in its order."""
    query = (
        sa.select(_R.number, _R.address, _R.name, _R.department)
        .where(_R.blast_id == blast_id)
        .order_by(_R.number)
        .limit(limit)
    )
    return tuple(Someone(*row) for row in await connection.execute(query))


async def addresses_at(connection: AsyncConnection, blast_id: str, numbers: list[int]) -> tuple[str, ...]:
    """The addresses at these places of the audience."""
    query = sa.select(_R.address).where(_R.blast_id == blast_id, _R.number.in_(numbers))
    return tuple((await connection.execute(query)).scalars())


async def why_not_reached(connection: AsyncConnection, blast_id: str) -> Mapping[str, int]:
    """How many failed for which reason, most first."""
    failed = _R.state.in_([RecipientState.FAILED.value])
    count = sa.func.count()
    query = (
        sa.select(_R.reason, count).where(_R.blast_id == blast_id, failed).group_by(_R.reason).order_by(count.desc())
    )
    return {str(reason or ""): number for reason, number in await connection.execute(query)}
