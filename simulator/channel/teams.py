"""Teams as the bot meets it: who may talk where, and everything that people and Teams send to the bot."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.channel import activities, identities
from simulator.channel.activities import MentionOf, Place, Speaker
from simulator.channel.conversations import ConversationRecord, ConversationStore, Json, Post
from simulator.channel.delivery import BotAnswer, Delivery
from simulator.channel.emulators import Emulators, EmulatorWindow
from simulator.channel.files import EMULATED_VERB, StoredFile, invoke_value, offer_in
from simulator.channel.limits import TeamsLimits
from simulator.channel.signing import ChannelSigner, Forgery
from simulator.tenant import User
from simulator.world import World

BOT_NAME = "IRBot"
TEAM_NAME = "IT Helpdesk"
CHANNEL_NAME = "Incidents"
_CARD_ANSWER = "application/vnd.microsoft.card.adaptive"
_PERSON_IN_TEXT = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Said:
    """A message that a person wrote, and what the bot answered to its delivery."""

    post: Post
    activity: Json
    answer: BotAnswer


class Teams:
    """The channel of one world. Everybody has the app and is in the team, until a knob says otherwise."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bot_name = BOT_NAME
        self.bot_id = identities.bot_id(world.app_id)
        self.signer = ChannelSigner(world.app_id, world.keys.channel)
        self.delivery = Delivery(self.signer, world.config.bot_url, lambda: self.service_url)
        self.emulators = Emulators()
        self.reset()

    def reset(self) -> None:
        """Forgets what was said and puts every knob back; emulators and the bot's address stay."""
        self.tenant = self.world.tenant
        self.team = identities.team_of(self.tenant.id, TEAM_NAME, CHANNEL_NAME)
        self.conversations = ConversationStore(self.world.clock.now)
        self.limits = TeamsLimits(time.monotonic, calls_per_second=self.world.config.teams_calls_per_second)
        self.without_app: set[str] = set()  # object ids
        self.blocked_by: set[str] = set()  # object ids
        self.disabled_by_admin = False
        self.installed_in_team = True
        self.files: dict[str, StoredFile] = {}
        self._by_teams_id: dict[str, str] = {}
        self._known_people = 0

    # -- who and where ---------------------------------------------------------------------------------------------

    @property
    def service_url(self) -> str:
        """Where the bot answers to."""
        return f"{self.world.base_url}/connector/"

    @property
    def channel_id(self) -> str:
        """The channel that people work in."""
        return self.team.channel(CHANNEL_NAME)

    @property
    def team_members(self) -> Collection[str]:
        """Object ids of the team's members: everybody, guests included."""
        return self.tenant.users.keys()

    def person(self, who: str) -> User:
        """A user by first name, UPN, object id or Teams id. Raises KeyError."""
        user = self.find_person(who)
        return user if user is not None else self.tenant.user(who)

    def find_person(self, who: str) -> User | None:
        """A user by object id, UPN or Teams id."""
        if who.startswith("29:"):
            if self._known_people != len(self.tenant.users):
                self._known_people = len(self.tenant.users)
                self._by_teams_id = {self.teams_id(object_id): object_id for object_id in self.tenant.users}
            return self.tenant.users.get(self._by_teams_id.get(who, ""))
        return self.tenant.find_user(who)

    def teams_id(self, object_id: str) -> str:
        """The person's id in Teams."""
        return identities.person_id(self.world.app_id, object_id)

    def speaker(self, who: str) -> Speaker:
        """A person as the sender of activities."""
        user = self.person(who)
        return Speaker(self.teams_id(user.id), user.display_name, user.id)

    def personal(self, who: str) -> ConversationRecord:
        """The person's chat with the bot, in their emulator where they sit at one."""
        user = self.person(who)
        window = self.emulators.of_person(user.id)
        chat = window.personal_chat_id if window else identities.personal_chat_id(self.world.app_id, user.id)
        return self.conversations.keep(
            ConversationRecord(chat, "personal", (user.id,), emulator=window.name if window else None)
        )

    def group_chat(self, *people: str) -> ConversationRecord:
        """The group chat of these people with the bot."""
        members = tuple(self.person(who).id for who in people)
        chat = identities.group_chat_id(self.world.app_id, members)
        return self.conversations.keep(ConversationRecord(chat, "groupChat", members))

    def thread(self, conversation_id: str, emulator: str | None = None) -> ConversationRecord:
        """A thread of the team's channels."""
        record = ConversationRecord(conversation_id, "channel", self.team_members, self.team.id, emulator)
        return self.conversations.keep(record)

    def place(self, record: ConversationRecord) -> Place:
        """What all activities of a conversation have in common."""
        return Place(
            conversation_id=record.id,
            kind=record.kind,
            tenant_id=self.tenant.id,
            service_url=self.service_url,
            bot_id=self.bot_id,
            bot_name=self.bot_name,
            team=self.team if record.kind == "channel" else None,
        )

    # -- what people do --------------------------------------------------------------------------------------------

    async def say(
        self,
        text: str,
        *,
        by: str,
        in_conversation: str | None = None,
        mention_bot: bool = True,
        forgery: Forgery | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Said:
        """A person writes to the bot: a new thread in the channel, or into that conversation.

        `{megan}` in the text becomes an @mention of that person. `overrides` replaces parts of the finished
        activity before it is signed.
        """
        sender = self.speaker(by)
        activity_id = self.conversations.new_activity_id()
        if in_conversation is None:
            record = self.thread(identities.thread_id(self.channel_id, activity_id))
        else:
            found = self.conversations.get(in_conversation)
            if found is None:
                raise KeyError(f"no conversation {in_conversation!r}")
            record = found
        words, mentions = self._mentions(text)
        if mention_bot and record.kind != "personal":
            bot = MentionOf(self.bot_id, self.bot_name)
            words, mentions = f"{bot.mark} {words}", (bot, *mentions)
        at = self.world.clock.now()
        activity = activities.message(
            self.place(record), sender, words, activity_id=activity_id, at=at, mentions=mentions
        )
        activity |= overrides or {}
        post = self.conversations.say(
            record,
            activity,
            activity_id=activity_id,
            sender_id=sender.teams_id,
            sender_name=sender.name,
            by_bot=False,
        )
        return Said(post, activity, await self.delivery.send(activity, forgery=forgery))

    def _mentions(self, text: str) -> tuple[str, tuple[MentionOf, ...]]:
        mentions: list[MentionOf] = []

        def mark(found: re.Match[str]) -> str:
            user = self.person(found[1])
            mention = MentionOf(self.teams_id(user.id), user.display_name)
            mentions.append(mention)
            return mention.mark

        return _PERSON_IN_TEXT.sub(mark, text), tuple(mentions)

    async def press(
        self,
        post: Post,
        action: Json,
        *,
        by: str,
        trigger: str = "manual",
        forgery: Forgery | None = None,
    ) -> BotAnswer:
        """Sends an Action.Execute of a card; a card in the answer is what this person sees from now on."""
        activity = self.press_activity(post, action, by=by, trigger=trigger)
        seen = post.changed
        answer = await self.delivery.send(activity, forgery=forgery)
        self.take_answer(post, self.person(by).id, answer, seen)
        return answer

    def press_activity(self, post: Post, action: Json, *, by: str, trigger: str = "manual") -> Json:
        """The invoke of such a press, not sent yet: for those who send it several times, late, or changed."""
        record = self.conversations.get(post.conversation_id)
        assert record is not None
        return activities.card_action(
            self.place(record),
            self.speaker(by),
            action,
            reply_to_id=post.activity_id,
            trigger=trigger,
            at=self.world.clock.now(),
        )

    async def answer_file(
        self, post: Post, *, by: str, accept: bool, overrides: Mapping[str, Any] | None = None
    ) -> BotAnswer:
        """A person says yes or no to a file that the bot offered. `overrides` replaces parts of the finished value."""
        offer = offer_in(post.activity)
        assert offer is not None
        record = self.conversations.get(post.conversation_id)
        assert record is not None
        value = invoke_value(self, offer, self.person(by).id, accept=accept) | dict(overrides or {})
        return await self.delivery.send(
            activities.file_answer(
                self.place(record), self.speaker(by), value, reply_to_id=post.activity_id, at=self.world.clock.now()
            )
        )

    def take_answer(self, post: Post, object_id: str, answer: BotAnswer, seen: int) -> None:
        """Shows the card in an invoke's answer to the person who pressed when the post's `changed` was `seen`.

        Where the bot edited the post in the meantime, the edit stays: it is the newer of the two.
        """
        body = answer.body if answer.status == 200 and post.changed == seen else None
        if isinstance(body, dict) and body.get("type") == _CARD_ANSWER and isinstance(body.get("value"), dict):
            self.conversations.show(post, object_id, body["value"])

    async def use_action(
        self,
        kind: str,
        *,
        by: str,
        command: str = "report-message",
        on: Json | None = None,
        where: str | None = None,
        **more: Any,
    ) -> BotAnswer:
        """A person uses the app's message extension: `fetchTask` and `submitAction` on a message, or `query`.

        The conversation is that of the message (`where`), in which the bot need not be.
        """
        record = self.conversations.get(where) if where else None
        place = self.place(record or self.personal(by))
        value = {"commandId": command, "context": {"theme": "default"}, **more}
        if on is not None:
            value |= {"commandContext": "message", "messagePayload": on}
        at = self.world.clock.now()
        return await self.delivery.send(activities.compose_extension(place, self.speaker(by), kind, value, at=at))

    def message_of(self, who: str, content: str, *, message_id: str = "1700000000001") -> Json:
        """A message that a person wrote to others, as Teams hands it to an app whose action is used on it."""
        user = self.person(who)
        return activities.message_payload(self.speaker(user.id), content, message_id, at=self.world.clock.now())

    async def read(self, who: str) -> BotAnswer | None:
        """A person looks into their chat with the bot, and Teams sends the receipt; None where nothing is there."""
        record = self.personal(who)
        shown = [post for post in record.posts if not post.deleted]
        if not shown:
            return None
        last, at = shown[-1].activity_id, self.world.clock.now()
        return await self.delivery.send(activities.read_receipt(self.place(record), self.speaker(who), last, at=at))

    async def install(self, who: str | None = None, *, by: str | None = None, action: str = "add") -> list[BotAnswer]:
        """The app comes to (or with `remove` goes from) a person's chat, or the team where no person is given."""
        actor = self.speaker(by or who or "henrietta")
        added = action.startswith("add")
        if who is None:
            self.installed_in_team = added
            record = ConversationRecord(self.team.id, "channel", self.team_members, self.team.id)
        else:
            record = self.personal(who)
            user = self.person(who)
            (self.without_app.discard if added else self.without_app.add)(user.id)
        place = self.place(record)
        at = self.world.clock.now()
        events = [activities.installation(place, actor, action, at=at)]
        if added:
            events.append(activities.members_changed(place, actor, added=(self.bot_id,), at=at))
        elif who is None:
            events.append(activities.members_changed(place, actor, removed=(self.bot_id,), at=at))
        return [await self.delivery.send(event) for event in events]

    # -- what an emulator hands in ---------------------------------------------------------------------------------

    async def hand_in(self, activity: Json, window: EmulatorWindow | None = None) -> BotAnswer:
        """Signs what an emulator (or anybody on this machine) hands in, and passes it on to the bot."""
        signed = {**activity, "serviceUrl": self.service_url}
        post = self._remember(signed, window)
        answer_to_file = _emulated_file_answer(signed)
        if post is not None and answer_to_file is not None:
            accepted = answer_to_file == "accept"
            return await self.answer_file(post, by=str(signed["from"].get("aadObjectId")), accept=accepted)
        seen = post.changed if post else 0
        answer = await self.delivery.send(signed)
        if post is not None:
            self.take_answer(post, str(signed["from"].get("aadObjectId")), answer, seen)
        return answer

    def _remember(self, activity: Json, window: EmulatorWindow | None) -> Post | None:
        """Keeps the conversation and what is said; gives the post that an invoke is about."""
        conversation = activity.get("conversation")
        sender = activity.get("from")
        if not isinstance(conversation, dict) or not isinstance(conversation.get("id"), str):
            return None
        if not isinstance(sender, dict):
            return None
        kind = str(conversation.get("conversationType") or "personal")
        members = (str(sender.get("aadObjectId")),) if kind == "personal" else self.team_members
        name = window.name if window else None
        team = self.team.id if kind == "channel" else None
        record = self.conversations.keep(ConversationRecord(conversation["id"], kind, members, team, name))
        record.emulator = name
        if activity.get("type") == "invoke":
            return record.post(str(activity.get("replyToId")))
        if activity.get("type") == "message" and isinstance(activity.get("id"), str):
            self.conversations.say(
                record,
                activity,
                activity_id=activity["id"],
                sender_id=str(sender.get("id")),
                sender_name=str(sender.get("name") or ""),
                by_bot=False,
            )
        return None


_TEAMS: dict[World, Teams] = {}


def teams_of(world: World) -> Teams:
    """The channel of a world, the same one until the world closes; a reset of the world resets it too."""
    teams = _TEAMS.get(world)
    if teams is None:
        teams = _TEAMS[world] = Teams(world)

        async def forget() -> None:
            _TEAMS.pop(world, None)

        world.at_close(forget)
    if teams.tenant is not world.tenant:
        teams.reset()
    return teams


def _emulated_file_answer(activity: Json) -> str | None:
    """What a person pressed on the emulator's stand-in for Teams' own question."""
    value = activity.get("value")
    action = value.get("action") if isinstance(value, dict) else None
    if not isinstance(action, dict) or action.get("verb") != EMULATED_VERB:
        return None
    return str((action.get("data") or {}).get("answer"))


def plain_text(post: Post) -> str:
    """The words of a message without marks and entities, as a person reads them."""
    return html.unescape(re.sub(r"</?at>", "", post.text))
