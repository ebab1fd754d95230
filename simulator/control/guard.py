"""Only the tenant's own page and programs may turn knobs: a page from elsewhere in the same browser may not."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses requests to the control API that a foreign web page sent."""
    origin = request.headers.get("Origin")
    if request.path.startswith("/_control") and origin not in {None, f"{request.scheme}://{request.host}"}:
        return web.Response(status=403, text="Only from the tenant's own page.")
    return await handler(request)
