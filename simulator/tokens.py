"""The tokens of the simulated sign-in service: real RS256 JWTs, checked as strictly as the cloud does."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jwt

from simulator.clock import Clock
from simulator.keys import SigningKey
from simulator.tenant import ServicePrincipal, Tenant


class Audience(StrEnum):
    """The APIs that tokens are issued for."""

    BOT_FRAMEWORK = "https://api.botframework.com"
    EXCHANGE = "https://outlook.office365.com"
    GRAPH = "https://graph.microsoft.com"


# appId of the API, and what else a scope may call it
_ALIASES: dict[str, Audience] = {
    "00000003-0000-0000-c000-000000000000": Audience.GRAPH,
    "00000002-0000-0ff1-ce00-000000000000": Audience.EXCHANGE,
    "https://outlook.office.com": Audience.EXCHANGE,
}
LIFETIME_SECONDS = 3599
_REMEMBERED = 256


def audience_of(resource: str) -> Audience | None:
    """The API that a scope or resource names."""
    name = resource.rstrip("/").lower()
    if name in _ALIASES:
        return _ALIASES[name]
    return next((audience for audience in Audience if audience.value == name), None)


class TokenProblem(Exception):
    """The token is not accepted; `reason` is missing, malformed, signature, expired, audience, issuer or revoked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Caller:
    """The app behind a token. `permissions` are the token's roles that are still granted."""

    app_id: str
    object_id: str
    permissions: frozenset[str]
    claims: dict[str, Any]


class Tokens:
    """Issues and checks."""

    def __init__(self, tenant: Tenant, clock: Clock, key: SigningKey) -> None:
        self._tenant = tenant
        self._clock = clock
        self._key = key
        self._checked: dict[str, dict[str, Any]] = {}
        self._generation = 0  # tokens of earlier ones are refused

    def expire_all(self) -> None:
        """Every token issued so far stops working."""
        self._generation += 1

    def issue(self, app: ServicePrincipal, audience: Audience, lifetime_seconds: float = LIFETIME_SECONDS) -> str:
        """A token for an app, with the permissions granted to it at this moment."""
        now = self._clock.now().timestamp()
        roles: dict[Audience, set[str]] = {
            Audience.GRAPH: app.permissions,
            Audience.EXCHANGE: app.exchange_roles,
            Audience.BOT_FRAMEWORK: set(),
        }
        claims: dict[str, Any] = {
            "aud": audience.value,
            "iss": f"https://sts.windows.net/{self._tenant.id}/",
            "iat": now,
            "nbf": now - 300,
            "exp": now + lifetime_seconds,
            "appid": app.app_id,
            "app_displayname": app.display_name,
            "azp": app.app_id,
            "appidacr": "1",
            "idtyp": "app",
            "oid": app.id,
            "sub": app.id,
            "tid": self._tenant.id,
            "xms_generation": self._generation,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        if roles[audience]:
            claims["roles"] = sorted(roles[audience])
        return jwt.encode(claims, self._key.private, algorithm="RS256", headers={"kid": self._key.kid})

    def _signed(self, token: str) -> dict[str, Any]:
        """The claims of a token that we signed; a signature is checked once."""
        known = self._checked.get(token)
        if known is not None:
            return known
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.private.public_key(),
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidSignatureError as problem:
            raise TokenProblem("signature") from problem
        except jwt.InvalidTokenError as problem:
            raise TokenProblem("malformed") from problem
        if len(self._checked) >= _REMEMBERED:
            self._checked.clear()
        self._checked[token] = claims
        return claims

    def check(self, authorization: str | None, audience: Audience) -> Caller:
        """The caller behind an Authorization header. Raises TokenProblem."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenProblem("missing")
        claims = self._signed(token.strip())
        now = self._clock.now().timestamp()
        if claims.get("aud") != audience.value:
            raise TokenProblem("audience")
        if claims.get("tid") != self._tenant.id:
            raise TokenProblem("issuer")
        if now >= float(claims.get("exp", 0)):
            raise TokenProblem("expired")
        app = self._tenant.app(str(claims.get("appid")))
        if app is None or claims.get("xms_generation") != self._generation:
            raise TokenProblem("revoked")
        granted = app.permissions if audience is Audience.GRAPH else app.exchange_roles
        # A withdrawn permission works at once, so that a test need not wait for the token to end.
        permissions = frozenset(claims.get("roles", ())) & granted
        return Caller(app.app_id, app.id, permissions, claims)
