"""The SDK's adapter, with authentication and connector of our own, and with an end for every error.

`CloudAdapterBase` runs the turn; what it lacks is here: tokens checked off the loop, one connector for the process, and
an error handler that tells people a correlation id and the log the rest.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from botbuilder.core import InvokeResponse, TurnContext
from botbuilder.core.cloud_adapter_base import CloudAdapterBase
from botbuilder.schema import Activity, ActivityTypes
from botframework.connector.aio import ConnectorClient
from botframework.connector.auth import AuthenticateRequestResult, BotFrameworkAuthentication, ClaimsIdentity
from botframework.connector.auth.connector_factory import ConnectorFactory
from botframework.connector.auth.user_token_client import UserTokenClient

from bot.auth import ChannelToken, InboundAuthentication
from bot.background import Background
from bot.connector import Connectors
from bot.rejections import Rejected
from bot.turn_bot import TurnBot, invoke_error
from services import logs
from services.errors import IRBotError
from services.settings import Settings

logger = logging.getLogger(__name__)

_TEAM_WORDS = {
    "team-not-allowed": "IRBot is not set up for this team. Ask your administrator to add it.",
    "team-unknown": "IRBot cannot find out which team this is. Please try again in a minute.",
}


class _Factory(ConnectorFactory):  # type: ignore[misc]  # the SDK is untyped
    """Gives the SDK the one corrected connector client of each address."""

    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors

    async def create(self, service_url: str, audience: str | None = None) -> ConnectorClient:
        """The client; the audience is the configured one, whatever the SDK asks for."""
        return self._connectors.client(service_url)


class ChannelAuthentication(BotFrameworkAuthentication):  # type: ignore[misc]  # the SDK is untyped
    """What the SDK's adapter asks of its environment, answered by `InboundAuthentication` and `Connectors`."""

    def __init__(self, settings: Settings, inbound: InboundAuthentication, connectors: Connectors) -> None:
        self._app_id = settings.app_id
        self._scope = settings.bot_scope
        self._inbound = inbound
        self._factory = _Factory(connectors)

    async def authenticate_request(self, activity: Activity, auth_header: str) -> AuthenticateRequestResult:
        """Checks header and activity together. Raises Rejected."""
        return self.admit(await self._inbound.verify(auth_header), activity)

    def admit(self, token: ChannelToken, activity: Activity) -> AuthenticateRequestResult:
        """Checks that an already verified token fits the activity. Raises Rejected."""
        self._inbound.bind(token, activity.channel_id, activity.service_url)
        result = AuthenticateRequestResult()
        result.audience = self._scope
        result.claims_identity = ClaimsIdentity(dict(token.claims), True, "Bearer")
        result.caller_id = "urn:botframework:azure"
        result.connector_factory = self._factory
        return result

    async def authenticate_streaming_request(
        self, auth_header: str, channel_id_header: str
    ) -> AuthenticateRequestResult:
        """Streaming connections are not taken."""
        raise Rejected(403, "no-streaming")

    def create_connector_factory(self, claims_identity: ClaimsIdentity) -> ConnectorFactory:
        """The one factory, whoever asks."""
        return self._factory

    async def create_user_token_client(self, claims_identity: ClaimsIdentity) -> UserTokenClient | None:
        """Nobody signs in through this bot."""
        return None


class Adapter(CloudAdapterBase):  # type: ignore[misc]  # the SDK is untyped
    """Runs turns. A refusal travels up to the HTTP answer; any other error ends here."""

    def __init__(self, settings: Settings, authentication: ChannelAuthentication, background: Background) -> None:
        super().__init__(authentication)
        self.authentication = authentication
        self._background = background
        self.on_turn_error = self._turn_failed

    async def run(self, token: ChannelToken, activity: Activity, bot: TurnBot) -> InvokeResponse | None:
        """One turn: authenticated, through the SDK's pipeline, to the bot and back."""
        result = self.authentication.admit(token, activity)
        response: InvokeResponse | None = await self.process_activity(result, activity, bot.on_turn)
        return response

    async def _turn_failed(self, context: TurnContext, error: Exception) -> None:
        """Detail to the log; to the person a short text with the correlation id."""
        correlation_id = logs.correlation.get() or "-"
        if isinstance(error, Rejected):
            await self._refused(context, error, correlation_id)
            return
        code = error.code if isinstance(error, IRBotError) else "bug"
        logger.error("the turn failed: %s", code, exc_info=error)
        text = f"Something went wrong. Please try again, or tell your administrator this reference: {correlation_id}"
        if context.activity.type == ActivityTypes.invoke:
            text = f"Something went wrong. Look at the incident before you press again. Reference: {correlation_id}"
            await _answer_invoke(context, invoke_error(HTTPStatus.INTERNAL_SERVER_ERROR, code, text))
        elif context.activity.type == ActivityTypes.message:
            self._tell(context, text)

    async def _refused(self, context: TurnContext, refusal: Rejected, correlation_id: str) -> None:
        words = _TEAM_WORDS.get(refusal.reason)
        if context.activity.type == ActivityTypes.invoke:
            text = words or f"Not accepted. Reference: {correlation_id}"
            logger.warning("invoke refused: %s", refusal.reason)
            await _answer_invoke(context, invoke_error(HTTPStatus(refusal.status), refusal.reason, text))
            return
        if words is not None and context.activity.type == ActivityTypes.message:
            self._tell(context, words)
        raise refusal

    def _tell(self, context: TurnContext, text: str) -> None:
        """Says `text` in the conversation, behind the HTTP answer."""
        message = Activity(type=ActivityTypes.message, text=text, text_format="plain")
        self._background.start(_send(context, message), "error text")


async def _send(context: TurnContext, message: Activity) -> None:
    try:
        await context.send_activity(message)
    except IRBotError as error:
        logger.warning("the error text was not delivered: %r", error)


async def _answer_invoke(context: TurnContext, response: InvokeResponse) -> None:
    await context.send_activity(Activity(type=ActivityTypes.invoke_response, value=response))
