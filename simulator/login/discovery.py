"""Discovery documents: what msal and token checkers read before anything else."""

from __future__ import annotations

from aiohttp import web

from simulator.login.errors import unknown_tenant
from simulator.world import World


def knows_tenant(world: World, name: str) -> bool:
    """Whether a path's tenant is ours: by id, by either domain, or one of the shared names."""
    tenant = world.tenant
    known = {tenant.id, tenant.domain, tenant.initial_domain, "common", "organizations", "botframework.com"}
    return name.lower() in known


def discovery_routes(world: World) -> list[web.RouteDef]:
    """OpenID configuration of both versions, the signing keys and instance discovery."""

    def configuration(request: web.Request, *, version_two: bool) -> web.Response:
        name = request.match_info["tenant"]
        if not knows_tenant(world, name):
            return unknown_tenant(world, name, request.headers.get("client-request-id"))
        base = f"{request.scheme}://{request.host}/{world.tenant.id}"
        version = "/v2.0" if version_two else ""
        oauth = f"{base}/oauth2{version}"
        return web.json_response(
            {
                "token_endpoint": f"{oauth}/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery{version}/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{base}/v2.0" if version_two else f"https://sts.windows.net/{world.tenant.id}/",
                "authorization_endpoint": f"{oauth}/authorize",
                "device_authorization_endpoint": f"{oauth}/devicecode",
                "end_session_endpoint": f"{oauth}/logout",
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "cloud_graph_host_name": "graph.windows.net",
                "msgraph_host": "graph.microsoft.com",
            }
        )

    async def version_one(request: web.Request) -> web.Response:
        return configuration(request, version_two=False)

    async def version_two(request: web.Request) -> web.Response:
        return configuration(request, version_two=True)

    async def keys(request: web.Request) -> web.Response:
        name = request.match_info["tenant"]
        if not knows_tenant(world, name):
            return unknown_tenant(world, name, request.headers.get("client-request-id"))
        return web.json_response({"keys": [world.keys.login.jwk()]})

    async def instance(request: web.Request) -> web.Response:
        return web.json_response(
            {
                "tenant_discovery_endpoint": (
                    f"{request.scheme}://{request.host}/{world.tenant.id}/v2.0/.well-known/openid-configuration"
                ),
                "api-version": "1.1",
                "metadata": [
                    {
                        "preferred_network": request.host,
                        "preferred_cache": request.host,
                        "aliases": [request.host],
                    }
                ],
            }
        )

    return [
        web.get("/common/discovery/instance", instance),
        web.get("/{tenant}/.well-known/openid-configuration", version_one),
        web.get("/{tenant}/v2.0/.well-known/openid-configuration", version_two),
        web.get("/{tenant}/discovery/keys", keys),
        web.get("/{tenant}/discovery/v2.0/keys", keys),
    ]
