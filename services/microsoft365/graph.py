"""The Graph client: the SDK addresses, authenticates and carries a request; we decide when and how often it is sent.

Answers are read as JSON, not as the SDK's models: a page of a thousand model objects would hold the event loop for
longer than a click may wait, and the models cost a second to import. The SDK's own retry (which sends a POST again
after a 503) and redirects (which would carry our token elsewhere) are left out of its pipeline.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_http.middleware.options import ResponseHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from services import metrics
from services.decoding import decoded
from services.errors import AuthBroken, Bug, Conflict, IRBotError, Throttled, UnknownOutcome, UpstreamDown
from services.microsoft365.budgets import Budgets
from services.microsoft365.graph_errors import SERVICE, graph_error, permissions_in, principal_in
from services.microsoft365.operations import Effect, Gate, Operation, OperationOption, always_open
from services.microsoft365.tokens import Tokens
from services.microsoft365.trust import origin, trusted_authorities
from services.settings import Settings

logger = logging.getLogger(__name__)

Json = dict[str, Any]

_WAITS_SECONDS = (2.0, 4.0, 8.0, 16.0)
_CONNECT_SECONDS = 10.0
_CONNECTIONS = 50
_PATIENCE_SECONDS = 60.0
_MOST_PAGES = 1000
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
_AUTHORIZATION = "Authorization"


@dataclass(frozen=True)
class Answer:
    """A successful answer. `body` is the JSON object, empty where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Json


@dataclass(frozen=True)
class Items:
    """The entries of a list. Not `complete`: there are more than were asked for."""

    values: tuple[Json, ...]
    complete: bool


class _GraphTokens(AccessTokenProvider):
    """Gives our Graph token to the SDK, for Graph's own scheme, host and port and no other."""

    def __init__(self, tokens: Tokens, scope: str, base_url: str) -> None:
        self._tokens = tokens
        self._scope = scope
        self._origin = origin(base_url)
        self._hosts = AllowedHostsValidator([urlsplit(base_url).hostname or ""])

    async def get_authorization_token(
        self,
        uri: str,
        additional_authentication_context: dict[str, Any] = {},  # noqa: B006  # the SDK's signature
    ) -> str:
        if origin(uri) != self._origin or not self._hosts.is_url_host_valid(uri):
            raise UpstreamDown(service=SERVICE, reason="foreign-host", host=urlsplit(uri).hostname)
        challenge = additional_authentication_context.get("claims")
        return await self._tokens.token(self._scope, claims=_claims(challenge) if challenge else None)

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return self._hosts


class Graph:
    """One client for the process. `client` holds the SDK's request builders; `call` and `items` send requests."""

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        http: httpx.AsyncClient,
        *,
        gate: Gate = always_open,
        budgets: Budgets | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        base = settings.graph_url.rstrip("/")
        self._origin = origin(base)
        self._scope = settings.graph_scope
        self._beta = f"{base}/beta"
        self._tokens = tokens
        self._timeout = settings.call_timeout_seconds
        self._gate = gate
        self._budgets = budgets or Budgets(clock=clock, sleep=sleep)
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._http = http  # without the SDK's pipeline: no retry, no redirects
        provider = BaseBearerTokenAuthenticationProvider(_GraphTokens(tokens, self._scope, base))
        self._adapter = GraphRequestAdapter(provider, client=self._http)
        self._adapter.base_url = self._v1 = f"{base}/v1.0"
        self._door = asyncio.Semaphore(1)
        self.client = GraphServiceClient(request_adapter=self._adapter)

    @classmethod
    async def open(cls, settings: Settings, tokens: Tokens, gate: Gate = always_open) -> Graph:
        """Builds the client off the event loop: the SDK's first use and the certificate store take their time."""

        def build() -> Graph:
            seconds = settings.call_timeout_seconds
            http = httpx.AsyncClient(
                verify=trusted_authorities(settings.ca_file),
                timeout=httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds)),
                limits=httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=30),
                follow_redirects=False,
            )
            graph = cls(settings, tokens, http, gate=gate)
            user = graph.client.users.by_user_id("warm")
            graph.request(Method.GET, user, select=("id",))  # imports what a first request needs
            return graph

        return await asyncio.to_thread(build)

    async def close(self) -> None:
        await self._http.aclose()

    def address(self, path: str) -> str:
        """The full address of something in Graph, as bodies refer to it."""
        return self._v1 + path

    async def granted(self) -> frozenset[str] | None:
        """The application permissions that our token carries; None where it cannot be read. New ones take an hour."""
        return permissions_in(await self._tokens.token(self._scope))

    async def own_principal(self) -> str | None:
        """The object id of our service principal, as our token names it; None where it cannot be read."""
        return principal_in(await self._tokens.token(self._scope))

    def request(
        self,
        method: Method,
        builder: Any,  # one of the SDK's thousands of request builder classes, which share no typed base
        *,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        select: Sequence[str] = (),
        expand: Sequence[str] = (),
        filter: str | None = None,  # noqa: A002  # Graph's word
        search: str | None = None,
        orderby: Sequence[str] = (),
        top: int | None = None,
        count: bool | None = None,
    ) -> RequestInformation:
        """A request to where `builder` points, with the query options that the SDK knows there."""
        options = {
            "select": ",".join(select) or None,
            "expand": ",".join(expand) or None,
            "filter": filter,
            "search": search,
            "orderby": ",".join(orderby) or None,
            "top": None if top is None else str(top),
            "count": None if count is None else str(count).lower(),
        }
        path, _, known = builder.url_template.partition("{?")
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            if f"%24{name}" not in known:
                raise Bug(reason="query-option-unknown-here", option=name)
        return self._request(method, path, {**builder.path_parameters, "baseurl": self._v1}, given, body, headers)

    def beta(
        self,
        method: Method,
        template: str,
        *,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        filter: str | None = None,  # noqa: A002  # Graph's word
        top: int | None = None,
        **path: str,
    ) -> RequestInformation:
        """A request to the beta endpoint, which the SDK has no builders for: `/users/{user}/…` and its values."""
        given = {"filter": filter, "top": None if top is None else str(top)}
        options = {name: value for name, value in given.items() if value is not None}
        return self._request(method, "{+baseurl}" + template, {**path, "baseurl": self._beta}, options, body, headers)

    def _request(
        self,
        method: Method,
        template: str,
        path: Mapping[str, Any],
        options: Mapping[str, str],
        body: Json | None,
        headers: Mapping[str, str] | None,
    ) -> RequestInformation:
        """The SDK writes the path. It would write the query one character at a time, three times for each request."""
        info = RequestInformation(method, template, dict(path))
        query = "&".join(f"${name}={quote(value, safe=',')}" for name, value in options.items())
        info.url = f"{info.url}?{query}" if query else info.url
        info.headers.try_add("Accept", "application/json")
        for key, value in (headers or {}).items():
            info.headers.add(key, value)
        if body is not None:
            info.set_stream_content(json.dumps(body).encode(), "application/json")
        return info

    async def call(self, operation: Operation, request: RequestInformation, *, mailbox: str = "") -> Answer:
        """Sends `request` as often as its effect allows, within the budget of its row.

        Raises the errors of `services.errors`; UnknownOutcome where a change may have been made.
        """
        request.add_request_options([OperationOption(operation), ResponseHandlerOption(NativeResponseHandler())])
        if operation.containment:
            request.headers.try_add("x-ms-throttle-priority", "high")
        give_up = self._clock() + max(_PATIENCE_SECONDS, 2 * self._timeout)
        renewed = False
        tries = 0
        while True:
            try:
                async with self._budgets.turn(operation.row, mailbox, urgent=operation.containment):
                    async with self._door:  # one by one: hundreds that start in one turn of the loop would hold it
                        await asyncio.sleep(0)
                    with metrics.call(SERVICE, operation.name):
                        return await self._attempt(operation, request)
            except AuthBroken as error:
                token = _bearer(request)
                if renewed or error.data.get("status") != 401 or token is None:
                    raise
                renewed = True
                await self._tokens.forget(self._scope, token)
            except IRBotError as error:
                wait = self._wait_before_again(operation, error, tries)
                if wait is None or self._clock() + wait > give_up:
                    raise
                if isinstance(error, Throttled):
                    self._budgets.close_for(operation.row, mailbox, wait)
                logger.info("%s again in %.1f s after %r", operation.name, wait, error)
                tries += 1
                await self._sleep(wait)

    async def items(
        self, operation: Operation, request: RequestInformation, *, limit: int | None = None, mailbox: str = ""
    ) -> Items:
        """The entries of a list, page after page to its end or to `limit`."""
        found: list[Json] = []
        async for page, more in self._pages(operation, request, mailbox):
            found.extend(page)
            if limit is not None and len(found) >= limit:
                return Items(tuple(found[:limit]), complete=len(found) == limit and not more)
        return Items(tuple(found), complete=True)

    async def pages(self, operation: Operation, request: RequestInformation) -> AsyncIterator[list[Json]]:
        """The entries of a list to its end, one page at a time: for lists that are too long to hold."""
        async for page, _ in self._pages(operation, request, ""):
            yield page

    async def _pages(
        self, operation: Operation, request: RequestInformation, mailbox: str
    ) -> AsyncIterator[tuple[list[Json], bool]]:
        """Each page, and whether there are more."""
        seen: set[str] = set()
        headers = {key: ", ".join(values) for key, values in request.headers.get_all().items()}
        while True:
            answer = await self.call(operation, request, mailbox=mailbox)
            page = answer.body.get("value")
            if not isinstance(page, list) or not all(isinstance(entry, dict) for entry in page):
                raise UpstreamDown(service=SERVICE, operation=operation.name, reason="unreadable-answer")
            link = answer.body.get("@odata.nextLink")
            yield page, bool(link)
            if not link:
                return
            if not isinstance(link, str) or origin(link) != self._origin:
                raise UpstreamDown(service=SERVICE, operation=operation.name, reason="foreign-next-link")
            if link in seen or len(seen) >= _MOST_PAGES:
                raise UpstreamDown(service=SERVICE, operation=operation.name, reason="endless-list")
            seen.add(link)
            request = RequestInformation(Method.GET)
            request.url = link
            for key, value in headers.items():
                if key.casefold() not in (_AUTHORIZATION.casefold(), "content-type"):
                    request.headers.add(key, value)

    async def _attempt(self, operation: Operation, request: RequestInformation) -> Answer:
        client_request_id = str(uuid.uuid4())
        request.headers.remove(_AUTHORIZATION)
        request.headers.remove("client-request-id")
        request.headers.add("client-request-id", client_request_id)
        data = {"service": SERVICE, "operation": operation.name, "client_request_id": client_request_id}
        # Asked for beforehand: a slow sign-in service must not look like a change that may have been made.
        await self._tokens.token(self._scope)
        if operation.effect is not Effect.READ and not operation.asks:
            await self._gate()
        try:
            async with asyncio.timeout(self._timeout):
                response: httpx.Response = await self._adapter.send_primitive_async(request, "bytes", {})
        except _NOT_SENT as error:
            raise UpstreamDown(**data, reason=type(error).__name__, sent=False) from None
        except (TimeoutError, httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            if operation.effect is Effect.READ:
                raise UpstreamDown(**data, reason=type(error).__name__) from None
            raise UnknownOutcome(**data, reason=type(error).__name__) from None
        if not response.is_success:
            token = _bearer(request)
            granted = permissions_in(token) if response.status_code == 403 and token else None
            raise graph_error(operation, response.status_code, response.headers, response.content, granted=granted)
        return Answer(response.status_code, response.headers, self._body(operation, response, data))

    def _body(self, operation: Operation, response: httpx.Response, data: Mapping[str, str]) -> Json:
        if not response.content:
            return {}
        try:
            body = decoded(response.content)
        except ValueError:
            body = None
        if isinstance(body, dict):
            return body
        if operation.effect is Effect.READ:
            raise UpstreamDown(**data, reason="unreadable-answer")
        raise UnknownOutcome(**data, reason="unreadable-answer")

    def _wait_before_again(self, operation: Operation, error: IRBotError, tries: int) -> float | None:
        """How long to wait before the same call is sent again; None: it must not be, or need not be."""
        asked: object = None
        if isinstance(error, Throttled):
            asked = error.retry_after  # it was refused before anything was done: safe for every effect
        elif isinstance(error, UpstreamDown):
            asked = error.data.get("retry_after")
            surely_not_done = operation.effect is Effect.READ or error.data.get("sent") is False
            if not surely_not_done or error.data.get("reason") in ("foreign-host", "redirected", "unreadable-answer"):
                return None
            if operation.effect is Effect.READ and error.data.get("status") in (500, 501, 502) and tries > 0:
                return None
        elif isinstance(error, UnknownOutcome):
            asked = error.data.get("retry_after")
            if operation.effect is not Effect.REPEATABLE or error.data.get("status") not in (503, 504):
                return None
        elif isinstance(error, Conflict):
            if operation.effect is Effect.ONCE or error.data.get("reason") != "changed-at-the-same-time":
                return None
        else:
            return None
        if tries >= len(_WAITS_SECONDS):
            return None
        wait = float(asked) if isinstance(asked, int | float) else _WAITS_SECONDS[tries]
        return wait + self._jitter()


def _bearer(request: RequestInformation) -> str | None:
    for value in request.headers.get(_AUTHORIZATION) or ():
        return str(value).removeprefix("Bearer ")
    return None


def _claims(challenge: object) -> str:
    """The JSON of a claims challenge, which travels in base64."""
    text = str(challenge)
    if text.lstrip().startswith("{"):
        return text
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_").decode()
    except (binascii.Error, ValueError):
        raise AuthBroken(service=SERVICE, reason="unreadable-claims-challenge") from None
