"""Who may hand us activities: the Bot Framework channel, and nobody else.

Every request carries a token that the channel signed for this bot. There is no way to switch the check off, and none of
the SDK's other doors (emulator, skills, government issuers beside the public one) is open: exactly one issuer counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from bot.channel_keys import ChannelKeys, KeysUnavailable
from bot.rejections import Rejected
from bot.service_urls import ServiceUrls, same_url
from services.settings import Settings

CHANNEL_ID = "msteams"
_SKEW_SECONDS = 5 * 60
_LONGEST_TOKEN = 8 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ChannelToken:
    """A token whose signature, issuer, audience and times are right."""

    claims: Mapping[str, Any]
    endorsements: frozenset[str]


class InboundAuthentication:
    """Checks the channel's tokens. Raises Rejected: 401 for a bad token, 403 for one that does not fit the activity."""

    def __init__(self, settings: Settings, keys: ChannelKeys, service_urls: ServiceUrls) -> None:
        self._app_id = settings.app_id
        self._issuer = settings.bot_issuer
        self._keys = keys
        self._service_urls = service_urls

    async def verify(self, authorization: str | None) -> ChannelToken:
        """Checks what can be checked without the activity. 503 where the channel's keys cannot be had now."""
        token = _bearer(authorization)
        key_id = _key_id(token)
        try:
            key = await self._keys.key(key_id)
        except KeysUnavailable:
            raise Rejected(503, "keys-unavailable") from None
        if key is None:
            raise Rejected(401, "unknown-key")
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=self._app_id,
                issuer=self._issuer,
                leeway=_SKEW_SECONDS,
                options={"require": ["exp", "iss", "aud"], "strict_aud": True},
            )
        except jwt.InvalidTokenError as error:
            raise Rejected(401, _WORDS.get(type(error), "bad-token")) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise Rejected(401, "bad-token") from None
        return ChannelToken(claims, key.endorsements)

    def bind(self, token: ChannelToken, channel_id: str, service_url: str) -> None:
        """Checks that the token speaks for this channel, and for the address that the activity wants answers at."""
        if channel_id != CHANNEL_ID:
            raise Rejected(403, "other-channel")
        if channel_id not in token.endorsements:
            raise Rejected(403, "key-not-endorsed")
        claimed = token.claims.get("serviceurl")
        if not isinstance(claimed, str) or not same_url(claimed, service_url):
            raise Rejected(403, "service-url-mismatch")
        if not self._service_urls.allows(service_url):
            raise Rejected(403, "service-url-not-allowed")


_WORDS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "token-expired",
    jwt.ImmatureSignatureError: "token-not-yet-valid",
    jwt.InvalidAlgorithmError: "wrong-algorithm",
    jwt.InvalidAudienceError: "wrong-audience",
    jwt.InvalidIssuerError: "wrong-issuer",
    jwt.InvalidSignatureError: "wrong-signature",
    jwt.MissingRequiredClaimError: "claim-missing",
}


def _bearer(authorization: str | None) -> str:
    if not authorization:
        raise Rejected(401, "no-token")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or len(token) > _LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        raise Rejected(401, "bad-token")
    return token


def _key_id(token: str) -> str:
    """The key id of a token that claims the one algorithm we take."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        raise Rejected(401, "bad-token") from None
    if header.get("alg") != "RS256":
        raise Rejected(401, "wrong-algorithm")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id or "crit" in header:
        raise Rejected(401, "bad-token")
    return key_id
