"""What is said where: the simulated people's chats and channels, with every edit and every notification."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.channel.identities import channel_of_thread

ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive"
Json = dict[str, Any]


def card_in(activity: Json) -> Json | None:
    """The first Adaptive Card of an activity."""
    for attachment in activity.get("attachments") or []:
        if attachment.get("contentType") == ADAPTIVE_CARD:
            content: Json = attachment["content"]
            return content
    return None


@dataclass
class Post:
    """One message in a conversation, by the bot or by a person. `history` holds what it was before each edit."""

    conversation_id: str
    activity_id: str
    sender_id: str  # Teams id
    sender_name: str
    by_bot: bool
    activity: Json
    at: datetime
    sequence: int
    changed: int  # the sequence number of the last change
    history: list[Json] = field(default_factory=list)
    edited_at: datetime | None = None
    deleted: bool = False
    views: dict[str, Json] = field(default_factory=dict)  # object id -> the card that this person alone sees

    @property
    def card(self) -> Json | None:
        """The card that everybody sees."""
        return card_in(self.activity)

    @property
    def text(self) -> str:
        """The text of the message, beside its card."""
        return str(self.activity.get("text") or "")

    @property
    def summary(self) -> str:
        """What a notification shows of it."""
        return str(self.activity.get("summary") or self.text or "Sent a card")

    def card_for(self, object_id: str) -> Json | None:
        """The card as this person sees it."""
        return self.views.get(object_id) or self.card


@dataclass(frozen=True)
class Notification:
    """What rings at a person: a new message in their chat with the bot, a mention in a channel; never an edit."""

    object_id: str
    conversation_id: str
    activity_id: str
    summary: str
    at: datetime


@dataclass
class ConversationRecord:
    """A chat or a thread that the bot knows. `members` are object ids; a team's thread has the whole team."""

    id: str
    kind: str  # "personal", "groupChat", "channel": Teams' own words
    members: Collection[str]
    team_id: str | None = None
    emulator: str | None = None  # the name of the emulator that shows it
    posts: list[Post] = field(default_factory=list)

    def post(self, activity_id: str) -> Post | None:
        """The message with this id, deleted ones left out."""
        return next((post for post in self.posts if post.activity_id == activity_id and not post.deleted), None)

    @property
    def channel_id(self) -> str | None:
        """The channel of a thread."""
        return channel_of_thread(self.id) if self.kind == "channel" else None


class ConversationStore:
    """All conversations. Whoever waits for a change is woken at once; nothing polls."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._conversations: dict[str, ConversationRecord] = {}
        self._shared: dict[str, ConversationRecord] = {}  # threads and group chats
        self._personal: dict[str, list[ConversationRecord]] = {}  # by object id: there may be tens of thousands
        self._waiting: set[asyncio.Future[None]] = set()
        self._sequence = 0
        self._last_id = 0
        self.notifications: list[Notification] = []
        # A blast says the same to tens of thousands; what it says is kept once.
        self._attachments: dict[str, list[Json]] = {}

    def __iter__(self) -> Iterator[ConversationRecord]:
        return iter(tuple(self._conversations.values()))

    def get(self, conversation_id: str) -> ConversationRecord | None:
        """The conversation, or None where Teams would say ConversationNotFound."""
        return self._conversations.get(conversation_id)

    def keep(self, record: ConversationRecord) -> ConversationRecord:
        """The conversation of that id, kept from now on where it is new."""
        known = self._conversations.get(record.id)
        if known is not None:
            return known
        self._conversations[record.id] = record
        if record.kind == "personal":
            for object_id in record.members:
                self._personal.setdefault(object_id, []).append(record)
        else:
            self._shared[record.id] = record
        return record

    def forget(self, conversation_id: str) -> None:
        """The conversation is gone: calls to it answer 404 from now on."""
        record = self._conversations.pop(conversation_id, None)
        self._shared.pop(conversation_id, None)
        if record is not None and record.kind == "personal":
            for object_id in record.members:
                self._personal[object_id].remove(record)
        self.announce()

    def new_activity_id(self) -> str:
        """A message id like Teams': the time in milliseconds, never twice the same."""
        self._last_id = max(self._last_id + 1, int(self._now().timestamp() * 1000))
        return str(self._last_id)

    def say(
        self,
        record: ConversationRecord,
        activity: Json,
        *,
        activity_id: str,
        sender_id: str,
        sender_name: str,
        by_bot: bool,
    ) -> Post:
        """Adds a message."""
        self._sequence += 1
        post = Post(
            conversation_id=record.id,
            activity_id=activity_id,
            sender_id=sender_id,
            sender_name=sender_name,
            by_bot=by_bot,
            activity=self._copy(activity),
            at=self._now(),
            sequence=self._sequence,
            changed=self._sequence,
        )
        record.posts.append(post)
        self.announce()
        return post

    def _copy(self, activity: Json) -> Json:
        """A copy that shares its attachments with every message that has the same ones; nobody changes them."""
        copied: Json = copy.deepcopy({name: value for name, value in activity.items() if name != "attachments"})
        if "attachments" in activity:
            key = json.dumps(activity["attachments"])
            if key not in self._attachments:
                self._attachments[key] = json.loads(key)
            copied["attachments"] = self._attachments[key]
        return copied

    def edit(self, post: Post, activity: Json) -> None:
        """Replaces a message for everybody: what single people saw in its place is gone."""
        self._sequence += 1
        post.history.append(post.activity)
        post.activity = self._copy(activity)
        post.edited_at = self._now()
        post.changed = self._sequence
        post.views.clear()
        self.announce()

    def delete(self, post: Post) -> None:
        """Takes a message away; it stays here for those who look at what happened."""
        self._sequence += 1
        post.deleted = True
        post.changed = self._sequence
        self.announce()

    def show(self, post: Post, object_id: str, card: Json) -> None:
        """This person sees this card in the place of the common one, until the next edit."""
        post.views[object_id] = copy.deepcopy(card)
        self.announce()

    def notify(self, object_id: str, post: Post) -> None:
        """Rings at a person."""
        self.notifications.append(
            Notification(object_id, post.conversation_id, post.activity_id, post.summary, self._now())
        )

    def inbox(self, object_id: str) -> list[Post]:
        """What the bot wrote to this person alone, oldest first."""
        return [
            post
            for record in self._personal.get(object_id, ())
            for post in record.posts
            if post.by_bot and not post.deleted
        ]

    def visible_to(self, object_id: str) -> list[Post]:
        """Every message that this person can see, the last changed one last."""
        shared = [record for record in self._shared.values() if object_id in record.members]
        posts = [
            post
            for record in (*self._personal.get(object_id, ()), *shared)
            for post in record.posts
            if not post.deleted
        ]
        return sorted(posts, key=lambda post: post.changed)

    @property
    def sequence(self) -> int:
        """Grows with every change."""
        return self._sequence

    def announce(self) -> None:
        """Wakes everybody who waits for a change."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def changed(self) -> None:
        """Returns at the next change. The caller sets the patience."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
