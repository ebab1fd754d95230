"""Single requests and answers over HTTP: how a parameter is written, what silence means, when to try again."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from services.decoding import decoded
from services.errors import IRBotError, Throttled, UnknownOutcome, UpstreamDown
from services.microsoft365.exchange import answers
from services.microsoft365.exchange.backend import SERVICE, Call, Edit, Parameter

LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came, and the token that it was asked with."""

    status: int
    raw: bytes
    headers: httpx.Headers
    token: str

    def json(self, operation: str) -> Any:
        try:
            return decoded(self.raw)
        except ValueError:
            raise UpstreamDown(service=SERVICE, operation=operation, reason="unreadable-answer") from None


def carried_out(page: answers.Page, call: Call) -> answers.Page:
    """The page of a call that was really run. Raises where a 200 says otherwise."""
    if page.asks_back:
        # The service validated and did nothing: our Confirm=false was not honoured.
        raise UpstreamDown(service=SERVICE, operation=call.cmdlet, reason="asks-for-confirmation")
    if page.errors and not call.reads:
        raise answers.problem(answers.refusal_in_success(page.errors[0]), call)
    return page


def refused(answer: Answer) -> answers.Refused:
    """A refusal, taken apart."""
    return answers.parse_refusal(answer.status, answer.raw, answer.headers.get("x-ExceptionType") or "")


def encoded(value: Parameter) -> Any:
    """A parameter as JSON."""
    if isinstance(value, Edit):
        sides = {"Add": list(value.add), "Remove": list(value.remove)}
        return {"@odata.type": "#Exchange.GenericHashTable"} | {name: side for name, side in sides.items() if side}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return value


def unanswered(failure: httpx.HTTPError, call: Call) -> IRBotError:
    """No answer. Where the request may have left, a write may have been done."""
    reason = type(failure).__name__
    unsent = isinstance(
        failure, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
    )
    if call.reads or unsent:
        return UpstreamDown(service=SERVICE, operation=call.cmdlet, reason=reason)
    return UnknownOutcome(service=SERVICE, operation=call.cmdlet, reason=reason)


def may_try_again(error: IRBotError) -> bool:
    """Whether the trouble is of the kind that passes while we wait."""
    if isinstance(error, Throttled):
        return (error.retry_after or 0.0) <= LONGEST_PAUSE_SECONDS
    return isinstance(error, UpstreamDown) and error.data.get("reason") not in {"unreadable-answer", "foreign-link"}


def delay(error: IRBotError, attempt: int) -> float:
    """How long to wait before the next try: as the service says, or longer each time."""
    wanted = error.retry_after if isinstance(error, Throttled) else error.data.get("retry_after")
    backoff = min(16.0, 2.0**attempt) * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
    return max(float(wanted), 0.0) if isinstance(wanted, (int, float)) else backoff


def seconds_of(text: object) -> float | None:
    """A Retry-After in seconds; None where there is none that can be read."""
    try:
        return max(0.0, float(text)) if isinstance(text, (int, float, str)) else None
    except (ValueError, OverflowError):
        return None


def claims_of(headers: httpx.Headers) -> str | None:
    """The claims challenge of continuous access evaluation, decoded; None where there is none."""
    challenge = headers.get("WWW-Authenticate") or ""
    _, mark, rest = challenge.partition('claims="')
    if not mark:
        return None
    encoded = rest.partition('"')[0]
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8")
    except ValueError:
        return None
