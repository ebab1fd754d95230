"""The live page at /: the tenant as it is, so that anyone sees that an account is really locked."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from simulator.world import World

_FOLDER = Path(__file__).parent
_POLICY = (
    "default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
_FILES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}


def routes(world: World) -> list[web.RouteDef]:
    """The page and its two files; the data comes from /_control/tenant."""
    assert world  # the page shows whatever the control API says
    found: list[web.RouteDef] = []
    for path, (name, kind) in _FILES.items():
        content = (_FOLDER / name).read_text(encoding="utf-8")

        async def serve(_request: web.Request, content: str = content, kind: str = kind) -> web.Response:
            return web.Response(text=content, content_type=kind, headers={"Content-Security-Policy": _POLICY})

        found.append(web.get(path, serve))
    return found
