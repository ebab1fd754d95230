"""What comes back from the recipients, and how it is counted: read, acknowledged, answered, by department, as a table.

A receipt proves delivery: a message that was unknown counts as sent from then on. A reminder's receipt counts for the
first blast as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts import rows
from services.blasts.model import AnswerWord, Blast, BlastState, Counts, Delivery, Progress, RecipientState
from services.database import Database
from services.database.blast_tables import blast_recipients, blasts
from services.errors import NotFound

_R = blast_recipients.c
_LEFT = (RecipientState.QUEUED.value, RecipientState.CLAIMED.value, RecipientState.SENDING.value)
CSV_HEADER = ("name", "address", "channel", "language", "department", "state", "reason", "sent", "read",
              "acknowledged", "answer", "answered")  # fmt: skip


async def delivery_to(connection: AsyncConnection, blast_id: str, object_id: str) -> Delivery:
    """What this person got of a blast. Raises NotFound for somebody who is not in its audience."""
    query = sa.select(blast_recipients).where(_R.blast_id == blast_id, _R.address == object_id.casefold())
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(what="recipient", sought=object_id)
    return rows.delivery(row)


async def acknowledge(database: Database, blast_id: str, object_id: str, now: datetime) -> Delivery:
    """The person has said "I understand"; the first time counts. Raises NotFound."""
    return await _receive(database, blast_id, object_id, {"acknowledged_at": now, "read_at": now})


async def answer(database: Database, blast_id: str, object_id: str, word: AnswerWord, now: datetime) -> Delivery:
    """The person's first answer to the question; a later one changes nothing. Raises NotFound."""
    return await _receive(
        database, blast_id, object_id, {"answer": word.value, "answered_at": now, "read_at": now}, once="answered_at"
    )


async def read_up_to(database: Database, object_id: str, last_read: str, now: datetime) -> int:
    """Everything that was sent to this person up to that message id is read; returns how many rows that was."""
    if not last_read.isdecimal():
        return 0
    mine = sa.and_(_R.address == object_id.casefold(), _R.read_at.is_(None), _R.activity_id.is_not(None))
    async with database.read() as connection:
        sent = (await connection.execute(sa.select(_R.blast_id, _R.number, _R.activity_id).where(mine))).all()
    read = [row for row in sent if row.activity_id.isdecimal() and int(row.activity_id) <= int(last_read)]
    if read:
        async with database.write() as connection:
            for row in read:
                this = sa.and_(_R.blast_id == row.blast_id, _R.number == row.number, _R.read_at.is_(None))
                await connection.execute(sa.update(blast_recipients).where(this).values(read_at=now))
    return len(read)


async def is_on_its_way(connection: AsyncConnection, object_id: str) -> bool:
    """Whether a message to many still has to be sent to this person."""
    waits = sa.and_(
        _R.address == object_id.casefold(),
        _R.state.in_(_LEFT),
        blasts.c.state == BlastState.RUNNING.value,
    )
    query = sa.select(_R.number).join(blasts, blasts.c.id == _R.blast_id).where(waits).limit(1)
    return (await connection.execute(query)).first() is not None


async def counts_of(connection: AsyncConnection, blast_id: str) -> Counts:
    """How many are how far, counted afresh from the rows."""
    return (await _count(connection, blast_id, None)).get("", Counts())


async def by_department(connection: AsyncConnection, blast_id: str) -> Mapping[str, Counts]:
    """The same for each department; people without one stand under the empty name."""
    return await _count(connection, blast_id, _R.department)


async def progress(connection: AsyncConnection, blast: Blast, now: datetime) -> Progress:
    """Where a blast stands, and how long it still takes at the present rate."""
    counts = await counts_of(connection, blast.id)
    waits = blast.next_at if blast.next_at is not None and blast.next_at > now else None
    moves = blast.state.value in {"running", "recalling"} and waits is None
    rate = blast.rate if moves else 0.0
    return Progress(counts, rate, counts.left / rate if rate > 0 else None, waits)


async def table(database: Database, blast_id: str) -> AsyncIterator[tuple[str, ...]]:
    """The rows of an export, the header first; every cell is plain text that no spreadsheet takes for a formula."""
    yield CSV_HEADER
    async with database.read() as connection:
        async for page in rows.deliveries(connection, blast_id):
            for each in page:
                yield _cells(each)


def _cells(each: Delivery) -> tuple[str, ...]:
    person = each.recipient
    values: tuple[Any, ...] = (
        person.name, person.address, person.via.value, person.language, person.department, each.state.value,
        each.reason, each.sent_at, each.read_at, each.acknowledged_at, each.answer and each.answer.value,
        each.answered_at,
    )  # fmt: skip
    return tuple(_cell(value) for value in values)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


async def _receive(
    database: Database, blast_id: str, object_id: str, values: Mapping[str, Any], once: str | None = None
) -> Delivery:
    """Sets what is not set yet, for the blast and for the one that it reminds of."""
    address = object_id.casefold()
    async with database.write() as connection:
        await delivery_to(connection, blast_id, object_id)
        parent = await connection.scalar(sa.select(blasts.c.parent_id).where(blasts.c.id == blast_id))
        wanted = [blast_id] if parent is None else [blast_id, parent]
        these = sa.and_(_R.blast_id.in_(wanted), _R.address == address)
        changes = {name: _first(name, value) for name, value in values.items()}
        if once is not None:
            these = sa.and_(these, _R[once].is_(None))
            changes = {**values, "read_at": _first("read_at", values["read_at"])}
        await connection.execute(sa.update(blast_recipients).where(these).values(**changes))
        arrived = sa.and_(_R.blast_id == blast_id, _R.address == address, _R.state == RecipientState.UNKNOWN.value)
        sent = {"state": RecipientState.SENT.value, "reason": None}
        await connection.execute(sa.update(blast_recipients).where(arrived).values(**sent))
        return await delivery_to(connection, blast_id, object_id)


def _first(name: str, value: Any) -> sa.ColumnElement[Any]:
    """What stands in the column, or the value where nothing does."""
    return sa.func.coalesce(_R[name], sa.literal(value, _R[name].type))


async def _count(connection: AsyncConnection, blast_id: str, group: sa.ColumnElement[str] | None) -> dict[str, Counts]:
    def number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    def state(each: RecipientState) -> sa.ColumnElement[int]:
        return number(_R.state == each.value)

    def answered(word: AnswerWord) -> sa.ColumnElement[int]:
        return number(_R.answer == word.value)

    name = sa.literal("") if group is None else group
    query = sa.select(
        name.label("key"),
        sa.func.count().label("people"),
        state(RecipientState.SENT).label("sent"),
        state(RecipientState.FAILED).label("failed"),
        state(RecipientState.UNKNOWN).label("unknown"),
        state(RecipientState.CANCELLED).label("cancelled"),
        state(RecipientState.RECALLED).label("recalled"),
        number(_R.state.in_(_LEFT)).label("left"),
        number(_R.read_at.is_not(None)).label("read"),
        number(_R.acknowledged_at.is_not(None)).label("acknowledged"),
        answered(AnswerWord.RIGHT).label("right"),
        answered(AnswerWord.WRONG).label("wrong"),
        answered(AnswerWord.CLICKED).label("clicked"),
        answered(AnswerWord.NOT_CLICKED).label("not_clicked"),
    ).where(_R.blast_id == blast_id)
    query = query if group is None else query.group_by(group)
    found = {}
    for row in await connection.execute(query):
        values = row._asdict()
        key = values.pop("key")
        found[str(key)] = Counts(**values)
    return found
