"""Who got what: the message trace over Exchange, for where Graph's is not open to us.

Ninety days back, ten days a question, newest first. The service cuts at 5,000 rows and says so in a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import says_more
from services.microsoft365.exchange.backend import ORGANISATION, ExchangeBackend, Parameter, Record
from services.microsoft365.exchange.operations import Effect, operation

LONGEST_QUESTION = timedelta(days=10)
_ROWS = 5000


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One message to one recipient."""

    trace_id: str
    message_id: str
    received: datetime | None
    sender: str
    recipient: str
    subject: str
    status: str
    from_ip: str
    to_ip: str
    size: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found; not `complete` where there is more than was read."""

    messages: tuple[TracedMessage, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """What happened to a message on its way."""

    at: datetime | None
    event: str
    action: str
    detail: str


@operation("Get-MessageTraceV2", effect=Effect.READ)
async def trace(
    exchange: ExchangeBackend,
    start: datetime,
    end: datetime,
    *,
    sender: str = "",
    recipient: str = "",
    max_messages: int = 50_000,
) -> Trace:
    """Mail of a sender or to a recipient between two moments, newest first."""
    who: dict[str, Parameter] = {}
    if sender:
        who["SenderAddress"] = (sender,)
    if recipient:
        who["RecipientAddress"] = (recipient,)
    found: dict[tuple[str, str, datetime | None], TracedMessage] = {}
    complete = True
    for from_, to in _parts(start, end):
        complete = await _part(exchange, who, from_, to, found, max_messages) and complete
        if len(found) >= max_messages:
            return Trace(tuple(found.values()), complete=False)
    return Trace(tuple(found.values()), complete)


def _parts(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The time in parts that the service accepts, newest first."""
    while start < end:
        from_ = max(start, end - LONGEST_QUESTION)
        yield from_, end
        end = from_


async def _part(
    exchange: ExchangeBackend,
    who: dict[str, Parameter],
    start: datetime,
    end: datetime,
    found: dict[tuple[str, str, datetime | None], TracedMessage],
    max_messages: int,
) -> bool:
    """Reads one part into `found`; False where some of it could not be reached."""
    after = ""
    while True:
        parameters = who | {"StartDate": _stamp(start), "EndDate": _stamp(end), "ResultSize": _ROWS}
        if after:
            parameters["StartingRecipientAddress"] = after
        result = await exchange.invoke("Get-MessageTraceV2", parameters, anchor=ORGANISATION)
        messages = [_message(row) for row in result.records]
        before = len(found)
        # The row at the boundary comes twice.
        found.update({(message.trace_id, message.recipient, message.received): message for message in messages})
        if not says_more(result.warnings):
            return result.complete
        last = messages[-1] if messages else None
        if last is None or last.received is None or len(found) == before or len(found) >= max_messages:
            return False
        end, after = last.received, last.recipient


@operation("Get-MessageTraceDetailV2", effect=Effect.READ)
async def details(exchange: ExchangeBackend, message: TracedMessage) -> tuple[TraceEvent, ...]:
    """What happened to one message for one recipient."""
    parameters: dict[str, Parameter] = {"MessageTraceId": message.trace_id, "RecipientAddress": message.recipient}
    result = await exchange.invoke("Get-MessageTraceDetailV2", parameters, anchor=ORGANISATION)
    return tuple(
        TraceEvent(
            values.moment(row, "Date"),
            values.text(row, "Event"),
            values.optional_text(row, "Action"),
            values.optional_text(row, "Detail"),
        )
        for row in result.records
    )


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _message(row: Record) -> TracedMessage:
    return TracedMessage(
        trace_id=values.text(row, "MessageTraceId"),
        message_id=values.text(row, "MessageId"),
        received=values.moment(row, "Received"),
        sender=values.text(row, "SenderAddress"),
        recipient=values.text(row, "RecipientAddress"),
        subject=values.optional_text(row, "Subject"),
        status=values.text(row, "Status"),
        from_ip=values.optional_text(row, "FromIP"),
        to_ip=values.optional_text(row, "ToIP"),
        size=values.number(row, "Size") if row.get("Size") is not None else 0,
    )
