"""Our own reading of @mentions, because the SDK's edits the victim's address.

The SDK deletes the bot's display name wherever it stands in the text: with a bot called `IR`, `IRis@contoso.com`
becomes `is@contoso.com`. Here exactly the piece of text that a mention entity names is replaced, once; people are
recognised by the ids in the entities, never by what the text shows.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.identity import object_id_of
from dialogs.commands import tidy
from dialogs.turn import Mention

_TAG = re.compile(r"<at\b[^<>]{0,200}>([^<>]{0,400})</at>", re.IGNORECASE)
_MOST_ENTITIES = 50
_LONGEST_NAME = 200
_LONGEST_ID = 512

Span = tuple[int, int]


@dataclass(frozen=True)
class ReadText:
    """What a message says. A mentioned person stands in `text` as `@{index}` into `mentions`."""

    text: str
    mentions: tuple[Mention, ...]
    bot_mentioned: bool


@dataclass(frozen=True)
class _Found:
    """A mention in the raw text: from where to where, and of whom. `person` is None for the bot."""

    start: int
    end: int
    person: Mention | None


def read_text(text: object, entities: object, recipient_id: str) -> ReadText:
    """Reads the text of an activity. Never raises, whatever the activity holds."""
    raw = text if isinstance(text, str) else ""
    tags = [(tag.span(), _words(tag.group())) for tag in _TAG.finditer(raw)]
    found: list[_Found] = []
    for mentioned, shown in _mention_entities(entities):
        place = _place(raw, shown, tags, found)
        if place is not None:
            person = None if mentioned["id"] == recipient_id else _person(mentioned, shown)
            found.append(_Found(*place, person))
    found.sort(key=lambda mention: mention.start)

    pieces: list[str] = []
    people: list[Mention] = []
    position = 0
    for mention in found:
        pieces.append(html.unescape(raw[position : mention.start]))
        if mention.person is None:
            pieces.append(" ")
        else:
            token = f"@{len(people)}"
            people.append(mention.person)
            pieces.append(_apart(token, raw[: mention.start][-1:], raw[mention.end :][:1]))
        position = mention.end
    pieces.append(html.unescape(raw[position:]))
    return ReadText(
        text=tidy("".join(pieces)),
        mentions=tuple(people),
        bot_mentioned=any(mention.person is None for mention in found),
    )


def _mention_entities(entities: object) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The usable mention entities: who is mentioned, and the piece of text that shows it."""
    for entity in entities[:_MOST_ENTITIES] if isinstance(entities, list) else ():
        if not isinstance(entity, Mapping) or str(entity.get("type")).lower() != "mention":
            continue
        mentioned, shown = entity.get("mentioned"), entity.get("text")
        if isinstance(mentioned, Mapping) and _is_id(mentioned.get("id")):
            name = mentioned.get("name")
            yield mentioned, shown if isinstance(shown, str) and shown else f"<at>{name}</at>"


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable()


def _place(raw: str, shown: str, tags: list[tuple[Span, str]], found: list[_Found]) -> Span | None:
    """Where the first free occurrence of `shown` is: as it stands, or as an <at> tag of the same words."""

    def free(start: int, end: int) -> bool:
        return all(end <= other.start or start >= other.end for other in found)

    start = raw.find(shown) if _TAG.fullmatch(shown) else -1
    while start >= 0:
        if free(start, start + len(shown)):
            return start, start + len(shown)
        start = raw.find(shown, start + 1)
    words = _words(shown)
    return next((span for span, says in tags if words and says == words and free(*span)), None)


def _words(shown: str) -> str:
    """What a tag shows, alike for every way of writing it."""
    tag = _TAG.fullmatch(shown)
    return tidy(html.unescape(tag[1] if tag else shown)).casefold()


def _person(mentioned: Mapping[str, Any], shown: str) -> Mention:
    name = mentioned.get("name")
    return Mention(
        name=tidy(name if isinstance(name, str) and name else _words(shown))[:_LONGEST_NAME],
        teams_id=mentioned["id"],
        object_id=object_id_of(mentioned.get("aadObjectId")),
    )


def _apart(token: str, before: str, after: str) -> str:
    """The token, kept apart from letters that would run into it."""
    left = " " if before.isalnum() else ""
    right = " " if after.isalnum() or after == "@" else ""
    return f"{left}{token}{right}"
