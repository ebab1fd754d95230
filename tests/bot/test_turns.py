"""Turns: who is let in where, arrivals, and an answer in time whatever happens behind it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import pytest

from bot import Patience
from dialogs.turn import CardAnswer
from services.channel import Actor, ConversationKind
from services.errors import Conflict, UpstreamDown
from tests.bot.channel_double import ALEX, BOT_ID, TEAM, answering, until
from tests.bot.conftest import Bench

GROUP_ID = "55555555-5555-4555-8555-555555555555"
MEGAN_ID = "66666666-6666-4666-8666-666666666666"
PERSONAL = {"id": "a:alex", "conversationType": "personal"}


async def _said(bench: Bench, count: int = 1) -> list[str]:
    """What the bot said in the chat, once it has said so much."""
    await until(lambda: len(bench.channel.sent) >= count)
    return [sent.body["text"] for sent in bench.channel.sent]


# Teams that are allowed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bot_settings", [{"allowed_teams": (TEAM,)}, {"allowed_teams": ("x", TEAM)}])
async def test_an_allowed_team_is_served(bench: Bench) -> None:
    assert (await bench.post(bench.channel.activity()))[0] == 200
    assert bench.handler.told == 1


@pytest.mark.parametrize("bot_settings", [{"allowed_teams": (GROUP_ID,)}])
async def test_a_team_may_be_listed_by_its_group(bench: Bench) -> None:
    activity = bench.channel.activity()
    activity["channelData"]["team"]["aadGroupId"] = GROUP_ID
    assert (await bench.post(activity))[0] == 200
    assert bench.handler.told == 1


@pytest.mark.parametrize("bot_settings", [{"allowed_teams": (GROUP_ID.upper(),)}])
async def test_a_group_is_looked_up_once_where_the_message_names_the_thread_only(bench: Bench) -> None:
    bench.channel.replies = [answering(200, {"id": TEAM, "name": "IR", "aadGroupId": GROUP_ID})]
    for _ in range(3):
        assert (await bench.post(bench.channel.activity()))[0] == 200
    assert bench.handler.told == 3
    [sent] = bench.channel.sent
    assert (sent.method, unquote(sent.path)) == ("GET", f"/connector/v3/teams/{TEAM}")


@pytest.mark.parametrize("bot_settings", [{"allowed_teams": (GROUP_ID,)}])
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answering(200, {"id": TEAM, "aadGroupId": GROUP_ID.replace("5", "6")}), "team-not-allowed"),
        (answering(200, {"id": TEAM}), "team-not-allowed"),
        (answering(200, {"aadGroupId": None}), "team-not-allowed"),
        (answering(200, "<html>?</html>"), "team-not-allowed"),
        (answering(404, {"error": {"code": "NotFound"}}), "team-unknown"),
        (answering(403, {"error": {"code": "BotNotInConversationRoster"}}), "team-unknown"),
        (answering(500), "team-unknown"),
    ],
)
async def test_a_group_that_does_not_fit_or_cannot_be_had_is_refused(bench: Bench, reply: Any, reason: str) -> None:
    bench.channel.replies = [reply]
    status, body = await bench.post(bench.channel.activity())
    assert (status, body["error"]["code"]) == (403, reason)
    assert bench.handler.told == 0


@pytest.mark.parametrize("bot_settings", [{"allowed_teams": ("19:other@thread.tacv2",)}])
async def test_another_team_is_refused_and_told_why(bench: Bench) -> None:
    status, body = await bench.post(bench.channel.activity())
    assert (status, body["error"]["code"]) == (403, "team-not-allowed")
    assert await _said(bench) == ["IRBot is not set up for this team. Ask your administrator to add it."]
    status, body = await bench.post(bench.channel.click())
    assert (status, body["statusCode"]) == (200, 403)
    assert bench.handler.told == 0


@pytest.mark.parametrize("bot_settings", [{"allowed_teams": (TEAM,)}])
@pytest.mark.parametrize("team", [None, {}, {"id": None}, {"name": TEAM}, TEAM])
async def test_a_channel_that_does_not_say_its_team_is_refused(bench: Bench, team: Any) -> None:
    activity = bench.channel.activity()
    activity["channelData"]["team"] = team
    assert (await bench.post(activity))[0] == 403
    assert bench.handler.told == 0


@pytest.mark.parametrize("bot_settings", [{"allowed_teams": ("19:other@thread.tacv2",)}])
async def test_the_list_of_teams_does_not_close_personal_chats(bench: Bench) -> None:
    await bench.post(bench.channel.activity(conversation=PERSONAL, text="help", entities=[]))
    assert bench.handler.messages[0].conversation.kind is ConversationKind.PERSONAL


@pytest.mark.parametrize("kind", [None, "Channel", "meeting", "team"])
async def test_a_place_of_an_unknown_kind_is_refused(bench: Bench, kind: str | None) -> None:
    activity = bench.channel.activity()
    activity["conversation"]["conversationType"] = kind
    assert (await bench.post(activity))[0] == 400
    assert bench.handler.told == 0


# Arrivals ------------------------------------------------------------------------------------------------------------


async def test_the_bot_is_added_to_a_team(bench: Bench) -> None:
    added = [{"id": BOT_ID}, {"id": "29:megan", "name": "Megan Bowen", "aadObjectId": MEGAN_ID}]
    await bench.post(bench.channel.activity(type="conversationUpdate", membersAdded=added, text=None, entities=None))
    [arrival] = bench.handler.arrivals
    assert arrival.actor == Actor(ALEX, "Alex Wilber", "29:alex")
    assert arrival.members == (Actor(MEGAN_ID, "Megan Bowen", "29:megan"),)
    assert arrival.conversation.kind is ConversationKind.CHANNEL


async def test_a_person_opens_their_chat(bench: Bench) -> None:
    sender = {"id": "29:alex", "aadObjectId": ALEX}
    update = {"conversation": PERSONAL, "from": sender, "text": None, "entities": None}
    await bench.post(
        bench.channel.activity(type="conversationUpdate", membersAdded=[{**sender, "name": "Alex Wilber"}], **update)
    )
    await bench.post(bench.channel.activity(type="installationUpdate", action="add", **update))
    update_arrival, install_arrival = bench.handler.arrivals
    assert update_arrival.members == (Actor(ALEX, "Alex Wilber", "29:alex"),)
    assert install_arrival.actor == Actor(ALEX, "", "29:alex")
    assert install_arrival.members == ()


@pytest.mark.parametrize(
    "change",
    [
        {"type": "installationUpdate", "action": "remove"},
        {"type": "conversationUpdate", "membersRemoved": [{"id": BOT_ID}]},
        {"type": "conversationUpdate", "membersAdded": [{"id": "29:megan", "aadObjectId": MEGAN_ID}]},
        {"type": "conversationUpdate", "membersAdded": []},
    ],
)
async def test_what_is_no_arrival_is_not_told(bench: Bench, change: dict[str, Any]) -> None:
    assert (await bench.post(bench.channel.activity(**change)))[0] == 200
    assert bench.handler.told == 0


# Errors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("at /secret/path"), UpstreamDown(service="x"), Conflict(reason="y")])
async def test_an_error_behind_a_message_is_told_with_a_reference_only(bench: Bench, error: Exception) -> None:
    bench.handler.fail = error
    assert await bench.post(bench.channel.activity()) == (200, None)
    [text] = await _said(bench)
    assert text.startswith("Something went wrong.")
    assert "secret" not in text
    assert len(text) < 150


async def test_the_reference_finds_the_error_in_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    from services.logs import JsonLines

    caplog.handler.setFormatter(JsonLines())
    bench.handler.fail = RuntimeError("the detail")
    await bench.post(bench.channel.activity())
    [text] = await _said(bench)
    reference = text.rsplit(" ", 1)[1]
    [line] = [line for line in caplog.text.splitlines() if "the detail" in line]
    assert reference in line
    assert ALEX not in text


async def test_an_error_text_that_cannot_be_delivered_is_no_error_of_the_turn(bench: Bench) -> None:
    bench.channel.replies = [answering(403, {"error": {"code": "BotNotInConversationRoster"}})]
    bench.handler.fail = RuntimeError("x")
    assert (await bench.post(bench.channel.activity()))[0] == 200
    await until(lambda: bench.channel.sent)
    bench.handler.fail = None
    assert (await bench.post(bench.channel.activity()))[0] == 200


async def test_an_error_behind_an_arrival_says_nothing_to_people(bench: Bench) -> None:
    bench.handler.fail = RuntimeError("x")
    assert (await bench.post(bench.channel.activity(type="installationUpdate", action="add")))[0] == 200
    await asyncio.sleep(0.05)
    assert bench.channel.sent == []


# An answer in time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patience", [Patience(answer_seconds=0.1)])
async def test_a_slow_handler_is_answered_for_and_goes_on(bench: Bench) -> None:
    bench.handler.hold = asyncio.Event()
    assert await bench.post(bench.channel.activity()) == (202, None)
    status, body = await bench.post(bench.channel.click())
    assert status == 200
    assert body["type"] == "application/vnd.microsoft.activity.message"
    assert "Still working" in body["value"]
    bench.handler.hold.set()
    bench.handler.answer = CardAnswer({"type": "AdaptiveCard"})
    assert (await bench.post(bench.channel.click()))[1]["value"] == {"type": "AdaptiveCard"}


@pytest.mark.parametrize("patience", [Patience(answer_seconds=60, crowd=3, crowd_seconds=0.05)])
async def test_in_a_crowd_nobody_waits_long(bench: Bench) -> None:
    bench.handler.hold = asyncio.Event()
    few = [asyncio.create_task(bench.post(bench.channel.click())) for _ in range(3)]
    await asyncio.sleep(0.2)
    assert not any(each.done() for each in few)
    _, body = await bench.post(bench.channel.click())
    assert "Still working" in body["value"]
    bench.handler.hold.set()
    assert [status for status, _ in await asyncio.gather(*few)] == [200, 200, 200]


@pytest.mark.parametrize("patience", [Patience(answer_seconds=0.05)])
async def test_a_late_error_is_told_too(bench: Bench) -> None:
    bench.handler.hold = asyncio.Event()
    bench.handler.fail = RuntimeError("late")
    assert (await bench.post(bench.channel.activity()))[0] == 202
    assert bench.channel.sent == []
    bench.handler.hold.set()
    [text] = await _said(bench)
    assert text.startswith("Something went wrong.")


async def test_one_slow_turn_does_not_hold_up_the_others(bench: Bench) -> None:
    gate = asyncio.Event()
    bench.handler.hold = gate
    slow = asyncio.create_task(bench.post(bench.channel.activity()))
    await until(lambda: bench.handler.messages)
    bench.handler.hold = None
    assert (await bench.post(bench.channel.click()))[0] == 200
    assert not slow.done()
    gate.set()
    assert (await slow)[0] == 200


# Read receipts --------------------------------------------------------------------------------------------------------


def _receipt(bench: Bench, **changes: Any) -> dict[str, Any]:
    event = {"type": "event", "name": "application/vnd.microsoft.readReceipt", "conversation": PERSONAL}
    return bench.channel.activity() | event | {"value": {"lastReadMessageId": "1700000000001"}} | changes


async def test_a_read_receipt_is_passed_on_by_who_read_it(bench: Bench) -> None:
    assert (await bench.post(_receipt(bench)))[0] == 200
    [reading] = bench.handler.readings
    assert (reading.actor.object_id, reading.last_read) == (ALEX, "1700000000001")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"value": None}, 400),
        ({"value": {"lastReadMessageId": 7}}, 400),
        ({"value": {"lastReadMessageId": "1; drop"}}, 400),
        ({"name": "application/vnd.microsoft.meetingStart"}, 200),
        ({"conversation": {"id": "19:chat", "conversationType": "groupChat"}}, 200),
    ],
)
async def test_another_event_or_a_broken_receipt_means_nothing(
    bench: Bench, changes: dict[str, Any], status: int
) -> None:
    assert (await bench.post(_receipt(bench, **changes)))[0] == status
    assert bench.handler.told == 0
