"""Reading: the tenant, a person, the changes, the journal and the inboxes."""

from __future__ import annotations

from aiohttp import web

from simulator.control import views
from simulator.tenant import User
from simulator.world import World

_MOST_PEOPLE = 1000


def state_routes(world: World) -> list[web.RouteDef]:
    """The GET half of the control API, and forgetting the journal."""

    def person(request: web.Request) -> User:
        try:
            return world.tenant.user(request.match_info["user"])
        except KeyError as problem:
            raise web.HTTPNotFound(text="No such person.") from problem

    async def tenant(request: web.Request) -> web.Response:
        if request.query.get("since") == str(world.tenant.version):
            return web.Response(status=204)
        limit = request.query.get("limit", "200")
        if not limit.isdecimal() or not 1 <= int(limit) <= _MOST_PEOPLE:
            raise web.HTTPBadRequest(text=f"limit is 1 to {_MOST_PEOPLE}.")
        return web.json_response(views.tenant(world, request.query.get("q", ""), int(limit)))

    async def user(request: web.Request) -> web.Response:
        return web.json_response(views.person_in_full(world, person(request)))

    async def changes(request: web.Request) -> web.Response:
        rows = [change.to_json() for change in world.tenant.changes]
        return web.json_response({"changes": rows})

    async def journal(request: web.Request) -> web.Response:
        query = request.query
        entries = world.journal.entries(
            service=query.get("service"), method=query.get("method"), path=query.get("path")
        )
        return web.json_response({"entries": [entry.to_json() for entry in entries]})

    async def clear_journal(_request: web.Request) -> web.Response:
        world.journal.clear()
        return web.json_response({"ok": True})

    async def inbox(request: web.Request) -> web.Response:
        items = world.inbox.of(request.match_info["owner"])
        return web.json_response({"items": [item.to_json() for item in items]})

    async def sign_in(request: web.Request) -> web.Response:
        query = request.query
        session = world.tenant.sign_in(
            person(request),
            query.get("app", "Office 365"),
            query.get("ip_address", "203.0.113.7"),
            query.get("place", "Lagos, NG"),
            intruder=query.get("intruder") == "true",
        )
        return web.json_response({"ok": True, "signed_in": session is not None})

    return [
        web.get("/_control/tenant", tenant),
        web.get("/_control/users/{user}", user),
        web.post("/_control/users/{user}/sign-in", sign_in),
        web.get("/_control/changes", changes),
        web.get("/_control/journal", journal),
        web.delete("/_control/journal", clear_journal),
        web.get("/_control/inbox/{owner}", inbox),
    ]
