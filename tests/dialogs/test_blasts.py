"""The card of a blast and its buttons: drawn up once, asked, decided, reminded of, and never more than is allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest
import sqlalchemy as sa

from dialogs import blasts as dialog
from dialogs.blast_view import blast_view, target_of
from dialogs.letters import warning_content
from dialogs.parts import Parts
from dialogs.turn import CardAnswer, Click, TextAnswer
from dialogs.verbs import Verb
from services.blasts import receipts, rows
from services.blasts.model import (
    AnswerWord,
    Blast,
    BlastKind,
    BlastState,
    Draft,
    PauseReason,
    Recipient,
    RecipientState,
    Via,
)
from services.channel import Actor, Conversation, ConversationKind
from services.database import Database, tables
from services.database.blast_tables import blast_recipients, blasts
from services.errors import BadInput, NotAllowed
from services.posts import Posts
from tests.services.blasts.desk import ADELE, CAROL, COLIN, Desk
from tests.services.blasts.test_warnings import LURE
from tests.services.fakes import CHANNEL, account, settings

CHAT = Conversation("a:chat", ConversationKind.PERSONAL, CHANNEL.service_url, CHANNEL.tenant_id)
AUDIENCE = (
    Recipient("ann", Via.TEAMS, "Ann", "de", "Sales"),
    Recipient("ben", Via.TEAMS, "Ben", "en", "Sales"),
    Recipient("cleo", Via.TEAMS, "Cleo", "en", "Finance"),
    Recipient("jo@fabrikam.com", Via.MAIL, "", "en-x-out"),
)


@pytest.fixture
def desk(sqlite_database: Database) -> Desk:
    return Desk(sqlite_database)


@pytest.fixture
def parts(desk: Desk) -> Parts:
    held = SimpleNamespace(
        settings=settings(),
        database=desk.database,
        blasts=desk.blasts,
        posts=Posts(desk.database),
        m365=desk.m365,
        access=desk.access,
        now=desk.clock,
    )
    return cast("Parts", held)


def make(blast_id: str, nonce: str) -> Draft:
    return Draft(
        kind=BlastKind.WARN,
        title="Mail from Megan",
        requester=CAROL,
        content=warning_content(LURE, settings(), None, blast_id, nonce),
        id=blast_id,
        nonce=nonce,
    )


def press(verb: Verb, blast: Blast | None, by: Actor, where: Conversation = CHANNEL, **inputs: str) -> Click:
    target, nonce = (target_of(blast), blast.decision_nonce) if blast else ("incident", "n")
    return Click(by, where, "a1", verb.value, 1, target, nonce, inputs)


async def drawn(parts: Parts, desk: Desk, click: Click | None = None) -> Blast:
    click = click or press(Verb.WARN_PREVIEW, None, CAROL)
    answer = await dialog.draw_up(parts, click, CHANNEL, make, lambda: AUDIENCE, lambda: ["1 not warned: a suspect"])
    assert isinstance(answer, TextAnswer)
    async with desk.database.read() as connection:
        (newest, *_) = await rows.in_states(connection, [BlastState.DRAFT])
    return newest


async def posts(desk: Desk) -> list[tuple[str, bool]]:
    query = sa.select(tables.posts.c.subject_key, tables.posts.c.person)
    async with desk.database.read() as connection:
        return sorted((row.subject_key, row.person is not None) for row in await connection.execute(query))


async def put(desk: Desk, blast: Blast, state: BlastState, **recipients: str) -> Blast:
    """The blast in this state, its recipients by address."""
    async with desk.database.write() as connection:
        await connection.execute(sa.update(blasts).values(state=state.value, reason=None))
        for address, word in recipients.items():
            mine = blast_recipients.c.address == address
            await connection.execute(sa.update(blast_recipients).where(mine).values(state=word))
    return await desk.now(blast)


async def test_a_press_that_is_run_again_draws_up_nothing_new(parts: Parts, desk: Desk) -> None:
    first = await drawn(parts, desk)
    assert (await drawn(parts, desk)).id == first.id
    assert await posts(desk) == [(f"blast:{first.id}", False)]
    await desk.blasts.cancel(first.id, CAROL, CHANNEL)
    assert (await drawn(parts, desk)).id != first.id, "what was cancelled can be drawn up again"


async def test_the_draft_shows_who_how_and_in_which_words(parts: Parts, desk: Desk) -> None:
    view = await blast_view(parts, (await drawn(parts, desk)).id)
    assert view.reach == "3 inside, 1 outside"
    assert [(line.label, line.number) for line in view.ways] == [("in Teams", 3), ("outside by mail", 1)]
    assert view.notes == ("1 not warned: a suspect",)
    assert [preview.title for preview in view.previews] == ["English", "Deutsch", "English, mail to the outside"]
    assert [each.title for each in view.people] == ["Ann · Sales", "Ben · Sales", "Cleo · Finance", "jo@fabrikam.com"]
    assert view.may_leave_out
    assert [button.title for button in view.buttons] == [
        "Ask to warn 3 inside, 1 outside…",
        "Leave out who is ticked",
        "Cancel",
    ]


async def test_who_is_ticked_is_left_out(parts: Parts, desk: Desk) -> None:
    blast = await drawn(parts, desk)
    answer = await dialog.drop(parts, press(Verb.BLAST_DROP, blast, CAROL, leave_out="2, 4"))
    assert isinstance(answer, CardAnswer)
    assert (await blast_view(parts, blast.id)).reach == "2 inside"
    for nonsense, reason in (("", "nothing-ticked"), ("x", "unknown-choice"), ("1" * 30, "unknown-choice")):
        with pytest.raises(BadInput, match=reason):
            await dialog.drop(parts, press(Verb.BLAST_DROP, blast, CAROL, leave_out=nonsense))


async def test_approvers_are_asked_in_their_own_chats_and_decide_there(parts: Parts, desk: Desk) -> None:
    blast = await drawn(parts, desk)
    await dialog.ask(parts, press(Verb.BLAST_ASK, blast, CAROL))
    blast = await desk.now(blast)
    personal = [key for key, to_a_person in await posts(desk) if to_a_person]
    assert sorted(key.rpartition(":")[2] for key in personal) == ["adele", "colin"]
    card = await blast_view(parts, blast.id, personal=True)
    assert [button.title for button in card.buttons] == ["Warn 3 inside, 1 outside", "Refuse"]
    assert not card.may_leave_out
    assert len(card.people) == 4
    with pytest.raises(NotAllowed, match="requester-may-not-approve"):
        await dialog.approve(parts, press(Verb.BLAST_APPROVE, blast, CAROL))
    await dialog.approve(parts, press(Verb.BLAST_APPROVE, blast, ADELE, CHAT))
    assert (await desk.now(blast)).state is BlastState.SCHEDULED
    assert (await desk.now(blast)).decided_by == ADELE


async def test_a_no_is_a_no(parts: Parts, desk: Desk) -> None:
    blast = await drawn(parts, desk)
    await dialog.ask(parts, press(Verb.BLAST_ASK, blast, CAROL))
    await dialog.refuse(parts, press(Verb.BLAST_REFUSE, await desk.now(blast), ADELE, CHAT))
    view = await blast_view(parts, blast.id)
    assert (view.state, view.buttons) == ("Refused", ())


@pytest.mark.parametrize(
    ("state", "recipients", "titles"),
    [
        (BlastState.SCHEDULED, {}, ["Pause", "Cancel"]),
        (BlastState.RUNNING, {"ann": "sent"}, ["Pause", "Cancel"]),
        (
            BlastState.PAUSED,
            {"ann": "sent", "ben": "unknown"},
            ["Go on", "Send again to the 1 unknown", "Take back what was sent", "Cancel"],
        ),
        (
            BlastState.DONE,
            {"ann": "sent", "ben": "failed", "cleo": "sent"},
            [
                *("Remind who has not answered…", "Mail whom Teams did not reach…"),
                *("Take back what was sent", "Get the table"),
            ],
        ),
        (BlastState.CANCELLED, {}, ["Get the table"]),
        (BlastState.RECALLING, {}, []),
        (BlastState.RECALLED, {}, ["Get the table"]),
        (BlastState.EXPIRED, {}, []),
    ],
)
async def test_each_state_offers_what_can_be_done_in_it(
    parts: Parts, desk: Desk, state: BlastState, recipients: dict[str, str], titles: list[str]
) -> None:
    blast = await put(desk, await drawn(parts, desk), state, **recipients)
    view = await blast_view(parts, blast.id)
    assert [button.title for button in view.buttons] == titles
    assert len(view.buttons) <= 5
    assert (await blast_view(parts, blast.id, personal=True)).buttons == ()


@pytest.mark.parametrize("reason", PauseReason)
async def test_a_pause_says_why_and_what_was_changed_cannot_go_on(
    parts: Parts, desk: Desk, reason: PauseReason
) -> None:
    blast = await put(desk, await drawn(parts, desk), BlastState.PAUSED)
    async with desk.database.write() as connection:
        await connection.execute(sa.update(blasts).values(reason=reason.value))
    view = await blast_view(parts, blast.id)
    assert view.next_step
    goes_on = [button for button in view.buttons if button.title.startswith("Go on")]
    assert bool(goes_on) is (reason is not PauseReason.CHANGED)


async def test_answers_are_counted_by_department_and_nobody_is_named(parts: Parts, desk: Desk) -> None:
    blast = await put(desk, await drawn(parts, desk), BlastState.DONE, ann="sent", ben="sent", cleo="sent")
    await receipts.answer(desk.database, blast.id, "ann", AnswerWord.CLICKED, desk.clock())
    view = await blast_view(parts, blast.id)
    assert ("clicked it", 1) in [(line.label, line.number) for line in view.counts]
    assert [(line.name, line.people, line.done) for line in view.departments] == [
        ("Sales", 2, 1),
        ("", 1, 0),
        ("Finance", 1, 0),
    ]
    assert view.people == ()


async def test_a_reminder_goes_to_those_who_have_not_answered_and_needs_its_own_approval(
    parts: Parts, desk: Desk
) -> None:
    blast = await put(desk, await drawn(parts, desk), BlastState.DONE, ann="sent", ben="sent", cleo="failed")
    await receipts.answer(desk.database, blast.id, "ann", AnswerWord.NOT_CLICKED, desk.clock())
    for _ in range(2):
        await dialog.remind(parts, press(Verb.BLAST_REMIND, blast, CAROL))
    async with desk.database.read() as connection:
        (reminder,) = await rows.in_states(connection, [BlastState.DRAFT])
        people = [each.recipient.address async for page in rows.deliveries(connection, reminder.id) for each in page]
    assert people == ["ben"]
    assert reminder.parent_id == blast.id
    assert reminder.content.card_in("en") != blast.content.card_in("en"), "its cards are its own"


async def test_whom_teams_did_not_reach_can_be_mailed(parts: Parts, desk: Desk) -> None:
    blast = await put(desk, await drawn(parts, desk), BlastState.DONE, ann="failed", ben="failed", cleo="sent")
    desk.m365.directory.accounts |= {
        "ann": replace(account("ann"), mail="Ann@contoso.com"),
        "ben": replace(account("ben"), mail=None),
    }
    await dialog.mail(parts, press(Verb.BLAST_MAIL, blast, COLIN))
    async with desk.database.read() as connection:
        (draft,) = await rows.in_states(connection, [BlastState.DRAFT])
        people = [each.recipient async for page in rows.deliveries(connection, draft.id) for each in page]
    assert people == [Recipient("ann@contoso.com", Via.MAIL, "Ann", "de", "Sales")]
    assert draft.requester == COLIN
    assert (await blast_view(parts, draft.id)).notes == ("1 not reached: no mail address",)


async def test_a_button_of_another_moment_changes_nothing(parts: Parts, desk: Desk) -> None:
    blast = await drawn(parts, desk)
    forged = replace(press(Verb.BLAST_CANCEL, blast, CAROL), nonce=blast.nonce)
    handlers: list[Callable[[Parts, Click], object]] = [dialog.ask, dialog.drop, dialog.steer("cancel"), dialog.export]
    for handler in handlers:
        with pytest.raises(BadInput, match="stale-card"):
            await handler(parts, forged)  # type: ignore[misc]
    assert (await desk.now(blast)).state is BlastState.DRAFT


async def test_states_of_recipients_that_matter_to_the_card_are_all_counted(parts: Parts, desk: Desk) -> None:
    blast = await drawn(parts, desk)
    await put(desk, blast, BlastState.DONE, ann="sent", ben="failed", cleo="unknown")
    async with desk.database.write() as connection:
        mine = blast_recipients.c.address == "jo@fabrikam.com"
        await connection.execute(
            sa.update(blast_recipients).where(mine).values(state=RecipientState.FAILED.value, reason="bounced")
        )
    view = await blast_view(parts, blast.id)
    numbers = {line.label: line.number for line in view.counts}
    assert (numbers["sent"], numbers["not reached"], numbers["outcome unknown"]) == (1, 2, 1)
    assert sum("not reached: The mail came back." in problem for problem in view.problems) == 1
