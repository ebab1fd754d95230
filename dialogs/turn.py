"""What crosses the border between `bot/` and the dialogs: the project's own small types for a turn.

All are plain data, so that a turn can be stored as a row before anything is done about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.channel import Actor, Card, Conversation, Upload


@dataclass(frozen=True)
class Mention:
    """A person named by @mention, other than the bot."""

    name: str
    teams_id: str
    object_id: str | None


@dataclass(frozen=True)
class Message:
    """Text that a person wrote to the bot. `text` is without the bot's own mention, NFKC, one space between words.

    A mentioned person stands in `text` as `@{index}` into `mentions`.
    """

    actor: Actor
    conversation: Conversation
    activity_id: str
    text: str
    mentions: tuple[Mention, ...] = ()
    locale: str | None = None


@dataclass(frozen=True)
class Click:
    """A press of a card's button. `id` and `nonce` are what the card carried; `inputs` what the person typed.

    All of it is client input: only `actor` and `conversation` come from the authenticated activity.
    """

    actor: Actor
    conversation: Conversation
    activity_id: str
    verb: str
    version: int
    id: str
    nonce: str
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrival:
    """The bot was added to a conversation, or a person opened their personal chat with it. Comes more than once."""

    actor: Actor | None
    conversation: Conversation
    members: tuple[Actor, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A person has read their chat with the bot up to a message; Teams tells where the manifest asks for it."""

    actor: Actor
    conversation: Conversation
    last_read: str


@dataclass(frozen=True)
class MessageSeen:
    """A message on which somebody used IRBot's action, as their client handed it in: nothing of it is proven."""

    id: str
    sender_id: str | None
    sender_name: str
    sent_at: str
    text: str


@dataclass(frozen=True)
class ReportAsked:
    """Somebody wants to report a message; the answer is the form."""

    actor: Actor
    message: MessageSeen


@dataclass(frozen=True)
class ReportSent:
    """Somebody sent the form off. `place` is the conversation of the message."""

    actor: Actor
    message: MessageSeen
    place: str
    kind: str
    note: str


@dataclass(frozen=True)
class Search:
    """Somebody looks for an incident from the box in which they write; empty: the newest."""

    actor: Actor
    sought: str


Compose = ReportAsked | ReportSent | Search


@dataclass(frozen=True)
class FormAnswer:
    """A form in a window of its own."""

    title: str
    card: Card


@dataclass(frozen=True)
class FoundOne:
    """One result of a search: a line in the list, and the card that goes into the message."""

    title: str
    text: str
    card: Card


@dataclass(frozen=True)
class FoundAnswer:
    """The results of a search; without any, `hint` says why."""

    found: tuple[FoundOne, ...]
    hint: str = ""


@dataclass(frozen=True)
class FileAnswer:
    """A person's answer to the offer of a file. `upload` is where Teams wants it, None for a no.

    `offer` and `nonce` are what the offer carried: client input, as the rest.
    """

    actor: Actor
    conversation: Conversation
    offer: str
    nonce: str
    upload: Upload | None = field(repr=False)


@dataclass(frozen=True)
class CardAnswer:
    """A click is answered with this card, shown in the place of the card that was clicked."""

    card: Card


@dataclass(frozen=True)
class TextAnswer:
    """A click is answered with a short text; the card stays as it is."""

    text: str


Answer = CardAnswer | TextAnswer
ComposeAnswer = FormAnswer | FoundAnswer | TextAnswer
