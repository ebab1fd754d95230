"""The rows of a blast under way: who leads it, which recipients are claimed, and how each message ended.

Every message is committed twice: `claimed` to `sending` just before the call, and its end right after. An end waits a
moment for the next beginning, and what comes while a commit is under way goes into the next, so that many messages cost
few commits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts.budget import SECOND
from services.blasts.model import Blast, BlastState, RecipientState, UnknownPolicy, Via
from services.blasts.rows import database_micros, get
from services.channel import Conversation
from services.database import Database, insert_once
from services.database.blast_tables import blast_recipients, blasts
from services.database.tables import people
from services.incidents.model import conversation_from_json

LEASE = 8 * SECOND
_LINGER_SECONDS = 0.04  # how long an end waits for company
_R = blast_recipients.c
_QUEUED, _CLAIMED, _SENDING = (
    RecipientState.QUEUED.value, RecipientState.CLAIMED.value, RecipientState.SENDING.value,
)  # fmt: skip


@dataclass(frozen=True)
class Claimed:
    """A recipient whose turn it is. `chat` is the conversation that is known already."""

    number: int
    address: str
    name: str
    language: str
    attempts: int
    chat: Conversation | None
    service_url: str | None


@dataclass(frozen=True)
class Lead:
    """The right to send a blast: one run, one process, until the lease ends. `token` marks what this run claimed."""

    blast_id: str
    run: int
    executor: str
    token: str

    @property
    def owner(self) -> str:
        """How the lead stands in the blast's row: a later run of the same process takes it over at once."""
        return f"{self.executor}/{self.run}"


# -- leading -------------------------------------------------------------------------------------------------------


async def take_lead(connection: AsyncConnection, lead: Lead) -> Blast | None:
    """The blast, where the lead is free or ours; None where another process holds it. Renews the lease."""
    blast = await get(connection, lead.blast_id, lock=True)
    now = await database_micros(connection)
    row = (
        await connection.execute(sa.select(blasts.c.owner, blasts.c.owner_until).where(blasts.c.id == lead.blast_id))
    ).one()
    ours = row.owner is None or row.owner.startswith(f"{lead.executor}/")
    if not ours and row.owner_until > now:
        return None
    await connection.execute(
        sa.update(blasts).where(blasts.c.id == lead.blast_id).values(owner=lead.owner, owner_until=now + LEASE)
    )
    return blast


async def give_up_lead(connection: AsyncConnection, lead: Lead) -> None:
    """Lets the next one lead at once."""
    mine = sa.and_(blasts.c.id == lead.blast_id, blasts.c.owner == lead.owner)
    await connection.execute(sa.update(blasts).where(mine).values(owner=None, owner_until=0))


async def settle_leftovers(connection: AsyncConnection, blast: Blast) -> None:
    """What a dead or ended run left: surely not sent goes back, perhaps sent is unknown, or goes again by policy.

    The caller holds the lead, so nobody else has anything under way; mail is under way elsewhere.
    """
    goes_on = blast.state not in {BlastState.CANCELLED, BlastState.RECALLING, BlastState.RECALLED}
    back = RecipientState.QUEUED if goes_on else RecipientState.CANCELLED
    again = goes_on and blast.plan.unknown is UnknownPolicy.SEND_AGAIN
    end = {"state": _QUEUED} if again else {"state": RecipientState.UNKNOWN.value, "reason": "interrupted"}
    for state, values in ((_CLAIMED, {"state": back.value}), (_SENDING, end)):
        left = sa.and_(_R.blast_id == blast.id, _R.state == state, _R.channel == Via.TEAMS.value)
        # The token stays: if whoever claimed it still learns how its call ended, that is the truth.
        await connection.execute(sa.update(blast_recipients).where(left).values(**values))


# -- claiming ------------------------------------------------------------------------------------------------------


async def zones(connection: AsyncConnection, blast_id: str, via: Via, up_to: int | None) -> list[str]:
    """The zones in which somebody still waits."""
    query = sa.select(_R.zone).where(*_waiting(blast_id, via, up_to)).distinct().order_by(_R.zone)
    return list((await connection.execute(query)).scalars())


async def number_of(connection: AsyncConnection, blast_id: str, place: int) -> int | None:
    """The number of the recipient at this place of the audience, counted from 1."""
    query = sa.select(_R.number).where(_R.blast_id == blast_id).order_by(_R.number).offset(place - 1).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def claim(
    connection: AsyncConnection, lead: Lead, zone: str, limit: int, up_to: int | None
) -> tuple[Claimed, ...]:
    """Takes the next recipients of a zone in Teams. The caller has taken the lead in the same transaction."""
    personal, service_url = people.c.personal, people.c.service_url
    query = (
        sa.select(_R.number, _R.address, _R.name, _R.language, _R.attempts, personal, service_url)
        .select_from(blast_recipients.outerjoin(people, people.c.object_id == _R.address))
        .where(*_waiting(lead.blast_id, Via.TEAMS, up_to), _R.zone == zone)
        .order_by(_R.number)
        .limit(limit)
    )
    found = [
        Claimed(
            row.number, row.address, row.name, row.language, row.attempts,
            row.personal and conversation_from_json(row.personal), row.service_url,
        )
        for row in await connection.execute(query)
    ]  # fmt: skip
    if found:
        these = sa.and_(_R.blast_id == lead.blast_id, _R.number.in_([each.number for each in found]))
        await connection.execute(sa.update(blast_recipients).where(these).values(state=_CLAIMED, token=lead.token))
    return tuple(found)


def _waiting(blast_id: str, via: Via, up_to: int | None) -> list[sa.ColumnElement[bool]]:
    conditions = [_R.blast_id == blast_id, _R.state == _QUEUED, _R.channel == via.value]
    return conditions if up_to is None else [*conditions, _R.number <= up_to]


# -- writing down --------------------------------------------------------------------------------------------------

_FINISH = (
    sa.update(blast_recipients)
    .where(
        _R.blast_id == sa.bindparam("b_blast"),
        _R.number == sa.bindparam("b_number"),
        _R.token == sa.bindparam("b_token"),
        # Another run may have settled it meanwhile; who made the call knows better.
        sa.or_(*(_R.state == state for state in (_SENDING, _CLAIMED, _QUEUED, RecipientState.UNKNOWN.value))),
    )
    .values(
        state=sa.bindparam("b_state"),
        attempts=sa.bindparam("b_attempts"),
        reason=sa.bindparam("b_reason"),
        conversation_id=sa.bindparam("b_conversation"),
        service_url=sa.bindparam("b_service_url"),
        activity_id=sa.bindparam("b_activity"),
        sent_at=sa.bindparam("b_sent_at"),
    )
)


_OF_BACK = ("b_blast", "b_number", "b_token", "b_attempts")
_BACK = (
    sa.update(blast_recipients)
    .where(
        _R.blast_id == sa.bindparam("b_blast"),
        _R.number == sa.bindparam("b_number"),
        _R.token == sa.bindparam("b_token"),
        _R.state == _SENDING,
    )
    .values(state=_CLAIMED, attempts=sa.bindparam("b_attempts"))
)


@dataclass(frozen=True)
class End:
    """How a message ended, or that it goes back to `claimed` for another try."""

    state: RecipientState
    attempts: int
    reason: str | None = None
    chat: Conversation | None = None
    activity_id: str | None = None
    sent_at: datetime | None = None


class Scribe:
    """Writes the small changes of one run; each call returns when its change is committed."""

    def __init__(self, database: Database, lead: Lead, now: Any) -> None:
        self._database = database
        self._lead = lead
        self._now = now
        self._starts: dict[int, asyncio.Future[bool]] = {}
        self._ends: list[tuple[dict[str, Any], asyncio.Future[bool]]] = []
        self._chats: list[tuple[Claimed, Conversation | None, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def begin(self, recipient: Claimed) -> bool:
        """`claimed` becomes `sending`; False where the row is not this run's any more, and nothing may be sent."""
        future = self._starts[recipient.number] = self._future()
        self._hurry.set()
        return await future

    async def end(self, recipient: Claimed, end: End) -> None:
        """Writes how it ended."""
        future = self._future()
        self._ends.append((self._values(recipient, end), future))
        await future

    async def keep_chat(self, recipient: Claimed, chat: Conversation | None) -> None:
        """Keeps the person's chat, or drops one that is gone."""
        future = self._future()
        self._chats.append((recipient, chat, future))
        self._hurry.set()
        await future

    def _future(self) -> asyncio.Future[bool]:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="blast-scribe")
        return asyncio.get_running_loop().create_future()

    def _values(self, recipient: Claimed, end: End) -> dict[str, Any]:
        return {
            "b_blast": self._lead.blast_id,
            "b_number": recipient.number,
            "b_token": self._lead.token,
            "b_state": end.state.value,
            "b_attempts": end.attempts,
            "b_reason": end.reason,
            "b_conversation": end.chat and end.chat.id,
            "b_service_url": end.chat and end.chat.service_url,
            "b_activity": end.activity_id,
            "b_sent_at": end.sent_at,
        }

    async def _write(self) -> None:
        while self._starts or self._ends or self._chats:
            if not self._hurry.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LINGER_SECONDS):
                        await self._hurry.wait()
            self._hurry.clear()
            starts, self._starts = self._starts, {}
            ends, self._ends = self._ends, []
            chats, self._chats = self._chats, []
            futures = [*starts.values(), *(each[1] for each in ends), *(each[2] for each in chats)]
            try:
                begun = await self._write_once(list(starts), [each[0] for each in ends], chats)
            except Exception as error:  # noqa: BLE001  # whoever waits for it must hear of it
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
            else:
                for number, future in starts.items():
                    _resolve(future, number in begun)
                for future in futures:
                    _resolve(future, True)

    async def _write_once(
        self,
        starts: Sequence[int],
        ends: Sequence[Mapping[str, Any]],
        chats: Sequence[tuple[Claimed, Conversation | None, Any]],
    ) -> frozenset[int]:
        begun: frozenset[int] = frozenset()
        async with self._database.write() as connection:
            for recipient, chat, _ in chats:
                await self._keep(connection, recipient, chat)
            done = [end for end in ends if end["b_state"] != _CLAIMED]
            back = [{name: end[name] for name in _OF_BACK} for end in ends if end["b_state"] == _CLAIMED]
            if done:
                await connection.execute(_FINISH, done)
            if back:
                await connection.execute(_BACK, back)
            if starts:
                lead = self._lead
                mine = (
                    _R.blast_id == lead.blast_id,
                    _R.number.in_(starts),
                    _R.state == _CLAIMED,
                    _R.token == lead.token,
                )
                marked = sa.update(blast_recipients).where(*mine).values(state=_SENDING).returning(_R.number)
                begun = frozenset((await connection.execute(marked)).scalars())
        return begun

    async def _keep(self, connection: AsyncConnection, recipient: Claimed, chat: Conversation | None) -> None:
        known = people.c.object_id == recipient.address
        if chat is None:
            await connection.execute(sa.update(people).where(known).values(personal=None))
            return
        values = {"personal": json.loads(json.dumps(asdict(chat))), "service_url": chat.service_url}
        first = {"name": recipient.name, "teams_id": "", "last_seen": self._now()}
        if not await insert_once(connection, people, object_id=recipient.address, **first, **values):
            await connection.execute(sa.update(people).where(known).values(**values))


def _resolve(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)
