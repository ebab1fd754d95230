"""A person's home shows what waits for them, and nothing that they may not see; a team is told who has joined it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cards.elements import Card
from dialogs import home
from dialogs.turn import CardAnswer, Click, Message
from dialogs.turns import CARD_VERSION
from dialogs.verbs import Verb
from services import tasks
from services.approvals import Approval, PlanKind
from services.channel import Actor
from services.errors import BadInput, NotAllowed
from tests.cards.checks import elements, words
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, PERSONAL, actor

ALEX, ADELE, DIEGO, MEGAN, ZOE = (actor(name) for name in ("alex", "adele", "diego", "megan", "zoe"))


async def home_of(desk: DialogDesk, person: Actor, unknown: str | None = None) -> Card:
    return await home.home(desk.parts, person, PERSONAL, unknown=unknown)


def titles(card: Card) -> list[str]:
    return [button["title"] for button in elements(card, "Action.Execute")]


async def press(desk: DialogDesk, card: Card, title: str, by: Actor) -> str:
    """What somebody reads who presses this button of a home."""
    [data] = [each["data"] for each in elements(card, "Action.Execute") if each["title"] == title]
    click = Click(by, PERSONAL, "activity", Verb.HOME_OPEN, CARD_VERSION, data["id"], data["nonce"])
    answer = await home.open_one(desk.parts, click)
    assert isinstance(answer, CardAnswer)
    return words(answer.card)


async def waits_for_a_second_person(desk: DialogDesk) -> Approval:
    """Alex asks to undo the lock of Megan, which needs an approver."""
    await desk.bench.locked()
    plans = await desk.bench.runner.undo_plan(desk.bench.incident_id)
    incident = await desk.bench.incident()
    return await desk.parts.approvals.ask(incident.id, incident.nonce, ALEX, CHANNEL, kind=PlanKind.UNDO, plans=plans)


async def test_a_responder_sees_the_open_incidents_and_what_they_may_write(desk: DialogDesk) -> None:
    await desk.bench.propose()
    card = await home_of(desk, ALEX)
    assert "IR-0001 · Megan" in words(card)
    assert "Responder: Open incidents" in words(card)
    assert "compromise" in words(card)
    assert "setup" not in words(card)
    assert titles(card) == ["Show", "Look again"]
    shown = await press(desk, card, "Show", ALEX)
    assert "Check that this is the right account" in shown
    assert "Lock account…" not in shown


async def test_whoever_may_decide_finds_the_decision_and_sees_exactly_what_changes_first(desk: DialogDesk) -> None:
    await waits_for_a_second_person(desk)
    assert "Your decision is needed" not in words(await home_of(desk, ALEX))
    for approver in (ADELE, DIEGO):
        card = await home_of(desk, approver)
        assert "Your decision is needed (1)" in words(card)
        assert "Approve" not in titles(card)
        shown = await press(desk, card, "Look and decide…", approver)
        assert "Blocked → Allowed" in shown
        assert "Approve" in shown


async def test_who_asked_does_not_find_the_decision(desk: DialogDesk) -> None:
    await desk.bench.locked()
    plans = await desk.bench.runner.undo_plan(desk.bench.incident_id)
    incident = await desk.bench.incident()
    await desk.parts.approvals.ask(incident.id, incident.nonce, DIEGO, CHANNEL, kind=PlanKind.UNDO, plans=plans)
    assert "Your decision is needed" not in words(await home_of(desk, DIEGO))
    assert "Your decision is needed (1)" in words(await home_of(desk, ADELE))


async def test_a_decision_that_ran_out_of_time_is_not_there_any_more(desk: DialogDesk) -> None:
    await waits_for_a_second_person(desk)
    desk.bench.clock.pass_by(minutes=desk.parts.settings.approval_minutes)
    assert "Your decision is needed" not in words(await home_of(desk, ADELE))


async def test_my_tasks_are_there_and_those_that_nobody_took_are_counted(desk: DialogDesk) -> None:
    now = desk.parts.now()
    async with desk.parts.database.write() as connection:
        for key, title, assignee in (("a", "Call the bank", ALEX), ("b", "Call the owner", None), ("c", "X", DIEGO)):
            await tasks.want(
                connection,
                key,
                step_id="talk-to-the-owner",
                title=title,
                instructions=("Do it.",),
                now=now,
                due_at=now,
                incident_id=desk.bench.incident_id,
                assignee=assignee,
            )
    card = await home_of(desk, ALEX)
    assert "Your tasks (1)" in words(card)
    assert "Call the bank" in words(card)
    assert "1 task that nobody has taken" in words(card)
    shown = await press(desk, card, "Show the task", ALEX)
    assert "Do it." in shown
    assert "I take it" not in shown
    assert "Call the bank" not in words(await home_of(desk, ADELE))


@pytest.mark.parametrize("who", [ZOE, MEGAN], ids=["nobody in particular", "the subject"])
async def test_who_may_do_nothing_reads_why_and_nothing_else(desk: DialogDesk, who: Actor) -> None:
    await waits_for_a_second_person(desk)
    card = await home_of(desk, who)
    said = words(card)
    assert "IR-0001" not in said
    assert "compromise" not in said
    assert "stop" not in said
    assert titles(card) == []
    assert ("subject of an open incident" in said) is (who is MEGAN)


@pytest.mark.parametrize("kind", ["approval", "incident", "task", "blast"])
@pytest.mark.parametrize("who", [ZOE, MEGAN], ids=["nobody in particular", "the subject"])
async def test_a_kept_or_guessed_button_shows_nothing_to_others(desk: DialogDesk, kind: str, who: Actor) -> None:
    about = {"approval": (await waits_for_a_second_person(desk)).id, "incident": desk.bench.incident_id}
    click = Click(who, PERSONAL, "a", Verb.HOME_OPEN, CARD_VERSION, f"{kind}/{about.get(kind, 'x')}", "nonce")
    with pytest.raises(NotAllowed):
        await home.open_one(desk.parts, click)


async def test_a_button_of_no_known_kind_is_refused(desk: DialogDesk) -> None:
    with pytest.raises(BadInput):
        await home.open_one(desk.parts, Click(ALEX, PERSONAL, "a", Verb.HOME_OPEN, CARD_VERSION, "x/y", "nonce"))


async def test_an_unknown_word_is_named(desk: DialogDesk) -> None:
    assert "I do not know “compomise”" in words(await home_of(desk, ALEX, unknown="compomise"))


async def test_a_failed_look_up_shows_nothing_and_says_so(desk: DialogDesk) -> None:
    stranger = replace(ALEX, object_id="not-in-the-directory")
    card = await home_of(desk, stranger)
    assert "You have no role here" in words(card) or "could not look up" in words(card)
    assert "IR-0001" not in words(card)


async def test_a_home_is_for_one_person_alone(desk: DialogDesk) -> None:
    with pytest.raises(NotAllowed) as refused:
        await home.command(desk.parts, Message(ALEX, CHANNEL, "m", "home"))
    assert refused.value.data["reason"] == "only-in-personal-chat"


def test_a_team_reads_what_to_write_and_nothing_about_what_is_missing(desk: DialogDesk) -> None:
    card = home.welcome(desk.parts)
    assert "compromise" in words(card)
    assert "An administrator still has to set me up." in words(card)
    assert "break-glass" not in words(card).casefold()
    assert titles(card) == ["Set up…"]
