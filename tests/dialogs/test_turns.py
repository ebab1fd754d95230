from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dialogs.handlers import VERBS
from dialogs.turn import Arrival, CardAnswer, Click, Message, TextAnswer
from dialogs.turns import CARD_VERSION, JOB, Turns
from dialogs.verbs import Verb
from services.approvals import PlanKind
from services.channel import Actor, Conversation
from services.database import Database, tables
from services.requests import RequestState
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, PERSONAL, actor
from tests.services.playbook.bench import Killed

ALEX, DIEGO, MEGAN, ZOE = (actor(name) for name in ("alex", "diego", "megan", "zoe"))


class Office:
    """Turns, and the jobs behind them, run when a test says so."""

    def __init__(self, desk: DialogDesk) -> None:
        self.desk = desk
        self.turns = Turns(desk.parts)

    async def work(self) -> int:
        """Runs the jobs that were started; a job that was started twice runs once, as in the engine."""
        keys = dict.fromkeys(key for name, key in self.desk.bench.durable.started if name == JOB)
        self.desk.bench.durable.started = [each for each in self.desk.bench.durable.started if each[0] != JOB]
        for key in keys:
            await self.turns.handle(key)
        return len(keys)

    async def click(self, verb: str, about: str, nonce: str, by: Actor = ALEX, **changes: Any) -> str:
        """Presses, does the work, presses again as Teams does, and returns what is read."""
        where: Conversation = changes.pop("where", CHANNEL)
        click = Click(by, where, "activity", verb, changes.pop("version", CARD_VERSION), about, nonce, changes)
        first = asyncio.create_task(self.turns.on_click(click))
        while not first.done() and not await self.work():  # noqa: ASYNC110  # the stand-in engine has no event
            await asyncio.sleep(0.01)
        return _text(await first)

    async def replies(self) -> list[str]:
        async with self.desk.parts.database.read() as connection:
            rows = await connection.execute(sa.select(tables.posts.c.card).where(tables.posts.c.kind == "reply"))
            return [str(card) for card in rows.scalars()]


def _text(answer: CardAnswer | TextAnswer) -> str:
    return str(answer.card) if isinstance(answer, CardAnswer) else answer.text


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    database = await Database.open(f"sqlite:///{tmp_path / 'irbot.sqlite'}")
    made = Office(await DialogDesk.start(database))
    patient = made.desk.parts.settings.model_copy(update={"answer_seconds": 5.0})
    made.turns = Turns(replace(made.desk.parts, settings=patient))
    yield made
    await database.close()


def _message(text: str, by: Actor = ALEX, where: Conversation = CHANNEL, activity: str = "m1") -> Message:
    return Message(by, where, activity, text)


async def test_a_message_is_a_row_before_anything_is_done(office: Office) -> None:
    await office.turns.on_message(_message("help"))
    assert await office.replies() == []
    (key,) = await office.desk.parts.requests.unfinished()
    assert office.desk.bench.durable.started == [(JOB, key)]
    assert await office.work() == 1
    assert len(await office.replies()) == 1
    assert await office.desk.parts.requests.unfinished() == []


@pytest.mark.parametrize(("text", "by"), [("help", ALEX), ("incidents", ZOE), ("compromise zoe@contoso.com", ZOE)])
async def test_a_message_delivered_many_times_is_answered_once(office: Office, text: str, by: Actor) -> None:
    for _ in range(3):
        await office.turns.on_message(_message(text, by))
        await office.work()
    assert len(await office.replies()) == 1
    await office.turns.on_message(_message(text, by, activity="m2"))
    await office.work()
    assert len(await office.replies()) == 2


async def test_a_request_that_is_run_again_answers_once(office: Office) -> None:
    await office.turns.on_message(_message("help"))
    (key,) = await office.desk.parts.requests.unfinished()
    for _ in range(3):
        await office.turns.handle(key)
    await office.turns.handle("no-such-request")
    assert len(await office.replies()) == 1


async def test_a_request_that_is_given_up_is_answered_with_a_number(office: Office) -> None:
    await office.turns.on_message(_message("help"))
    (key,) = await office.desk.parts.requests.unfinished()
    await office.turns.gave_up(key, "number-7")
    await office.turns.gave_up(key, "number-8")
    (reply,) = await office.replies()
    assert "number-7" in reply
    kept = await office.desk.parts.requests.get(key)
    assert kept is not None
    assert kept.state is RequestState.REFUSED


async def test_a_click_is_answered_with_the_new_card(office: Office) -> None:
    await office.desk.bench.propose()
    incident = await office.desk.bench.incident()
    assert "Lock now" in await office.click(Verb.LOCK_ASK, incident.id, incident.nonce)


async def test_a_click_delivered_twice_asks_once_and_reads_the_same(office: Office) -> None:
    await office.desk.bench.propose()
    incident = await office.desk.bench.incident()
    first = await office.click(Verb.LOCK_ASK, incident.id, incident.nonce)
    assert await office.click(Verb.LOCK_ASK, incident.id, incident.nonce) == first
    assert [event for event, _ in await office.desk.bench.events()].count("approval:asked") == 1


async def test_the_yes_starts_the_work_once(office: Office) -> None:
    await office.desk.bench.propose()
    incident = await office.desk.bench.incident()
    asked = await office.desk.parts.approvals.ask(incident.id, incident.nonce, ALEX, CHANNEL, kind=PlanKind.LOCK)
    for _ in range(3):
        await office.click(Verb.APPROVE, asked.id, asked.nonce)
    assert office.desk.bench.durable.started.count(("execute", asked.id)) == 1
    assert "already" in (await office.click(Verb.APPROVE, asked.id, asked.nonce, DIEGO)).casefold()


async def test_a_refused_press_leaves_the_card_whole_and_may_be_pressed_again(office: Office) -> None:
    await office.desk.bench.propose()
    incident = await office.desk.bench.incident()
    directory = office.desk.bench.m365.directory
    members = directory.groups["group-responders"]
    directory.groups["group-responders"] = set()
    refused = await office.click(Verb.LOCK_ASK, incident.id, incident.nonce)
    assert "You do not have the IRBot role for this." in refused
    assert "IR-0001" in refused
    directory.groups["group-responders"] = members
    assert "Lock now" in await office.click(Verb.LOCK_ASK, incident.id, incident.nonce)


FORGED = ("", "0" * 32, "ünï", "x" * 3000)


@pytest.mark.parametrize("verb", sorted(VERBS))
async def test_a_forged_press_changes_nothing_and_says_so(office: Office, verb: Verb) -> None:
    await office.desk.bench.propose()
    incident = await office.desk.bench.incident()
    asked = await office.desk.parts.approvals.ask(incident.id, incident.nonce, ALEX, CHANNEL, kind=PlanKind.LOCK)
    before = [event for event, _ in await office.desk.bench.events()]
    if verb not in {Verb.LOOK_AGAIN, Verb.EVICT_REVIEW, Verb.UNDO_REVIEW}:  # these ask for no nonce: they only look
        for nonce in FORGED:
            assert await office.click(verb, asked.id, nonce)
    for about in ("", "no-such-thing", "' OR 1=1 --", "x" * 3000):
        assert await office.click(verb, about, "0" * 32)
    assert [event for event, _ in await office.desk.bench.events()] == before
    assert not [key for name, key in office.desk.bench.durable.started if name == "execute"]


async def test_an_unknown_button_is_told_and_not_recorded(office: Office) -> None:
    for verb, version in (
        ("dance", CARD_VERSION),
        ("", CARD_VERSION),
        (Verb.APPROVE, CARD_VERSION + 1),
        (Verb.APPROVE, 0),
    ):
        assert "I do not know this button" in await office.click(verb, "a", "b", version=version)
    assert await office.desk.parts.requests.unfinished() == []


async def test_a_slow_click_is_told_to_wait_and_gets_its_answer_later(office: Office) -> None:
    await office.desk.bench.propose()
    incident = await office.desk.bench.incident()
    click = Click(ALEX, CHANNEL, "a", Verb.LOCK_ASK, CARD_VERSION, incident.id, incident.nonce)
    assert "Working on it" in _text(await Turns(office.desk.parts).on_click(click))
    await office.work()
    assert "Lock now" in _text(await office.turns.on_click(click))


async def test_a_view_shows_each_person_their_own_buttons(office: Office) -> None:
    await office.desk.bench.propose()
    incident = await office.desk.bench.incident()
    assert "Lock account…" in await office.click(Verb.VIEW, incident.id, "")
    assert "Lock account…" not in await office.click(Verb.VIEW, incident.id, "", ZOE)
    assert "Lock account…" not in await office.click(Verb.VIEW, incident.id, "", MEGAN)
    assert "There is no incident" in await office.click(Verb.VIEW, "no-such-incident", "")
    assert await office.desk.parts.requests.unfinished() == []


async def test_a_personal_chat_is_greeted_once(office: Office) -> None:
    for _ in range(3):
        await office.turns.on_arrival(Arrival(ALEX, PERSONAL, (ALEX, ZOE)))
    await office.work()
    [greeting] = await office.replies()
    assert "Hello, I am IRBot" in greeting
    for name in ("alex", "zoe"):
        assert await office.desk.parts.people.get(name) is not None


async def test_a_team_that_the_bot_joins_is_welcomed_once(office: Office) -> None:
    for _ in range(3):
        await office.turns.on_arrival(Arrival(None, CHANNEL, (DIEGO,)))
    await office.work()
    [welcome] = await office.replies()
    assert "compromise" in welcome
    assert await office.desk.parts.people.get("diego") is not None


@pytest.mark.parametrize("text", ["help", "home", "what can you do"])
async def test_in_a_personal_chat_help_and_what_is_not_understood_show_the_home(office: Office, text: str) -> None:
    await office.turns.on_message(_message(text, where=PERSONAL))
    await office.work()
    [reply] = await office.replies()
    assert "What you may do" in reply


async def test_a_kill_between_opening_and_answering_opens_one_incident(office: Office) -> None:
    await office.turns.on_message(_message("compromise zoe@contoso.com"))
    (key,) = await office.desk.parts.requests.unfinished()
    directory: Any = office.desk.bench.m365.directory

    async def find(sought: str) -> tuple[object, ...]:
        return (directory.accounts["zoe"],)

    directory.find_accounts = find
    finish = office.desk.parts.requests.finish

    async def die(*_: object) -> None:
        raise Killed

    office.desk.parts.requests.finish = die  # type: ignore[method-assign]  # the process dies here
    with pytest.raises(Killed):
        await office.turns.handle(key)
    office.desk.parts.requests.finish = finish  # type: ignore[method-assign]
    await office.turns.handle(key)
    async with office.desk.parts.database.read() as connection:
        rows = await connection.execute(sa.select(tables.incidents.c.subject_id))
        assert sorted(rows.scalars()) == ["megan", "zoe"]
        headlines = await connection.execute(sa.select(tables.posts.c.id).where(tables.posts.c.kind == "headline"))
        assert len(list(headlines.scalars())) == 1
