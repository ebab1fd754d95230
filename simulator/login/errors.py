"""How the sign-in service refuses: its own error body, with the AADSTS number that people search for."""

from __future__ import annotations

from uuid import uuid4

from aiohttp import web

from simulator.world import World


def refusal(world: World, status: int, error: str, number: int, text: str, correlation_id: str | None) -> web.Response:
    """The error answer of the token endpoint and the discovery documents."""
    trace, correlation = str(uuid4()), correlation_id or str(uuid4())
    moment = world.clock.now().strftime("%Y-%m-%d %H:%M:%SZ")
    body = {
        "error": error,
        "error_description": (
            f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
        ),
        "error_codes": [number],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})


def unknown_tenant(world: World, tenant: str, correlation_id: str | None) -> web.Response:
    """There is no such tenant."""
    text = (
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant."
    )
    return refusal(world, 400, "invalid_tenant", 90002, text, correlation_id)
