"""What services and dialogs need of a chat channel: the one protocol through which things reach people.

`bot/messenger.py` implements it on the Bot Framework. Cards are plain JSON dicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Protocol

Card = dict[str, Any]


class ConversationKind(StrEnum):
    """Where people talk, in Teams' own words."""

    CHANNEL = "channel"
    GROUP = "groupChat"
    PERSONAL = "personal"


@dataclass(frozen=True)
class Conversation:
    """A place to post to. For a channel thread `id` carries Teams' `;messageid=…` suffix."""

    id: str
    kind: ConversationKind
    service_url: str
    tenant_id: str
    team_id: str | None = None
    channel_id: str | None = None


@dataclass(frozen=True)
class Actor:
    """Who acts, as the authenticated activity says: `object_id` is the Entra object id and the only key."""

    object_id: str
    name: str
    teams_id: str


@dataclass(frozen=True)
class Upload:
    """Where Teams wants a file that a person said yes to. Whoever holds `upload_url` may write there: a secret."""

    upload_url: str
    content_url: str
    name: str
    unique_id: str
    file_type: str


class Uploads(Protocol):
    """Puts a file where Teams asked for it."""

    async def put(self, upload_url: str, content: BinaryIO, size: int) -> None:
        """Uploads the whole file; no credential of ours goes along.

        Raises NotAllowed (not an address of Microsoft's file storage), NotFound (the place is gone), Throttled,
        UpstreamDown (surely not stored) or UnknownOutcome.
        """
        ...


class Channel(Protocol):
    """Posts and edits; every call has a time-out and Teams' own retry rule inside.

    Raises NotFound (the conversation or message is gone), NotAllowed (blocked, not installed, disabled by an
    administrator), Throttled, UpstreamDown (surely not sent) or UnknownOutcome (maybe sent).
    """

    async def post_card(self, where: Conversation, card: Card, summary: str) -> str:
        """Posts a card alone and returns its activity id. `summary` is what notifications show."""
        ...

    async def open_thread(self, channel: Conversation, card: Card, summary: str) -> tuple[Conversation, str]:
        """Begins a thread in a channel with a card, and returns the thread and the card's activity id."""
        ...

    async def edit_card(self, where: Conversation, activity_id: str, card: Card, summary: str) -> None:
        """Replaces a card that we posted."""
        ...

    async def post_text(self, where: Conversation, text: str) -> str:
        """Posts plain text (escaped by the caller's rules; no markup) and returns its activity id."""
        ...

    async def show_typing(self, where: Conversation) -> None:
        """Shows for a few seconds that the bot is busy."""
        ...

    async def offer_file(
        self, where: Conversation, name: str, size: int, description: str, context: Mapping[str, str]
    ) -> str:
        """Asks the person of a personal chat whether they want a file; their answer brings `context` back."""
        ...

    async def hand_over_file(self, where: Conversation, upload: Upload) -> str:
        """Shows an uploaded file in the chat."""
        ...

    async def open_personal(self, object_id: str, service_url: str, tenant_id: str) -> Conversation:
        """The personal chat with this person, created where there is none."""
        ...

    async def member(self, where: Conversation, teams_id: str) -> Actor | None:
        """Who this Teams id is, by the roster of the conversation; None where there is no such member."""
        ...
