"""Message trace through Graph, over the same messages that Exchange's own trace shows."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator.clock import parse_stamp, stamp
from simulator.exchange import exchange_of
from simulator.exchange.state import TracedMessage
from simulator.graph.errors import GraphError, bad_request, not_found
from simulator.graph.operation import Answer, Call, Operation, Row
from simulator.graph.schema_workloads import MESSAGE_TRACE, MESSAGE_TRACE_DETAIL
from simulator.people import MESSAGE_TRACE_APP_ID
from simulator.tenant import Json

_SPAN, _DEPTH, _DEFAULT = timedelta(days=10), timedelta(days=90), timedelta(hours=48)
_GRACE = timedelta(minutes=5)


def _row(message: TracedMessage) -> Json:
    return {
        "id": str(message.trace_id),
        "senderAddress": message.sender,
        "recipientAddress": message.recipient,
        "messageId": message.message_id,
        "receivedDateTime": stamp(message.received),
        "subject": message.subject,
        "size": message.size,
        "fromIP": message.from_ip,
        "toIP": message.to_ip,
        "status": message.status[:1].lower() + message.status[1:],
    }


def _window(call: Call) -> tuple[datetime, datetime]:
    """The time that the filter asks for. Raises GraphError 400 outside of what is kept."""
    now = call.world.clock.now()
    bounds: dict[str, datetime] = {}
    words = (call.options.filter or "").replace("(", " ").replace(")", " ").split()
    for name, operator, value in zip(words, words[1:], words[2:], strict=False):
        if name == "receivedDateTime" and operator in {"ge", "gt", "le", "lt"}:
            try:
                bounds[operator[0]] = parse_stamp(value)
            except ValueError as problem:
                raise bad_request(f"Invalid filter clause: {value}", "BadRequest") from problem
    end = bounds.get("l", now)
    start = bounds.get("g", end - _DEFAULT)
    if start > end or end > now + _GRACE:
        raise bad_request("The date range is not valid: it must not end in the future.", "BadRequest")
    if end - start > _SPAN:
        raise bad_request("The date range can't be longer than 10 days.", "BadRequest")
    if start < now - _DEPTH - _GRACE:
        raise bad_request("The start date can't be older than 90 days.", "BadRequest")
    return start, end


def _prepared(call: Call) -> None:
    if call.tenant.app(MESSAGE_TRACE_APP_ID) is None:
        raise GraphError(
            401, "Unauthorized", "The service principal of the message trace service is not in the tenant."
        )


def list_traces(call: Call) -> Answer:
    """GET /admin/exchange/tracing/messageTraces: ten days at most, 48 hours unless asked, newest first."""
    _prepared(call)
    start, end = _window(call)
    found = [message for message in exchange_of(call.world).organisation.traced if start <= message.received <= end]
    found.sort(key=lambda message: message.received, reverse=True)
    return call.collection((_row(message) for message in found), MESSAGE_TRACE, "messageTraces")


def details(call: Call) -> Answer:
    """GET …/{id}/getDetailsByRecipient(recipientAddress='…')."""
    _prepared(call)
    key, address = call.parameters["exchangeMessageTrace-id"], call.parameters["recipientAddress"].lower()
    for message in exchange_of(call.world).organisation.traced:
        if str(message.trace_id) == key and message.recipient.lower() == address:
            rows = [
                {
                    "id": f"{key}-{number}",
                    "messageId": message.message_id,
                    "dateTime": stamp(message.received),
                    "event": event,
                    "action": None,
                    "description": description,
                    "data": "",
                }
                for number, (event, description) in enumerate(
                    (("Receive", "Message received"), ("Deliver", f"Message {message.status.lower()}"))
                )
            ]
            return call.collection(rows, MESSAGE_TRACE_DETAIL, "exchangeMessageTraceDetails")
    raise not_found(key)


_ROOT = "/admin/exchange/tracing/messageTraces"
_READ = ("ExchangeMessageTrace.Read.All",)
OPERATIONS = (
    Operation("GET", _ROOT, list_traces, _READ, row=Row.TRACE),
    Operation(
        "GET",
        f"{_ROOT}/{{exchangeMessageTrace-id}}/getDetailsByRecipient(recipientAddress='{{recipientAddress}}')",
        details,
        _READ,
        row=Row.TRACE,
    ),
)
