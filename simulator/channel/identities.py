"""The ids that Teams gives to people, the bot, chats and teams, derived so that a restart gives the same ones."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


def _opaque(kind: str, *parts: str) -> str:
    digest = hashlib.sha384("/".join((kind, *parts)).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def person_id(app_id: str, object_id: str) -> str:
    """A person's id as this bot sees it: another bot sees another id for the same person."""
    return "29:1" + _opaque("person", app_id, object_id.lower())


def bot_id(app_id: str) -> str:
    """The bot's id in Teams."""
    return f"28:{app_id}"


def personal_chat_id(app_id: str, object_id: str) -> str:
    """The conversation of a person with the bot alone."""
    return "a:1" + _opaque("personal", app_id, object_id.lower())


def group_chat_id(app_id: str, object_ids: Iterable[str]) -> str:
    """A group chat of these people with the bot."""
    members = "/".join(sorted(object_id.lower() for object_id in object_ids))
    return f"19:{hashlib.sha256(f'{app_id}/{members}'.encode()).hexdigest()[:32]}@thread.v2"


def group_id(tenant_id: str, name: str) -> str:
    """The Entra object id of the Microsoft 365 group behind a team."""
    digest = hashlib.sha256(f"group/{tenant_id}/{name}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def channel_id(tenant_id: str, team: str, channel: str) -> str:
    """A channel's id; that of a team's General channel is the team's own id in Teams."""
    return f"19:{hashlib.sha256(f'{tenant_id}/{team}/{channel}'.encode()).hexdigest()[:32]}@thread.tacv2"


def thread_id(channel: str, root_activity_id: str) -> str:
    """The conversation id of one thread of a channel."""
    return f"{channel};messageid={root_activity_id}"


def channel_of_thread(conversation_id: str) -> str:
    """The channel of a thread's conversation id; any other id comes back as it is."""
    return conversation_id.partition(";messageid=")[0]


@dataclass(frozen=True)
class TeamsTeam:
    """A team that the bot is installed in, with its channels by name."""

    id: str
    name: str
    aad_group_id: str
    channels: tuple[tuple[str, str], ...]  # (name, id); General first

    def channel(self, name: str) -> str:
        """The id of a channel by name, or raises KeyError that names those there are."""
        for known, identifier in self.channels:
            if known == name:
                return identifier
        raise KeyError(f"no channel {name!r} in {self.name}; there are {[known for known, _ in self.channels]}")


def team_of(tenant_id: str, name: str, *channels: str) -> TeamsTeam:
    """A team with General and the given channels."""
    general = channel_id(tenant_id, name, "General")
    return TeamsTeam(
        id=general,
        name=name,
        aad_group_id=group_id(tenant_id, name),
        channels=(("General", general), *((channel, channel_id(tenant_id, name, channel)) for channel in channels)),
    )
