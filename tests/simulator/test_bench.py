from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from services.settings import Settings
from simulator.bench import Bench, BenchError
from simulator.channel.delivery import Redelivery
from tests.simulator.stub_bot import post_of
from tests.simulator.talking_bot import TalkingBot, ask


class Talk:
    """The bench, and the bot that it started last."""

    bench: Bench
    bot: TalkingBot


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    both = Talk()

    def build(settings: Settings) -> web.Application:
        both.bot = TalkingBot(settings)
        return both.bot.app()

    async with Bench.start(build=build, settings={"approval_minutes": "5"}) as bench:
        both.bench = bench
        yield both


async def test_what_is_said_is_answered_where_it_was_said(talk: Talk) -> None:
    bench = talk.bench
    await bench.say("hello", by="alex")
    await bench.until(lambda: bench.texts(by="alex", where="thread"))
    await bench.say("again", by="adele", where="thread")
    await bench.say("whisper", by="adele", where="personal")
    await bench.settled()

    assert bench.texts(by="alex", where="thread") == ["You said hello", "You said again"]
    assert bench.texts(by="adele", where="personal") == ["You said whisper"]
    assert "You said whisper" not in bench.texts(by="alex")


async def test_a_card_is_read_as_a_person_reads_it(talk: Talk) -> None:
    await talk.bench.say("card", by="alex")
    shown = await talk.bench.until_card("Lock Megan", by="adele")

    assert shown.lines[:2] == ["Lock Megan Bowen?", "Since: 2026-11-25"]
    assert "Not seen at first" not in shown.text
    assert "Not seen at first" in shown.full_text
    assert shown.buttons == ["Lock now", "Refuse", "Manual"]
    assert shown.json == ask()
    assert shown.activity_id
    assert talk.bench.card(by="alex").text == shown.text


async def test_a_press_carries_exactly_the_cards_data_and_what_was_typed(talk: Talk) -> None:
    await talk.bench.say("card", by="alex")
    await talk.bench.until_card("Lock Megan", by="adele")

    pressed = await talk.bench.click("lock now", by="adele", inputs={"why": "phished"})

    [invoke] = talk.bot.presses
    assert invoke["value"]["action"]["data"] == {"v": 1, "id": "7", "nonce": "n", "why": "phished", "mail": "true"}
    assert invoke["value"]["trigger"] == "manual"
    assert invoke["from"]["aadObjectId"] == talk.bench.user("adele").id
    assert pressed.has("lock by Adele Vance")
    assert talk.bench.card(by="adele").buttons == ["Undo"]
    assert talk.bench.card(by="alex").has("Lock Megan Bowen?")


async def test_a_folded_button_takes_the_inputs_around_it_along_and_may_be_answered_with_a_text(talk: Talk) -> None:
    await talk.bench.say("card", by="alex")
    await talk.bench.until_card("Lock Megan", by="adele")

    pressed = await talk.bench.click("Refuse", by="adele", inputs={"why": "no", "note": "later"})

    data = talk.bot.presses[0]["value"]["action"]["data"]
    assert {"why": "no", "note": "later", "mail": "true"}.items() <= data.items()
    assert (pressed.card, pressed.text) == (None, "Refused.")


@pytest.mark.parametrize(
    ("title", "inputs", "reason"),
    [
        ("Lock now", {}, "'why': required"),
        ("Lock now", {"why": "x" * 21}, "longer than 20"),
        ("Lock now", {"why": "x", "note": "y"}, "no input ['note']"),
        ("Approve", {}, "no button 'Approve'; there are: 'Lock now', 'Refuse', 'Manual'"),
        ("Manual", {}, "sends nothing to the bot"),
    ],
)
async def test_what_teams_would_not_send_is_an_error_that_says_why(
    talk: Talk, title: str, inputs: dict[str, str], reason: str
) -> None:
    await talk.bench.say("card", by="alex")
    await talk.bench.until_card("Lock Megan", by="alex")

    with pytest.raises(BenchError) as problem:
        await talk.bench.click(title, by="alex", inputs=inputs, patience=0)

    assert reason in str(problem.value)
    assert talk.bot.presses == []


async def test_a_card_that_asks_for_it_is_refreshed_for_that_person_alone(talk: Talk) -> None:
    await talk.bench.say("mine", by="alex")
    await talk.bench.until_card("For all", by="adele")

    assert (await talk.bench.view(by="adele")).has("For all")
    assert talk.bot.presses == []
    assert (await talk.bench.view(by="alex")).has("mine by Alex Wilber")
    assert talk.bot.presses[0]["value"]["trigger"] == "automatic"
    await talk.bench.until_button("Undo", by="alex")
    assert len(talk.bot.presses) == 1
    await talk.bench.click("Common", by="alex", refresh=False)  # what was there before the refresh
    assert talk.bot.presses[1]["value"]["action"]["verb"] == "common"


@pytest.mark.parametrize(("named", "presses"), [(None, 1), ([], 0)])
async def test_a_card_that_names_nobody_is_refreshed_in_a_small_chat_and_one_with_an_empty_list_is_not(
    talk: Talk, named: list[str] | None, presses: int
) -> None:
    bench = talk.bench
    await bench.say("card", by="adele", where="personal")
    shown = await bench.until_card("Lock Megan", by="adele")
    record = bench.teams.conversations.get(shown.conversation_id)
    assert record is not None
    post = record.post(shown.activity_id)
    assert post is not None
    refresh = {"action": {"type": "Action.Execute", "verb": "mine"}} | ({} if named is None else {"userIds": named})
    bench.teams.conversations.edit(post, post_of(ask(refresh=refresh)))

    await bench.view(by="adele")

    assert len(talk.bot.presses) == presses


async def test_an_edit_replaces_what_single_people_saw(talk: Talk) -> None:
    bench = talk.bench
    await bench.say("card", by="alex")
    shown = await bench.until_card("Lock Megan", by="adele")
    await bench.click("Lock now", by="adele", inputs={"why": "x"})

    record = bench.teams.conversations.get(shown.conversation_id)
    assert record is not None
    post = record.post(shown.activity_id)
    assert post is not None
    bench.teams.conversations.edit(post, post_of(ask("Locked")))

    assert bench.card(by="adele").has("Locked")


async def test_an_edit_that_came_before_the_answer_stays(talk: Talk) -> None:
    bench = talk.bench
    await bench.say("card", by="alex")
    await bench.until_card("Lock Megan", by="adele")
    aim = await bench.aim("Lock now", by="adele", inputs={"why": "x"})
    talk.bot.slow_seconds = 0.2

    pressing = asyncio.create_task(aim.press())
    await bench.until(lambda: talk.bot.presses)
    bench.teams.conversations.edit(aim.post, post_of(ask("Locked meanwhile")))
    await pressing

    assert bench.card(by="adele").has("Locked meanwhile")


async def test_a_refresh_without_a_card_in_the_answer_is_not_asked_for_again_and_again(talk: Talk) -> None:
    talk.bot.answer = {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "no"}
    await talk.bench.say("mine", by="alex")
    await talk.bench.until_card("For all", by="alex")

    with pytest.raises(BenchError, match="the button 'Undo' for alex did not come"):
        await talk.bench.until_button("Undo", by="alex", timeout=0.3)

    assert len(talk.bot.presses) == 1


async def test_a_bad_answer_to_a_press_is_an_error_unless_asked_for(talk: Talk) -> None:
    await talk.bench.say("card", by="alex")
    await talk.bench.until_card("Lock Megan", by="alex")
    talk.bot.answer = {"statusCode": 200}

    with pytest.raises(BenchError, match="would not take"):
        await talk.bench.click("Lock now", by="alex", inputs={"why": "x"})
    pressed = await talk.bench.click("Lock now", by="alex", inputs={"why": "x"}, check=False)
    assert pressed.answer.fault


async def test_a_button_can_be_aimed_at_and_pressed_many_times_at_once(talk: Talk) -> None:
    await talk.bench.say("card", by="alex")
    await talk.bench.until_card("Lock Megan", by="alex")
    aim = await talk.bench.aim("Lock now", by="alex", inputs={"why": "x"})

    await aim.press_again(Redelivery(3, together=True))

    assert len({press["id"] for press in talk.bot.presses}) == 3


async def test_a_press_can_be_forged(talk: Talk) -> None:
    await talk.bench.say("card", by="alex")
    await talk.bench.until_card("Lock Megan", by="alex")
    aim = await talk.bench.aim("Lock now", by="alex", inputs={"why": "x"})

    await aim.but(by="megan", nonce="guessed").press()
    await aim.press()

    forged, real = talk.bot.presses
    assert forged["from"]["aadObjectId"] == talk.bench.user("megan").id
    assert forged["value"]["action"]["data"] == {**real["value"]["action"]["data"], "nonce": "guessed"}


async def test_parts_of_a_message_can_be_replaced(talk: Talk) -> None:
    said = await talk.bench.say("hello", by="alex", overrides={"text": "other", "locale": None})
    assert (said.activity["text"], said.activity["locale"]) == ("other", None)


async def test_what_does_not_happen_is_reported_with_what_is_there(talk: Talk) -> None:
    await talk.bench.say("card", by="alex")
    await talk.bench.until_card("Lock Megan", by="alex")

    with pytest.raises(BenchError) as problem:
        await talk.bench.until(lambda: False, timeout=0.1)

    assert "Lock Megan Bowen?" in str(problem.value)
    assert "connector POST" in str(problem.value)


async def test_nobody_sees_another_persons_chat(talk: Talk) -> None:
    await talk.bench.say("card", by="adele", where="personal")
    await talk.bench.until_card("Lock Megan", by="adele")

    assert talk.bench.cards(by="alex") == []
    with pytest.raises(BenchError, match="cannot press"):
        await talk.bench.click("Lock now", by="alex", inputs={"why": "x"}, patience=0)


async def test_a_restarted_bot_answers_at_the_same_place(talk: Talk) -> None:
    first = talk.bot
    await talk.bench.bot.restart()
    await talk.bench.say("hello", by="alex")
    await talk.bench.until(lambda: talk.bench.texts(by="alex"))

    assert talk.bot is not first
    with pytest.raises(BenchError, match="own process"):
        await talk.bench.bot.kill()


async def test_a_bot_in_a_process_of_its_own_can_be_killed_and_comes_back() -> None:
    async with Bench.start(own_process=True) as bench:
        await bench.say("help", by="alex", where="personal")
        await bench.until_card("What you may do", by="alex", where="personal")
        first = bench.bot.pid

        await bench.bot.kill()
        said = await bench.say("help", by="alex", where="personal")
        assert "ClientConnector" in said.answer.fault
        await bench.bot.restart()
        said = await bench.say("whoami", by="alex", where="personal")

        assert said.answer.fault == ""
        assert bench.bot.pid != first
        assert bench.bot.log.read_text(encoding="utf-8")
        await bench.until_card("Alex Wilber", by="alex", where="personal")


async def test_settings_reach_the_bot_and_the_shell_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRBOT_APPROVAL_MINUTES", "99")
    monkeypatch.setenv("IRBOT_CLOUD", "dod")
    seen: list[Settings] = []

    def build(settings: Settings) -> web.Application:
        seen.append(settings)
        return TalkingBot(settings).app()

    async with Bench.start(build=build, settings={"approval_minutes": "5"}) as bench:
        assert seen[0].approval_minutes == 5
        assert seen[0].cloud == "global"
        assert seen[0].tenant_id == bench.sim.world.tenant.id


async def test_a_bot_that_is_not_ready_stops_the_start() -> None:
    with pytest.raises(BenchError, match="not ready: /readyz says 404"):
        async with Bench.start(build=lambda settings: web.Application()):
            pass
