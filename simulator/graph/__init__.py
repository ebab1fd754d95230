"""Microsoft Graph, v1.0 and the beta that is needed, over the state of the simulated tenant."""

from __future__ import annotations

import json

from aiohttp import web

from simulator.gateway import ENTRY, Visit, pass_through
from simulator.graph import (
    apps,
    audit_queries,
    batch,
    devices,
    files,
    intune,
    logs,
    mailbox,
    membership,
    messages,
    organization,
    policies,
    protection,
    remediation,
    roles,
    security,
    sending,
    sign_in_methods,
    teams,
    tracing,
    users,
)
from simulator.graph.errors import GraphError
from simulator.graph.operation import Answer, Operation
from simulator.graph.router import split
from simulator.graph.service import GraphService, Request, inner_request, read_request
from simulator.journal import Entry
from simulator.tenant import Json
from simulator.world import World

OPERATIONS: tuple[Operation, ...] = (
    *users.OPERATIONS,
    *membership.OPERATIONS,
    *roles.OPERATIONS,
    *organization.OPERATIONS,
    *apps.OPERATIONS,
    *devices.OPERATIONS,
    *mailbox.OPERATIONS,
    *sign_in_methods.OPERATIONS,
    *logs.OPERATIONS,
    *protection.OPERATIONS,
    *audit_queries.OPERATIONS,
    *tracing.OPERATIONS,
    *policies.OPERATIONS,
    *messages.OPERATIONS,
    *files.OPERATIONS,
    *sending.OPERATIONS,
    *intune.OPERATIONS,
    *security.OPERATIONS,
    *remediation.OPERATIONS,
    *teams.OPERATIONS,
)


def routes(world: World) -> list[web.RouteDef]:
    """Everything under /graph."""
    service = GraphService(world, OPERATIONS)

    async def serve(request: web.Request) -> web.Response:
        asked = read_request(request, await request.read())
        entry = request[ENTRY]
        if asked.raw_path == "/$batch" and asked.method == "POST":
            return service.respond(await _batch(service, asked, entry, request), asked.headers)
        return service.respond(service.answer(asked, entry), asked.headers)

    return [web.route("*", "/graph/{rest:.*}", serve)]


async def _batch(service: GraphService, outer: Request, entry: Entry, request: web.Request) -> Answer:
    try:
        service.authenticate(outer.headers, entry)
        inner_requests = batch.read(json.loads(outer.body or b"null"))
    except GraphError as problem:
        return service.refusal(problem, outer.headers)
    except ValueError:
        malformed = GraphError(400, "BadRequest", "Invalid batch payload format.")
        return service.refusal(malformed, outer.headers)

    def gone() -> bool:
        return request.transport is None or request.transport.is_closing()

    async def serve(inner: Json) -> Json:
        headers = {str(name): str(value) for name, value in inner.get("headers", {}).items()}
        try:
            asked = inner_request(outer, inner["method"], inner["url"], headers, batch.body_of(inner))
        except GraphError as problem:
            return _inner(service.refusal(problem, headers))
        path = f"/graph/{asked.version}/{'/'.join(split(asked.raw_path))}"
        visit = Visit("graph", asked.method, path, asked.query, inner.get("body"), asked.headers, gone)

        async def handle(inner_entry: Entry) -> web.StreamResponse:
            return service.respond(service.answer(asked, inner_entry), asked.headers)

        answered = await pass_through(service.world, visit, handle)
        assert isinstance(answered, web.Response)
        text = answered.text
        content = json.loads(text) if text and answered.content_type == "application/json" else None
        return {
            "status": answered.status,
            "headers": {name: answered.headers[name] for name in answered.headers if name != "Content-Length"},
            "body": content,
        }

    return Answer(body=await batch.run(inner_requests, serve))


def _inner(answer: Answer) -> Json:
    return {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
