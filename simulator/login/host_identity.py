"""The identity endpoint of the host that IRBot runs on, in the form of Azure App Service.

It gives a token of the host's managed identity to those who know its secret header: only programs on the host do.
"""

from __future__ import annotations

import secrets
from uuid import uuid4

import jwt
from aiohttp import web

from simulator.people import HOST_IDENTITY
from simulator.tenant import ServicePrincipal
from simulator.world import World

PATH = "/msi/token"
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
_VERSION = "2019-08-01"
_LIFETIME_SECONDS = 24 * 3600


def issuer_of(world: World) -> str:
    """Who signs the tokens of the tenant's own identities."""
    return f"https://login.microsoftonline.com/{world.tenant.id}/v2.0"


def identity_of(world: World) -> ServicePrincipal | None:
    """The managed identity that is assigned to the host; None where there is none."""
    return next(
        (
            each
            for each in world.tenant.service_principals.values()
            if each.properties["servicePrincipalType"] == "ManagedIdentity" and each.display_name == HOST_IDENTITY
        ),
        None,
    )


def assertion(world: World, identity: ServicePrincipal, audience: str) -> str:
    """A token of the identity for that audience, as the host's endpoint gives it out."""
    now = world.clock.now().timestamp()
    claims = {
        "aud": audience,
        "iss": issuer_of(world),
        "iat": now,
        "nbf": now - 300,
        "exp": now + _LIFETIME_SECONDS,
        "azp": identity.app_id,
        "idtyp": "app",
        "oid": identity.id,
        "sub": identity.id,
        "tid": world.tenant.id,
        "uti": secrets.token_urlsafe(16),
        "ver": "2.0",
    }
    key = world.keys.login
    return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.kid})


def host_routes(world: World) -> list[web.RouteDef]:
    """What the HTTP port serves to programs on the host."""

    async def token(request: web.Request) -> web.Response:
        header = request.headers.get("X-IDENTITY-HEADER", "")
        if not secrets.compare_digest(header.encode(), world.identity_header.encode()):
            return _refusal(401, "The identity header is missing or wrong.")
        if request.query.get("api-version") != _VERSION:
            return _refusal(400, f"The api-version must be {_VERSION}.")
        identity = identity_of(world)
        if identity is None or request.query.get("client_id", "").lower() != identity.app_id:
            return _refusal(400, "No managed identity found for specified ClientId/ResourceId/PrincipalId.")
        resource = request.query.get("resource", "")
        if resource != EXCHANGE_AUDIENCE:
            return _refusal(500, "An unexpected error occurred while fetching the token.")
        return web.json_response(
            {
                "access_token": assertion(world, identity, resource),
                "expires_on": str(int(world.clock.now().timestamp()) + _LIFETIME_SECONDS),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": identity.app_id,
            },
            headers={"Cache-Control": "no-store"},
        )

    return [web.get(PATH, token)]


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"statusCode": status, "message": message, "correlationId": str(uuid4())}, status=status)
