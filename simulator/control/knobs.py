"""Turning: faults, latencies, clock, directory sync, permissions, licences, reset."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from aiohttp import web

from simulator import stories
from simulator.config import SyncedWrite
from simulator.faults import Fault
from simulator.licences import SKUS
from simulator.permissions import KNOWN
from simulator.tenant import Json
from simulator.world import World

_FAULT_FIELDS = frozenset(field.name for field in fields(Fault)) - {"id"}
_KNOBS = frozenset({"replication_seconds", "synced_write", "throttling"})


async def read_object(request: web.Request) -> Json:
    """The body as a JSON object, an empty one where there is none. Raises HTTPBadRequest."""
    try:
        body = await request.json() if request.can_read_body else {}
    except ValueError as problem:
        raise web.HTTPBadRequest(text="The body must be JSON.") from problem
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    return body


def _only(body: Json, known: frozenset[str]) -> None:
    unknown = sorted(set(body) - known)
    if unknown:
        raise web.HTTPBadRequest(text=f"Unknown: {', '.join(unknown)}.")


def _names(body: Json, field: str, known: dict[str, Any]) -> set[str]:
    values = body.get(field, [])
    if not isinstance(values, list) or not set(map(str, values)) <= set(known):
        raise web.HTTPBadRequest(text=f"{field} takes a list of known names.")
    return set(map(str, values))


def _ok(**more: Any) -> web.Response:
    return web.json_response({"ok": True} | more)


def knob_routes(world: World) -> list[web.RouteDef]:
    """The half of the control API that changes something."""
    return [*_fault_routes(world), *_time_routes(world), *_right_routes(world)]


def _fault_routes(world: World) -> list[web.RouteDef]:
    async def faults(_request: web.Request) -> web.Response:
        return web.json_response({"faults": [fault.to_json() for fault in world.faults.waiting()]})

    async def add(request: web.Request) -> web.Response:
        body = await read_object(request)
        _only(body, _FAULT_FIELDS)
        try:
            fault = world.faults.add(Fault(**body))
        except (TypeError, ValueError) as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        world.tenant.touch()
        return _ok(id=fault.id)

    async def clear(_request: web.Request) -> web.Response:
        world.faults.clear()
        world.tenant.touch()
        return _ok()

    async def remove(request: web.Request) -> web.Response:
        if not request.match_info["id"].isdecimal() or not world.faults.remove(int(request.match_info["id"])):
            raise web.HTTPNotFound(text="No such fault.")
        world.tenant.touch()
        return _ok()

    return [
        web.get("/_control/faults", faults),
        web.post("/_control/faults", add),
        web.delete("/_control/faults", clear),
        web.delete("/_control/faults/{id}", remove),
    ]


def _time_routes(world: World) -> list[web.RouteDef]:
    async def latency(request: web.Request) -> web.Response:
        body = await read_object(request)
        _only(body, frozenset({"profile", "service", "path", "seconds"}))
        try:
            if "profile" in body:
                world.latency.choose(str(body["profile"]))
            if "path" in body:
                world.latency.slow_down(str(body.get("service", "graph")), str(body["path"]), float(body["seconds"]))
        except (KeyError, TypeError, ValueError) as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        world.tenant.touch()
        return _ok(profile=world.latency.name)

    async def clock(request: web.Request) -> web.Response:
        body = await read_object(request)
        _only(body, frozenset({"seconds"}))
        try:
            now = world.clock.advance(float(body.get("seconds", 0)))
        except (OverflowError, TypeError, ValueError) as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        world.tenant.touch()
        return _ok(now=now.isoformat())

    async def sync(_request: web.Request) -> web.Response:
        return _ok(flowed_back=[user.upn for user in world.tenant.sync_tick()])

    async def knobs(request: web.Request) -> web.Response:
        body = await read_object(request)
        _only(body, _KNOBS)
        try:
            if "synced_write" in body:
                world.synced_write = SyncedWrite(body["synced_write"])
            if "replication_seconds" in body:
                world.tenant.replication_seconds = float(body["replication_seconds"])
        except (TypeError, ValueError) as problem:
            raise web.HTTPBadRequest(text=str(problem)) from problem
        world.throttling = bool(body.get("throttling", world.throttling))
        return _ok()

    return [
        web.post("/_control/latency", latency),
        web.post("/_control/clock", clock),
        web.post("/_control/sync", sync),
        web.post("/_control/knobs", knobs),
    ]


def _right_routes(world: World) -> list[web.RouteDef]:
    async def permissions(request: web.Request) -> web.Response:
        body = await read_object(request)
        _only(body, frozenset({"add", "remove"}))
        world.withdraw(*_names(body, "remove", KNOWN))
        world.grant(*_names(body, "add", KNOWN))
        return _ok(permissions=sorted(world.bot.permissions))

    async def licences(request: web.Request) -> web.Response:
        body = await read_object(request)
        _only(body, frozenset({"licences"}))
        world.tenant.licences = _names(body, "licences", SKUS)
        world.tenant.touch()
        return _ok(licences=sorted(world.tenant.licences))

    async def reset(_request: web.Request) -> web.Response:
        world.reset()
        stories.start(world)
        return _ok()

    return [
        web.post("/_control/permissions", permissions),
        web.post("/_control/licences", licences),
        web.post("/_control/reset", reset),
    ]
