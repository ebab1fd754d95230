"""Taking back what was sent. What is gone already counts as taken back; doing it twice is the same as once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.blasts import ledger, receipts, rows
from services.blasts.ledger import Lead
from services.blasts.model import Blast, BlastEvent, BlastState, RecipientState, Via
from services.channel import Conversation, ConversationKind
from services.database.blast_tables import blast_recipients, blasts
from services.errors import IRBotError, NotFound, Refusal, Stopped, Throttled

if TYPE_CHECKING:
    from services.blasts.delivery import Delivery

_R = blast_recipients.c
FAILED = "recall-failed"  # the reason of a message that could not be taken back
_TRIES = 4
_PAUSE_SECONDS = 1.0


async def take_back(delivery: Delivery, lead: Lead, blast: Blast) -> None:
    """Deletes message after message within the budget, until none is left that has not been tried."""
    if delivery.mail is not None:
        await delivery.mail.look(blast, delivery.now())
    tenant_id = blast.conversation.tenant_id if blast.conversation else ""
    size = max(10, int(delivery.budget.rate * 0.35))
    stopped = False
    while not stopped and not delivery.closing.is_set() and delivery.may_send():
        async with delivery.database.write() as connection:
            mine = (blasts.c.id == blast.id, blasts.c.owner == lead.owner, blasts.c.run == lead.run)
            until = await rows.database_micros(connection) + ledger.LEASE
            renewed = await connection.execute(sa.update(blasts).where(*mine).values(owner_until=until))
            if renewed.rowcount != 1:
                return
            query = (
                sa.select(_R.number, _R.conversation_id, _R.service_url, _R.activity_id)
                .where(
                    _R.blast_id == blast.id,
                    _R.channel == Via.TEAMS.value,
                    _R.state == RecipientState.SENT.value,
                    _R.activity_id.is_not(None),
                    sa.or_(_R.reason.is_(None), _R.reason != FAILED),
                )
                .order_by(_R.number)
                .limit(size)
            )
            found = (await connection.execute(query)).all()
            gaps = await delivery.budget.reserve(connection, len(found)) if found else []
        if not found:
            break
        begun = asyncio.get_running_loop().time()
        ends = await asyncio.gather(
            *(_delete(delivery, row, tenant_id, begun + gap) for row, gap in zip(found, gaps, strict=True))
        )
        await _write(delivery, blast.id, [row.number for row in found], ends)
        stopped = None in ends
    await _end(delivery, lead, stopped=stopped)


async def _delete(delivery: Delivery, row: Any, tenant_id: str, turn: float) -> bool | None:
    """Whether the message is gone; None where all work was stopped before it was tried."""
    loop = asyncio.get_running_loop()
    where = Conversation(row.conversation_id, ConversationKind.PERSONAL, row.service_url, tenant_id)
    for attempt in range(_TRIES):
        await asyncio.sleep(max(0.0, turn - loop.time()))
        if not delivery.may_send():
            return False
        try:
            await delivery.channel.delete(where, row.activity_id)
        except NotFound:
            return True
        except Stopped:
            return None
        except Refusal:
            return False
        except Throttled as error:
            await delivery.hold(error.retry_after or _PAUSE_SECONDS, True)
        except IRBotError:
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        else:
            return True
        turn = (await delivery.reserve(1))[0]
    return False


async def _write(delivery: Delivery, blast_id: str, numbers: Sequence[int], gone: Sequence[bool | None]) -> None:
    async with delivery.database.write() as connection:
        for number, is_gone in zip(numbers, gone, strict=True):
            if is_gone is None:
                continue
            values = {"state": RecipientState.RECALLED.value} if is_gone else {"reason": FAILED}
            this = sa.and_(_R.blast_id == blast_id, _R.number == number)
            await connection.execute(sa.update(blast_recipients).where(this).values(**values))


async def _end(delivery: Delivery, lead: Lead, *, stopped: bool) -> None:
    now = delivery.now()
    async with delivery.database.write() as connection:
        blast = await rows.get(connection, lead.blast_id, lock=True)
        if blast.run != lead.run or blast.state is not BlastState.RECALLING:
            return
        if stopped or delivery.closing.is_set() or not delivery.may_send():
            again = {"run": blast.run + 1, "next_at": now}
            await connection.execute(sa.update(blasts).where(blasts.c.id == blast.id).values(**again))
            return
        counts = await receipts.counts_of(connection, blast.id)
        told = {"recalled": counts.recalled, "left": counts.sent, "unknown": counts.unknown}
        values: dict[str, Any] = {"state": BlastState.RECALLED.value, "finished_at": now, "next_at": None}
        await rows.move(connection, blast, BlastEvent.RECALLED, now, data=told, **values)
