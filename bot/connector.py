"""The SDK's connector client, with its transport replaced.

botbuilder's own pipeline fetches tokens on the event loop, follows redirects, never retries, and loses status and
`Retry-After` when the error is an HTML page. The client's operations and models stay; what sends them is ours: one
aiohttp session, one credentials object, the pace, the retry rule, and errors of `services.errors`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, unquote

import aiohttp
from botframework.connector.aio import ConnectorClient
from botframework.connector.bot_framework_sdk_client_async import BotFrameworkConnectorConfiguration
from msrest.pipeline import Request, Response
from msrest.pipeline.async_abc import AsyncHTTPSender, AsyncPipeline
from msrest.pipeline.universal import RawDeserializer
from yarl import URL

from bot.credentials import ConnectorCredentials
from bot.pace import Pace
from bot.trust import trust
from services import metrics
from services.errors import (
    AuthBroken,
    BadInput,
    IRBotError,
    NotAllowed,
    NotFound,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.settings import Settings

logger = logging.getLogger(__name__)

SERVICE = "bot-connector"
LARGEST_UTF16_BYTES = 40 * 1024  # Teams counts UTF-16; it says 100 KB, and has refused 70

_RETRIED = frozenset({412, 429, 502, 503, 504})  # Teams' own list; 500 is not on it
_MAYBE_DONE = frozenset({500, 502, 504})  # a server that gave up may have delivered first
_MOST_TRIES = 4
_PATIENCE_SECONDS = 20.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_HOLD_SECONDS = 15 * 60.0  # an absurd Retry-After must not silence a conversation for good
_LARGEST_ANSWER = 256 * 1024
_MOST_CLIENTS = 32
_MISSING = {"ActivityNotFoundInConversation": "message", "MemberNotFoundInConversation": "member"}
_REFUSED_WORDS = {
    "BotDisabledByAdmin": "disabled-by-administrator",
    "BotNotInConversationRoster": "not-in-conversation",
    "ConversationBlockedByUser": "blocked-by-user",
    "ForbiddenOperationException": "not-installed",
    "MessageWritesBlocked": "blocked-by-user",
}


@dataclass(frozen=True)
class _Call:
    """One call as it goes over the wire. `repeatable`: doing it twice is the same as once."""

    method: str
    url: str
    body: bytes | None
    conversation: str | None
    repeatable: bool


@dataclass(frozen=True)
class _Answer:
    """What came back, as far as it could be read."""

    status: int
    document: dict[str, Any] | None
    retry_after: float | None
    request_id: str | None


class _Unsent(Exception):
    """The connection was never made: nothing was sent."""


class _Lost(Exception):
    """The connection broke or timed out after the request may have arrived."""


class Connectors:
    """One corrected client per service address, for the whole process."""

    def __init__(
        self,
        settings: Settings,
        credentials: ConnectorCredentials,
        *,
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.credentials = credentials
        self.pace = pace or Pace()
        self.sleep = sleep
        self.clock = clock
        self.timeout = aiohttp.ClientTimeout(
            total=settings.call_timeout_seconds, sock_connect=min(5.0, settings.call_timeout_seconds)
        )
        self._ca_file: Path | None = settings.ca_file
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._clients: OrderedDict[str, ConnectorClient] = OrderedDict()

    def client(self, service_url: str) -> ConnectorClient:
        """The client for this address. Raises NotAllowed where the bot may not talk to it."""
        self.credentials.insist_on(service_url)
        known = self._clients.get(service_url)
        if known is not None:
            self._clients.move_to_end(service_url)
            return known
        configuration = BotFrameworkConnectorConfiguration(
            self.credentials,
            service_url,
            pipeline_type=lambda config: AsyncPipeline([], config.sender),
            sender=_Sender(self, service_url),
        )
        client = ConnectorClient(self.credentials, service_url, custom_configuration=configuration)
        self._clients[service_url] = client
        if len(self._clients) > _MOST_CLIENTS:
            self._clients.popitem(last=False)
        return client

    async def call_once(self, service_url: str, method: str, path: str, body: bytes | None) -> dict[str, Any] | None:
        """One call without the SDK, the pace and the retries, for who keeps a budget of their own: mass sending.

        Raises NotAllowed, NotFound, BadInput, Throttled, UpstreamDown (surely not done), AuthBroken, or UnknownOutcome
        (maybe done) with the status where there was one.
        """
        call = _Call(method, service_url.rstrip("/") + path, body, None, repeatable=method == "DELETE")
        for fresh_token in (False, True):
            token = await self.credentials.token_for(service_url)
            try:
                answer = await send_once(self, call, token)
            except _Unsent:
                raise UpstreamDown(service=SERVICE, reason="no-connection") from None
            except _Lost:
                raise UnknownOutcome(service=SERVICE, reason="no-answer") from None
            if answer.status < 300:
                return answer.document
            if answer.status != 401 or fresh_token:
                break
            await self.credentials.refused(token)
        error = _error(answer)
        if answer.status in _MAYBE_DONE:
            raise UnknownOutcome(service=SERVICE, reason="server-error", status=answer.status)
        raise error

    async def group_of_team(self, service_url: str, thread_id: str) -> str | None:
        """The Entra group id of a team. The SDK has this call in its blocking client only."""
        client = self.client(service_url)
        url = f"{service_url.rstrip('/')}/v3/teams/{quote(thread_id, safe='')}"
        reply: HttpReply = await client._client.async_send(client._client.get(url), stream=False)
        found = (reply.document or {}).get("aadGroupId")
        return found.lower() if isinstance(found, str) else None

    async def session(self) -> aiohttp.ClientSession:
        """The HTTP session, opened at the first use."""
        async with self._opening:
            if self._session is None or self._session.closed:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=await trust(self._ca_file), limit=300, keepalive_timeout=20),
                    cookie_jar=aiohttp.DummyCookieJar(),
                )
            return self._session

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()


class _Sender(AsyncHTTPSender[Any, Any]):
    """Sends what the SDK's operations built, to one service address."""

    def __init__(self, connectors: Connectors, service_url: str) -> None:
        self._connectors = connectors
        self._service_url = service_url

    async def __aexit__(self, *exc_details: object) -> None:
        """The session belongs to Connectors."""

    async def send(self, request: Request[Any], **_config: Any) -> Response[Any, Any]:
        """The SDK's entry: it finds the answer's texts in the context, so that it never parses a body itself."""
        call = _call(request.http_request, self._service_url)
        answer = await self._until_answered(call)
        reply = HttpReply(answer.document)
        texts = {name: value for name, value in (answer.document or {}).items() if isinstance(value, str)}
        return Response(request, reply, context={RawDeserializer.CONTEXT_NAME: texts})

    async def _until_answered(self, call: _Call) -> _Answer:
        """Tries as long as Teams' rule allows; a call that may have been carried out is repeated only by that rule."""
        connectors = self._connectors
        deadline = connectors.clock() + _PATIENCE_SECONDS
        maybe_done = fresh_token = False
        for tries_left in reversed(range(_MOST_TRIES)):
            try:
                await connectors.pace.wait(call.conversation, max(0.0, deadline - connectors.clock()))
                token = await connectors.credentials.token_for(self._service_url)
            except IRBotError as not_now:
                _give_up(not_now, maybe_done)
            try:
                answer = await send_once(connectors, call, token)
            except _Unsent:
                error: IRBotError = UpstreamDown(service=SERVICE, reason="no-connection")
                pause = _pause(tries_left)
            except _Lost:
                if not call.repeatable:
                    raise UnknownOutcome(service=SERVICE, reason="no-answer") from None
                error, pause = UpstreamDown(service=SERVICE, reason="no-answer"), _pause(tries_left)
            else:
                if answer.status < 300:
                    return answer
                if answer.status == 401 and not fresh_token:
                    fresh_token = True
                    await connectors.credentials.refused(token)
                    continue
                maybe_done |= answer.status in _MAYBE_DONE and not call.repeatable
                error = _error(answer)
                if answer.status not in _RETRIED:
                    _give_up(error, maybe_done)
                pause = _pause(tries_left)
                if answer.retry_after is not None:
                    pause = max(answer.retry_after, _FIRST_PAUSE_SECONDS)
                if answer.status == 429:
                    connectors.pace.hold(call.conversation, min(pause, _LONGEST_HOLD_SECONDS))
            if tries_left == 0 or connectors.clock() + pause > deadline:
                _give_up(error, maybe_done)
            await connectors.sleep(pause)
        raise AuthBroken(service=SERVICE, reason="token-refused")


class HttpReply:
    """As much of an HTTP response as the SDK's operations look at, and the JSON object that it held.

    Every success is 200 to them: each operation knows some of the codes and fails on the others.
    """

    status_code = 200

    def __init__(self, document: dict[str, Any] | None) -> None:
        self.document = document
        self.context: Mapping[str, Any] = {}


def _call(http_request: Any, service_url: str) -> _Call:
    """Reads the SDK's request. Raises BadInput where the message is larger than Teams takes."""
    document = json.loads(http_request.data or "{}")
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    size = len(text.encode("utf-16-le", "replace"))
    if size > LARGEST_UTF16_BYTES:
        raise BadInput(reason="message-too-large", bytes_utf16=size, limit=LARGEST_UTF16_BYTES)
    path = http_request.url.removeprefix(service_url.rstrip("/"))
    parts = path.strip("/").split("/")  # v3/conversations[/{id}/…], v3/teams/{id}
    conversation = unquote(parts[2]).split(";")[0] if len(parts) > 2 else None
    opens_personal_chat = conversation is None and document.get("isGroup") is False
    return _Call(
        method=http_request.method,
        url=http_request.url,
        body=text.encode("utf-8", "replace") if http_request.data else None,
        conversation=conversation,
        repeatable=http_request.method != "POST" or opens_personal_chat,
    )


async def send_once(connectors: Connectors, call: _Call, token: str) -> _Answer:
    """One request and its answer, whatever that is."""
    with metrics.call(SERVICE, call.method) as outcome:
        answer = await _sent(connectors, call, token)
        if answer.status >= 300:
            outcome(f"http-{answer.status}")
        return answer


async def _sent(connectors: Connectors, call: _Call, token: str) -> _Answer:
    session = await connectors.session()
    headers = {
        "Accept": "application/json",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "IRBot",
    }
    try:
        async with session.request(
            call.method,
            URL(call.url, encoded=True),
            data=call.body,
            headers=headers,
            allow_redirects=False,
            timeout=connectors.timeout,
        ) as reply:
            return await _read(reply)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        logger.warning("%s cannot be reached: %s", SERVICE, type(error).__name__)
        raise _Unsent from None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        logger.warning("%s did not answer: %s", SERVICE, type(error).__name__)
        raise _Lost from None


async def _read(reply: aiohttp.ClientResponse) -> _Answer:
    body = b""
    while len(body) <= _LARGEST_ANSWER and (more := await reply.content.read(_LARGEST_ANSWER)):
        body += more
    document: Any = None
    if body:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            logger.warning("%s answered %d with %d bytes that are no JSON", SERVICE, reply.status, len(body))
    retry_after = reply.headers.get("Retry-After", "")
    return _Answer(
        status=reply.status,
        document=document if isinstance(document, dict) else None,
        retry_after=float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else None,
        request_id=reply.headers.get("x-ms-request-id") or reply.headers.get("MS-CV"),
    )


def _pause(tries_left: int) -> float:
    base: float = _FIRST_PAUSE_SECONDS * 2 ** (_MOST_TRIES - 1 - tries_left)
    return base * random.uniform(1.0, 1.5)  # noqa: S311  # spreads the load, guards nothing


def _give_up(error: IRBotError, maybe_done: bool) -> NoReturn:
    if maybe_done:
        raise UnknownOutcome(service=SERVICE, reason="server-error", status=error.data.get("status"))
    raise error


def _codes(document: Any) -> tuple[str, ...]:
    """The error codes of Teams' two shapes: `{"error": {"code"}}`, and a `subCode` in a message that is JSON itself."""
    if not isinstance(document, Mapping):
        return ()
    error = document.get("error")
    found = [error.get("code")] if isinstance(error, Mapping) else []
    for message in (document.get("message"), error.get("message") if isinstance(error, Mapping) else None):
        try:
            inner = json.loads(message) if isinstance(message, str) and message.lstrip().startswith("{") else None
        except (ValueError, RecursionError):
            inner = None
        if isinstance(inner, dict):
            found += [inner.get("subCode"), inner.get("code")]
    return tuple(code for code in found if isinstance(code, str) and code.isascii() and len(code) < 80)


def _error(answer: _Answer) -> IRBotError:
    """The connector's refusal as one of ours: by status and code, never by text."""
    codes = _codes(answer.document)
    code = codes[-1] if codes else None
    logger.warning("%s answered %d %s (request %s)", SERVICE, answer.status, code, answer.request_id)
    data: dict[str, Any] = {
        "service": SERVICE,
        "status": answer.status,
        "channel_code": code,
        "request_id": answer.request_id,
    }
    match answer.status:
        case 401:
            return AuthBroken(reason="token-refused", **data)
        case 403:
            word = next((_REFUSED_WORDS[found] for found in codes if found in _REFUSED_WORDS), "refused-by-channel")
            return NotAllowed(reason=word, **data)
        case 404:
            return NotFound(
                what=next((_MISSING[found] for found in codes if found in _MISSING), "conversation"), **data
            )
        case 413:
            return BadInput(reason="message-too-large", **data)
        case 429:
            return Throttled(answer.retry_after, **data)
        case status if status >= 500 or status == 412 or status < 400:
            return UpstreamDown(reason="server-error" if status >= 400 else "redirect", **data)
        case _:
            return BadInput(reason="refused-by-channel", **data)
