"""What every request of every simulated service passes: record, faults, latency."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator.faults import Fault, Kind, When
from simulator.journal import Entry
from simulator.lanes import TooManyAtOnce
from simulator.world import World

ENTRY: web.RequestKey[Entry] = web.RequestKey("journal_entry", Entry)

_SERVICES = ("graph", "exchange", "connector", "channel", "botframework", "msi", "sharepoint")
_SHOWN_HEADERS = (
    "client-request-id",
    "consistencylevel",
    "if-match",
    "prefer",
    "retry-attempt",
    "x-anchormailbox",
    "x-ms-throttle-priority",
)
_HTML_502 = (
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center>"
    "<hr><center>Microsoft-Azure-Application-Gateway/v2</center></body></html>"
)
# POSTs that only read.
_READING = (
    "checkMemberGroups",
    "checkMemberObjects",
    "getMemberGroups",
    "getMemberObjects",
    "runHuntingQuery",
    "$batch",
)


class ConnectionDropped(Exception):
    """The connection is to be closed; `sent` is the part of an answer that goes out before."""

    def __init__(self, sent: bytes = b"") -> None:
        super().__init__()
        self.sent = sent


@dataclass(frozen=True)
class Visit:
    """One request as faults, latency and journal see it. An inner request of a $batch is a visit of its own."""

    service: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    gone: Callable[[], bool]

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.method not in {"GET", "HEAD", "OPTIONS"} and not self.path.endswith(_READING)


async def pass_through(
    world: World, visit: Visit, handle: Callable[[Entry], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Runs one request through record, latency and faults. Raises ConnectionDropped where no answer is to be sent."""
    entry = world.journal.open(
        visit.service, visit.method, visit.path, visit.query, visit.body, world.clock.now(), datetime.now(UTC)
    )
    entry.headers = {name: value for name, value in visit.headers.items() if name in _SHOWN_HEADERS}
    started = time.monotonic()
    try:
        with world.lanes.enter(visit.path, limited=world.throttling):
            answer = await _serve(world, visit, entry, handle)
    except TooManyAtOnce:
        message = "Application is over its MailboxConcurrency limit."
        answer = _error(world, visit, 429, "ApplicationThrottled", message, {"Retry-After": "1"})
    except ConnectionDropped:
        entry.duration_seconds = time.monotonic() - started
        if entry.outcome == "under way":
            entry.outcome = "no answer"
        raise
    entry.duration_seconds = time.monotonic() - started
    entry.status = answer.status
    entry.outcome = "answered"
    return answer


async def _serve(
    world: World, visit: Visit, entry: Entry, handle: Callable[[Entry], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    fault = world.faults.take(visit.service, visit.method, visit.path)
    await world.latency.wait(visit.service, visit.path, write=visit.writes)
    if fault and fault.when is When.BEFORE and fault.kind is not Kind.HALF:
        instead = await _suffer(world, fault, visit, entry)
        if instead is not None:
            return instead
    entry.carried_out = True
    answer = await handle(entry)
    if fault and fault.kind is Kind.HALF:
        raise ConnectionDropped(_half(answer))
    if fault and fault.when is When.AFTER:
        return await _suffer(world, fault, visit, entry) or answer
    return answer


async def _suffer(world: World, fault: Fault, visit: Visit, entry: Entry) -> web.StreamResponse | None:
    """What the fault does: an answer, None to go on as usual, or ConnectionDropped."""
    if fault.kind is Kind.DELAY:
        await asyncio.sleep(fault.delay_seconds)
        return None
    if fault.kind is Kind.HANG:
        await _hang(world, fault, visit)
        raise ConnectionDropped
    if fault.kind is Kind.DROP:
        raise ConnectionDropped
    if fault.kind is Kind.KILL:
        assert fault.pid is not None
        entry.outcome = "killed the client"
        os.kill(fault.pid, signal.SIGKILL)
        raise ConnectionDropped
    if fault.kind is Kind.HTML502:
        return web.Response(status=502, text=_HTML_502, content_type="text/html")
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    return _error(world, visit, fault.status, fault.code, fault.message, headers)


def _half(answer: web.StreamResponse) -> bytes:
    """The answer on the wire up to the middle of its body; up to the middle of its head where it has no body."""
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", f"Content-Type: {answer.content_type}"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
    return head + body[: len(body) // 2] if body else head[: len(head) // 2]


def _error(
    world: World, visit: Visit, status: int, code: str, message: str, headers: dict[str, str]
) -> web.StreamResponse:
    """An error in the form of the service that was asked."""
    if visit.service == "login":
        return web.json_response({"error": code, "error_description": message}, status=status, headers=headers)
    if visit.service == "msi":
        words = {"statusCode": status, "message": message, "correlationId": str(uuid4())}
        return web.json_response(words, status=status, headers=headers)
    request_id = str(uuid4())
    inner = {
        "date": world.clock.now().strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": visit.headers.get("client-request-id", request_id),
    }
    body = {"error": {"code": code, "message": message, "innerError": inner}}
    return web.json_response(body, status=status, headers=headers | {"request-id": request_id})


async def _hang(world: World, fault: Fault, visit: Visit) -> None:
    until = time.monotonic() + (fault.delay_seconds or 3600)
    while time.monotonic() < until and not world.closing and not visit.gone():  # noqa: ASYNC110  # see below
        await asyncio.sleep(0.05)  # a client that gives up sets no event


def _decoded(body: bytes, content_type: str) -> Any:
    if not body:
        return None
    try:
        if content_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode()))
        return json.loads(body)
    except ValueError:
        return f"({len(body)} bytes of {content_type})"


def service_of(path: str) -> str | None:
    """The simulated service that a path belongs to; None for the tenant page and the control API."""
    first = path.split("/", 2)[1]
    return first if first in _SERVICES else None


def middleware(world: World, service: str | None = None) -> Middleware:
    """The aiohttp middleware; `service` where a whole port belongs to one."""

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = service or service_of(request.path)
        if name is None:
            return await handler(request)
        body = await request.read()

        def gone() -> bool:
            return request.transport is None or request.transport.is_closing()

        visit = Visit(
            name,
            request.method,
            request.path,
            dict(request.query),
            _decoded(body, request.content_type),
            {key.lower(): value for key, value in request.headers.items()},
            gone,
        )

        async def handle(entry: Entry) -> web.StreamResponse:
            request[ENTRY] = entry
            try:
                return await handler(request)
            except web.HTTPException as problem:
                return web.Response(
                    status=problem.status, body=(problem.text or "").encode(), headers=dict(problem.headers)
                )

        try:
            return await pass_through(world, visit, handle)
        except ConnectionDropped as dropped:
            if request.transport is not None and dropped.sent:
                request.transport.write(dropped.sent)
                request.transport.close()
            elif request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)

    return gate
