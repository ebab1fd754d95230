"""The bot's own token for the Bot Connector: one credentials object for the process, and only for allowed addresses.

The SDK makes a new msal application for every turn and blocks the event loop for it; here the token comes from
`services.microsoft365.tokens`, which asks off the loop, once, and keeps it.
"""

from __future__ import annotations

from typing import Protocol

from bot.service_urls import ServiceUrls
from services.errors import NotAllowed
from services.settings import Settings


class TokenSource(Protocol):
    """What we need of `services.microsoft365.tokens.Tokens`."""

    async def token(self, scope: str) -> str:
        """A token that is good for at least this call."""
        ...

    async def forget(self, scope: str, token: str) -> None:
        """Drops a token that a service refused."""
        ...


class ConnectorCredentials:
    """Hands out the connector token, by the address that it will be sent to."""

    def __init__(self, settings: Settings, tokens: TokenSource, service_urls: ServiceUrls) -> None:
        self._scope = settings.bot_scope
        self._tokens = tokens
        self._service_urls = service_urls

    def insist_on(self, service_url: str) -> None:
        """Raises NotAllowed for an address outside the configured prefixes."""
        if not self._service_urls.allows(service_url):
            raise NotAllowed(reason="service-url-not-allowed")

    async def token_for(self, service_url: str) -> str:
        """The token. Raises NotAllowed for an address outside the configured prefixes."""
        self.insist_on(service_url)
        return await self._tokens.token(self._scope)

    async def refused(self, token: str) -> None:
        """Tells that the connector did not accept `token`, so that the next call gets a new one."""
        await self._tokens.forget(self._scope, token)
