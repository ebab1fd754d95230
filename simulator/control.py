"""The control API under /_control: reads the state, sets faults, latencies, clock, knobs, permissions and licences.

It is for the demo, the drill and the tests; the simulated cloud does not know it, so nothing here is recorded as a
request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from simulator.config import SyncedWrite
from simulator.faults import Fault
from simulator.licences import SKUS
from simulator.permissions import KNOWN
from simulator.roles import NAMES
from simulator.tenant import Json, User
from simulator.world import World

Handler = Callable[[web.Request], Awaitable[web.Response]]
_FAULT_FIELDS = {
    "service", "method", "path", "times", "skip", "kind", "when", "status", "code", "message", "retry_after",
    "delay_seconds", "pid",
}  # fmt: skip


def user_state(world: World, user: User) -> Json:
    """A person as the page, the drill and the tests see them."""
    tenant = world.tenant
    return {
        "id": user.id,
        "name": user.display_name,
        "upn": user.upn,
        "department": user.properties.get("department"),
        "title": user.properties.get("jobTitle"),
        "enabled": user.enabled,
        "kind": "guest"
        if user.guest
        else "synced"
        if user.synced
        else user.mailbox
        if user.mailbox == "shared"
        else "cloud",
        "tags": list(user.tags),
        "roles": sorted(NAMES[role_id] for role_id in tenant.active_roles(user.id)),
        "groups": [group.display_name for group in tenant.groups_of(user.id)],
        "sessions": [session.to_json() for session in user.sessions],
        "sessions_valid_from": user.properties.get("signInSessionsValidFromDateTime"),
        "password_changed": user.properties.get("lastPasswordChangeDateTime"),
        "password_version": user.password.version,
        "received": len(world.inbox.of(user.id)),
    }


async def _json(request: web.Request) -> Json:
    try:
        body = await request.json() if request.can_read_body else {}
    except ValueError as problem:
        raise web.HTTPBadRequest(text="The body must be JSON.") from problem
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    return body


def _ok(**more: Any) -> web.Response:
    return web.json_response({"ok": True} | more)


def routes(world: World) -> list[web.RouteDef]:
    """Everything under /_control."""

    def person(request: web.Request) -> User:
        try:
            return world.tenant.user(request.match_info["user"])
        except KeyError as problem:
            raise web.HTTPNotFound(text="No such person.") from problem

    async def tenant(request: web.Request) -> web.Response:
        since = request.query.get("since")
        if since == str(world.tenant.version):
            return web.Response(status=204)
        people = [user_state(world, user) for user in world.tenant.users.values()]
        changes = [change.to_json() for change in world.tenant.changes[-200:]]
        return web.json_response(
            {
                "version": world.tenant.version,
                "name": world.tenant.name,
                "now": world.clock.now().isoformat(),
                "people": people,
                "changes": changes,
            }
        )

    async def user(request: web.Request) -> web.Response:
        found = person(request)
        state = user_state(world, found)
        state["methods"] = found.methods
        state["rules"] = found.rules
        state["inbox"] = [item.to_json() for item in world.inbox.of(found.id)]
        state["changes"] = [change.to_json() for change in world.tenant.changes_of(found.id)]
        return web.json_response(state)

    async def sign_in(request: web.Request) -> web.Response:
        body = await _json(request)
        session = world.tenant.sign_in(
            person(request),
            str(body.get("app", "Office 365")),
            str(body.get("ip_address", "203.0.113.7")),
            str(body.get("place", "Lagos, NG")),
            intruder=bool(body.get("intruder", False)),
        )
        return _ok(signed_in=session is not None)

    async def changes(_request: web.Request) -> web.Response:
        return web.json_response({"changes": [change.to_json() for change in world.tenant.changes]})

    async def journal(request: web.Request) -> web.Response:
        query = request.query
        entries = world.journal.entries(
            service=query.get("service"), method=query.get("method"), path=query.get("path")
        )
        return web.json_response({"entries": [entry.to_json() for entry in entries]})

    async def clear_journal(_request: web.Request) -> web.Response:
        world.journal.clear()
        return _ok()

    async def inbox(request: web.Request) -> web.Response:
        return web.json_response({"items": [i.to_json() for i in world.inbox.of(request.match_info["owner"])]})

    async def faults(_request: web.Request) -> web.Response:
        return web.json_response({"faults": [fault.to_json() for fault in world.faults.waiting()]})

    async def add_fault(request: web.Request) -> web.Response:
        body = await _json(request)
        unknown = set(body) - _FAULT_FIELDS
        if unknown:
            raise web.HTTPBadRequest(text=f"Unknown: {', '.join(sorted(unknown))}.")
        try:
            fault = world.faults.add(Fault(**body))
        except (TypeError, ValueError) as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        return _ok(id=fault.id)

    async def clear_faults(_request: web.Request) -> web.Response:
        world.faults.clear()
        return _ok()

    async def remove_fault(request: web.Request) -> web.Response:
        if not request.match_info["id"].isdecimal() or not world.faults.remove(int(request.match_info["id"])):
            raise web.HTTPNotFound(text="No such fault.")
        return _ok()

    async def latency(request: web.Request) -> web.Response:
        body = await _json(request)
        try:
            if "profile" in body:
                world.latency.choose(str(body["profile"]))
            if "path" in body:
                world.latency.slow_down(str(body.get("service", "graph")), str(body["path"]), float(body["seconds"]))
        except (KeyError, ValueError) as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        return _ok(profile=world.latency.name)

    async def clock(request: web.Request) -> web.Response:
        try:
            now = world.clock.advance(float((await _json(request)).get("seconds", 0)))
        except (TypeError, ValueError) as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        world.tenant.touch()
        return _ok(now=now.isoformat())

    async def sync(_request: web.Request) -> web.Response:
        return _ok(flowed_back=[user.upn for user in world.tenant.sync_tick()])

    async def knobs(request: web.Request) -> web.Response:
        body = await _json(request)
        unknown = set(body) - {"synced_write", "throttling", "replication_seconds"}
        if unknown:
            raise web.HTTPBadRequest(text=f"Unknown: {', '.join(sorted(unknown))}.")
        try:
            if "synced_write" in body:
                world.synced_write = SyncedWrite(body["synced_write"])
            if "throttling" in body:
                world.throttling = bool(body["throttling"])
            if "replication_seconds" in body:
                world.tenant.replication_seconds = float(body["replication_seconds"])
        except (TypeError, ValueError) as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        return _ok()

    async def permissions(request: web.Request) -> web.Response:
        body = await _json(request)
        bot = world.tenant.app(world.app_id)
        assert bot is not None
        add, remove = set(body.get("add", ())), set(body.get("remove", ()))
        if not add <= set(KNOWN):
            raise web.HTTPBadRequest(text=f"Unknown: {', '.join(sorted(add - set(KNOWN)))}.")
        bot.permissions = (bot.permissions | add) - remove
        if add:
            world.tokens.expire_all()  # what was granted now is in new tokens only
        return _ok(permissions=sorted(bot.permissions))

    async def licences(request: web.Request) -> web.Response:
        wanted = set((await _json(request)).get("licences", ()))
        if not wanted <= set(SKUS):
            raise web.HTTPBadRequest(text=f"Unknown: {', '.join(sorted(wanted - set(SKUS)))}.")
        world.tenant.licences = wanted
        world.tenant.touch()
        return _ok(licences=sorted(wanted))

    async def reset(_request: web.Request) -> web.Response:
        world.reset()
        return _ok()

    return [
        web.get("/_control/tenant", tenant),
        web.get("/_control/users/{user}", user),
        web.post("/_control/users/{user}/sign-in", sign_in),
        web.get("/_control/changes", changes),
        web.get("/_control/journal", journal),
        web.delete("/_control/journal", clear_journal),
        web.get("/_control/inbox/{owner}", inbox),
        web.get("/_control/faults", faults),
        web.post("/_control/faults", add_fault),
        web.delete("/_control/faults", clear_faults),
        web.delete("/_control/faults/{id}", remove_fault),
        web.post("/_control/latency", latency),
        web.post("/_control/clock", clock),
        web.post("/_control/sync", sync),
        web.post("/_control/knobs", knobs),
        web.post("/_control/permissions", permissions),
        web.post("/_control/licences", licences),
        web.post("/_control/reset", reset),
    ]
