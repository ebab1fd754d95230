from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from simulator.channel.emulators import EmulatorWindow
from simulator.channel.identities import personal_chat_id
from simulator.channel.teams import Teams
from tests.simulator.stub_bot import StubBot, card, post_of

Json = dict[str, Any]


class FakeEmulator:
    """The emulator's connector as facts have it: takes everything, cannot delete, knows its own chats alone."""

    def __init__(self, personal_chat: str) -> None:
        self.calls: list[tuple[str, str, Json | None]] = []
        self.personal_chat = personal_chat
        self._number = 0

    async def __aenter__(self) -> FakeEmulator:
        app = web.Application()
        app.router.add_route("*", "/_connector/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.connector_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/_connector/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        path = request.match_info["tail"]
        self.calls.append((request.method, path, body))
        self._number += 1
        if request.method == "DELETE":
            error = {"code": "DeleteActivityAPINotImplemented", "message": "no"}
            return web.json_response({"error": error}, status=501)
        if path == "v3/conversations":
            assert body is not None
            if "members" in body:
                return web.json_response({"id": self.personal_chat}, status=201)
            identifier = f"{body['channelData']['channel']['id']};messageid={self._number}"
            return web.json_response({"id": identifier, "activityId": str(self._number)}, status=201)
        return web.json_response({"id": f"emulated-{self._number}"}, status=200 if request.method == "PUT" else 201)


@pytest.fixture
async def emulator(teams: Teams) -> AsyncIterator[FakeEmulator]:
    alex = teams.person("alex").id
    chat = personal_chat_id(teams.world.app_id, alex)
    async with FakeEmulator(chat) as fake:
        teams.emulators.register(EmulatorWindow("alex", fake.connector_url, alex, chat))
        yield fake


def handed_in(teams: Teams, conversation_id: str, kind: str, **more: Any) -> Json:
    alex = teams.person("alex")
    return {
        "type": "message",
        "id": "m-1",
        "text": "<at>IRBot</at> help",
        "channelId": "msteams",
        "serviceUrl": "http://localhost:56150/_connector",
        "from": {"id": teams.teams_id(alex.id), "name": "Alex Wilber", "aadObjectId": alex.id},
        "recipient": {"id": teams.bot_id, "name": "IRBot"},
        "conversation": {"id": conversation_id, "conversationType": kind, "tenantId": teams.tenant.id},
        "channelData": {"tenant": {"id": teams.tenant.id}},
        **more,
    }


async def test_what_the_emulator_sends_arrives_signed_with_our_service_url(
    teams: Teams, stub: StubBot, emulator: FakeEmulator
) -> None:
    activity = handed_in(teams, f"{teams.channel_id};messageid=5", "channel")
    async with stub.http.post(f"{stub.sim.url}/channel/alex/api/messages", json=activity) as answer:
        assert answer.status == 200

    assert stub.received == [{**activity, "serviceUrl": teams.service_url}]


async def test_an_invoke_gives_the_bots_body_back(teams: Teams, stub: StubBot, emulator: FakeEmulator) -> None:
    invoke = handed_in(teams, "a:x", "personal", type="invoke", name="adaptiveCard/action", value={}, replyToId="1")
    async with stub.http.post(f"{stub.sim.url}/channel/alex/api/messages", json=invoke) as answer:
        assert answer.status == 200
        assert await answer.json() == stub.answer


async def test_an_unknown_emulator_and_nonsense_are_refused(teams: Teams, stub: StubBot) -> None:
    async with stub.http.post(f"{stub.sim.url}/channel/nobody/api/messages", json={}) as answer:
        assert answer.status == 404
    async with stub.http.post(f"{stub.sim.url}/channel/api/messages", data=b"[") as answer:
        assert answer.status == 400
    assert stub.received == []


async def test_a_bot_that_is_down_is_told_to_the_emulator(teams: Teams, stub: StubBot, emulator: FakeEmulator) -> None:
    teams.delivery.bot_url = "http://127.0.0.1:9/api/messages"
    async with stub.http.post(
        f"{stub.sim.url}/channel/alex/api/messages", json=handed_in(teams, "a:x", "personal")
    ) as answer:
        assert answer.status == 502


async def test_posts_and_edits_of_an_emulators_thread_go_there_and_are_kept(
    teams: Teams, stub: StubBot, emulator: FakeEmulator
) -> None:
    thread = f"{teams.channel_id};messageid=5"
    await teams.hand_in(handed_in(teams, thread, "channel"), teams.emulators.get("alex"))

    status, sent = await stub.call("POST", f"conversations/{thread}/activities", post_of(card("Go")))
    assert (status, sent["id"]) == (201, "emulated-1")
    status, _ = await stub.call("PUT", f"conversations/{thread}/activities/emulated-1", post_of(card("Went")))
    assert status == 200
    status, body = await stub.call("DELETE", f"conversations/{thread}/activities/emulated-1")
    assert (status, body["error"]["code"]) == (501, "DeleteActivityAPINotImplemented")

    assert [call[:2] for call in emulator.calls] == [
        ("POST", f"v3/conversations/{thread}/activities"),
        ("PUT", f"v3/conversations/{thread}/activities/emulated-1"),
        ("DELETE", f"v3/conversations/{thread}/activities/emulated-1"),
    ]
    record = teams.conversations.get(thread)
    assert record is not None
    post = record.post("emulated-1")
    assert post is not None
    assert post.card == card("Went")
    assert post.history == [post_of(card("Go"))]


async def test_a_personal_chat_with_who_sits_at_an_emulator_is_the_emulators(
    teams: Teams, stub: StubBot, emulator: FakeEmulator
) -> None:
    alex = teams.person("alex").id
    parameters = {"members": [{"id": alex}], "channelData": {"tenant": {"id": teams.tenant.id}}}
    status, body = await stub.call("POST", "conversations", parameters)
    assert (status, body["id"]) == (201, emulator.personal_chat)
    assert emulator.calls[0][2]["members"][0]["id"] == teams.teams_id(alex)  # type: ignore[index]  # None would fail too

    await stub.call("POST", f"conversations/{body['id']}/activities", post_of(card("Approve")))
    assert emulator.calls[-1][:2] == ("POST", f"v3/conversations/{body['id']}/activities")
    assert [post.activity_id for post in teams.conversations.inbox(alex)] == ["emulated-2"]


async def test_a_new_thread_goes_to_the_emulator_where_the_channel_is_in_use(
    teams: Teams, stub: StubBot, emulator: FakeEmulator
) -> None:
    parameters = {"channelData": {"channel": {"id": teams.channel_id}}, "activity": post_of(card())}
    await stub.call("POST", "conversations", parameters)
    assert emulator.calls == []

    await teams.hand_in(handed_in(teams, f"{teams.channel_id};messageid=5", "channel"), teams.emulators.get("alex"))
    status, body = await stub.call("POST", "conversations", parameters)

    assert status == 201
    assert emulator.calls[0][1] == "v3/conversations"
    record = teams.conversations.get(body["id"])
    assert record is not None
    assert record.emulator == "alex"


async def test_everybody_elses_chat_stays_here(teams: Teams, stub: StubBot, emulator: FakeEmulator) -> None:
    chat = teams.personal("adele").id
    status, _ = await stub.call("POST", f"conversations/{chat}/activities", post_of(card("Approve")))
    assert status == 201
    assert emulator.calls == []
    assert len(teams.conversations.inbox(teams.person("adele").id)) == 1


async def test_an_emulator_that_went_away_is_a_bad_gateway(teams: Teams, stub: StubBot, emulator: FakeEmulator) -> None:
    alex = teams.person("alex").id
    teams.emulators.register(EmulatorWindow("alex", "http://127.0.0.1:9/", alex, emulator.personal_chat))
    chat = teams.personal("alex").id
    status, body = await stub.call("POST", f"conversations/{chat}/activities", post_of(card()))
    assert (status, body["error"]["code"]) == (502, "BadGateway")
    assert teams.conversations.inbox(alex) == []


async def test_an_emulator_can_be_registered_from_outside(teams: Teams, stub: StubBot) -> None:
    told = {"connector_url": "http://127.0.0.1:9/", "object_id": teams.person("alex").id, "personal_chat_id": "a:alex"}
    url = f"{stub.sim.url}/channel/alex"
    async with stub.http.put(url, json=told) as answer:
        assert answer.status == 204
    assert teams.personal("alex").id == "a:alex"
    async with stub.http.put(url, json={**told, "object_id": "nobody"}) as answer:
        assert answer.status == 400
    async with stub.http.delete(url) as answer:
        assert answer.status == 204
    assert teams.emulators.get("alex") is None
