"""Message trace: which mail went from whom to whom. Sent Items may have been emptied; the trace was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kiota_abstractions.method import Method

from services.microsoft365.graph import Graph, Items, Json
from services.microsoft365.listing import Listing, listing
from services.microsoft365.operations import Needs, Operation, Row, permissions_of
from services.microsoft365.reading import instant, moment, number, quoted, text

_TRACE = Operation("message-traces", ("ExchangeMessageTrace.Read.All",), Row.MESSAGE_TRACE)
_DETAILS = Operation("message-trace-details", ("ExchangeMessageTrace.Read.All",), Row.MESSAGE_TRACE)

NEEDS: Needs = {
    "sent_by": permissions_of(_TRACE),
    "received_by": permissions_of(_TRACE),
    "details": permissions_of(_DETAILS),
}

_LONGEST_WINDOW = timedelta(days=10)
_OLDEST = timedelta(days=90)
_PAGE = 1000


@dataclass(frozen=True)
class TracedMail:
    """One message to one recipient."""

    id: str
    sender: str
    recipient: str
    subject: str
    status: str  # delivered, failed, pending, quarantined, filteredAsSpam, expanded or gettingStatus
    at: datetime | None
    from_ip: str
    size: int
    message_id: str


@dataclass(frozen=True)
class TraceEvent:
    """What happened to a message on its way."""

    at: datetime | None
    event: str
    action: str
    description: str


class MailFlow:
    """Message traces of the tenant. Minutes old at least, kept for 90 days; a hundred calls in five minutes for all."""

    def __init__(self, graph: Graph, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._graph = graph
        self._clock = clock

    async def sent_by(self, address: str, since: datetime, until: datetime, limit: int) -> Listing[TracedMail]:
        """What this address sent. Ask for each address of an account: one trace takes one address.

        GET /admin/exchange/tracing/messageTraces; ExchangeMessageTrace.Read.All, and the service principal of message
        trace in the tenant; read only.
        """
        return await self._traced(f"senderAddress eq {quoted(address)}", since, until, limit)

    async def received_by(self, address: str, since: datetime, until: datetime, limit: int) -> Listing[TracedMail]:
        """What this address received.

        GET /admin/exchange/tracing/messageTraces; rights as sent_by; read only.
        """
        return await self._traced(f"recipientAddress eq {quoted(address)}", since, until, limit)

    async def details(self, mail: TracedMail) -> tuple[TraceEvent, ...]:
        """What happened to a message on its way to one recipient.

        GET …/messageTraces/{id}/getDetailsByRecipient(recipientAddress=…); ExchangeMessageTrace.Read.All; read only.
        """
        trace = self._traces.by_exchange_message_trace_id(mail.id)
        where = trace.get_details_by_recipient_with_recipient_address(mail.recipient.replace("'", "''"))
        items = await self._graph.items(_DETAILS, self._graph.request(Method.GET, where))
        return tuple(
            TraceEvent(
                moment(entry, "dateTime"), text(entry, "event"), text(entry, "action"), text(entry, "description")
            )
            for entry in items.values
        )

    @property
    def _traces(self) -> Any:
        return self._graph.client.admin.exchange.tracing.message_traces

    async def _traced(self, condition: str, since: datetime, until: datetime, limit: int) -> Listing[TracedMail]:
        """Newest window first. Complete only when every window was, and none lay before what the service keeps."""
        found: list[Json] = []
        now = self._clock()
        complete = since >= now - _OLDEST
        for start, end in _windows(since, until, now):
            if len(found) >= limit:
                return Listing(tuple(_mail_from(entry) for entry in found[:limit]), complete=False)
            window = f"{condition} and receivedDateTime ge {instant(start)} and receivedDateTime le {instant(end)}"
            request = self._graph.request(Method.GET, self._traces, filter=window, top=_PAGE)
            items = await self._graph.items(_TRACE, request, limit=limit - len(found))
            found += items.values
            complete = complete and items.complete
        return listing(Items(tuple(found), complete), _mail_from)


def _windows(since: datetime, until: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The time from `until` back to `since` in parts that one trace can take. The service knows no future."""
    end = min(until, now)
    oldest = max(since, now - _OLDEST + timedelta(minutes=5))
    while end > oldest:
        start = max(oldest, end - _LONGEST_WINDOW)
        yield start, end
        end = start


def _mail_from(entry: Mapping[str, Any]) -> TracedMail:
    return TracedMail(
        id=text(entry, "id"),
        sender=text(entry, "senderAddress"),
        recipient=text(entry, "recipientAddress"),
        subject=text(entry, "subject"),
        status=text(entry, "status"),
        at=moment(entry, "receivedDateTime"),
        from_ip=text(entry, "fromIP"),
        size=number(entry, "size") or 0,
        message_id=text(entry, "messageId"),
    )
