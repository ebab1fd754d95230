"""InvokeCommand: from a request to rows, in the order in which the service checks."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from simulator.exchange import errors, roles
from simulator.exchange.answer import Reply
from simulator.exchange.audit import log_change
from simulator.exchange.cmdlets import HANDLERS
from simulator.exchange.cmdlets.call import Call
from simulator.exchange.faults import CONCURRENCY, suffer
from simulator.exchange.paging import DEFAULT_RESULT_SIZE, Answer
from simulator.exchange.parameters import SIGNATURES, Bound, bind
from simulator.exchange.rows import render
from simulator.exchange.service import Exchange
from simulator.faults import When
from simulator.gateway import ConnectionDropped
from simulator.tokens import Audience, Caller, TokenProblem
from simulator.world import World

APP_ROLE = "Exchange.ManageAsApp"
MAX_PAGE = 1000
# What the tenant bears at once where the world throttles and nobody chose a number.
_CONCURRENT = 10
# Their answers come whole, without a next link; what is cut off is fetched by asking anew.
_PAGE_BY_THEMSELVES = ("Search-UnifiedAuditLog", "Get-MessageTrace")


@dataclass(frozen=True, slots=True)
class Request:
    """One InvokeCommand, on its own or inside a $batch. Header names are lower case."""

    tenant: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    payload: Any


def request_of(url: str, tenant: str, headers: Mapping[str, str], payload: Any) -> Request:
    """A request from its URL and parts."""
    query = parse_qs(urlsplit(url).query)
    return Request(tenant, query, {name.lower(): value for name, value in headers.items()}, payload)


def authorise(world: World, tenant: str, authorization: str | None) -> Caller:
    """The app behind the token, where it may manage Exchange at all."""
    try:
        caller = world.tokens.check(authorization, Audience.EXCHANGE)
    except TokenProblem as problem:
        raise errors.Unauthorised(problem.reason) from problem
    if APP_ROLE not in caller.permissions:
        raise errors.Unauthorised("app-role")
    names = {world.tenant.id, world.tenant.domain, world.tenant.initial_domain}
    if tenant.lower() not in names:
        raise errors.Unauthorised("tenant")
    return caller


def allowed(world: World, exchange: Exchange, caller: Caller) -> tuple[frozenset[str], set[str]]:
    """The cmdlets that the app's roles open, and the roles."""
    held = world.tenant.active_roles(caller.object_id)
    return roles.allowed(held) - exchange.knobs.without_cmdlets, held


async def invoke(world: World, exchange: Exchange, request: Request) -> Reply:
    """One call, always answered. Raises ConnectionDropped where a fault says so."""
    started = time.monotonic()
    cmdlet, parameters = _read(request.payload)
    entry = world.journal.open("cmdlet", "POST", f"/{cmdlet}", {}, parameters, world.clock.now(), datetime.now(UTC))
    if anchor := request.headers.get("x-anchormailbox"):
        entry.headers["x-anchormailbox"] = anchor
    try:
        caller = authorise(world, request.tenant, request.headers.get("authorization"))
        entry.app_id = caller.app_id
        target = parameters.get("Identity") or parameters.get("Mailbox") or "" if isinstance(parameters, dict) else ""
        fault = world.faults.take("cmdlet", "POST", f"/{cmdlet}/{target}")
        reply: Reply | None = None
        if fault and fault.when is When.BEFORE:
            reply = await suffer(world, fault)
        if reply is None:
            reply = await _within_limits(world, exchange, request, caller, cmdlet, parameters)
            entry.carried_out = reply.status < 300
            if fault and fault.when is When.AFTER:
                reply = await suffer(world, fault) or reply
    except ConnectionDropped:
        entry.outcome = "no answer"
        raise
    except errors.Unauthorised as refusal:
        reply = _unauthorised(refusal)
    except errors.Forbidden:
        reply = Reply(403, errors.FORBIDDEN_BODY, {"Content-Encoding": "gzip", "Content-Type": "application/json"})
    except errors.CmdletError as problem:
        reply = Reply(problem.status, problem.body(), problem.headers())
    finally:
        entry.duration_seconds = time.monotonic() - started
    entry.status = reply.status
    entry.outcome = "answered"
    return Reply(reply.status, reply.body, _headers(exchange, request) | reply.headers)


def _unauthorised(refusal: errors.Unauthorised) -> Reply:
    challenge = 'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", error="invalid_token"'
    if refusal.claims:
        challenge += f', error="insufficient_claims", claims="{refusal.claims}"'
    return Reply(401, b"", {"WWW-Authenticate": challenge})


def _headers(exchange: Exchange, request: Request) -> dict[str, str]:
    headers = {"request-id": request.headers.get("client-request-id") or secrets.token_hex(16), "OData-Version": "4.0"}
    if "odata.maxpagesize" in request.headers.get("prefer", ""):
        headers["Preference-Applied"] = f"odata.maxpagesize={_page_size(request)}"
    if exchange.knobs.rate_headers:
        headers |= {"Rate-Limit-Limit": "30000", "Rate-Limit-Remaining": "29990"}
    return headers


def _read(payload: Any) -> tuple[str, Any]:
    """Name and parameters as far as they can be read; what is wrong with them is said later."""
    inner = payload.get("CmdletInput") if isinstance(payload, dict) else None
    if not isinstance(inner, dict):
        return "", None
    return str(inner.get("CmdletName") or ""), inner.get("Parameters") or {}


async def _within_limits(
    world: World, exchange: Exchange, request: Request, caller: Caller, cmdlet: str, parameters: Any
) -> Reply:
    limit = exchange.knobs.concurrent_calls or (_CONCURRENT if world.throttling else None)
    if limit is not None and exchange.running >= limit:
        return Reply(429, CONCURRENCY.encode(), {"Content-Type": "text/plain"})
    exchange.running += 1
    try:
        if exchange.knobs.busy_seconds > 0:
            await asyncio.sleep(exchange.knobs.busy_seconds)
        return _run(world, exchange, request, caller, cmdlet, parameters)
    finally:
        exchange.running -= 1


def _run(world: World, exchange: Exchange, request: Request, caller: Caller, cmdlet: str, parameters: Any) -> Reply:
    if cmdlet in exchange.knobs.retired:
        raise errors.retired(cmdlet)
    signature = SIGNATURES.get(cmdlet.lower())
    opened, held = allowed(world, exchange, caller)
    if signature is None or signature.cmdlet not in opened:
        raise errors.Forbidden
    if not isinstance(parameters, dict):
        raise errors.missing_parameter()
    bound = bind(signature, parameters)
    if (name := roles.missing_parameter(signature.cmdlet, bound.names, held)) is not None:
        raise errors.parameter_not_in_role(signature.cmdlet, name)
    principal = world.tenant.service_principals[caller.object_id]
    call = Call(exchange, signature.cmdlet, bound, principal.display_name)
    anchor = request.headers.get("x-anchormailbox", "")
    token = (request.query.get("$skiptoken") or [""])[0]
    if token:
        answer = exchange.pages.more(token, signature.cmdlet, anchor, call.now)
    elif bound.confirm or bound.what_if:
        return _asked_only(call, bound)
    else:
        answer = Answer(HANDLERS[signature.cmdlet](call), _limit(signature.cmdlet, call), _select(request))
        log_change(call)
    return _page(world, exchange, request, call, answer, anchor)


def _asked_only(call: Call, bound: Bound) -> Reply:
    """Confirm asks back and WhatIf tells: neither changes anything. What does not exist is refused all the same."""
    if call.get("Identity") and call.cmdlet.endswith(("-Mailbox", "-CASMailbox")):
        call.mailbox()
    text = f"{call.cmdlet} would be performed on target '{call.get('Identity', '')}'."
    if bound.confirm and not bound.what_if:
        return Reply(200, _body(call, [], None) | {"@adminapi.confirmationmessage": f"Are you sure? {text}"})
    call.warnings.append(f"What if: {text}")
    return Reply(200, _body(call, [], None))


def _limit(cmdlet: str, call: Call) -> int | None:
    """How many rows at most. Cmdlets that page by themselves look at the parameter on their own."""
    if "resultsize" not in SIGNATURES[cmdlet.lower()].parameters or cmdlet.startswith(_PAGE_BY_THEMSELVES):
        return None
    size = call.get("ResultSize", DEFAULT_RESULT_SIZE)
    return None if size == "Unlimited" else int(size)


def _select(request: Request) -> list[str] | None:
    text = ",".join(request.query.get("$select") or [])
    return [name.strip() for name in text.split(",") if name.strip()] or None


def _page_size(request: Request) -> int:
    for part in request.headers.get("prefer", "").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "odata.maxpagesize" and value.isdigit():
            return max(1, min(MAX_PAGE, int(value)))
    return MAX_PAGE


def _page(world: World, exchange: Exchange, request: Request, call: Call, answer: Answer, anchor: str) -> Reply:
    size = sys.maxsize if call.cmdlet.startswith(_PAGE_BY_THEMSELVES) else _page_size(request)
    rows = [render(row, answer.select) for row in answer.take(size)]
    if answer.truncated:
        call.warnings.append(
            f"There are more results available than are currently displayed. By default, only the first {answer.limit} "
            "items are returned. To view more results, increase the value for the ResultSize parameter."
        )
    link = None
    if answer.more:
        token = exchange.pages.keep(answer, call.cmdlet, anchor, call.now)
        base = f"{world.base_url}/exchange/adminapi/beta/{world.tenant.id}"
        link = f"{base}/InvokeCommand?%24skiptoken={quote(token, safe='')}"
    return Reply(200, _body(call, rows, link))


def _body(call: Call, rows: list[dict[str, Any]], link: str | None) -> dict[str, Any]:
    tenant = call.exchange.tenant.id
    body: dict[str, Any] = {
        "@odata.context": f"https://outlook.office365.com/adminapi/beta/{tenant}/$metadata#Collection(Exchange.GenericHashTable)",
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": [] if call.bound.warnings_off else list(call.warnings),
        "value": rows,
    }
    if link is not None:
        body["@odata.nextLink"] = link
    return body
