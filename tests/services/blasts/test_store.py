from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.blasts import freezing, receipts, rows
from services.blasts.model import (
    AnswerWord,
    BlastKind,
    BlastState,
    Content,
    Draft,
    Recipient,
    RecipientState,
    SendingPlan,
    TeamsText,
    Via,
)
from services.database import Database
from services.database.blast_tables import blast_events, blast_recipients
from services.errors import BadInput, Conflict, Expired, NotAllowed, NotFound
from services.incidents import store as incidents
from services.incidents import timeline
from tests.services.blasts.desk import ADELE, CARD, CAROL, COLIN, MEGAN, WORDS, ZOE, Desk, people
from tests.services.fakes import CHANNEL, NOW, PERSONAL, subject


@pytest.fixture
async def desk(database: Database) -> Desk:
    return Desk(database)


# -- drawing up ----------------------------------------------------------------------------------------------------


async def test_an_audience_is_kept_once_per_address_in_its_order(desk: Desk) -> None:
    audience = [*people(700), *people(5), Recipient("Someone@Fabrikam.com", Via.MAIL), Recipient(" ", Via.MAIL)]
    blast = await desk.draft(audience)
    assert blast.people == 701
    async with desk.database.read() as connection:
        pages = [page async for page in rows.deliveries(connection, blast.id)]
    addresses = [each.recipient.address for page in pages for each in page]
    assert addresses == [f"person-{number:05}" for number in range(700)] + ["someone@fabrikam.com"]


async def test_subjects_of_open_incidents_are_left_out(desk: Desk) -> None:
    await incidents.open_incident(desk.database, subject("person-00001"), CAROL, CHANNEL, NOW)
    assert (await desk.draft(people(3))).people == 2


async def test_an_empty_audience_or_missing_words_are_refused(desk: Desk) -> None:
    with pytest.raises(BadInput) as nobody:
        await desk.draft([Recipient("", Via.TEAMS)])
    assert nobody.value.data["reason"] == "nobody-to-send-to"
    with pytest.raises(BadInput) as silent:
        await desk.draft(content=Content(teams={"de": TeamsText(CARD, "Achtung")}))
    assert silent.value.data["reason"] == "no-words-to-send"


@pytest.mark.parametrize("who", [ZOE, MEGAN, ADELE])
async def test_only_communicators_draw_up_and_ask(desk: Desk, who: Any) -> None:
    await incidents.open_incident(desk.database, subject("megan"), CAROL, CHANNEL, NOW)
    with pytest.raises(NotAllowed):
        await desk.draft(requester=who)
    draft = await desk.draft()
    with pytest.raises(NotAllowed):
        await desk.blasts.ask(draft.id, who, CHANNEL)


async def test_a_blast_is_asked_for_where_others_see_it(desk: Desk) -> None:
    draft = await desk.draft()
    with pytest.raises(NotAllowed) as refused:
        await desk.blasts.ask(draft.id, CAROL, PERSONAL)
    assert refused.value.data["reason"] == "not-in-personal-chat"


async def test_people_can_be_taken_out_of_a_draft_and_not_later(desk: Desk) -> None:
    draft = await desk.draft()
    fewer = await desk.blasts.drop(draft.id, CAROL, CHANNEL, ["PERSON-00001"])
    assert (fewer.people, fewer.digest != draft.digest) == (2, True)
    await desk.blasts.ask(draft.id, CAROL, CHANNEL)
    with pytest.raises(Conflict):
        await desk.blasts.drop(draft.id, CAROL, CHANNEL, ["person-00002"])


# -- deciding ------------------------------------------------------------------------------------------------------


async def test_a_second_person_decides_and_the_work_is_started(desk: Desk) -> None:
    blast = await desk.approved()
    assert (blast.state, blast.decided_by, blast.next_at) == (BlastState.SCHEDULED, ADELE, desk.clock())
    assert desk.woken == [f"{blast.id}/1"]
    assert await desk.events(blast) == ["created", "asked", "approved"]


async def test_nobody_approves_their_own_blast(desk: Desk) -> None:
    draft = await desk.draft(requester=COLIN)
    asked = await desk.blasts.ask(draft.id, COLIN, CHANNEL)
    with pytest.raises(NotAllowed) as refused:
        await desk.blasts.approve(asked.id, asked.decision_nonce, COLIN, CHANNEL)
    assert refused.value.data["reason"] == "requester-may-not-approve"


@pytest.mark.parametrize("who", [ZOE, MEGAN])
async def test_without_the_role_nobody_decides(desk: Desk, who: Any) -> None:
    asked = await desk.asked()
    for decide in (desk.blasts.approve, desk.blasts.refuse):
        with pytest.raises(NotAllowed):
            await decide(asked.id, asked.decision_nonce, who, CHANNEL)


async def test_a_forged_button_and_a_second_decision_do_nothing(desk: Desk) -> None:
    asked = await desk.asked()
    for forged in ("", asked.nonce, "0" * 32, "\ud800"):
        with pytest.raises(BadInput):
            await desk.blasts.approve(asked.id, forged, ADELE, CHANNEL)
    await desk.blasts.refuse(asked.id, asked.decision_nonce, ADELE, CHANNEL)
    with pytest.raises(Conflict):
        await desk.blasts.approve(asked.id, asked.decision_nonce, ADELE, CHANNEL)
    assert desk.woken == []


async def test_of_two_decisions_at_once_one_wins(desk: Desk) -> None:
    asked = await desk.asked()
    ends = await asyncio.gather(
        desk.blasts.approve(asked.id, asked.decision_nonce, ADELE, CHANNEL),
        desk.blasts.refuse(asked.id, asked.decision_nonce, COLIN, CHANNEL),
        return_exceptions=True,
    )
    assert sum(isinstance(end, Conflict) for end in ends) == 1


async def test_a_question_ends_when_nobody_answers(desk: Desk) -> None:
    asked = await desk.asked()
    desk.clock.pass_by(hours=25)
    with pytest.raises(Expired):
        await desk.blasts.approve(asked.id, asked.decision_nonce, ADELE, CHANNEL)
    assert await desk.blasts.expire_due() == 1
    assert (await desk.now(asked)).state is BlastState.EXPIRED


async def test_a_scheduled_blast_waits_for_its_time(desk: Desk) -> None:
    draft = await desk.draft()
    with pytest.raises(BadInput):
        await desk.blasts.schedule(draft.id, CAROL, CHANNEL, desk.clock())
    at = desk.clock() + timedelta(hours=2)
    await desk.blasts.schedule(draft.id, CAROL, CHANNEL, at)
    asked = await desk.blasts.ask(draft.id, CAROL, CHANNEL)
    blast = await desk.blasts.approve(asked.id, asked.decision_nonce, ADELE, CHANNEL)
    assert (blast.state, blast.next_at, desk.woken) == (BlastState.SCHEDULED, at, [])


async def test_changed_words_are_approved_anew(desk: Desk) -> None:
    asked = await desk.asked()
    edited = await desk.blasts.edit(asked.id, COLIN, CHANNEL, title="Other", plan=SendingPlan(canary=1))
    assert (edited.state, edited.requester) == (BlastState.DRAFT, COLIN)
    assert edited.digest != asked.digest
    with pytest.raises(Conflict):
        await desk.blasts.approve(asked.id, asked.decision_nonce, ADELE, CHANNEL)


# -- steering ------------------------------------------------------------------------------------------------------


async def test_pause_and_resume_begin_a_new_run(desk: Desk) -> None:
    blast = await desk.approved()
    paused = await desk.blasts.pause(blast.id, ADELE, CHANNEL)
    assert (paused.state, paused.reason) == (BlastState.PAUSED, "person")
    resumed = await desk.blasts.resume(blast.id, CAROL, CHANNEL)
    assert (resumed.state, desk.woken[-1]) == (BlastState.RUNNING, f"{blast.id}/2")
    with pytest.raises(Conflict):
        await desk.blasts.resume(blast.id, CAROL, CHANNEL)


async def test_a_cancelled_blast_sends_nothing_more(desk: Desk) -> None:
    blast = await desk.approved()
    with pytest.raises(NotAllowed):
        await desk.blasts.cancel(blast.id, ZOE, CHANNEL)
    await desk.blasts.cancel(blast.id, CAROL, CHANNEL)
    async with desk.database.read() as connection:
        counts = await receipts.counts_of(connection, blast.id)
    assert (counts.cancelled, counts.left) == (3, 0)
    with pytest.raises(Conflict):
        await desk.blasts.resume(blast.id, CAROL, CHANNEL)


async def test_only_those_who_have_not_said_so_are_reminded(desk: Desk) -> None:
    blast = await _sent(desk, people(4))
    await receipts.acknowledge(desk.database, blast.id, "person-00000", NOW)
    await receipts.answer(desk.database, blast.id, "person-00001", AnswerWord.WRONG, NOW)
    draft = Draft(BlastKind.EDUCATE, "Reminder", CAROL, WORDS)
    reminder = await desk.blasts.remind(blast.id, CAROL, CHANNEL, draft)
    assert (reminder.people, reminder.parent_id) == (2, blast.id)
    await receipts.acknowledge(desk.database, reminder.id, "person-00003", NOW)
    async with desk.database.read() as connection:
        assert (await receipts.counts_of(connection, blast.id)).acknowledged == 2


# -- receipts ------------------------------------------------------------------------------------------------------


async def _sent(desk: Desk, audience: Any) -> Any:
    """A blast that has arrived at everybody, with message ids as Teams gives them."""
    blast = await desk.approved(list(audience))
    await desk.blasts.pause(blast.id, CAROL, CHANNEL)
    async with desk.database.write() as connection:
        numbers = list((await connection.execute(sa.select(blast_recipients.c.number))).scalars())
        for number in numbers:
            await connection.execute(
                sa.update(blast_recipients)
                .where(blast_recipients.c.number == number)
                .values(state=RecipientState.SENT.value, activity_id=str(1_700_000_000_000 + number), sent_at=NOW)
            )
    return await desk.now(blast)


async def test_the_first_answer_counts(desk: Desk) -> None:
    blast = await _sent(desk, people(2))
    await receipts.answer(desk.database, blast.id, "PERSON-00000", AnswerWord.WRONG, NOW)
    later = await receipts.answer(desk.database, blast.id, "person-00000", AnswerWord.RIGHT, NOW + timedelta(hours=1))
    assert (later.answer, later.answered_at, later.read_at) == (AnswerWord.WRONG, NOW, NOW)
    with pytest.raises(NotFound):
        await receipts.acknowledge(desk.database, blast.id, "zoe", NOW)


async def test_a_receipt_proves_that_an_unknown_message_arrived(desk: Desk) -> None:
    blast = await _sent(desk, people(1))
    async with desk.database.write() as connection:
        await connection.execute(sa.update(blast_recipients).values(state=RecipientState.UNKNOWN.value))
    known = await receipts.acknowledge(desk.database, blast.id, "person-00000", NOW)
    assert known.state is RecipientState.SENT


async def test_a_read_receipt_covers_what_came_before_it(desk: Desk) -> None:
    blast = await _sent(desk, people(1))
    assert await receipts.read_up_to(desk.database, "person-00000", "1699999999999", NOW) == 0
    assert await receipts.read_up_to(desk.database, "person-00000", "not-a-number", NOW) == 0
    assert await receipts.read_up_to(desk.database, "person-00000", "1700000000999", NOW) == 1
    assert await receipts.read_up_to(desk.database, "person-00000", "1700000000999", NOW) == 0
    async with desk.database.read() as connection:
        assert (await receipts.counts_of(connection, blast.id)).read == 1


async def test_departments_add_up_to_the_whole(desk: Desk) -> None:
    audience = [*people(3, department="Finance"), Recipient("other", Via.TEAMS, department="Sales")]
    blast = await _sent(desk, audience)
    await receipts.answer(desk.database, blast.id, "person-00002", AnswerWord.CLICKED, NOW)
    async with desk.database.read() as connection:
        found = await receipts.by_department(connection, blast.id)
        whole = await receipts.counts_of(connection, blast.id)
    assert {name: counts.people for name, counts in found.items()} == {"Finance": 3, "Sales": 1}
    assert (found["Finance"].clicked, whole.clicked, whole.people) == (1, 1, 4)


async def test_an_export_is_logged_and_harmless_in_a_spreadsheet(desk: Desk) -> None:
    blast = await desk.draft([Recipient("a@x.example", Via.MAIL, name="=cmd()")])
    with pytest.raises(NotAllowed):
        await desk.blasts.export(blast.id, ZOE, CHANNEL)
    lines = [line async for line in await desk.blasts.export(blast.id, CAROL, CHANNEL)]
    assert lines[0][0] == "name"
    assert lines[1][:3] == ("'=cmd()", "a@x.example", "mail")
    assert (await desk.events(blast))[-1] == "exported"


async def test_the_incident_keeps_what_happened_to_its_blasts(desk: Desk) -> None:
    incident, _ = await incidents.open_incident(desk.database, subject("megan"), CAROL, CHANNEL, NOW)
    blast = await desk.approved(incident_id=incident.id)
    async with desk.database.read() as connection:
        entries = await timeline.read(connection, incident.id)
        length = (await incidents.get(connection, incident.id)).revision
        assert [each.id for each in await rows.of_incident(connection, incident.id)] == [blast.id]
    assert timeline.first_break(incident.id, entries, length) is None
    assert [entry.data["event"] for entry in entries if entry.event == "blast:changed"] == ["asked", "approved"]


@pytest.mark.parametrize("change", [sa.update(blast_events).values(event="x"), sa.delete(blast_events)])
async def test_the_record_of_a_blast_cannot_be_changed(desk: Desk, change: Any) -> None:
    await desk.draft()
    with pytest.raises(sa.exc.DBAPIError):
        async with desk.database.write() as connection:
            await connection.execute(change)


async def test_a_long_audience_is_read_as_a_stream(desk: Desk) -> None:
    pulled = 0

    async def endless() -> Any:
        nonlocal pulled
        for each in people(1200):
            pulled += 1
            yield each

    batches = [len(batch) async for batch in freezing._stream(endless())]
    assert (pulled, sum(batches), max(batches) < 500) == (1200, 1200, True)
