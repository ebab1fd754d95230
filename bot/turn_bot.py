"""From a turn of the SDK to the handler's three verbs, and from their answers to what Teams understands.

Invokes are always answered with HTTP 200 and a body of plain JSON: Teams takes an empty or failed answer as a fault and
sends the click again.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from botbuilder.core import ActivityHandler, InvokeResponse, TurnContext
from botbuilder.schema import Activity

from bot.activities import conversation_of, tenant_of, tenants_named_by
from bot.allowed_teams import AllowedTeams
from bot.clicks import read_click
from bot.compose import compose_body, compose_refusal, is_compose, read_compose
from bot.files import FILE_CONSENT_INVOKE, read_file_answer
from bot.handler import Handler
from bot.identity import actor_of, object_id_of
from bot.mentions import read_text
from bot.rejections import Rejected
from dialogs.turn import Answer, Arrival, CardAnswer, Message, Reading
from services import logs
from services.channel import Actor, Conversation, ConversationKind
from services.errors import BadInput
from services.settings import Settings

logger = logging.getLogger(__name__)

ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive"
PLAIN_MESSAGE = "application/vnd.microsoft.activity.message"
READ_RECEIPT = "application/vnd.microsoft.readReceipt"
ERROR = "application/vnd.microsoft.error"


class TurnBot(ActivityHandler):  # type: ignore[misc]  # the SDK is untyped
    """Lets in who may come in, reads the activity, asks the handler, and shapes the answer."""

    def __init__(self, settings: Settings, handler: Handler, allowed_teams: AllowedTeams) -> None:
        super().__init__()
        self._tenant_id = settings.tenant_id.lower()
        self._allowed_teams = allowed_teams
        self._handler = handler

    async def admit(self, activity: Activity) -> Conversation:
        """The place of the activity. Raises Rejected for another tenant, and for a team that is not on the list."""
        tenant_id = self._insist_on_tenant(activity)
        conversation = conversation_of(activity, tenant_id)
        if conversation.kind is ConversationKind.CHANNEL:
            await self._allowed_teams.insist_on(activity)
        return conversation

    def _insist_on_tenant(self, activity: Activity) -> str:
        tenant_id = tenant_of(activity)
        if tenant_id is None:
            raise Rejected(403, "no-tenant")
        if tenants_named_by(activity) != {self._tenant_id}:
            raise Rejected(403, "other-tenant")
        return tenant_id

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        """Hands on what a person wrote to the bot; in a channel or group that is what mentions it."""
        activity = turn_context.activity
        conversation = await self.admit(activity)
        if activity.from_property.role == "bot" or activity.from_property.id == activity.recipient.id:
            return
        actor = _actor(activity)
        if activity.id is None:
            raise Rejected(400, "no-id")
        read = read_text(
            activity.text, [entity.additional_properties for entity in activity.entities], activity.recipient.id
        )
        if not read.bot_mentioned and conversation.kind is not ConversationKind.PERSONAL:
            logger.info("not addressed to the bot")
            return
        if activity.value is not None and not read.text:
            logger.info("a card submitted the old way is not taken")
            return
        with logs.bound(actor=actor.object_id):
            await self._handler.on_message(
                Message(
                    actor=actor,
                    conversation=conversation,
                    activity_id=activity.id,
                    text=read.text,
                    mentions=read.mentions,
                    locale=activity.locale,
                )
            )

    async def on_invoke_activity(self, turn_context: TurnContext) -> InvokeResponse:
        """Answers a click, and says a plain no to every other invoke."""
        activity = turn_context.activity
        if is_compose(activity.name):
            return await self._on_compose(activity)
        conversation = await self.admit(activity)
        actor = _actor(activity)
        if activity.name == FILE_CONSENT_INVOKE:
            return await self._on_file_answer(activity.value, actor, conversation)
        if activity.name != "adaptiveCard/action":
            return invoke_error(HTTPStatus.NOT_IMPLEMENTED, "not-supported", "This bot does not do that.")
        try:
            click = read_click(activity.value, actor, conversation, activity.id or "")
        except BadInput as error:
            reason = str(error.data["reason"])
            logger.warning("malformed click refused: %s", reason)
            return invoke_error(HTTPStatus.BAD_REQUEST, reason, "This button cannot be read. Ask for a new card.")
        with logs.bound(actor=actor.object_id):
            return invoke_answer(await self._handler.on_click(click))

    async def _on_compose(self, activity: Activity) -> InvokeResponse:
        """Answers a report or a search. The place is that of a message, which need not be one where the bot is."""
        self._insist_on_tenant(activity)
        actor = _actor(activity)
        with logs.bound(actor=actor.object_id):
            try:
                compose = read_compose(str(activity.name), activity.value, actor, activity.conversation.id)
            except BadInput as error:
                logger.warning("malformed request of a message extension refused: %s", error.data["reason"])
                return InvokeResponse(status=HTTPStatus.OK.value, body=compose_refusal(str(activity.name)))
            answer = await self._handler.on_compose(compose)
        return InvokeResponse(status=HTTPStatus.OK.value, body=compose_body(str(activity.name), answer))

    async def _on_file_answer(self, value: object, actor: Actor, conversation: Conversation) -> InvokeResponse:
        try:
            answer = read_file_answer(value, actor, conversation)
        except BadInput as error:
            logger.warning("malformed answer to a file refused: %s", error.data["reason"])
            return invoke_error(HTTPStatus.BAD_REQUEST, str(error.data["reason"]), "This answer cannot be read.")
        with logs.bound(actor=actor.object_id):
            await self._handler.on_file_answer(answer)
        return _invoke(HTTPStatus.OK, PLAIN_MESSAGE, "")

    async def on_event_activity(self, turn_context: TurnContext) -> None:
        """Tells of a read receipt of a personal chat; no other event means anything to us."""
        activity = turn_context.activity
        conversation = await self.admit(activity)
        value = activity.value
        last_read = value.get("lastReadMessageId") if isinstance(value, dict) else None
        if activity.name != READ_RECEIPT or conversation.kind is not ConversationKind.PERSONAL:
            logger.info("an event that is not handled")
            return
        if not isinstance(last_read, str) or not (last_read.isascii() and last_read.isdecimal()):
            raise Rejected(400, "bad-read-receipt")
        actor = _actor(activity)
        with logs.bound(actor=actor.object_id):
            await self._handler.on_reading(Reading(actor, conversation, last_read))

    async def on_conversation_update_activity(self, turn_context: TurnContext) -> None:
        """Tells of an arrival: the bot was added, or a person's own chat with it was opened."""
        activity = turn_context.activity
        added = activity.members_added
        bot_added = any(member.id == activity.recipient.id for member in added)
        await self._arrive(activity, added, only_if=bot_added)

    async def on_installation_update_add(self, turn_context: TurnContext) -> None:
        """Tells of an arrival: the app was installed here."""
        await self._arrive(turn_context.activity, [], only_if=True)

    async def _arrive(self, activity: Activity, added: list[Any], *, only_if: bool) -> None:
        conversation = await self.admit(activity)
        if not added and not only_if:
            return
        if not only_if and conversation.kind is not ConversationKind.PERSONAL:
            return
        sender = activity.from_property
        members = tuple(
            actor_of(member.aad_object_id, member.id, member.name)
            for member in added
            if member.id != activity.recipient.id and object_id_of(member.aad_object_id)
        )
        actor = (
            actor_of(sender.aad_object_id, sender.id, sender.name)
            if object_id_of(sender.aad_object_id) and sender.id != activity.recipient.id
            else None
        )
        await self._handler.on_arrival(Arrival(actor=actor, conversation=conversation, members=members))


def invoke_answer(answer: Answer) -> InvokeResponse:
    """A card in the place of the one that was clicked, or a short text above it."""
    if isinstance(answer, CardAnswer):
        return _invoke(HTTPStatus.OK, ADAPTIVE_CARD, answer.card)
    return _invoke(HTTPStatus.OK, PLAIN_MESSAGE, answer.text)


def invoke_error(status: HTTPStatus, code: str, message: str) -> InvokeResponse:
    """A refusal that Teams shows as a short text; the HTTP status stays 200."""
    return _invoke(status, ERROR, {"code": code, "message": message})


def _invoke(status: HTTPStatus, kind: str, value: object) -> InvokeResponse:
    return InvokeResponse(status=HTTPStatus.OK.value, body={"statusCode": status.value, "type": kind, "value": value})


def _actor(activity: Activity) -> Actor:
    sender = activity.from_property
    return actor_of(sender.aad_object_id, sender.id, sender.name)
