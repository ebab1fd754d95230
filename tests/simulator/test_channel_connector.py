from __future__ import annotations

from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from simulator.channel.limits import Operation, TeamsLimits
from simulator.channel.teams import Teams
from simulator.channel.wire import MESSAGE_LIMIT_BYTES, utf16_bytes
from simulator.faults import Fault, Kind
from simulator.tokens import Audience
from tests.simulator.stub_bot import StubBot, card, post_of

HELLO = {"type": "message", "text": "hello"}


def one_to_one(teams: Teams, member: str) -> dict[str, Any]:
    return {
        "isGroup": False,
        "bot": {"id": teams.bot_id, "name": "IRBot"},
        "members": [{"id": member}],
        "channelData": {"tenant": {"id": teams.tenant.id}},
    }


async def personal_chat(teams: Teams, stub: StubBot, who: str) -> str:
    status, body = await stub.call("POST", "conversations", one_to_one(teams, teams.person(who).id))
    assert status == 201, body
    return str(body["id"])


async def test_a_call_without_the_bots_own_token_is_refused(teams: Teams, stub: StubBot) -> None:
    async with stub.http.post(f"{stub.sim.url}/connector/v3/conversations", json={}) as answer:
        assert answer.status == 401
    for token in ("a.b.c", stub.token(Audience.GRAPH)):
        status, body = await stub.call("POST", "conversations", one_to_one(teams, "x"), token=token)
        assert (status, body["error"]["code"]) == (401, "Unauthorized")
    stranger = next(sp for sp in teams.tenant.service_principals.values() if sp.app_id != teams.world.app_id)
    token = teams.world.tokens.issue(stranger, Audience.BOT_FRAMEWORK)
    status, _ = await stub.call("POST", "conversations", one_to_one(teams, "x"), token=token)
    assert status == 401


async def test_a_personal_chat_is_the_same_by_object_id_and_teams_id(teams: Teams, stub: StubBot) -> None:
    adele = teams.person("adele")
    chat = await personal_chat(teams, stub, "adele")
    status, body = await stub.call("POST", "conversations", one_to_one(teams, teams.teams_id(adele.id)))
    assert (status, body["id"]) == (201, chat)

    status, body = await stub.call("POST", f"conversations/{quote(chat, safe='')}/activities", post_of(card("Approve")))

    assert status == 201
    [post] = teams.conversations.inbox(adele.id)
    assert post.activity_id == body["id"]
    assert post.card == card("Approve")
    [ring] = teams.conversations.notifications
    assert (ring.object_id, ring.summary) == (adele.id, "A card")
    [item] = teams.world.inbox.of(adele.id)
    assert (item.kind, item.id) == ("card", post.activity_id)


@pytest.mark.parametrize("member", ["29:1stranger", "adele@contoso.com", "00000000-0000-0000-0000-000000000000"])
async def test_no_chat_with_an_unknown_person_or_by_address(teams: Teams, stub: StubBot, member: str) -> None:
    status, body = await stub.call("POST", "conversations", one_to_one(teams, member))

    assert (status, body["error"]["code"]) == (400, "BadArgument")
    assert body["error"]["message"] == "Failed to decrypt pairwise id"


async def test_a_chat_needs_the_tenant_and_one_member(teams: Teams, stub: StubBot) -> None:
    good = one_to_one(teams, teams.person("adele").id)
    for wrong in (
        {**good, "members": []},
        {**good, "channelData": {}},
        {**good, "channelData": {"tenant": {"id": "x"}}},
    ):
        status, body = await stub.call("POST", "conversations", wrong)
        assert (status, body["error"]["code"]) == (400, "BadArgument")


async def test_who_cannot_be_reached_is_named_by_code(teams: Teams, stub: StubBot) -> None:
    chat = await personal_chat(teams, stub, "megan")
    megan = teams.person("megan").id

    async def codes() -> tuple[str, str]:
        created = await stub.call("POST", "conversations", one_to_one(teams, megan))
        sent = await stub.call("POST", f"conversations/{chat}/activities", HELLO)
        assert created[0] == sent[0] == 403
        return created[1]["error"]["code"], sent[1]["error"]["code"]

    teams.without_app.add(megan)
    assert await codes() == ("ForbiddenOperationException", "BotNotInConversationRoster")
    teams.without_app.clear()
    teams.blocked_by.add(megan)
    assert await codes() == ("ConversationBlockedByUser", "ConversationBlockedByUser")
    teams.blocked_by.clear()
    teams.disabled_by_admin = True
    assert await codes() == ("BotDisabledByAdmin", "BotDisabledByAdmin")
    teams.disabled_by_admin = False
    teams.conversations.forget(chat)
    status, body = await stub.call("POST", f"conversations/{chat}/activities", HELLO)
    assert (status, body["error"]["code"]) == (404, "ConversationNotFound")
    assert teams.conversations.inbox(megan) == []


async def test_a_new_thread_can_be_started_in_two_ways(teams: Teams, stub: StubBot) -> None:
    parameters = {
        "isGroup": True,
        "channelData": {"channel": {"id": teams.channel_id}},
        "activity": post_of(card()),
    }
    status, created = await stub.call("POST", "conversations", parameters)
    assert status == 201
    assert created["id"] == f"{teams.channel_id};messageid={created['activityId']}"

    status, sent = await stub.call("POST", f"conversations/{teams.channel_id}/activities", post_of(card()))
    assert status == 201
    assert teams.conversations.get(f"{teams.channel_id};messageid={sent['id']}") is not None

    status, body = await stub.call("POST", "conversations", {**parameters, "channelData": {"channel": {"id": "19:x"}}})
    assert (status, body["error"]["code"]) == (404, "ConversationNotFound")
    teams.installed_in_team = False
    status, body = await stub.call("POST", "conversations", parameters)
    assert (status, body["error"]["code"]) == (403, "BotNotInConversationRoster")


async def test_only_the_bots_own_messages_that_are_there_can_be_changed(teams: Teams, stub: StubBot) -> None:
    said = await teams.say("help", by="alex")
    thread = said.post.conversation_id
    _, sent = await stub.call("POST", f"conversations/{thread}/activities/{said.activity['id']}", post_of(card()))
    path = f"conversations/{thread}/activities"

    status, body = await stub.call("PUT", f"{path}/123", post_of(card()))
    assert (status, body["error"]["code"]) == (404, "ActivityNotFoundInConversation")
    status, _ = await stub.call("PUT", f"{path}/{said.activity['id']}", post_of(card()))
    assert status == 403
    status, _ = await stub.call("DELETE", f"{path}/{sent['id']}")
    assert status == 200
    status, body = await stub.call("PUT", f"{path}/{sent['id']}", post_of(card()))
    assert (status, body["error"]["code"]) == (404, "ActivityNotFoundInConversation")


async def test_the_size_is_counted_in_utf16_without_inline_images(teams: Teams, stub: StubBot) -> None:
    chat = await personal_chat(teams, stub, "adele")
    path = f"conversations/{chat}/activities"
    half = "x" * (MESSAGE_LIMIT_BYTES // 4)
    assert utf16_bytes("😀") == utf16_bytes("xx")

    status, body = await stub.call("POST", path, post_of(card(text=half * 2)))
    assert (status, body["error"]["code"]) == (413, "MessageSizeTooBig")
    status, _ = await stub.call("POST", path, post_of(card(text=half)))
    assert status == 201
    picture = {"type": "Image", "url": "data:image/png;base64," + "A" * MESSAGE_LIMIT_BYTES}
    status, _ = await stub.call("POST", path, post_of({"type": "AdaptiveCard", "version": "1.5", "body": [picture]}))
    assert status == 201


@pytest.mark.parametrize(
    ("activity", "fault"),
    [
        ({"type": "message"}, "needs text or an attachment"),
        ({"type": "event", "name": "x"}, "type: 'event'"),
        ({**HELLO, "colour": "red"}, "colour: no such property"),
        ({**post_of(card()), "text": "and words"}, "splits"),
        (post_of({**card(), "version": "1.6"}), "version: '1.6'"),
        (post_of({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlok"}]}), "TextBlok"),
        (post_of({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": 5}]}), "not a text"),
        (post_of({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "Input.Text", "id": 7}]}), "id"),
        (post_of({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "Input.Text"}]}), "needs an id"),
        (
            post_of({**card(), "refresh": {"action": {"type": "Action.Execute", "verb": "r"}, "userIds": ["adele"]}}),
            "29:",
        ),
        (post_of({**card(), "refresh": {"action": {"type": "Action.Submit"}}}), "Action.Execute"),
        (post_of({**card(), "actions": [{"type": "Action.Execute", "title": "x", "verb": None}]}), "verb"),
        (
            post_of({**card(), "actions": [{"type": "Action.Execute", "title": "x", "verb": "x", "style": "E.A"}]}),
            "E.A",
        ),
        ({**HELLO, "conversation": {"id": "elsewhere"}}, "not the conversation of the address"),
    ],
)
async def test_a_malformed_activity_or_card_is_refused_with_the_place(
    teams: Teams, stub: StubBot, activity: dict[str, Any], fault: str
) -> None:
    chat = await personal_chat(teams, stub, "adele")

    status, body = await stub.call("POST", f"conversations/{chat}/activities", activity)

    assert (status, body["error"]["code"]) == (400, "BadSyntax")
    assert fault in body["error"]["message"]
    assert teams.conversations.inbox(teams.person("adele").id) == []


async def test_too_many_posts_to_one_conversation_are_throttled(teams: Teams, stub: StubBot) -> None:
    chat = await personal_chat(teams, stub, "adele")
    answers = [await stub.call("POST", f"conversations/{chat}/activities", HELLO) for _ in range(9)]

    statuses = [status for status, _ in answers]
    assert 429 in statuses
    assert statuses[:7] == [201] * 7
    assert int(stub.last_headers["Retry-After"]) >= 1
    other = await personal_chat(teams, stub, "diego")
    status, _ = await stub.call("POST", f"conversations/{other}/activities", HELLO)
    assert status == 201
    teams.limits.enforced = False
    status, _ = await stub.call("POST", f"conversations/{chat}/activities", HELLO)
    assert status == 201


def test_the_limits_are_those_of_teams() -> None:
    now = 0.0
    limits = TeamsLimits(lambda: now)

    def allowed(operation: Operation, seconds: float, each: float) -> int:
        nonlocal now
        now += 10_000
        start, count = now, 0
        while now < start + seconds:
            count += limits.take(operation, "thread") is None
            now += each
        return count

    assert allowed(Operation.SEND, 1, 0.1) == 7
    assert allowed(Operation.SEND, 2, 0.1) == 8
    assert allowed(Operation.SEND, 30, 0.25) == 60
    assert allowed(Operation.SEND, 3600, 0.5) == 1800
    assert allowed(Operation.READ, 1, 0.01) == 14
    assert allowed(Operation.READ, 30, 0.125) == 120


def test_the_whole_app_has_fifty_a_second() -> None:
    limits = TeamsLimits(lambda: 5.0)
    taken = [limits.take(Operation.SEND, f"thread {number}") for number in range(60)]
    assert taken.count(None) == 50
    assert taken[-1] == 1


def test_what_other_bots_say_in_a_conversation_counts_there_and_nowhere_else() -> None:
    limits = TeamsLimits(lambda: 5.0)
    for _ in range(12):
        limits.another_bot_sends("busy")
    assert [limits.take(Operation.SEND, "busy") for _ in range(4)].count(None) == 2
    assert [limits.take(Operation.SEND, "quiet") for _ in range(4)].count(None) == 4


def test_an_organisation_may_have_been_given_another_limit() -> None:
    limits = TeamsLimits(lambda: 5.0, calls_per_second=150)
    assert [limits.take(Operation.SEND, f"thread {number}") for number in range(160)].count(None) == 150


def test_retry_after_is_long_enough() -> None:
    now = 0.0
    limits = TeamsLimits(lambda: now)
    for _ in range(7):
        assert limits.take(Operation.SEND, "thread") is None
    wait = limits.take(Operation.SEND, "thread")
    assert wait is not None
    now += wait
    assert limits.take(Operation.SEND, "thread") is None


async def test_the_roster_gives_people_by_every_id(teams: Teams, stub: StubBot) -> None:
    said = await teams.say("help", by="alex")
    thread = quote(said.post.conversation_id, safe="")
    megan = teams.person("megan")
    for key in (megan.id, teams.teams_id(megan.id), megan.upn):
        status, body = await stub.call("GET", f"conversations/{thread}/members/{quote(key, safe='')}")
        assert status == 200
        assert body["objectId"] == megan.id
        assert body["userPrincipalName"] == megan.upn
    status, body = await stub.call("GET", f"conversations/{thread}/members/29:1nobody")
    assert (status, body["error"]["code"]) == (404, "MemberNotFoundInConversation")


async def test_the_roster_comes_in_pages(teams: Teams, stub: StubBot) -> None:
    seen: list[str] = []
    token = ""
    for _ in range(10):
        path = f"conversations/{teams.team.id}/pagedmembers?pageSize=50"
        status, body = await stub.call("GET", path + (f"&continuationToken={token}" if token else ""))
        assert status == 200
        seen += [member["aadObjectId"] for member in body["members"]]
        token = body.get("continuationToken", "")
        if not token:
            break
    assert sorted(seen) == sorted(teams.tenant.users)


async def test_a_personal_chat_has_one_member(teams: Teams, stub: StubBot) -> None:
    chat = await personal_chat(teams, stub, "adele")
    status, body = await stub.call("GET", f"conversations/{chat}/members")
    assert (status, len(body)) == (200, 1)
    status, _ = await stub.call("GET", f"conversations/{chat}/members/{teams.person('megan').id}")
    assert status == 404


async def test_the_team_and_its_channels_can_be_read(teams: Teams, stub: StubBot) -> None:
    status, body = await stub.call("GET", f"teams/{teams.team.id}")
    assert (status, body["name"], body["aadGroupId"]) == (200, "IT Helpdesk", teams.team.aad_group_id)
    status, body = await stub.call("GET", f"teams/{teams.team.id}/conversations")
    assert body["conversations"] == [{"id": teams.team.id, "name": None}, {"id": teams.channel_id, "name": "Incidents"}]


async def test_an_unknown_path_is_refused(teams: Teams, stub: StubBot) -> None:
    status, _ = await stub.call("GET", "attachments/1")
    assert status == 404


async def test_the_connector_can_be_made_to_fail(teams: Teams, stub: StubBot) -> None:
    chat = await personal_chat(teams, stub, "adele")
    url = f"{stub.sim.url}/connector/v3/conversations/{chat}/activities"
    headers = {"Authorization": f"Bearer {stub.token()}"}
    teams.world.faults.add(Fault(service="connector", kind=Kind.HTML502))
    async with stub.http.post(url, json=HELLO, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (502, "text/html")
    teams.world.faults.add(Fault(service="connector", kind=Kind.DROP, when="after"))
    with pytest.raises(aiohttp.ClientError):
        await stub.call("POST", f"conversations/{chat}/activities", HELLO)
    assert len(teams.conversations.inbox(teams.person("adele").id)) == 1  # it was carried out and not answered
