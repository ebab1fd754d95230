from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.blasts import recalling, reminding, rows, sending
from services.blasts.model import (
    BlastState,
    Hours,
    PauseReason,
    Recipient,
    RecipientState,
    SendingPlan,
    UnknownPolicy,
    Via,
)
from services.database import Database
from services.database.blast_tables import blast_budgets, blast_recipients, blasts
from services.errors import (
    IRBotError,
    MissingPermission,
    NotAllowed,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.incidents import store as incidents
from services.people import People
from tests.services.blasts.desk import ADELE, CAROL, people
from tests.services.blasts.post_office import PostOffice
from tests.services.fakes import APPROVERS, CHANNEL, NOW, subject


@pytest.fixture
async def office(database: Database, monkeypatch: pytest.MonkeyPatch) -> PostOffice:
    monkeypatch.setattr(sending, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(sending, "_LONGEST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(recalling, "_PAUSE_SECONDS", 0.01)
    return PostOffice(database)


async def test_everybody_gets_it_once_in_their_language(office: PostOffice) -> None:
    blast = await office.approved([*people(60), Recipient("german", Via.TEAMS, language="de")])
    done = await office.carry_out(blast)
    assert done.state is BlastState.DONE
    assert sorted(to for to, _ in office.teams.posts) == sorted({to for to, _ in office.teams.posts})
    assert dict(office.teams.posts)["german"] == "Achtung"
    counts = await office.counts(blast)
    assert (counts.people, counts.sent, counts.left) == (61, 61, 0)
    assert await office.events(blast) == ["created", "asked", "approved", "started", "ended"]
    assert office.teams.left[-1] == 0  # the live cards have their share back


async def test_a_chat_is_made_once_and_kept(office: PostOffice) -> None:
    for _ in range(2):
        await office.carry_out(await office.approved(people(3)))
    assert sorted(office.teams.opened) == ["person-00000", "person-00001", "person-00002"]
    known = await People(office.database, office.clock).get("person-00000")
    assert known is not None
    assert known.personal is not None


async def test_a_chat_that_is_gone_is_made_again_once(office: PostOffice) -> None:
    await office.carry_out(await office.approved(people(2)))
    office.teams.dead_chats = {"chat-person-00000#1", "chat-person-00001#1", "chat-person-00001#2"}
    second = await office.approved(people(2))
    await office.carry_out(second)
    assert await office.reasons(second) == {"person-00000": None, "person-00001": "chat-gone"}


async def test_who_lacks_the_app_gets_it_installed(office: PostOffice) -> None:
    await office.carry_out(await office.approved(people(1)))
    office.teams.without_app = {
        "person-00000",
        "person-00001",
    }  # the first has a chat and lost the app, the second never had it
    blast = await office.approved(people(2))
    await office.carry_out(blast)
    assert sorted(office.apps.installed) == ["person-00000", "person-00001"]
    assert (await office.counts(blast)).sent == 2


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda office: setattr(office.apps, "catalogue", None), "app-not-in-catalogue"),
        (lambda office: office.apps.fail.append(MissingPermission(permissions=["X"])), "app-cannot-be-installed"),
    ],
)
async def test_an_app_that_cannot_be_installed_is_a_reason(office: PostOffice, break_it: Any, reason: str) -> None:
    office.teams.without_app = {"person-00000"}
    break_it(office)
    blast = await office.approved(people(2))
    await office.carry_out(blast)
    assert await office.reasons(blast) == {"person-00000": reason, "person-00001": None}


@pytest.mark.parametrize("word", ["blocked-by-user", "disabled-by-administrator", "something-new"])
async def test_a_refusal_is_final_and_has_words(office: PostOffice, word: str) -> None:
    office.teams.trouble["person-00000"] = [NotAllowed(reason=word)]
    blast = await office.approved(people(2))
    await office.carry_out(blast)
    reason = (await office.reasons(blast))["person-00000"]
    assert reason in sending.REASONS
    assert (await office.counts(blast)).failed == 1
    assert office.teams.received("person-00000") == 0


@pytest.mark.parametrize(
    "error",
    [
        Throttled(0.01),
        Throttled(None),
        UpstreamDown(status=503),
        UpstreamDown(status=412),
        UnknownOutcome(status=502),
        UnknownOutcome(status=504),
    ],
    ids=lambda error: f"{error.code}-{error.data.get('status')}",
)
async def test_what_passes_is_tried_again(office: PostOffice, error: IRBotError) -> None:
    office.teams.trouble["person-00000"] = [error]
    blast = await office.approved(people(3))
    await office.carry_out(blast)
    assert (await office.counts(blast)).sent == 3


@pytest.mark.parametrize(
    "error", [UnknownOutcome(reason="no-answer"), UnknownOutcome(status=500)], ids=["silence", "500"]
)
async def test_what_may_have_arrived_is_never_sent_again_by_itself(office: PostOffice, error: IRBotError) -> None:
    office.teams.trouble["person-00000"] = [error]
    office.teams.arrives_anyway = True
    blast = await office.approved(people(2))
    done = await office.carry_out(blast)
    counts = await office.counts(blast)
    assert (done.state, counts.sent, counts.unknown) == (BlastState.DONE, 1, 1)
    assert office.teams.received("person-00000") == 1
    await office.blasts.send_again(blast.id, CAROL, CHANNEL)
    await office.carry_out(blast)
    assert (await office.counts(blast)).sent == 2
    assert office.teams.received("person-00000") == 2


async def test_sending_again_can_be_the_blast_s_own_policy(office: PostOffice) -> None:
    office.teams.trouble["person-00000"] = [UnknownOutcome(reason="no-answer")]
    blast = await office.approved(people(1), plan=SendingPlan(unknown=UnknownPolicy.SEND_AGAIN))
    await office.carry_out(blast)
    assert (await office.counts(blast)).sent == 1


async def test_too_many_shrinks_the_budget_for_all_and_it_grows_again(office: PostOffice) -> None:
    office.teams.trouble["*"] = [Throttled(0.01)]
    await office.carry_out(await office.approved(people(2)))
    async with office.database.write() as connection:
        shrunk = (await connection.execute(sa.select(blast_budgets.c.rate))).scalar_one()
        await connection.execute(sa.update(blast_budgets).values(changed_at=0))
        await office.delivery.budget.reserve(connection, 1)
        grown = (await connection.execute(sa.select(blast_budgets.c.rate))).scalar_one()
    assert shrunk < grown < office.delivery.budget.rate


async def test_an_outage_costs_nobody_their_message(office: PostOffice) -> None:
    office.teams.trouble["*"] = [UpstreamDown(status=503) for _ in range(60)]
    blast = await office.approved(people(6))
    await office.carry_out(blast)
    assert (await office.counts(blast)).sent == 6


async def test_when_everybody_refuses_a_person_is_asked(office: PostOffice) -> None:
    office.teams.trouble["*"] = [NotAllowed(reason="disabled-by-administrator") for _ in range(500)]
    blast = await office.approved(people(300))
    paused = await office.carry_out(blast)
    assert (paused.state, paused.reason) == (BlastState.PAUSED, PauseReason.FAILURES)
    counts = await office.counts(blast)
    assert counts.failed >= 50
    assert counts.left > 0


# -- what is approved is what is sent ----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["people", "words", "language"])
async def test_a_blast_that_is_not_what_was_approved_is_not_sent(office: PostOffice, what: str) -> None:
    blast = await office.approved(people(3))
    async with office.database.write() as connection:
        if what == "people":
            await connection.execute(
                sa.update(blast_recipients).where(blast_recipients.c.number == 1).values(address="zoe")
            )
        elif what == "language":
            await connection.execute(sa.update(blast_recipients).values(language="de"))
        else:
            changed = blast.content.to_json()
            changed["teams"]["en"]["summary"] = "Other"
            await connection.execute(sa.update(blasts).values(content=changed))
    paused = await office.carry_out(blast)
    assert (paused.state, paused.reason) == (BlastState.PAUSED, PauseReason.CHANGED)
    await office.blasts.resume(blast.id, CAROL, CHANNEL)
    assert (await office.carry_out(blast)).state is BlastState.PAUSED
    assert office.teams.posts == []


@pytest.mark.parametrize("who", ["carol", "adele"])
async def test_who_has_lost_the_role_meanwhile_stops_it(office: PostOffice, who: str) -> None:
    blast = await office.approved(people(3))
    for members in office.m365.directory.groups.values():
        members.discard(who)
    paused = await office.carry_out(blast)
    assert (paused.state, paused.reason, office.teams.posts) == (BlastState.PAUSED, PauseReason.STOPPED, [])


async def test_a_role_that_cannot_be_looked_up_is_looked_up_again(office: PostOffice) -> None:
    blast = await office.approved(people(3))
    office.m365.directory.fail["groups_of"] = UpstreamDown(service="graph")
    with pytest.raises(UpstreamDown):
        await office.carry_out(blast)
    office.m365.directory.fail.clear()
    assert (await office.carry_out(blast)).state is BlastState.DONE


async def test_who_became_a_subject_meanwhile_gets_nothing(office: PostOffice) -> None:
    blast = await office.approved(people(3))
    await incidents.open_incident(office.database, subject("person-00001"), CAROL, CHANNEL, NOW)
    await office.carry_out(blast)
    assert office.teams.received("person-00001") == 0
    assert (await office.reasons(blast))["person-00001"] == "subject-of-incident"


# -- kills, zombies, replicas --------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("policy", UnknownPolicy)
async def test_a_kill_loses_nobody_and_repeats_nothing(office: PostOffice, policy: UnknownPolicy) -> None:
    """The first process dies with messages claimed, with messages under way, and with some that were recorded."""
    blast = await office.approved(people(40), plan=SendingPlan(unknown=policy))
    under_way = asyncio.Event()

    async def hang(person: str) -> None:
        if person == "person-00020":
            under_way.set()
            await asyncio.Event().wait()

    office.teams.before_post = hang
    first = asyncio.create_task(office.delivery.run(rows.run_key(blast.id, 1)))
    await under_way.wait()
    await _kill(first)
    office.teams.before_post = None
    await _expire_leases(office)
    office.delivery = office.engine("two")
    assert (await office.carry_out(blast)).state is BlastState.DONE
    counts = await office.counts(blast)
    assert counts.sent + counts.unknown == 40
    received = [office.teams.received(f"person-{number:05}") for number in range(40)]
    if policy is UnknownPolicy.ASK:
        assert max(received) == 1
        assert counts.unknown == received.count(0) + _sent_and_unknown(received, counts.sent) > 0
    else:
        assert min(received) == 1
        assert counts.unknown == 0


def _sent_and_unknown(received: list[int], sent: int) -> int:
    """How many got a message of which nobody knows."""
    return sum(received) - sent


async def _kill(task: asyncio.Task[None]) -> None:
    """Ends a run as kill -9 does: nothing of it is written any more."""
    mine = {each for each in asyncio.all_tasks() if each.get_name().startswith("blast-")}
    for each in mine | {task}:
        each.cancel()
    await asyncio.gather(*mine, task, return_exceptions=True)


async def _expire_leases(office: PostOffice) -> None:
    async with office.database.write() as connection:
        await connection.execute(sa.update(blasts).values(owner="dead/1", owner_until=1))
        # What the cancelled run still put in order on its way out, a killed one would have left.
        unsettled = blast_recipients.c.token.is_not(None)
        await connection.execute(
            sa.update(blast_recipients)
            .where(unsettled, blast_recipients.c.state == RecipientState.QUEUED.value)
            .values(state=RecipientState.CLAIMED.value)
        )
        await connection.execute(
            sa.update(blast_recipients)
            .where(unsettled, blast_recipients.c.state == RecipientState.UNKNOWN.value)
            .values(state=RecipientState.SENDING.value)
        )
        await connection.execute(
            sa.update(blasts).values(state=BlastState.RUNNING.value, reason=None, next_at=office.clock())
        )


async def test_two_replicas_send_a_blast_once(office: PostOffice) -> None:
    blast = await office.approved(people(50))
    key = rows.run_key(blast.id, 1)
    await asyncio.gather(office.delivery.run(key), office.engine("two").run(key))
    assert len(office.teams.posts) == 50
    assert (await office.now(blast)).state is BlastState.DONE


async def test_a_replica_waits_for_the_lead_of_another(office: PostOffice) -> None:
    blast = await office.approved(people(5))
    async with office.database.write() as connection:
        now = await rows.database_micros(connection)
        await connection.execute(sa.update(blasts).values(owner="other/1", owner_until=now + 400_000))
    waiting = asyncio.create_task(office.delivery.run(rows.run_key(blast.id, 1)))
    await asyncio.sleep(0.2)
    assert office.teams.posts == []
    await waiting
    assert len(office.teams.posts) == 5


async def test_a_process_that_was_declared_dead_sends_nothing(office: PostOffice) -> None:
    blast = await office.approved(people(5))
    office.alive = False
    stopped = await office.carry_out(blast)
    assert (office.teams.posts, stopped.state, stopped.run) == ([], BlastState.RUNNING, 2)
    office.alive = True
    assert (await office.carry_out(blast)).state is BlastState.DONE


async def test_a_closing_process_leaves_the_rest_to_the_next(office: PostOffice) -> None:
    blast = await office.approved(people(600))

    async def close(person: str) -> None:
        office.delivery.close()

    office.teams.before_post = close
    left = await office.carry_out(blast)
    assert (left.state, left.run) == (BlastState.RUNNING, 2)
    office.teams.before_post = None
    office.delivery = office.engine("two")
    assert await office.delivery.pending() == [rows.run_key(blast.id, 2)]
    await office.carry_out(blast)
    assert len(office.teams.posts) == len(set(office.teams.posts)) == 600


# -- steering ------------------------------------------------------------------------------------------------------


async def test_a_pause_stops_it_and_a_resume_goes_on(office: PostOffice) -> None:
    blast = await office.approved(people(1200))
    begun = asyncio.Event()

    async def ring(person: str) -> None:
        begun.set()

    office.teams.before_post = ring
    running = asyncio.create_task(office.carry_out(blast))
    await begun.wait()
    await office.blasts.pause(blast.id, ADELE, CHANNEL)
    assert (await running).state is BlastState.PAUSED
    before = len(office.teams.posts)
    assert before < 1200
    assert (await office.counts(blast)).left == 1200 - before
    await office.blasts.resume(blast.id, CAROL, CHANNEL)
    assert (await office.carry_out(blast)).state is BlastState.DONE
    assert len(set(office.teams.posts)) == len(office.teams.posts) == 1200


async def test_a_cancel_in_the_middle_lets_the_rest_go(office: PostOffice) -> None:
    blast = await office.approved(people(600))

    async def cancel(person: str) -> None:
        office.teams.before_post = None
        await office.blasts.cancel(blast.id, CAROL, CHANNEL)

    office.teams.before_post = cancel
    ended = await office.carry_out(blast)
    counts = await office.counts(blast)
    assert (ended.state, counts.left, counts.sent + counts.cancelled) == (BlastState.CANCELLED, 0, 600)
    assert counts.cancelled > 0


async def test_the_canary_comes_first_and_a_person_says_go_on(office: PostOffice) -> None:
    blast = await office.approved(people(30), plan=SendingPlan(canary=4))
    waiting = await office.carry_out(blast)
    assert (waiting.state, waiting.reason) == (BlastState.PAUSED, PauseReason.CANARY)
    assert sorted(to for to, _ in office.teams.posts) == [f"person-{number:05}" for number in range(4)]
    await office.blasts.resume(blast.id, CAROL, CHANNEL)
    assert (await office.carry_out(blast)).state is BlastState.DONE
    assert len(office.teams.posts) == 30


async def test_changed_words_reach_only_those_who_have_not_got_it(office: PostOffice) -> None:
    blast = await office.approved(people(10), plan=SendingPlan(canary=4))
    await office.carry_out(blast)
    words = blast.content.to_json()
    words["teams"]["en"]["summary"] = "Better words"
    edited = await office.blasts.edit(blast.id, CAROL, CHANNEL, content=type(blast.content).from_json(words))
    with pytest.raises(IRBotError):
        await office.blasts.resume(blast.id, CAROL, CHANNEL)
    asked = await office.blasts.ask(edited.id, CAROL, CHANNEL)
    await office.blasts.approve(asked.id, asked.decision_nonce, ADELE, CHANNEL)
    await office.carry_out(blast)
    await office.blasts.resume(blast.id, CAROL, CHANNEL)
    await office.carry_out(blast)
    said = [summary for _, summary in office.teams.posts]
    assert (said.count("Watch out"), said.count("Better words")) == (4, 6)


async def test_a_recall_takes_back_what_was_sent(office: PostOffice) -> None:
    blast = await office.approved(people(12))
    await office.carry_out(blast)
    office.teams.gone.add("1800000000001")
    office.teams.trouble["person-00003"] = [UpstreamDown(status=503)]
    office.teams.trouble["person-00004"] = [NotAllowed(reason="blocked-by-user")]
    await office.blasts.recall(blast.id, CAROL, CHANNEL)
    ended = await office.carry_out(blast)
    counts = await office.counts(blast)
    assert (ended.state, counts.recalled, counts.sent) == (BlastState.RECALLED, 11, 1)
    assert (await office.reasons(blast))["person-00004"] == "recall-failed"
    await office.blasts.recall(blast.id, CAROL, CHANNEL)
    await office.carry_out(blast)
    assert (await office.counts(blast)).recalled == 12


async def test_a_recall_in_the_middle_sends_no_more(office: PostOffice) -> None:
    blast = await office.approved(people(30), plan=SendingPlan(canary=3))
    await office.carry_out(blast)
    await office.blasts.recall(blast.id, CAROL, CHANNEL)
    assert (await office.carry_out(blast)).state is BlastState.RECALLED
    counts = await office.counts(blast)
    assert (counts.recalled, counts.cancelled, len(office.teams.posts)) == (3, 27, 3)


# -- time ----------------------------------------------------------------------------------------------------------


async def test_each_zone_gets_it_within_its_own_hours(office: PostOffice) -> None:
    """At noon in UTC it is 13:00 in Berlin, 21:00 in Tokyo, 04:00 in Los Angeles."""
    zones = {"berlin": "Europe/Berlin", "tokyo": "Asia/Tokyo", "angeles": "America/Los_Angeles", "lost": "Mars/Base"}
    audience = [Recipient(name, Via.TEAMS, zone=zone) for name, zone in zones.items()]
    blast = await office.approved(audience, plan=SendingPlan(hours=Hours(time(9), time(17))))
    waiting = await office.carry_out(blast)
    assert {to for to, _ in office.teams.posts} == {"berlin", "lost"}
    assert (waiting.state, waiting.next_at) == (BlastState.RUNNING, datetime(2026, 11, 25, 17, tzinfo=UTC))
    assert await office.delivery.pending() == []
    office.clock.pass_by(hours=5)
    assert await office.delivery.pending() == [rows.run_key(blast.id, waiting.run)]
    waiting = await office.carry_out(blast)
    assert {to for to, _ in office.teams.posts} == {"berlin", "lost", "angeles"}
    assert waiting.next_at == datetime(2026, 11, 26, tzinfo=UTC)
    office.clock.pass_by(hours=7)
    assert (await office.carry_out(blast)).state is BlastState.DONE


async def test_a_scheduled_blast_that_is_much_too_late_asks_a_person(office: PostOffice) -> None:
    draft = await office.draft(people(2), scheduled_at=office.clock() + timedelta(hours=1))
    asked = await office.blasts.ask(draft.id, CAROL, CHANNEL)
    blast = await office.blasts.approve(asked.id, asked.decision_nonce, ADELE, CHANNEL)
    assert await office.delivery.pending() == []
    office.clock.pass_by(hours=20)
    assert await office.delivery.pending() == [rows.run_key(blast.id, 1)]
    late = await office.carry_out(blast)
    assert (late.state, late.reason) == (BlastState.PAUSED, PauseReason.LATE)
    await office.blasts.resume(blast.id, CAROL, CHANNEL)
    assert (await office.carry_out(blast)).state is BlastState.DONE


async def test_reminders_go_once_to_those_who_have_not_answered(office: PostOffice) -> None:
    blast = await office.approved(people(4), plan=SendingPlan(reminder_hours=(24,)))
    await office.carry_out(blast)
    async with office.database.write() as connection:
        await connection.execute(
            sa.update(blast_recipients).where(blast_recipients.c.number == 1).values(acknowledged_at=NOW)
        )
    assert await reminding.send_due(office.database, office._wake, office.clock()) == 0
    office.clock.pass_by(hours=25)
    begun = await asyncio.gather(*(reminding.send_due(office.database, office._wake, office.clock()) for _ in range(2)))
    assert sum(begun) == 1
    await office.delivery.run(office.woken[-1])
    assert len(office.teams.posts) == 4 + 3
    assert await reminding.send_due(office.database, office._wake, office.clock()) == 0


async def test_a_run_that_fails_for_good_waits_for_a_person(office: PostOffice) -> None:
    blast = await office.approved(people(2))
    await office.delivery.gave_up(rows.run_key(blast.id, 1), "c-1")
    paused = await office.now(blast)
    assert (paused.state, paused.reason) == (BlastState.PAUSED, PauseReason.STOPPED)


async def test_approvers_are_still_needed_when_it_runs(office: PostOffice) -> None:
    blast = await office.approved(people(2))
    async with office.database.write() as connection:
        await connection.execute(sa.update(blasts).values(decided_by=sa.null()))
    assert (await office.carry_out(blast)).state is BlastState.PAUSED
    assert APPROVERS in office.m365.directory.groups
