"""The HTTP face of the admin API: InvokeCommand, $batch and the list of cmdlets that the caller may run."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

from aiohttp import web

from simulator.exchange import errors
from simulator.exchange.answer import Reply
from simulator.exchange.invoke import allowed, authorise, invoke, request_of
from simulator.exchange.service import Exchange
from simulator.gateway import ConnectionDropped
from simulator.world import World

BATCH_LIMIT = 10
_ON_WORLD = "exchange"  # kept with the world, which itself knows no Exchange


def exchange_of(world: World) -> Exchange:
    """Exchange of the world's present tenant; a reset of the world gives a new one."""
    held = getattr(world, _ON_WORLD, None)
    if not isinstance(held, Exchange) or held.tenant is not world.tenant:
        held = Exchange(world.tenant, world.clock, world.config.seed)
        setattr(world, _ON_WORLD, held)
    return held


def _response(reply: Reply) -> web.Response:
    headers = dict(reply.headers)
    if isinstance(reply.body, bytes):
        return web.Response(status=reply.status, body=reply.body, headers=headers)
    headers.setdefault("Content-Type", "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8")
    return web.Response(status=reply.status, body=json.dumps(reply.body, ensure_ascii=False).encode(), headers=headers)


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        return None


def _bad_request(message: str) -> web.Response:
    return _response(Reply(400, errors.CmdletError("", message=message, has_details=False).body()))


def routes(world: World) -> list[web.RouteDef]:
    """Every path that the service has under /exchange; other verbs and versions are refused with 405 or 404."""
    shuffle = Random(world.config.seed)

    async def invoke_command(request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return web.Response(status=415)
        wanted = request_of(str(request.url), request.match_info["tenant"], request.headers, await _json(request))
        return _response(await invoke(world, exchange_of(world), wanted))

    async def batch(request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        try:
            authorise(world, tenant, request.headers.get("Authorization"))
        except errors.Unauthorised:
            return web.Response(status=401)
        payload = await _json(request)
        inner = payload.get("requests") if isinstance(payload, dict) else None
        if not isinstance(inner, list) or not inner or not all(isinstance(each, dict) for each in inner):
            return _bad_request("The batch request is not readable.")
        ids = [str(each.get("id")) for each in inner]
        if len(inner) > BATCH_LIMIT or len(set(ids)) != len(ids):
            return _bad_request(f"A batch holds at most {BATCH_LIMIT} requests with different ids.")
        replies = await asyncio.gather(*(_inner(each, tenant) for each in inner))
        responses = [_inner_json(each, reply) for each, reply in zip(inner, replies, strict=True)]
        shuffle.shuffle(responses)
        return _response(Reply(200, {"responses": responses}))

    async def _inner(each: dict[str, Any], tenant: str) -> Reply:
        url = str(each.get("url") or "")
        if each.get("method") != "POST" or "/InvokeCommand" not in url:
            return Reply(405)
        headers = each.get("headers")
        if not isinstance(headers, dict):
            return Reply(401)
        wanted = request_of(url, tenant, headers, each.get("body"))
        try:
            return await invoke(world, exchange_of(world), wanted)
        except ConnectionDropped:
            # A part of a batch has no connection of its own: the service says that its back end did not answer.
            return Reply(504, errors.transient("BackendCommunicationException", 504).body())

    def _inner_json(each: dict[str, Any], reply: Reply) -> dict[str, Any]:
        name = str(((each.get("body") or {}).get("CmdletInput") or {}).get("CmdletName") or "")
        body = reply.body if isinstance(reply.body, dict) else None
        return {
            "id": str(each.get("id")),
            "status": reply.status,
            "headers": dict(reply.headers) | {"Cmdlet-Name": name},
            "body": body,
        }

    async def module_file(request: web.Request) -> web.Response:
        """Which cmdlets the caller's roles hold, as the module asks for them."""
        try:
            caller = authorise(world, request.match_info["tenant"], request.headers.get("Authorization"))
        except errors.Unauthorised:
            return web.Response(status=401)
        if "CommandName" not in request.headers or "Version" not in request.query:
            return _bad_request("CommandName and Version are needed.")
        opened, _ = allowed(world, exchange_of(world), caller)
        if not opened:
            return web.Response(status=403, body=errors.FORBIDDEN_BODY, headers={"Content-Encoding": "gzip"})
        names = sorted(opened)
        half = len(names) // 2
        files = [
            {"name": f"part{n}", "exportedCmdlets": ",".join(part)}
            for n, part in enumerate((names[:half], names[half:]))
        ]
        return _response(Reply(200, {"value": files}))

    base = "/exchange/adminapi"
    return [
        web.post(base + "/beta/{tenant}/InvokeCommand", invoke_command),
        web.post(base + "/beta/{tenant}/$batch", batch),
        web.get(base + "/v1.0/{tenant}/EXOModuleFile", module_file),
        web.post(base + "/v1.0/{tenant}/InvokeCommand", _not_allowed),
    ]


async def _not_allowed(request: web.Request) -> web.Response:
    return web.Response(status=405)
