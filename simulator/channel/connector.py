"""The Bot Connector of Teams: where the bot posts, edits, deletes and looks people up."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from simulator.channel import errors, files, identities
from simulator.channel.conversations import ConversationRecord, Json, Post, card_in
from simulator.channel.emulators import EmulatorAnswer, EmulatorWindow
from simulator.channel.errors import ConnectorError
from simulator.channel.limits import Operation
from simulator.channel.teams import Teams, teams_of
from simulator.channel.wire import MESSAGE_LIMIT_BYTES, faults_of_activity, utf16_bytes
from simulator.tenant import User
from simulator.tokens import Audience, TokenProblem
from simulator.world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LARGEST_PAGE = 500
_SMALLEST_PAGE = 50


def routes(world: World) -> list[web.RouteDef]:
    """All routes under /connector/."""
    connector = Connector(teams_of(world))
    conversation = "/connector/v3/conversations/{conversation}"
    table: list[tuple[str, str, Handler]] = [
        ("POST", "/connector/v3/conversations", connector.create),
        ("POST", f"{conversation}/activities", connector.send),
        ("POST", f"{conversation}/activities/{{activity}}", connector.send),
        ("PUT", f"{conversation}/activities/{{activity}}", connector.edit),
        ("DELETE", f"{conversation}/activities/{{activity}}", connector.delete),
        ("GET", f"{conversation}/activities/{{activity}}/members", connector.members),
        ("GET", f"{conversation}/members", connector.members),
        ("GET", f"{conversation}/pagedmembers", connector.paged_members),
        ("GET", f"{conversation}/members/{{member}}", connector.member),
        ("GET", "/connector/v3/teams/{team}", connector.team),
        ("GET", "/connector/v3/teams/{team}/conversations", connector.channels),
    ]
    known = [web.route(method, path, _refusing(handler)) for method, path, handler in table]
    return [*known, web.route("*", "/connector/{unknown:.*}", _refusing(_no_such_path))]


def _refusing(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectorError as refusal:
            return refusal.response()

    return answer


async def _no_such_path(request: web.Request) -> web.StreamResponse:
    raise ConnectorError(404, "NotFound", f"No connector operation {request.method} {request.path}")


class Connector:
    """The handlers. Each authenticates first, then counts the call, then looks at what it is about."""

    def __init__(self, teams: Teams) -> None:
        self._world = teams.world

    @property
    def _teams(self) -> Teams:
        return teams_of(self._world)

    # -- what every call goes through ------------------------------------------------------------------------------

    def _authenticate(self, request: web.Request) -> None:
        try:
            caller = self._world.tokens.check(request.headers.get("Authorization"), Audience.BOT_FRAMEWORK)
        except TokenProblem as problem:
            raise errors.unauthorized(problem.reason) from problem
        if caller.app_id != self._world.app_id:
            raise errors.unauthorized("another app")

    def _count(self, operation: Operation, thread: str) -> None:
        retry_after = self._teams.limits.take(operation, thread)
        if retry_after is not None:
            raise errors.throttled(retry_after)

    async def _payload(self, request: web.Request) -> Json:
        try:
            payload = json.loads(await request.read())
        except ValueError as problem:
            raise errors.bad_syntax(["not JSON"]) from problem
        if not isinstance(payload, dict):
            raise errors.bad_syntax(["not a JSON object"])
        return payload

    async def _activity(self, request: web.Request, conversation_id: str) -> Json:
        activity = await self._payload(request)
        if utf16_bytes(activity) > MESSAGE_LIMIT_BYTES:
            raise errors.too_big()
        faults = faults_of_activity(activity)
        named = activity.get("conversation")
        if isinstance(named, dict) and named.get("id") not in {None, conversation_id}:
            faults.append("conversation.id: not the conversation of the address")
        if faults:
            raise errors.bad_syntax(faults)
        return activity

    def _conversation(self, conversation_id: str) -> ConversationRecord:
        """The conversation, where the bot may be in it. A bare channel id is a new thread's place."""
        teams = self._teams
        if teams.disabled_by_admin:
            raise errors.disabled_by_admin()
        record = teams.conversations.get(conversation_id)
        if record is None:
            raise errors.conversation_not_found()
        if record.kind == "channel" and not teams.installed_in_team:
            raise errors.not_in_roster()
        if record.kind == "personal":
            if teams.blocked_by.intersection(record.members):
                raise errors.blocked_by_user()
            if teams.without_app.intersection(record.members):
                raise errors.not_in_roster()
        return record

    # -- posting ---------------------------------------------------------------------------------------------------

    async def send(self, request: web.Request) -> web.StreamResponse:
        """A message or a typing mark, in a conversation or as a new thread of a channel."""
        self._authenticate(request)
        conversation_id = request.match_info["conversation"]
        self._count(Operation.SEND, conversation_id)
        if conversation_id in dict(self._teams.team.channels).values():
            activity = await self._activity(request, conversation_id)
            _, activity_id = await self._new_thread(conversation_id, activity)
            return web.json_response({"id": activity_id}, status=201)
        record = self._conversation(conversation_id)
        activity = await self._activity(request, conversation_id)
        if record.kind != "personal" and files.offer_in(activity):
            raise errors.bad_argument("A file can only be offered in a personal chat")
        window = self._teams.emulators.get(record.emulator)
        if window is not None:
            reply_to = request.match_info.get("activity")
            path = ("conversations", record.id, "activities", *([reply_to] if reply_to else []))
            forwarded = await self._teams.emulators.call(window, "POST", *path, body=files.for_the_emulator(activity))
            if forwarded.accepted and activity["type"] == "message":
                self._keep(record, activity, _id_in(forwarded))
            return forwarded.response()
        activity_id = self._teams.conversations.new_activity_id()
        if activity["type"] == "message":
            self._keep(record, activity, activity_id)
        return web.json_response({"id": activity_id}, status=201)

    def _keep(self, record: ConversationRecord, activity: Json, activity_id: str) -> Post:
        """Shows the bot's message, puts it into the inbox, and rings."""
        teams = self._teams
        post = teams.conversations.say(
            record,
            activity,
            activity_id=activity_id,
            sender_id=teams.bot_id,
            sender_name=teams.bot_name,
            by_bot=True,
        )
        kind = "message" if card_in(activity) is None else "card"
        self._world.inbox.add(_owner(record), kind, post.activity, activity_id)
        if record.kind == "personal":
            teams.conversations.notify(_owner(record), post)
        for entity in activity.get("entities") or []:
            mentioned = teams.find_person(entity["mentioned"]["id"]) if entity.get("type") == "mention" else None
            if mentioned is not None and record.kind != "personal":
                teams.conversations.notify(mentioned.id, post)
        return post

    async def edit(self, request: web.Request) -> web.StreamResponse:
        """Replaces a message of the bot."""
        self._authenticate(request)
        conversation_id = request.match_info["conversation"]
        self._count(Operation.SEND, conversation_id)
        record = self._conversation(conversation_id)
        post = self._own_post(record, request.match_info["activity"])
        activity = await self._activity(request, conversation_id)
        window = self._teams.emulators.get(record.emulator)
        if window is not None:
            path = ("conversations", record.id, "activities", post.activity_id)
            forwarded = await self._teams.emulators.call(window, "PUT", *path, body=activity)
            if not forwarded.accepted:
                return forwarded.response()
        self._teams.conversations.edit(post, activity)
        self._world.inbox.edit(_owner(record), post.activity_id, activity)
        return web.json_response({"id": post.activity_id})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Takes a message of the bot away; in an emulator's chats the emulator says 501, and it stays."""
        self._authenticate(request)
        conversation_id = request.match_info["conversation"]
        self._count(Operation.SEND, conversation_id)
        record = self._conversation(conversation_id)
        post = self._own_post(record, request.match_info["activity"])
        window = self._teams.emulators.get(record.emulator)
        if window is not None:
            path = ("conversations", record.id, "activities", post.activity_id)
            forwarded = await self._teams.emulators.call(window, "DELETE", *path)
            if not forwarded.accepted:
                return forwarded.response()
        self._teams.conversations.delete(post)
        self._world.inbox.delete(_owner(record), post.activity_id)
        return web.Response(status=200)

    def _own_post(self, record: ConversationRecord, activity_id: str) -> Post:
        post = record.post(activity_id)
        if post is None:
            raise errors.activity_not_found()
        if not post.by_bot:
            raise ConnectorError(403, "ForbiddenOperationException", "The bot can only change its own messages.")
        return post

    # -- new conversations -----------------------------------------------------------------------------------------

    async def create(self, request: web.Request) -> web.StreamResponse:
        """A personal chat with one member, or a new thread in a channel."""
        self._authenticate(request)
        payload = await self._payload(request)
        channel_id = _id_of(payload.get("channelData"), "channel")
        if channel_id:
            self._count(Operation.CREATE, channel_id)
            activity = payload.get("activity")
            if not isinstance(activity, dict):
                raise errors.bad_argument(
                    "Incorrect conversation creation parameters: a thread needs its first activity"
                )
            if utf16_bytes(activity) > MESSAGE_LIMIT_BYTES:
                raise errors.too_big()
            faults = faults_of_activity(activity)
            if faults:
                raise errors.bad_syntax(faults)
            thread, activity_id = await self._new_thread(channel_id, activity)
            return web.json_response({"id": thread, "activityId": activity_id}, status=201)
        return await self._new_personal_chat(payload)

    async def _new_thread(self, channel_id: str, activity: Json) -> tuple[str, str]:
        """Starts a thread; gives its conversation id and the id of its first message."""
        teams = self._teams
        if teams.disabled_by_admin:
            raise errors.disabled_by_admin()
        if channel_id not in dict(teams.team.channels).values():
            raise errors.conversation_not_found()
        if not teams.installed_in_team:
            raise errors.not_in_roster()
        window = self._window_of_channel(channel_id)
        if window is not None:
            body = {
                "isGroup": True,
                "bot": {"id": teams.bot_id, "name": teams.bot_name},
                "channelData": {"channel": {"id": channel_id}, "tenant": {"id": teams.tenant.id}},
                "activity": activity,
            }
            forwarded = await teams.emulators.call(window, "POST", "conversations", body=body)
            if not forwarded.accepted:
                raise ConnectorError(forwarded.status, "BadGateway", f"The emulator refused: {forwarded.body}")
            record = teams.thread(str(forwarded.body["id"]), window.name)
            return record.id, self._keep(record, activity, str(forwarded.body["activityId"])).activity_id
        activity_id = teams.conversations.new_activity_id()
        record = teams.thread(identities.thread_id(channel_id, activity_id))
        return record.id, self._keep(record, activity, activity_id).activity_id

    def _window_of_channel(self, channel_id: str) -> EmulatorWindow | None:
        """The emulator where something was last said in that channel."""
        records = [
            record
            for record in self._teams.conversations
            if record.channel_id == channel_id and record.emulator and record.posts
        ]
        latest = max(records, key=lambda record: record.posts[-1].sequence, default=None)
        return None if latest is None else self._teams.emulators.get(latest.emulator)

    async def _new_personal_chat(self, payload: Json) -> web.StreamResponse:
        teams = self._teams
        members = payload.get("members")
        if not isinstance(members, list) or len(members) != 1 or not isinstance(members[0], dict):
            raise errors.bad_argument("Incorrect conversation creation parameters: exactly one member")
        named = str(members[0].get("id"))
        tenant = _id_of(payload.get("channelData"), "tenant") or payload.get("tenantId") or payload.get("tenantID")
        if tenant != teams.tenant.id:
            raise errors.bad_argument(
                "Incorrect conversation creation parameters: the tenant is missing or not this one"
            )
        person = None if "@" in named else teams.find_person(named)
        self._count(Operation.CREATE, person.id if person else named)
        if person is None:
            raise errors.bad_argument("Failed to decrypt pairwise id")
        if teams.disabled_by_admin:
            raise errors.disabled_by_admin()
        if person.id in teams.blocked_by:
            raise errors.blocked_by_user()
        if person.id in teams.without_app:
            raise errors.not_installed()
        window = teams.emulators.of_person(person.id)
        if window is not None:
            body = {
                "isGroup": False,
                "bot": {"id": teams.bot_id, "name": teams.bot_name},
                "members": [{"id": teams.teams_id(person.id), "name": person.display_name}],
                "tenantId": teams.tenant.id,
                "channelData": {"tenant": {"id": teams.tenant.id}},
            }
            forwarded = await teams.emulators.call(window, "POST", "conversations", body=body)
            if not forwarded.accepted:
                return forwarded.response()
        record = teams.personal(person.id)
        answer = {"id": record.id}
        first = payload.get("activity")
        if isinstance(first, dict) and first.get("type") == "message":
            raise errors.bad_argument("A personal chat is created without an activity; send it afterwards")
        return web.json_response(answer, status=201)

    # -- people and teams ------------------------------------------------------------------------------------------

    async def members(self, request: web.Request) -> web.StreamResponse:
        """The roster, all at once."""
        record = self._roster(request)
        return web.json_response([self._member(person, "objectId") for person in self._people(record)])

    async def paged_members(self, request: web.Request) -> web.StreamResponse:
        """The roster in pages; Teams takes page sizes of 50 to 500."""
        record = self._roster(request)
        try:
            size = int(request.query.get("pageSize", 200))
            start = int(request.query.get("continuationToken") or 0)
        except ValueError as problem:
            raise errors.bad_argument("Bad pageSize or continuationToken") from problem
        size = min(max(size, _SMALLEST_PAGE), _LARGEST_PAGE)
        people = self._people(record)
        answer: Json = {"members": [self._member(person, "aadObjectId") for person in people[start : start + size]]}
        if start + size < len(people):
            answer["continuationToken"] = str(start + size)
        return web.json_response(answer)

    async def member(self, request: web.Request) -> web.StreamResponse:
        """One person of the roster by Teams id, object id or UPN."""
        record = self._roster(request)
        person = self._teams.find_person(request.match_info["member"])
        if person is None or person.id not in record.members:
            raise errors.member_not_found()
        return web.json_response(self._member(person, "objectId"))

    def _roster(self, request: web.Request) -> ConversationRecord:
        self._authenticate(request)
        conversation_id = request.match_info["conversation"]
        self._count(Operation.READ, conversation_id)
        teams = self._teams
        if conversation_id in dict(teams.team.channels).values():
            return ConversationRecord(conversation_id, "channel", teams.team_members, teams.team.id)
        return self._conversation(conversation_id)

    def _people(self, record: ConversationRecord) -> list[User]:
        return [self._teams.tenant.users[object_id] for object_id in record.members]

    def _member(self, person: User, object_id_name: str) -> Json:
        """A member as the roster gives it. Teams calls the object id by two names, one for each kind of roster."""
        return {
            "id": self._teams.teams_id(person.id),
            "name": person.display_name,
            object_id_name: person.id,
            "givenName": person.properties.get("givenName"),
            "surname": person.properties.get("surname"),
            "email": person.properties.get("mail"),
            "userPrincipalName": person.upn,
            "tenantId": self._teams.tenant.id,
            "userRole": "anonymous" if person.guest else "user",
        }

    async def team(self, request: web.Request) -> web.StreamResponse:
        """The team's name, group and counts."""
        team = self._team(request)
        return web.json_response(
            {
                "id": team.id,
                "name": team.name,
                "aadGroupId": team.aad_group_id,
                "tenantId": self._teams.tenant.id,
                "type": "standard",
                "channelCount": len(team.channels),
                "memberCount": len(self._teams.team_members),
            }
        )

    async def channels(self, request: web.Request) -> web.StreamResponse:
        """The team's channels; General has no name here, as in Teams."""
        team = self._team(request)
        listed = [
            {"id": identifier, "name": name if identifier != team.id else None} for name, identifier in team.channels
        ]
        return web.json_response({"conversations": listed})

    def _team(self, request: web.Request) -> identities.TeamsTeam:
        self._authenticate(request)
        teams = self._teams
        self._count(Operation.READ, request.match_info["team"])
        if request.match_info["team"] != teams.team.id or not teams.installed_in_team:
            raise errors.not_in_roster()
        return teams.team


def _owner(record: ConversationRecord) -> str:
    """Whose inbox a message belongs to: the person's, or the conversation's own."""
    return next(iter(record.members)) if record.kind == "personal" else record.id


def _id_of(data: Any, name: str) -> str:
    """The id of an object inside channelData; empty where anything on the way is not what it should be."""
    inner = data.get(name) if isinstance(data, dict) else None
    return str(inner.get("id") or "") if isinstance(inner, dict) else ""


def _id_in(answer: EmulatorAnswer) -> str:
    return str(answer.body["id"]) if isinstance(answer.body, dict) else ""
