"""Freezing an audience: read once as a stream, one row per address, flat in memory however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts.model import Blast, BlastState, Content, Draft, Recipient, RecipientState
from services.channel import Conversation
from services.database import Database
from services.database.blast_tables import blast_recipients, blasts
from services.errors import BadInput
from services.incidents import store as incidents

_BATCH = 250  # small enough that building the rows never holds the event loop


async def freeze(database: Database, blast_id: str, audience: AsyncIterable[Recipient] | Iterable[Recipient]) -> None:
    """Keeps each address once, in the order in which they come; subjects of open incidents are left out."""
    async with database.read() as connection:
        subjects = await incidents.open_subjects(connection)
    number = 0
    async for batch in _stream(audience):
        values = []
        for each in batch:
            address = each.address.strip().casefold()
            if address and address not in subjects:
                number += 1
                values.append(_row(blast_id, number, address, each))
        if values:
            async with database.write() as connection:
                insert_some = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
                await connection.execute(insert_some(blast_recipients).on_conflict_do_nothing(), values)


async def copy_unacknowledged(connection: AsyncConnection, parent_id: str, blast_id: str) -> None:
    """Queues for `blast_id` everybody whom the parent reached and who has not said so."""
    source, columns = blast_recipients.c, ("number", "address", "channel", "name", "language", "department", "zone")
    query = sa.select(
        sa.literal(blast_id),
        *(source[name] for name in columns),
        sa.literal(RecipientState.QUEUED.value),
        sa.literal(0),
    ).where(
        source.blast_id == parent_id,
        source.state == RecipientState.SENT.value,
        source.acknowledged_at.is_(None),
        source.answered_at.is_(None),
    )
    await connection.execute(
        sa.insert(blast_recipients).from_select(["blast_id", *columns, "state", "attempts"], query)
    )


async def insert(
    connection: AsyncConnection, draft: Draft, where: Conversation, now: datetime, parent: Blast | None = None
) -> None:
    """The draft's row, without its audience yet."""
    await connection.execute(
        sa.insert(blasts).values(
            id=draft.id,
            kind=draft.kind.value,
            incident_id=draft.incident_id,
            parent_id=None if parent is None else parent.id,
            title=draft.title,
            state=BlastState.DRAFT.value,
            nonce=draft.nonce,
            decision_nonce=incidents.new_nonce(),
            content=draft.content.to_json(),
            plan=draft.plan.to_json(),
            people=0,
            audience_digest="",
            digest="",
            conversation=asdict(where),
            requester=asdict(draft.requester),
            requester_id=draft.requester.object_id,
            created_at=now,
            scheduled_at=draft.scheduled_at,
            canary_passed=False,
            run=0,
            owner_until=0,
            rate=0.0,
        )
    )


async def channels(connection: AsyncConnection, blast_id: str) -> frozenset[str]:
    """Which ways to people the audience uses."""
    query = sa.select(blast_recipients.c.channel).where(blast_recipients.c.blast_id == blast_id).distinct()
    return frozenset((await connection.execute(query)).scalars())


def insist_on_words(content: Content, channels: Collection[str]) -> None:
    """Raises BadInput where somebody of the audience would get nothing to read."""
    try:
        if "teams" in channels:
            content.card_in("")
        if "mail" in channels:
            content.mail_in("")
    except KeyError:
        raise BadInput(reason="no-words-to-send") from None


def _row(blast_id: str, number: int, address: str, recipient: Recipient) -> dict[str, Any]:
    return {
        "blast_id": blast_id,
        "number": number,
        "address": address,
        "channel": recipient.via.value,
        "name": recipient.name[:255],
        "language": recipient.language,
        "department": recipient.department[:255],
        "zone": recipient.zone,
        "state": RecipientState.QUEUED.value,
        "attempts": 0,
    }


def chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    """The values in portions that one statement takes."""
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))


async def _stream(audience: AsyncIterable[Recipient] | Iterable[Recipient]) -> AsyncIterator[list[Recipient]]:
    batch: list[Recipient] = []
    if isinstance(audience, AsyncIterable):
        async for each in audience:
            batch.append(each)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    else:
        for each in audience:
            batch.append(each)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch
