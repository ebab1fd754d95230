"""Sending one card to very many people: `services.blasts.channel.MassChannel` on the Bot Connector.

The SDK would build and write out every message anew; here a card is written out once for all.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from bot.connector import LARGEST_UTF16_BYTES, Connectors
from bot.messenger import ADAPTIVE_CARD, LONGEST_SUMMARY, insist_on_plain_json
from services.blasts.channel import Letter
from services.channel import Card, Conversation, ConversationKind
from services.errors import BadInput, NotAllowed, UnknownOutcome
from services.settings import Settings

_PLACE = "\u0001the conversation\u0001"


class MassMessenger:
    """See `MassChannel`. It shares the session, the token and the trusted addresses with the messenger."""

    def __init__(self, settings: Settings, connectors: Connectors) -> None:
        self._tenant_id = settings.tenant_id
        self._bot = {"id": f"28:{settings.app_id}", "name": settings.bot_name}
        self._connectors = connectors

    def prepare(self, card: Card, summary: str) -> Letter:
        """See `MassChannel`."""
        insist_on_plain_json(card)
        activity = {
            "type": "message",
            "channelId": "msteams",
            "from": self._bot,
            "conversation": {"id": _PLACE, "conversationType": ConversationKind.PERSONAL.value},
            "summary": summary if len(summary) <= LONGEST_SUMMARY else summary[: LONGEST_SUMMARY - 1] + "…",
            "attachments": [{"contentType": ADAPTIVE_CARD, "content": card}],
        }
        text = json.dumps(activity, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode("utf-16-le", "replace"))
        if size > LARGEST_UTF16_BYTES:
            raise BadInput(reason="message-too-large", bytes_utf16=size, limit=LARGEST_UTF16_BYTES)
        before, _, after = text.partition(json.dumps(_PLACE))
        return Letter(before.encode("utf-8", "replace"), after.encode("utf-8", "replace"))

    async def post(self, where: Conversation, letter: Letter) -> str:
        """See `MassChannel`."""
        body = b"".join((letter.before, json.dumps(where.id).encode(), letter.after))
        path = f"/v3/conversations/{quote(self._checked(where).id, safe='')}/activities"
        sent = await self._connectors.call_once(where.service_url, "POST", path, body)
        return _id(sent)

    async def open_chat(self, object_id: str, service_url: str) -> Conversation:
        """See `MassChannel`."""
        wanted = {
            "isGroup": False,
            "bot": self._bot,
            "members": [{"id": object_id, "aadObjectId": object_id}],
            "channelData": {"tenant": {"id": self._tenant_id}},
            "tenantId": self._tenant_id,
        }
        made = await self._connectors.call_once(service_url, "POST", "/v3/conversations", json.dumps(wanted).encode())
        return Conversation(_id(made), ConversationKind.PERSONAL, service_url, self._tenant_id)

    async def delete(self, where: Conversation, activity_id: str) -> None:
        """See `MassChannel`."""
        conversation = quote(self._checked(where).id, safe="")
        path = f"/v3/conversations/{conversation}/activities/{quote(activity_id, safe='')}"
        await self._connectors.call_once(where.service_url, "DELETE", path, None)

    def leave(self, calls_per_second: float) -> None:
        """See `MassChannel`."""
        self._connectors.pace.leave(calls_per_second)

    def live_calls(self) -> int:
        """See `MassChannel`."""
        return self._connectors.pace.calls

    def _checked(self, where: Conversation) -> Conversation:
        if where.tenant_id != self._tenant_id:
            raise NotAllowed(reason="other-tenant")
        return where


def _id(answer: dict[str, object] | None) -> str:
    found = (answer or {}).get("id")
    if not isinstance(found, str) or not found:
        raise UnknownOutcome(service="bot-connector", reason="no-id")
    return found
