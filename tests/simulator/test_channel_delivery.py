from __future__ import annotations

import json

import pytest

from simulator.channel.delivery import Redelivery
from simulator.channel.signing import Forgery
from simulator.channel.teams import Teams
from tests.simulator.stub_bot import StubBot, card, post_of


async def test_a_channel_message_comes_as_teams_sends_it(teams: Teams, stub: StubBot) -> None:
    said = await teams.say("compromise megan@contoso.com", by="alex")

    assert said.answer.status == 200
    assert said.answer.seconds > 0
    [activity] = stub.received
    alex = teams.person("alex")
    assert activity["text"] == "<at>IRBot</at> compromise megan@contoso.com"
    assert activity["from"] == {"id": teams.teams_id(alex.id), "name": "Alex Wilber", "aadObjectId": alex.id}
    assert activity["conversation"]["id"] == f"{teams.channel_id};messageid={activity['id']}"
    assert activity["conversation"]["conversationType"] == "channel"
    assert activity["conversation"]["tenantId"] == teams.tenant.id
    assert activity["channelData"]["tenant"] == {"id": teams.tenant.id}
    assert activity["channelData"]["team"] == {"id": teams.team.id}
    assert activity["channelData"]["channel"] == {"id": teams.channel_id}
    assert activity["serviceUrl"] == teams.service_url
    [mention] = [entity for entity in activity["entities"] if entity["type"] == "mention"]
    assert mention["mentioned"] == {"id": activity["recipient"]["id"], "name": "IRBot"}
    assert mention["text"] in activity["text"]
    [html] = activity["attachments"]
    assert html["contentType"] == "text/html"
    assert 'href="mailto:megan@contoso.com"' in html["content"]


async def test_a_person_is_mentioned_by_teams_id_and_name_only(teams: Teams, stub: StubBot) -> None:
    await teams.say("compromise {miriam.o'connor@contoso.com}", by="alex")

    [activity] = stub.received
    mentions = [entity for entity in activity["entities"] if entity["type"] == "mention"]
    miriam = teams.person("miriam.o'connor@contoso.com")
    assert mentions[1]["mentioned"] == {"id": teams.teams_id(miriam.id), "name": "Miriam O'Connor"}
    assert activity["text"].endswith("<at>Miriam O'Connor</at>")


async def test_a_reply_stays_in_its_thread_and_a_personal_message_needs_no_mention(teams: Teams, stub: StubBot) -> None:
    first = await teams.say("help", by="alex")
    await teams.say("status", by="adele", in_conversation=first.post.conversation_id)
    await teams.say("whoami", by="adele", in_conversation=teams.personal("adele").id)

    assert stub.received[1]["conversation"]["id"] == stub.received[0]["conversation"]["id"]
    assert stub.received[1]["id"] != stub.received[0]["id"]
    assert stub.received[2]["text"] == "whoami"
    assert stub.received[2]["conversation"]["conversationType"] == "personal"
    assert "team" not in stub.received[2]["channelData"]


async def test_a_group_chat_needs_a_mention_and_is_seen_by_its_members_alone(teams: Teams, stub: StubBot) -> None:
    chat = teams.group_chat("alex", "adele")
    said = await teams.say("help", by="alex", in_conversation=chat.id)

    [activity] = stub.received
    assert activity["conversation"]["conversationType"] == "groupChat"
    assert activity["text"].startswith("<at>IRBot</at> ")
    assert "team" not in activity["channelData"]
    assert teams.conversations.visible_to(teams.person("adele").id) == [said.post]
    assert teams.conversations.visible_to(teams.person("megan").id) == []


@pytest.mark.parametrize("forgery", list(Forgery))
async def test_a_forged_token_does_not_pass_a_careful_check(teams: Teams, stub: StubBot, forgery: Forgery) -> None:
    said = await teams.say("help", by="alex", forgery=forgery)

    assert said.answer.status == 401
    assert stub.received == []
    assert said.answer.fault


async def test_a_token_still_passes_after_the_channel_took_a_new_key(teams: Teams, stub: StubBot) -> None:
    teams.signer.rotate()

    said = await teams.say("help", by="alex")

    assert said.answer.status == 200, stub.rejected


async def test_anything_can_be_posted_raw(teams: Teams, stub: StubBot) -> None:
    answer = await teams.delivery.raw(b'{"type": "message"', {"Authorization": "Bearer x"})

    assert answer.status == 401
    answer = await teams.delivery.raw({"type": "message", "serviceUrl": teams.service_url}, signed=True)
    assert answer.status == 200
    assert stub.received == [{"type": "message", "serviceUrl": teams.service_url}]


@pytest.mark.parametrize("together", [True, False])
async def test_an_invoke_comes_again_with_a_new_id_and_a_message_with_the_same(
    teams: Teams, stub: StubBot, together: bool
) -> None:
    said = await teams.say("help", by="alex")
    invoke = teams.press_activity(said.post, {"type": "Action.Execute", "verb": "x", "data": {}}, by="alex")
    stub.received.clear()

    await teams.delivery.repeat(said.activity, Redelivery(3, together=together))
    answers = await teams.delivery.repeat(invoke, Redelivery(3, together=together))

    assert len({activity["id"] for activity in stub.received[:3]}) == 1
    assert len({activity["id"] for activity in stub.received[3:]}) == 3
    assert [answer.fault for answer in answers] == ["", "", ""]


async def test_what_is_not_answered_in_time_is_delivered_again(teams: Teams, stub: StubBot) -> None:
    teams.delivery.patience_seconds = 0.1
    teams.delivery.repeat_when_failed = True
    stub.slow_seconds = 0.3

    said = await teams.say("help", by="alex")

    assert said.answer.status is None
    assert "no answer within" in said.answer.fault
    assert [activity["id"] for activity in stub.received] == [said.activity["id"]] * 2


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        (None, 200, "empty"),
        ({}, 200, "empty"),
        ({"statusCode": 200}, 200, "without statusCode and type"),
        ({"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive"}, 200, "without value"),
        ({"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": {}}, 500, "HTTP 500"),
        ({"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": {}}, 200, ""),
    ],
)
async def test_an_answer_that_teams_would_not_take_counts_as_failed(
    teams: Teams, stub: StubBot, body: dict[str, object] | None, status: int, fault: str
) -> None:
    said = await teams.say("help", by="alex")
    stub.answer, stub.status = body, status

    answer = await teams.press(said.post, {"type": "Action.Execute", "verb": "x", "data": {}}, by="alex")

    assert fault in answer.fault
    assert bool(answer.fault) == bool(fault)
    assert (answer in teams.delivery.failures) == bool(fault)


async def test_a_press_carries_verb_data_and_trigger_and_its_answer_is_seen_by_that_person_alone(
    teams: Teams, stub: StubBot
) -> None:
    said = await teams.say("help", by="alex")
    thread = said.post.conversation_id
    status, body = await stub.call("POST", f"conversations/{thread}/activities", post_of(card("Go")))
    assert status == 201
    record = teams.conversations.get(thread)
    assert record is not None
    post = record.post(body["id"])
    assert post is not None
    mine = card(text="Only for Adele")
    stub.answer = {"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": mine}

    action = {"type": "Action.Execute", "verb": "go", "data": {"v": 1, "id": "1", "nonce": "n", "why": "typed"}}
    await teams.press(post, action, by="adele", trigger="automatic")

    invoke = stub.received[-1]
    assert invoke["name"] == "adaptiveCard/action"
    assert invoke["value"] == {"action": action, "trigger": "automatic"}
    assert invoke["replyToId"] == post.activity_id
    adele, alex = teams.person("adele").id, teams.person("alex").id
    assert post.card_for(adele) == mine
    assert post.card_for(alex) == card("Go")
    await stub.call("PUT", f"conversations/{thread}/activities/{post.activity_id}", post_of(card("Went")))
    assert post.card_for(adele) == card("Went")
    assert post.history == [post_of(card("Go"))]


async def test_an_install_comes_as_two_events_and_uninstalling_shuts_the_chat(teams: Teams, stub: StubBot) -> None:
    await teams.install("megan")
    added, members = stub.received
    assert (added["type"], added["action"]) == ("installationUpdate", "add")
    assert members["membersAdded"] == [{"id": teams.bot_id}]
    assert "name" not in added["from"]

    await teams.install("megan", action="remove")

    assert stub.received[-1]["action"] == "remove"
    chat = teams.personal("megan").id
    status, body = await stub.call("POST", f"conversations/{chat}/activities", {"type": "message", "text": "hello"})
    assert (status, body["error"]["code"]) == (403, "BotNotInConversationRoster")


async def test_the_team_install_names_the_team(teams: Teams, stub: StubBot) -> None:
    await teams.install()

    for activity in stub.received:
        assert activity["channelData"]["team"] == {
            "id": teams.team.id,
            "name": "IT Helpdesk",
            "aadGroupId": teams.team.aad_group_id,
        }


async def test_the_world_reset_empties_the_conversations(teams: Teams, stub: StubBot) -> None:
    await teams.say("help", by="alex")
    teams.world.reset()

    from simulator.channel import teams_of

    fresh = teams_of(teams.world)
    assert list(fresh.conversations) == []
    assert fresh.delivery.bot_url == stub.url


async def test_every_activity_is_plain_json(teams: Teams, stub: StubBot) -> None:
    said = await teams.say("help {megan}", by="alex")
    assert json.loads(json.dumps(said.activity)) == said.activity
