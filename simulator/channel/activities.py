"""Activities as Teams sends them to a bot: pure functions, one per thing that a person or Teams does."""

from __future__ import annotations

import html
import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from simulator.channel.identities import TeamsTeam, channel_of_thread

Json = dict[str, Any]
_ADDRESS = re.compile(r"[^\s<>&;]+@[^\s<>&;]+\.[a-z]{2,}", re.IGNORECASE)


@dataclass(frozen=True)
class Speaker:
    """Who acts: the Teams id that the bot sees, the name and the Entra object id."""

    teams_id: str
    name: str
    object_id: str


@dataclass(frozen=True)
class Place:
    """Where it happens, and between whom: everything that all activities of one conversation have in common."""

    conversation_id: str
    kind: str  # "personal", "groupChat", "channel"
    tenant_id: str
    service_url: str
    bot_id: str
    bot_name: str
    team: TeamsTeam | None = None

    def thread(self, conversation_id: str) -> Place:
        """The same, in another thread of the channel."""
        return replace(self, conversation_id=conversation_id)


@dataclass(frozen=True)
class MentionOf:
    """An @mention in a text: who is meant, and the words between the `<at>` marks."""

    teams_id: str
    name: str

    @property
    def mark(self) -> str:
        """How it stands in the text; Teams escapes what is in it."""
        return f"<at>{html.escape(self.name, quote=False)}</at>"


def stamp(at: datetime) -> str:
    """A time as Teams writes it: UTC, milliseconds, Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def event_id() -> str:
    """The id of an activity that is no message."""
    return f"f:{uuid.uuid4()}"


def _channel_data(place: Place) -> Json:
    data: Json = {"tenant": {"id": place.tenant_id}}
    if place.team is not None:
        channel = channel_of_thread(place.conversation_id)
        data |= {
            "teamsChannelId": channel,
            "teamsTeamId": place.team.id,
            "channel": {"id": channel},
            "team": {"id": place.team.id},
        }
    return data


def _envelope(kind: str, place: Place, sender: Speaker, activity_id: str, at: datetime) -> Json:
    conversation: Json = {
        "conversationType": place.kind,
        "tenantId": place.tenant_id,
        "id": place.conversation_id,
    }
    if place.kind != "personal":
        conversation["isGroup"] = True
    return {
        "type": kind,
        "id": activity_id,
        "timestamp": stamp(at),
        "localTimestamp": stamp(at),
        "localTimezone": "Europe/London",
        "channelId": "msteams",
        "serviceUrl": place.service_url,
        "from": {"id": sender.teams_id, "name": sender.name, "aadObjectId": sender.object_id},
        "conversation": conversation,
        "recipient": {"id": place.bot_id, "name": place.bot_name},
        "channelData": _channel_data(place),
        "entities": [
            {
                "type": "clientInfo",
                "locale": "en-GB",
                "country": "GB",
                "platform": "Web",
                "timezone": "Europe/London",
            }
        ],
        "locale": "en-GB",
    }


def message(
    place: Place,
    sender: Speaker,
    text: str,
    *,
    activity_id: str,
    at: datetime,
    mentions: tuple[MentionOf, ...] = (),
) -> Json:
    """A message. `text` holds the mentions' marks; the text/html attachment is derived from it as Teams does."""
    activity = _envelope("message", place, sender, activity_id, at)
    activity |= {
        "text": text,
        "textFormat": "plain",
        "attachments": [{"contentType": "text/html", "content": _as_html(text, mentions)}],
    }
    activity["entities"] += [
        {"type": "mention", "mentioned": {"id": mention.teams_id, "name": mention.name}, "text": mention.mark}
        for mention in mentions
    ]
    return activity


def _as_html(text: str, mentions: tuple[MentionOf, ...]) -> str:
    marks = {mention.mark: index for index, mention in enumerate(mentions)}
    parts = re.split("(" + "|".join(map(re.escape, marks)) + ")", text) if marks else [text]
    written = []
    for part in parts:
        if part in marks:
            words = part.removeprefix("<at>").removesuffix("</at>")
            written.append(
                f'<span itemtype="http://schema.skype.com/Mention" itemscope="" itemid="{marks[part]}">{words}</span>'
            )
        else:
            written.append(
                _ADDRESS.sub(
                    lambda found: f'<a href="mailto:{found[0]}" title="mailto:{found[0]}">{found[0]}</a>',
                    html.escape(part, quote=False).replace("  ", "&nbsp; "),
                )
            )
    return f"<p>{''.join(written)}</p>"


def card_action(
    place: Place,
    sender: Speaker,
    action: Json,
    *,
    reply_to_id: str | None,
    trigger: str,
    at: datetime,
) -> Json:
    """The invoke of an Action.Execute, by a press (`manual`) or when a card is shown again (`automatic`)."""
    activity = _envelope("invoke", place, sender, event_id(), at)
    activity |= {"name": "adaptiveCard/action", "value": {"action": action, "trigger": trigger}}
    activity["channelData"]["source"] = {"name": "message"}
    if reply_to_id is not None:
        activity["replyToId"] = reply_to_id
        activity["channelData"]["legacy"] = {"replyToId": reply_to_id}
    return activity


def file_answer(place: Place, sender: Speaker, value: Json, *, reply_to_id: str, at: datetime) -> Json:
    """The invoke of a person's yes or no to a file."""
    activity = _envelope("invoke", place, sender, event_id(), at)
    activity |= {"name": "fileConsent/invoke", "value": value, "replyToId": reply_to_id}
    return activity


def compose_extension(place: Place, sender: Speaker, kind: str, value: Json, *, at: datetime) -> Json:
    """An invoke of a message extension: `fetchTask`, `submitAction` or `query`."""
    activity = _envelope("invoke", place, sender, event_id(), at)
    activity |= {"name": f"composeExtension/{kind}", "value": value}
    activity["channelData"]["source"] = {"name": "compose" if kind == "query" else "message"}
    return activity


def message_payload(sender: Speaker, content: str, message_id: str, *, at: datetime) -> Json:
    """A message as it goes along with an action that is used on it."""
    return {
        "id": message_id,
        "replyToId": None,
        "createdDateTime": stamp(at),
        "importance": "normal",
        "locale": "en-gb",
        "body": {"contentType": "html", "content": content},
        "from": {
            "device": None,
            "conversation": None,
            "user": {"userIdentityType": "aadUser", "id": sender.object_id, "displayName": sender.name},
        },
        "reactions": [],
        "mentions": [],
        "attachments": [],
    }


def read_receipt(place: Place, sender: Speaker, last_read: str, *, at: datetime) -> Json:
    """The person has read the chat up to this message; Teams tells bots whose app has asked for it."""
    activity = _envelope("event", place, sender, event_id(), at)
    activity |= {"name": "application/vnd.microsoft.readReceipt", "value": {"lastReadMessageId": last_read}}
    return activity


def installation(place: Place, sender: Speaker, action: str, *, at: datetime) -> Json:
    """The app was added to or removed from a chat or a team: `add`, `remove`, `add-upgrade`, `remove-upgrade`."""
    activity = _envelope("installationUpdate", place, sender, event_id(), at)
    del activity["from"]["name"]
    activity["action"] = action
    _name_the_team(activity, place)
    if place.team is not None:
        activity["channelData"]["settings"] = {"selectedChannel": {"id": place.team.id}}
    return activity


def members_changed(
    place: Place, sender: Speaker, *, added: tuple[str, ...] = (), removed: tuple[str, ...] = (), at: datetime
) -> Json:
    """These Teams ids came or went; a bot learns of its own install by finding its id among them."""
    activity = _envelope("conversationUpdate", place, sender, event_id(), at)
    del activity["from"]["name"]
    if added:
        activity["membersAdded"] = [{"id": member} for member in added]
    if removed:
        activity["membersRemoved"] = [{"id": member} for member in removed]
    _name_the_team(activity, place)
    if place.team is not None:
        activity["channelData"]["eventType"] = "teamMemberAdded" if added else "teamMemberRemoved"
    return activity


def _name_the_team(activity: Json, place: Place) -> None:
    if place.team is not None:
        activity["channelData"]["team"] |= {"aadGroupId": place.team.aad_group_id, "name": place.team.name}
