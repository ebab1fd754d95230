"""How an activity gets to the bot: signed, timed, recorded, and delivered again as Teams does."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from simulator.channel.activities import event_id, stamp
from simulator.channel.conversations import ADAPTIVE_CARD
from simulator.channel.signing import ChannelSigner, Forgery
from simulator.channel.wire import faults_of_card

Json = dict[str, Any]
# Teams gives up after 15 seconds and delivers the activity again.
PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class BotAnswer:
    """What the bot answered to one delivery. `status` is None where it did not answer in time or at all."""

    activity: Json
    status: int | None
    body: Any
    raw: bytes
    seconds: float
    error: str = ""

    @property
    def fault(self) -> str:
        """Why Teams would count this delivery as failed; empty where it would not."""
        if self.status is None:
            return self.error or "no answer"
        if self.activity.get("type") != "invoke":
            return "" if 200 <= self.status < 300 else f"HTTP {self.status}"
        if self.status != 200:
            return f"HTTP {self.status} to an invoke"
        if not isinstance(self.body, dict) or not self.body:
            return "empty or non-JSON body to an invoke"
        if str(self.activity.get("name")).startswith("composeExtension/"):
            return _fault_of_extension(str(self.activity["name"]), self.body)
        if self.activity.get("name") != "adaptiveCard/action":
            return ""
        if not isinstance(self.body.get("statusCode"), int) or not isinstance(self.body.get("type"), str):
            return "invoke body without statusCode and type"
        return "" if self.body.get("value") is not None else "invoke body without value"


def _fault_of_extension(name: str, body: Json) -> str:
    """Why Teams would show "something went wrong" for an answer to a message extension."""
    window, listing = body.get("task"), body.get("composeExtension")
    if name.endswith(("/fetchTask", "/submitAction")):
        if not isinstance(window, dict) or window.get("type") not in {"continue", "message"}:
            return "no task with a form or a message"
        value = window.get("value")
        if window["type"] == "message":
            return "" if isinstance(value, str) and value else "a task's message without words"
        card = value.get("card") if isinstance(value, dict) else None
        if not isinstance(card, dict) or card.get("contentType") != ADAPTIVE_CARD:
            return "a task without a card"
        return "; ".join(faults_of_card(card.get("content")))
    if not isinstance(listing, dict) or listing.get("type") not in {"result", "message"}:
        return "no composeExtension with a result or a message"
    if listing["type"] == "message":
        return "" if isinstance(listing.get("text"), str) and listing["text"] else "a message without words"
    faults = []
    for each in listing.get("attachments") or []:
        faults += faults_of_card(each.get("content"))
        faults += [] if isinstance(each.get("preview"), dict) else ["an attachment without a preview"]
    return "; ".join(faults)


@dataclass(frozen=True)
class Redelivery:
    """How often the same activity comes: `times` in all, at once or one after another.

    Invokes come with a new id and timestamp from the second time on, messages with the same ones.
    """

    times: int = 2
    together: bool = False


class Delivery:
    """Posts to the bot's messaging endpoint. `bot_url` may change while running (a bot restarts elsewhere)."""

    def __init__(self, signer: ChannelSigner, bot_url: str, service_url: Callable[[], str]) -> None:
        self.bot_url = bot_url
        self.patience_seconds = PATIENCE_SECONDS
        self.repeat_when_failed = False
        self.answers: list[BotAnswer] = []
        self.under_way = 0
        self._signer = signer
        self._service_url = service_url

    @property
    def failures(self) -> list[BotAnswer]:
        """The deliveries that Teams would count as failed."""
        return [answer for answer in self.answers if answer.fault]

    async def send(self, activity: Json, *, forgery: Forgery | None = None) -> BotAnswer:
        """Delivers an activity once; again where that failed and `repeat_when_failed` is set, as Teams does."""
        answer = await self._once(activity, forgery)
        if answer.fault and self.repeat_when_failed:
            answer = await self._once(again(activity), forgery)
        return answer

    async def repeat(self, activity: Json, how: Redelivery) -> list[BotAnswer]:
        """Delivers the same activity several times."""
        copies = [activity, *(again(activity) for _ in range(how.times - 1))]
        if how.together:
            return list(await asyncio.gather(*(self._once(each, None) for each in copies)))
        return [await self._once(each, None) for each in copies]

    async def raw(
        self, body: bytes | Json | list[Any], headers: Mapping[str, str] | None = None, *, signed: bool = False
    ) -> BotAnswer:
        """Posts anything with exactly these headers: what a stranger on the network can do.

        With `signed` it carries a good token, as if the channel itself sent nonsense.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        activity = body if isinstance(body, dict) else {}
        sent = {"Content-Type": "application/json", **(headers or {})}
        if signed:
            sent["Authorization"] = self._signer.authorization(self._service_url()) or ""
        return await self._post(data, sent, activity)

    async def _once(self, activity: Json, forgery: Forgery | None) -> BotAnswer:
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Microsoft-SkypeBotApi"}
        authorization = self._signer.authorization(str(activity.get("serviceUrl") or self._service_url()), forgery)
        if authorization is not None:
            headers["Authorization"] = authorization
        return await self._post(json.dumps(activity).encode(), headers, activity)

    async def _post(self, data: bytes, headers: Mapping[str, str], activity: Json) -> BotAnswer:
        began = time.monotonic()
        status: int | None = None
        raw = b""
        error = ""
        self.under_way += 1
        try:
            timeout = aiohttp.ClientTimeout(total=self.patience_seconds)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self.bot_url, data=data, headers=headers) as response,
            ):
                raw = await response.read()
                status = response.status
        except TimeoutError:
            error = f"no answer within {self.patience_seconds:g} s"
        except aiohttp.ClientError as problem:
            error = f"{type(problem).__name__}: {problem}"
        finally:
            self.under_way -= 1
        answer = BotAnswer(
            activity=copy.deepcopy(activity),
            status=status,
            body=_parsed(raw),
            raw=raw,
            seconds=time.monotonic() - began,
            error=error,
        )
        self.answers.append(answer)
        return answer


def again(activity: Json, at: datetime | None = None) -> Json:
    """The activity as Teams delivers it another time: an invoke gets a new id and timestamp, a message keeps both."""
    copied = copy.deepcopy(activity)
    if copied.get("type") == "invoke":
        copied["id"] = event_id()
        copied["timestamp"] = copied["localTimestamp"] = stamp(at or datetime.now().astimezone())
    return copied


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
