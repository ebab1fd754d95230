"""What goes wrong around the work: slowness, deliveries that come again, restarts, people whom Teams does not reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from simulator.bench import Aim, Bench
from simulator.channel.conversations import Post
from simulator.channel.delivery import Redelivery
from simulator.channel.signing import Forgery
from simulator.faults import Fault, Kind
from tests.conftest import AT_ONCE
from tests.stories.steps import LOCKED, ask, is_locked, lock, open_incident, writes

PROMISE_SECONDS = 2.0
SLOW_SECONDS = 6
LATER_SECONDS = SLOW_SECONDS * 3


@pytest.fixture
async def usual_bench() -> AsyncIterator[Bench]:
    """The bot with its own patience for an answer."""
    async with Bench.start(AT_ONCE, settings={"answer_seconds": "1.2"}) as started:
        yield started


async def over_the_button(bench: Bench, account: str) -> Aim:
    """The lock is asked for, and the asker's finger is over the button that confirms it."""
    await ask(bench, account)
    await bench.until_button("Lock now", by="alex", where="thread")
    return await bench.aim("Lock now", by="alex", where="thread")


def cards_in_thread(bench: Bench) -> list[Post]:
    """The cards that stand in the current thread."""
    return [post for post in bench.posts(by="alex", where="thread") if post.card is not None]


@pytest.mark.thorough
async def test_every_answer_comes_in_time_while_graph_is_slow_and_the_work_follows(usual_bench: Bench) -> None:
    bench = usual_bench
    await open_incident(bench, "megan@contoso.com")
    thread = bench.thread
    ask_megan = await bench.aim("Lock account…", by="alex", where=thread)
    confirm_joni = await over_the_button(bench, "joni@contoso.com")
    joni_thread = bench.thread

    bench.sim.world.latency.choose(f"slow:{SLOW_SECONDS}")
    said = await asyncio.gather(
        bench.say("compromise jose@contoso.com", by="diego"),
        bench.say("whoami", by="adele", where="personal"),
        bench.say("status", by="henrietta", where="personal"),
        bench.say("help", by="grady", where="personal"),
    )
    jose_thread = said[0].post.conversation_id
    pressed = await asyncio.gather(
        ask_megan.press(),
        ask_megan.but(by="grady").press(),  # has no role for it
        confirm_joni.press(),
    )
    answers = [*(each.answer for each in said), *(each.answer for each in pressed)]
    assert [answer.fault for answer in answers] == [""] * len(answers)
    assert max(answer.seconds for answer in answers) < PROMISE_SECONDS
    assert all(each.has("Working on it") for each in pressed)
    bench.sim.world.latency.choose("none")

    # The late result, and the late refusal, reach the people.
    await bench.until_card("press Lock now", by="alex", where=thread, timeout=LATER_SECONDS)
    await bench.until_card("You do not have the IRBot role", by="grady", where=thread, timeout=LATER_SECONDS)
    await bench.until_card("Approver: yes", by="adele", where="personal", timeout=LATER_SECONDS)
    await bench.until_card("IR-0001", by="henrietta", where="personal", timeout=LATER_SECONDS)
    await bench.until_card("José Müller", by="diego", where=jose_thread, timeout=LATER_SECONDS)
    await bench.until_card(LOCKED, by="alex", where=joni_thread, timeout=LATER_SECONDS)
    assert is_locked(bench.user("joni"))
    assert len(writes(bench, "joni")) == 3
    assert writes(bench, "megan") == []


@pytest.mark.parametrize("together", [True, pytest.param(False, marks=pytest.mark.thorough)])
async def test_a_message_that_comes_three_times_opens_one_incident(bench: Bench, together: bool) -> None:
    # Refused at the door, so that the first of the three is as new to the bot as the others.
    said = await bench.say("compromise megan@contoso.com", by="alex", forgery=Forgery.NO_HEADER)
    answers = await bench.teams.delivery.repeat(said.activity, Redelivery(times=3, together=together))
    assert [answer.fault for answer in answers] == ["", "", ""]
    await bench.until_button("Lock account…", by="alex", where="thread")
    await bench.settled(quiet=1.0)
    assert len(bench.posts(by="alex", where="thread")) == 1


@pytest.mark.parametrize("together", [True, pytest.param(False, marks=pytest.mark.thorough)])
async def test_a_confirmation_that_comes_five_times_locks_once(bench: Bench, together: bool) -> None:
    aim = await over_the_button(bench, "megan@contoso.com")
    answers = await aim.press_again(Redelivery(times=5, together=together))
    assert all(answer.card is not None or answer.has("Working on it") for answer in answers)
    await bench.until_card(LOCKED, by="alex", where="thread")
    await bench.settled(quiet=1.0)
    assert len(writes(bench, "megan")) == 3
    assert is_locked(bench.user("megan"))
    assert bench.user("megan").password.version == 2


async def test_five_presses_at_once_while_each_call_takes_its_time_lock_once(bench: Bench) -> None:
    aim = await over_the_button(bench, "megan@contoso.com")
    bench.sim.world.latency.choose("realistic")
    await asyncio.gather(*(aim.press() for _ in range(5)))
    await bench.until_card(LOCKED, by="alex", where="thread", timeout=20)
    assert len(writes(bench, "megan")) == 3


async def test_two_approvers_in_the_same_instant_approve_once(bench: Bench) -> None:
    await ask(bench, "isaiah@contoso.com")
    for approver in ("adele", "diego"):
        await bench.until_button("Approve", by=approver, where="personal")
    aims = [await bench.aim("Approve", by=approver, where="personal") for approver in ("adele", "diego")]
    answers = await asyncio.gather(*(aim.press() for aim in aims))
    assert all(answer.has("Approved") for answer in answers)
    assert sum(answer.has("decided this already") for answer in answers) == 1
    await bench.until_card(LOCKED, by="alex", where="thread")
    await bench.settled(quiet=1.0)
    assert len(writes(bench, "isaiah")) == 3
    assert bench.user("isaiah").password.version == 2


async def test_what_is_delivered_again_because_no_answer_came_is_done_once(bench: Bench) -> None:
    delivery = bench.teams.delivery
    delivery.patience_seconds, delivery.repeat_when_failed = 0.002, True
    said = await bench.say("compromise megan@contoso.com", by="alex")
    assert said.answer.status is None
    delivery.patience_seconds, delivery.repeat_when_failed = 15.0, False
    assert (await delivery.send(said.activity)).fault == ""
    await bench.until_button("Lock account…", by="alex", where="thread")
    await bench.click("Lock account…", by="alex", where="thread")
    await bench.until_button("Lock now", by="alex", where="thread")
    aim = await bench.aim("Lock now", by="alex", where="thread")
    delivery.patience_seconds, delivery.repeat_when_failed = 0.002, True
    assert (await aim.press(check=False)).answer.status is None
    delivery.patience_seconds, delivery.repeat_when_failed = 15.0, False
    await aim.press()
    await bench.until_card(LOCKED, by="alex", where="thread")
    await bench.settled(quiet=1.0)
    assert len(writes(bench, "megan")) == 3
    assert len(cards_in_thread(bench)) == 1


@pytest.mark.parametrize("seconds", [pytest.param(1.0, marks=pytest.mark.thorough), 5.0])
async def test_an_orderly_stop_in_the_middle_loses_nothing_and_repeats_nothing(seconds: float) -> None:
    async with Bench.start(own_process=True, settings={"stop_seconds": "3"}) as bench:
        aim = await over_the_button(bench, "megan@contoso.com")
        await bench.settled(quiet=0.5)
        # One call of the block: what ends within the bot's patience at its end, and what does not.
        slow = Fault(kind=Kind.DELAY, service="graph", method="PATCH", path=bench.user("megan").id)
        slow.delay_seconds = seconds
        bench.sim.world.faults.add(slow)
        await aim.press()
        await bench.until(lambda: not bench.sim.world.faults.waiting(), what="the block")
        await bench.bot.stop()
        assert bench.bot._process._process.returncode == 0  # it ended by itself, not by force
        await bench.bot.start()
        await bench.until_card(LOCKED, by="alex", where="thread", timeout=40)
        assert is_locked(bench.user("megan"))
        assert len(writes(bench, "megan")) == 3
        assert len(cards_in_thread(bench)) == 1


async def test_a_headline_that_somebody_deleted_is_put_up_anew(bench: Bench) -> None:
    await over_the_button(bench, "megan@contoso.com")
    await bench.settled(quiet=0.7)
    aim = await bench.aim("Lock now", by="alex", where="thread")
    bench.teams.conversations.delete(aim.post)
    await aim.press(check=False)
    await bench.until_card(LOCKED, by="alex", where="thread")
    await bench.settled(quiet=0.7)
    standing = [post for post in cards_in_thread(bench) if not post.deleted]
    assert len(standing) == 1
    assert standing[0].activity_id != aim.post.activity_id


@pytest.mark.thorough
async def test_the_headline_names_the_approver_who_could_not_be_asked(bench: Bench) -> None:
    bench.teams.blocked_by.add(bench.user("adele").id)
    await ask(bench, "isaiah@contoso.com")
    card = await bench.until_card("Not reached: Adele Vance", by="alex", where="thread")
    assert card.has("Asked: Diego Siciliani")


@pytest.mark.thorough
async def test_the_headline_says_that_no_approver_could_be_asked_and_can_be_decided_on(bench: Bench) -> None:
    bench.teams.blocked_by.add(bench.user("adele").id)
    bench.teams.without_app.add(bench.user("diego").id)
    await ask(bench, "isaiah@contoso.com")
    await bench.until_card("None could be reached in Teams", by="alex", where="thread")
    await bench.until_button("Approve", by="diego", where="thread")
    await bench.click("Approve", by="diego", where="thread")
    await bench.until_card(LOCKED, by="alex", where="thread")
    assert is_locked(bench.user("isaiah"))


async def test_the_card_is_right_in_the_end_though_teams_throttles_and_fails(bench: Bench) -> None:
    aim = await over_the_button(bench, "megan@contoso.com")
    await bench.settled(quiet=0.7)
    for fault in (
        Fault(service="connector", method="PUT", status=429, code="TooManyRequests", retry_after=1),
        Fault(service="connector", method="PUT", kind=Kind.HTML502),
        Fault(service="connector", method="PUT", status=429, code="TooManyRequests"),
        Fault(service="connector", method="PUT", kind=Kind.HTML502),
        Fault(service="connector", method="PUT", kind=Kind.DROP),
    ):
        bench.sim.world.faults.add(fault)
    await aim.press()
    await bench.until(lambda: not bench.sim.world.faults.waiting(), 60, "all faults")
    card = await bench.until_card(LOCKED, by="diego", where="thread", timeout=60)
    assert "Scramble password · Done" in card.full_text
    assert len(cards_in_thread(bench)) == 1
    assert len(writes(bench, "megan")) == 3


@pytest.mark.thorough
async def test_the_subject_of_an_incident_gets_an_answer_in_their_own_chat(bench: Bench) -> None:
    await lock(bench, "diego@contoso.com")
    await bench.say("whoami", by="diego", where="personal")
    await bench.until_card("You are the subject of an open incident", by="diego", where="personal")
    await bench.say("status", by="diego", where="personal")
    card = await bench.until_card("part of an open incident", by="diego", where="personal")
    assert not card.has("IR-0001")
    assert card.buttons == []
