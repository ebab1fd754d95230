"""How the rest of IRBot speaks to people: `services.channel.Channel` on the Bot Connector."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botbuilder.schema import Activity, Attachment, ChannelAccount, ConversationAccount, ConversationParameters

from bot.connector import Connectors
from bot.credentials import ConnectorCredentials, TokenSource
from bot.identity import actor_of, object_id_of
from bot.pace import Pace
from bot.service_urls import ServiceUrls
from services.channel import Actor, Card, Conversation, ConversationKind, Upload
from services.errors import BadInput, Bug, NotAllowed, NotFound, UnknownOutcome
from services.settings import Settings

ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive"
FILE_CONSENT = "application/vnd.microsoft.teams.card.file.consent"
FILE_INFO = "application/vnd.microsoft.teams.card.file.info"
_PLAIN = (str, int, float, bool, type(None))
LONGEST_SUMMARY = 400


class _PersonalChat(ConversationParameters):  # type: ignore[misc]  # the SDK is untyped
    """The SDK writes `tenantID`; Teams reads `tenantId`."""

    _attribute_map = {**ConversationParameters._attribute_map, "tenant_id": {"key": "tenantId", "type": "str"}}


class Messenger:
    """Posts and edits, with Teams' retry rule and pace inside; see `services.channel.Channel` for the errors.

    Also raises BadInput where Teams could not take the message (too large), and AuthBroken.
    """

    def __init__(
        self, settings: Settings, tokens: TokenSource, *, pace: Pace | None = None, connectors: Connectors | None = None
    ) -> None:
        self._settings = settings
        self._bot = ChannelAccount(id=f"28:{settings.app_id}", name=settings.bot_name)
        self.connectors = connectors or Connectors(
            settings, ConnectorCredentials(settings, tokens, ServiceUrls(settings.service_urls)), pace=pace
        )

    async def post_card(self, where: Conversation, card: Card, summary: str) -> str:
        """Posts a card alone (with text beside it Teams would return no id) and returns its activity id."""
        return await self._post(where, self._card_activity(where, card, summary))

    async def open_thread(self, channel: Conversation, card: Card, summary: str) -> tuple[Conversation, str]:
        """Begins a thread in a channel with a card, and returns the thread and the card's activity id."""
        parameters = ConversationParameters(
            is_group=True,
            bot=self._bot,
            channel_data={"channel": {"id": channel.id}, "tenant": {"id": channel.tenant_id}},
            activity=self._card_activity(None, card, summary),
        )
        client = self.connectors.client(self._checked(channel).service_url)
        made = await client.conversations.create_conversation(parameters)
        if made is None or not made.id or not made.activity_id:
            raise UnknownOutcome(service="bot-connector", reason="no-id")
        return replace(channel, id=str(made.id), channel_id=channel.id), str(made.activity_id)

    async def edit_card(self, where: Conversation, activity_id: str, card: Card, summary: str) -> None:
        """Replaces a card that we posted; doing it twice is the same as once."""
        activity = self._card_activity(where, card, summary)
        activity.id = activity_id
        client = self.connectors.client(self._checked(where).service_url)
        await client.conversations.update_activity(where.id, activity_id, activity)

    async def post_text(self, where: Conversation, text: str) -> str:
        """Posts plain text and returns its activity id."""
        if not text.strip():
            raise BadInput(reason="empty-text")
        activity = self._activity(where)
        activity.text = text
        activity.text_format = "plain"
        return await self._post(where, activity)

    async def show_typing(self, where: Conversation) -> None:
        """Shows for a few seconds that the bot is busy; it counts as a call like any other."""
        activity = self._activity(self._checked(where))
        activity.type = "typing"
        client = self.connectors.client(where.service_url)
        await client.conversations.send_to_conversation(where.id, activity)

    async def offer_file(
        self, where: Conversation, name: str, size: int, description: str, context: Mapping[str, str]
    ) -> str:
        """Asks in a personal chat, the only place where Teams has this question, whether a file is wanted."""
        if where.kind is not ConversationKind.PERSONAL:
            raise NotAllowed(reason="not-in-this-place")
        content = {
            "description": description,
            "sizeInBytes": size,
            "acceptContext": dict(context),
            "declineContext": dict(context),
        }
        return await self._post(where, self._file_activity(where, FILE_CONSENT, name, content))

    async def hand_over_file(self, where: Conversation, upload: Upload) -> str:
        """Shows an uploaded file as Teams shows files."""
        content = {"uniqueId": upload.unique_id, "fileType": upload.file_type}
        activity = self._file_activity(where, FILE_INFO, upload.name, content)
        activity.attachments[0].content_url = upload.content_url
        return await self._post(where, activity)

    async def open_personal(
        self, object_id: str, service_url: str, tenant_id: str, *, teams_id: str | None = None
    ) -> Conversation:
        """The personal chat with this person; Teams returns the one that is there, or makes it."""
        if tenant_id != self._settings.tenant_id:
            raise NotAllowed(reason="other-tenant")
        parameters = _PersonalChat(
            is_group=False,
            bot=self._bot,
            members=[ChannelAccount(id=teams_id or object_id, aad_object_id=object_id)],
            channel_data={"tenant": {"id": tenant_id}},
            tenant_id=tenant_id,
        )
        made = await self.connectors.client(service_url).conversations.create_conversation(parameters)
        if made is None or not made.id:
            raise UnknownOutcome(service="bot-connector", reason="no-id")
        return Conversation(str(made.id), ConversationKind.PERSONAL, service_url, tenant_id)

    async def member(self, where: Conversation, teams_id: str) -> Actor | None:
        """Who this Teams id is, by the roster of the chat or channel; None where there is no such member."""
        roster = where.id.partition(";")[0]  # a thread has the members of its channel
        client = self.connectors.client(self._checked(where).service_url)
        try:
            found = await client.conversations.get_conversation_member(roster, teams_id, raw=True)
        except NotFound as error:
            if error.data["what"] != "member":
                raise
            return None
        person: Mapping[str, Any] = found.response.document or {}
        object_id = person.get("aadObjectId") or person.get("objectId")  # rosters call it by two names
        if object_id_of(object_id) is None or person.get("id") != teams_id:
            return None
        return actor_of(object_id, teams_id, person.get("name"))

    async def close(self) -> None:
        """Closes the connections."""
        await self.connectors.close()

    async def _post(self, where: Conversation, activity: Activity) -> str:
        client = self.connectors.client(self._checked(where).service_url)
        sent = await client.conversations.send_to_conversation(where.id, activity)
        if sent is None or not sent.id:
            raise UnknownOutcome(service="bot-connector", reason="no-id")
        return str(sent.id)

    def _checked(self, where: Conversation) -> Conversation:
        if where.tenant_id != self._settings.tenant_id:
            raise NotAllowed(reason="other-tenant")
        return where

    def _activity(self, where: Conversation | None) -> Activity:
        """A message of ours; the first one of a thread has no place yet."""
        activity = Activity(type="message", channel_id="msteams", from_property=self._bot)
        if where is not None:
            activity.service_url = where.service_url
            activity.conversation = ConversationAccount(id=where.id, conversation_type=where.kind.value)
        return activity

    def _file_activity(self, where: Conversation, kind: str, name: str, content: Mapping[str, Any]) -> Activity:
        activity = self._activity(self._checked(where))
        activity.attachments = [Attachment(content_type=kind, name=name, content=dict(content))]
        return activity

    def _card_activity(self, where: Conversation | None, card: Card, summary: str) -> Activity:
        insist_on_plain_json(card)
        activity = self._activity(where)
        activity.summary = summary if len(summary) <= LONGEST_SUMMARY else summary[: LONGEST_SUMMARY - 1] + "…"
        activity.attachments = [Attachment(content_type=ADAPTIVE_CARD, content=json.loads(json.dumps(card)))]
        return activity


def insist_on_plain_json(value: Any) -> None:
    """Raises Bug on anything but plain JSON: the SDK would write an enum as `E.A` and a tuple as text, silently."""
    left = [value]
    while left:
        item = left.pop()
        if type(item) is dict:
            if any(type(key) is not str for key in item):
                raise Bug(reason="card-is-not-plain-json", type="key")
            left.extend(item.values())
        elif type(item) is list:
            left.extend(item)
        elif type(item) not in _PLAIN:
            raise Bug(reason="card-is-not-plain-json", type=type(item).__name__)
