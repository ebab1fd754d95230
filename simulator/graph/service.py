"""The front door of the simulated Graph: token, operation, throttling, permission, licence, handler, answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

from aiohttp import web
from yarl import URL

from simulator.gateway import ENTRY
from simulator.graph.errors import GraphError, bad_request, denied, not_licensed, premium_needed, unknown_segment
from simulator.graph.operation import Answer, Call, Licence, Operation, Row
from simulator.graph.query import Options
from simulator.graph.router import Router, split
from simulator.graph.throttling import Throttle
from simulator.journal import Entry
from simulator.licences import plans_of
from simulator.tokens import Audience, Caller, TokenProblem
from simulator.world import World

_TOKEN_MESSAGES = {
    "missing": "Access token is empty.",
    "malformed": "IDX14100: JWT is not well formed, there are no dots (.).",
    "signature": "Invalid x5t claim or signature.",
    "expired": "Lifetime validation failed, the token is expired.",
    "audience": "Access token validation failure. Invalid audience.",
    "issuer": "Access token validation failure. Invalid issuer.",
    "revoked": "Lifetime validation failed, the token is expired.",
}


@dataclass(frozen=True)
class Request:
    """One request as the front door needs it; inner requests of a $batch are made by hand."""

    method: str
    version: str
    raw_path: str  # below /graph/{version}, still encoded
    query: dict[str, str]
    headers: dict[str, str]  # lower-case names
    body: bytes
    root: str


class GraphService:
    """Answers requests from the table of operations."""

    def __init__(self, world: World, operations: tuple[Operation, ...]) -> None:
        self.world = world
        self.router = Router(operations)
        self.throttle = Throttle(world)
        self._random = Random(f"{world.config.seed}:replicas")

    def answer(self, request: Request, entry: Entry) -> Answer:
        """The whole way of one request except $batch. Never raises for what the caller did wrong."""
        try:
            return self._answer(request, entry)
        except GraphError as problem:
            return self.refusal(problem, request.headers)

    def authenticate(self, headers: dict[str, str], entry: Entry) -> Caller:
        """The app behind the token. Raises GraphError 401."""
        try:
            caller = self.world.tokens.check(headers.get("authorization"), Audience.GRAPH)
        except TokenProblem as problem:
            challenge = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
            raise GraphError(
                401, "InvalidAuthenticationToken", _TOKEN_MESSAGES[problem.reason], {"WWW-Authenticate": challenge}
            ) from problem
        entry.app_id = caller.app_id
        return caller

    def _answer(self, request: Request, entry: Entry) -> Answer:
        if request.version not in {"v1.0", "beta"}:
            raise bad_request(f"Invalid version: {request.version}", "BadRequest")
        caller = self.authenticate(request.headers, entry)
        segments = split(request.raw_path)
        match = self.router.find(request.method, request.version, segments)
        operation = match.operation
        options = Options.read(request.query, request.headers)
        headers = self.throttle.spend(operation, caller, match.parameters, options, request.method)
        self._permit(operation, caller)
        self._licensed(operation)
        call = Call(
            world=self.world,
            caller=caller,
            version=request.version,
            method=request.method,
            path=request.raw_path,
            parameters=match.parameters,
            options=options,
            headers=request.headers,
            body=self._body(request),
            root=request.root,
            lagging=self.world.tenant.replication_seconds > 0 and self._random.random() < 0.5,
        )
        answer = operation.handler(call)
        return Answer(answer.status, answer.body, headers | answer.headers)

    @staticmethod
    def _body(request: Request) -> Any:
        if not request.body:
            return None
        try:
            return json.loads(request.body)
        except ValueError as problem:
            raise bad_request("Unable to read JSON request payload.", "BadRequest") from problem

    @staticmethod
    def _permit(operation: Operation, caller: Caller) -> None:
        if operation.any_of and not caller.permissions.intersection(operation.any_of):
            raise denied()
        if not caller.permissions.issuperset(operation.all_of):
            raise denied()

    def _licensed(self, operation: Operation) -> None:
        if operation.licence is None or operation.licence.value in plans_of(self.world.tenant.licences):
            return
        if operation.licence is Licence.INTUNE:
            raise bad_request("Request not applicable to target tenant", "BadRequest")
        raise premium_needed() if operation.row is Row.REPORTS else not_licensed()

    def refusal(self, problem: GraphError, headers: dict[str, str]) -> Answer:
        """The error body of Graph."""
        request_id = str(uuid4())
        inner = {
            "date": self.world.clock.now().strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": headers.get("client-request-id", request_id),
        }
        body = {"error": {"code": problem.code, "message": problem.message, "innerError": inner}}
        return Answer(problem.status, body, problem.headers | {"request-id": request_id})

    def respond(self, answer: Answer, headers: dict[str, str]) -> web.Response:
        """An answer as HTTP."""
        request_id = answer.headers.get("request-id") or str(uuid4())
        shown = {
            "request-id": request_id,
            "client-request-id": headers.get("client-request-id", request_id),
            "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Simulated","Slice":"E","Ring":"0"}}',
            "Cache-Control": "no-cache",
        } | answer.headers
        if answer.body is None:
            return web.Response(status=answer.status, headers=shown)
        return web.Response(
            status=answer.status,
            body=json.dumps(answer.body).encode(),
            headers=shown | {"Content-Type": "application/json;odata.metadata=minimal;charset=utf-8"},
        )


def read_request(request: web.Request, body: bytes) -> Request:
    """An aiohttp request as the front door needs it."""
    raw = request.raw_path.partition("?")[0]
    _, _, version, *rest = raw.split("/")
    return Request(
        request.method,
        version,
        "/" + "/".join(rest),
        dict(request.query),
        {key.lower(): value for key, value in request.headers.items()},
        body,
        f"{request.scheme}://{request.host}/graph",
    )


def inner_request(outer: Request, method: str, url: str, headers: dict[str, str], body: bytes) -> Request:
    """One request of a $batch. Raises GraphError 400 for an absolute address."""
    if "://" in url or not url:
        raise unknown_segment(url)
    parsed = URL(url if url.startswith("/") else f"/{url}", encoded=True)
    lowered = {"authorization": outer.headers.get("authorization", "")}
    lowered |= {name.lower(): value for name, value in headers.items()}
    query = dict(URL(f"/?{parsed.raw_query_string}").query) if parsed.raw_query_string else {}
    return Request(method.upper(), outer.version, parsed.raw_path, query, lowered, body, outer.root)


__all__ = ["ENTRY", "GraphService", "Licence", "Request", "inner_request", "read_request"]
