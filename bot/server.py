"""The bot's HTTP side: where the channel delivers activities, and where an operator looks whether we are well.

An answer comes within two seconds whatever the handler does: what takes longer goes on behind the answer, because Teams
delivers again what is not answered in time.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from botbuilder.core import InvokeResponse
from botbuilder.schema import Activity, ActivityTypes

from bot.activities import LARGEST_BODY, parse_body, read_activity
from bot.adapter import Adapter, ChannelAuthentication
from bot.allowed_teams import AllowedTeams
from bot.auth import ChannelToken, InboundAuthentication
from bot.background import Background
from bot.channel_keys import ChannelKeys
from bot.compose import compose_late, is_compose
from bot.connector import Connectors
from bot.handler import Handler
from bot.messenger import Messenger
from bot.rejections import Rejected
from bot.service_urls import ServiceUrls
from bot.turn_bot import TurnBot, invoke_answer, invoke_error
from dialogs.turn import TextAnswer
from services import logs, metrics
from services.settings import Settings

logger = logging.getLogger(__name__)

_AT_ONCE = 8

ReadyCheck = Callable[[], Awaitable[bool]]
Notes = Callable[[], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True)
class Patience:
    """How long the endpoints wait."""

    answer_seconds: float = 1.7  # from the arrival on; we promise an answer within two
    crowd: int = 24  # with more turns than that under way, an answer that is not there yet is not waited for so long
    crowd_seconds: float = 0.6
    body_seconds: float = 10.0
    ready_seconds: float = 5.0


class Bot:
    """Everything behind `POST /api/messages`."""

    def __init__(
        self, settings: Settings, handler: Handler, connectors: Connectors, *, keys: ChannelKeys, patience: Patience
    ) -> None:
        service_urls = ServiceUrls(settings.service_urls)
        self.keys = keys
        self._patience = patience
        self.background = Background()
        self._door = asyncio.Semaphore(_AT_ONCE)
        self._inbound = InboundAuthentication(settings, self.keys, service_urls)
        self._adapter = Adapter(settings, ChannelAuthentication(settings, self._inbound, connectors), self.background)
        self._turns = TurnBot(settings, handler, AllowedTeams(settings.allowed_teams, connectors.group_of_team))

    async def messages(self, request: web.Request) -> web.Response:
        """Takes one activity."""
        arrived = asyncio.get_running_loop().time()
        with logs.bound(correlation=logs.new_correlation_id()), metrics.turn():
            try:
                await self._come_in()
                token = await self._inbound.verify(_authorization(request))
                document = parse_body(await _body(request, self._patience.body_seconds))
                try:
                    activity = read_activity(document)
                except Rejected as malformed:
                    if document.get("type") != ActivityTypes.invoke.value:
                        raise
                    logger.warning("malformed invoke refused: %s", malformed.reason)
                    return _json(invoke_error(HTTPStatus.BAD_REQUEST, malformed.reason, "This button cannot be read."))
                return await self._turn(token, activity, arrived)
            except Rejected as refusal:
                logger.warning("request refused: %d %s", refusal.status, refusal.reason)
                return _refusal(refusal)
            except Exception:  # the turn boundary: nothing of ours may show as a traceback
                logger.exception("the request failed")
                return _refusal(Rejected(500, "bug"))

    async def _come_in(self) -> None:
        """Lets a few in at each turn of the event loop: to read very many requests is a long time without a pause."""
        async with self._door:
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Lets turns end that are under way."""
        await self.background.close()
        await self.keys.close()

    async def _turn(self, token: ChannelToken, activity: Activity, arrived: float) -> web.Response:
        if self.background.closed:
            raise Rejected(503, "closing")
        turn = self.background.start(self._outcome(token, activity), f"turn {activity.type}")
        patience = self._patience
        await _wait_until(turn, arrived + min(patience.crowd_seconds, patience.answer_seconds))
        if self.background.under_way <= patience.crowd:
            await _wait_until(turn, arrived + patience.answer_seconds)
        is_invoke = activity.type == ActivityTypes.invoke
        if not turn.done():
            logger.warning("the turn goes on behind its answer")
            if is_compose(activity.name):
                return _json(InvokeResponse(status=HTTPStatus.OK.value, body=compose_late(activity.name)))
            still_working = invoke_answer(TextAnswer("Still working on it. The card will show the result."))
            return _json(still_working) if is_invoke else web.Response(status=202)
        response = turn.result()
        if isinstance(response, Rejected):
            raise response
        if is_invoke:
            return _json(response or invoke_error(HTTPStatus.NOT_IMPLEMENTED, "not-supported", "Not supported."))
        return web.Response(status=200)

    async def _outcome(self, token: ChannelToken, activity: Activity) -> InvokeResponse | Rejected | None:
        """The turn's end; a refusal is one of its ordinary ends."""
        try:
            return await self._adapter.run(token, activity, self._turns)
        except Rejected as refusal:
            return refusal


def build_bot_routes(
    settings: Settings,
    handler: Handler,
    messenger: Messenger,
    ready_checks: Mapping[str, ReadyCheck],
    *,
    patience: Patience = Patience(),
    notes: Notes | None = None,
) -> tuple[list[web.RouteDef], Callable[[web.Application], AsyncIterator[None]]]:
    """The routes, and the clean-up context that belongs to them."""
    keys = ChannelKeys(settings.bot_openid_url, settings.ca_file)
    bot = Bot(settings, handler, messenger.connectors, keys=keys, patience=patience)

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        checks = {"channel-keys": await bot.keys.look_if_needed()}
        for name, check in ready_checks.items():
            checks[name] = await _passes(name, check, patience.ready_seconds)
        ready = all(checks.values())
        # What does not work as wanted and would not work better elsewhere: it takes no replica out of service.
        said = dict(await notes()) if notes is not None and ready else {}
        return web.json_response({"ready": ready, "checks": checks, "notes": said}, status=200 if ready else 503)

    async def life(_app: web.Application) -> AsyncIterator[None]:
        bot.background.start(bot.keys.warm(), "channel keys at the start")
        yield
        await bot.close()

    routes = [
        web.post("/api/messages", bot.messages),
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
    ]
    return routes, life


def install(
    app: web.Application,
    settings: Settings,
    handler: Handler,
    messenger: Messenger,
    ready_checks: Mapping[str, ReadyCheck],
    *,
    patience: Patience = Patience(),
    notes: Notes | None = None,
) -> None:
    """Puts the bot into an aiohttp application. The messenger is shared, because so are its pace and connections."""
    routes, life = build_bot_routes(settings, handler, messenger, ready_checks, patience=patience, notes=notes)
    app.add_routes(routes)
    app.cleanup_ctx.append(life)


async def _passes(name: str, check: ReadyCheck, seconds: float) -> bool:
    """Whether the check says yes; one that fails or takes too long says no."""
    try:
        async with asyncio.timeout(seconds):
            return bool(await check())
    except Exception as error:  # noqa: BLE001  # a check is somebody else's code, and its failure is an answer
        logger.warning("ready check %s failed: %r", name, error)
        return False


async def _wait_until(turn: asyncio.Task[Any], moment: float) -> None:
    """Waits for the end of a turn, no longer than until this moment of the loop."""
    left = moment - asyncio.get_running_loop().time()
    if left > 0 and not turn.done():
        await asyncio.wait({turn}, timeout=left)


def _authorization(request: web.Request) -> str | None:
    """The one header of that name: of two, what stands before us may have checked the other one."""
    sent = request.headers.getall("Authorization", [])
    if len(sent) > 1:
        raise Rejected(401, "bad-token")
    return sent[0] if sent else None


async def _body(request: web.Request, seconds: float) -> bytes:
    """The body. Raises Rejected where it is packed, too large, too slow, cut off or not JSON by its own account."""
    if request.content_type != "application/json":
        raise Rejected(415, "content-type")
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Rejected(415, "content-encoding")  # the channel packs nothing; who does hides how much it is
    if (request.content_length or 0) > LARGEST_BODY:
        raise Rejected(413, "body-too-large")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise Rejected(413, "body-too-large")
    except TimeoutError:
        raise Rejected(408, "body-too-slow") from None
    except (web.RequestPayloadError, ConnectionError):
        raise Rejected(400, "body-cut-off") from None
    return bytes(body)


def _refusal(refusal: Rejected) -> web.Response:
    body = {"error": {"code": refusal.reason, "correlationId": logs.correlation.get()}}
    response = web.json_response(body, status=refusal.status)
    if refusal.status in {408, 413, 415}:
        response.force_close()  # the rest of the body is not read
    return response


def _json(response: InvokeResponse) -> web.Response:
    return web.Response(status=response.status, text=json.dumps(response.body), content_type="application/json")
