"""Recipients answer for themselves only, once, and not about what was taken back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from services.blasts.answers import Answers, Mine
from services.blasts.model import AnswerWord, Blast, BlastKind, Recipient, RecipientState, Via
from services.channel import Actor, Conversation, ConversationKind
from services.database import Database
from services.database.blast_tables import blast_recipients, blasts
from services.errors import BadInput, NotAllowed, NotFound
from tests.services.blasts.desk import Desk
from tests.services.fakes import CHANNEL

ANN, BEN = Actor("ann", "Ann", "29:ann"), Actor("ben", "Ben", "29:ben")
CHAT = Conversation("a:chat", ConversationKind.PERSONAL, CHANNEL.service_url, CHANNEL.tenant_id)
PEOPLE: Iterable[Recipient] = (Recipient("Ann", Via.TEAMS, "Ann"), Recipient("zoran", Via.TEAMS, "Zoran"))


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def answers(desk: Desk) -> Answers:
    return Answers(desk.database, desk.clock)


async def sent(desk: Desk, kind: BlastKind = BlastKind.WARN) -> Blast:
    blast = await desk.approved(PEOPLE, kind=kind)
    async with desk.database.write() as connection:
        await connection.execute(sa.update(blast_recipients).values(state=RecipientState.SENT.value))
    return blast


async def mine(answers: Answers, blast: Blast, who: Actor = ANN) -> Mine:
    return await answers.mine(blast.id, blast.nonce, who, CHAT)


async def test_the_first_answer_to_a_warning_stays(desk: Desk, answers: Answers) -> None:
    blast = await sent(desk)
    first = await answers.clicked(await mine(answers, blast), clicked=False)
    assert first.delivery.answer is AnswerWord.NOT_CLICKED
    second = await answers.clicked(await mine(answers, blast), clicked=True)
    assert second.delivery.answer is AnswerWord.NOT_CLICKED
    assert second.delivery.answered_at == first.delivery.answered_at


async def test_a_lessons_answer_is_right_or_wrong_and_then_understood(desk: Desk, answers: Answers) -> None:
    blast = await sent(desk, BlastKind.EDUCATE)
    wrong = await answers.picked(await mine(answers, blast), 0, right=1)
    assert wrong.delivery.answer is AnswerWord.WRONG
    assert wrong.delivery.acknowledged_at is None
    again = await answers.picked(await mine(answers, blast), 1, right=1)
    assert again.delivery.answer is AnswerWord.WRONG
    assert (await answers.understood(again)).delivery.acknowledged_at == desk.clock()


async def test_a_warning_takes_no_lessons_answer_and_a_lesson_no_warnings(desk: Desk, answers: Answers) -> None:
    warning = await sent(desk)
    assert (await answers.picked(await mine(answers, warning), 1, right=1)).delivery.answer is None
    lesson = await sent(desk, BlastKind.EDUCATE)
    assert (await answers.clicked(await mine(answers, lesson), clicked=True)).delivery.answer is None


async def test_nobody_outside_the_audience_answers(desk: Desk, answers: Answers) -> None:
    blast = await sent(desk)
    with pytest.raises(NotFound):
        await mine(answers, blast, BEN)


@pytest.mark.parametrize("nonce", ["", "0" * 32, "\ud800"])
async def test_a_button_that_we_did_not_send_is_refused(desk: Desk, answers: Answers, nonce: str) -> None:
    blast = await sent(desk)
    with pytest.raises(BadInput, match="forged-card"):
        await answers.mine(blast.id, nonce, ANN, CHAT)
    with pytest.raises(BadInput, match="forged-card"):
        await answers.mine(blast.id, blast.decision_nonce, ANN, CHAT)


async def test_an_answer_comes_from_the_persons_own_chat_only(desk: Desk, answers: Answers) -> None:
    blast = await sent(desk)
    with pytest.raises(NotAllowed, match="not-in-this-place"):
        await answers.mine(blast.id, blast.nonce, ANN, replace(CHAT, kind=ConversationKind.CHANNEL))


@pytest.mark.parametrize("state", ["recalled", "recalling"])
async def test_what_was_taken_back_takes_no_answer(desk: Desk, answers: Answers, state: str) -> None:
    blast = await sent(desk)
    async with desk.database.write() as connection:
        await connection.execute(sa.update(blasts).values(state=state))
    got = await mine(answers, blast)
    assert got.over
    assert (await answers.clicked(got, clicked=True)).delivery.answer is None
    assert (await answers.understood(got)).delivery.acknowledged_at is None
    assert (await mine(answers, blast)).delivery.answer is None


async def test_a_cancelled_blast_still_hears_those_whom_it_reached(desk: Desk, answers: Answers) -> None:
    blast = await sent(desk)
    async with desk.database.write() as connection:
        await connection.execute(sa.update(blasts).values(state="cancelled"))
    assert (await answers.clicked(await mine(answers, blast), clicked=True)).delivery.answer is AnswerWord.CLICKED
