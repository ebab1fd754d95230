"""What recipients say to a warning or a lesson: each for themselves, and only about what they got.

Recipients have no role, and none is asked for: the right to answer is the row of the frozen audience, found by the
object id of the authenticated person. Nobody can answer for somebody else, whatever the card carried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.blasts import receipts, rows
from services.blasts.model import AnswerWord, Blast, BlastKind, BlastState, Delivery, RecipientState
from services.channel import Actor, Conversation, ConversationKind
from services.database import Database
from services.errors import BadInput, NotAllowed
from services.incidents.store import same_nonce

_TAKEN_BACK = frozenset({BlastState.RECALLED, BlastState.RECALLING})


@dataclass(frozen=True)
class Mine:
    """What this person got. `over` says that it was taken back, so that nothing is recorded any more."""

    blast: Blast
    delivery: Delivery
    over: bool


class Answers:
    """The recipients' side."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def mine(self, blast_id: str, nonce: str, actor: Actor, where: Conversation) -> Mine:
        """What this person got of the blast that a button names.

        Raises BadInput for a button that we did not send, NotFound for one who is not in the audience, NotAllowed
        anywhere but in the person's own chat.
        """
        if where.kind is not ConversationKind.PERSONAL:
            raise NotAllowed(reason="not-in-this-place")
        async with self._database.read() as connection:
            blast = await rows.get(connection, blast_id)
            if not same_nonce(blast.nonce, nonce):
                raise BadInput(reason="forged-card")
            delivery = await receipts.delivery_to(connection, blast.id, actor.object_id)
        over = blast.state in _TAKEN_BACK or delivery.state is RecipientState.RECALLED
        return Mine(blast, delivery, over)

    async def clicked(self, mine: Mine, *, clicked: bool) -> Mine:
        """The answer to a warning's question. The first answer stays."""
        if mine.over or mine.blast.kind is not BlastKind.WARN:
            return mine
        word = AnswerWord.CLICKED if clicked else AnswerWord.NOT_CLICKED
        return await self._answer(mine, word)

    async def picked(self, mine: Mine, position: int, right: int) -> Mine:
        """The answer to a lesson's question; the first one stays."""
        if mine.over or mine.blast.kind is BlastKind.WARN:
            return mine
        return await self._answer(mine, AnswerWord.RIGHT if position == right else AnswerWord.WRONG)

    async def understood(self, mine: Mine) -> Mine:
        """The acknowledgement."""
        if mine.over:
            return mine
        delivery = await receipts.acknowledge(
            self._database, mine.blast.id, mine.delivery.recipient.address, self._now()
        )
        return Mine(mine.blast, delivery, over=False)

    async def _answer(self, mine: Mine, word: AnswerWord) -> Mine:
        delivery = await receipts.answer(
            self._database, mine.blast.id, mine.delivery.recipient.address, word, self._now()
        )
        return Mine(mine.blast, delivery, over=False)
