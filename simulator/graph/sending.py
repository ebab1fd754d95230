"""Sending mail: within the mailbox's limits, into the simulated mailboxes, and back to the sender where nobody is."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from simulator.clock import parse_stamp, stamp
from simulator.exchange import exchange_of
from simulator.exchange.state import TracedMessage
from simulator.graph.errors import GraphError, bad_request, unknown_property
from simulator.graph.mailbox import mailbox_user
from simulator.graph.operation import Answer, Call, Operation, Row
from simulator.graph.schema_workloads import MESSAGE
from simulator.tenant import Json, User

_MOST_HEADERS = 5
_MOST_RECIPIENTS = 500
_MOST_IN_A_MINUTE = 30
_MOST_IN_A_DAY = 10_000


def _recipients(message: Json, field: str) -> list[str]:
    value: Any = message.get(field) or []
    try:
        found = [str(each["emailAddress"]["address"]) for each in value]
    except (KeyError, TypeError) as problem:
        raise bad_request(f"Invalid value for {field}.", "ErrorInvalidRecipients") from problem
    if any("@" not in address for address in found):
        raise GraphError(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
    return found


def send_mail(call: Call) -> Answer:
    """POST /users/{id}/sendMail: accepted, no id; every call sends once more."""
    user = mailbox_user(call)
    parameters = call.parameters_of_action("message", optional=("saveToSentItems",))
    message = parameters["message"]
    if not isinstance(message, dict):
        raise bad_request("The parameter 'message' takes a message.", "BadRequest")
    named = {name[:1].lower() + name[1:]: value for name, value in message.items() if "@odata." not in name}
    for name in named:
        if name not in MESSAGE.properties | MESSAGE.navigation:
            raise unknown_property(name, "message")
    to, cc, bcc = (_recipients(named, field) for field in ("toRecipients", "ccRecipients", "bccRecipients"))
    everybody = list(dict.fromkeys([*to, *cc, *bcc]))
    if not everybody:
        raise GraphError(400, "ErrorInvalidRecipients", "At least one recipient is needed.")
    if len(everybody) > _MOST_RECIPIENTS:
        raise GraphError(400, "ErrorTooManyRecipients", f"At most {_MOST_RECIPIENTS} recipients.")
    headers = named.get("internetMessageHeaders") or []
    if len(headers) > _MOST_HEADERS or any(not str(h.get("name", "")).lower().startswith("x-") for h in headers):
        raise GraphError(400, "InvalidInternetMessageHeader", "Own headers start with x-, and there are five at most.")
    _keep_to_the_limits(call, user, len(everybody))
    _deliver(call, user, named, everybody, parameters.get("saveToSentItems", True))
    return Answer(202)


def _keep_to_the_limits(call: Call, sender: User, recipients: int) -> None:
    """Thirty messages a minute and ten thousand recipients a day. Raises GraphError 429."""
    now = call.world.clock.now()
    sent = call.tenant.records.handed_over[sender.id]
    sent[:] = [each for each in sent if now - each[0] < timedelta(days=1)]
    last_minute = [at for at, _ in sent if now - at < timedelta(minutes=1)]
    if len(last_minute) >= _MOST_IN_A_MINUTE:
        wait = math.ceil((last_minute[0] + timedelta(minutes=1) - now).total_seconds())
        raise GraphError(
            429,
            "ApplicationThrottled",
            "The message rate limit of the mailbox is reached.",
            {"Retry-After": str(max(1, wait))},
        )
    if sum(count for _, count in sent) + recipients > _MOST_IN_A_DAY:
        raise GraphError(
            429, "ErrorMessageSubmissionBlocked", "The daily limit of recipients is reached.", {"Retry-After": "3600"}
        )
    sent.append((now, recipients))


def _deliver(call: Call, sender: User, message: Json, everybody: list[str], keep: Any) -> None:
    now = call.world.clock.now()
    address = str(sender.properties.get("mail") or sender.upn)
    body = message.get("body") or {}
    common: Json = {
        "subject": str(message.get("subject") or ""),
        "sender": address,
        "to": tuple(_recipients(message, "toRecipients")),
        "body": str(body.get("content") or ""),
        "internetMessageId": f"<{uuid4()}@{call.tenant.domain}>",
        "internetMessageHeaders": message.get("internetMessageHeaders") or [],
        "importance": message.get("importance") or "normal",
        "ccRecipients": message.get("ccRecipients") or [],
    }
    records = call.tenant.records
    if keep is not False:
        bcc = message.get("bccRecipients") or []
        records.add_message(sender, now, folder="sentitems", bccRecipients=bcc, **common)
    people = {}
    for each in everybody:
        person = find_by_address(call, each)
        trouble = None if person is not None else _undeliverable(call, each)
        _trace(call, now, address, each, common, "Delivered" if trouble is None else "Failed")
        if person is not None:
            people[person.id] = person
        if trouble is not None:
            _report(call, sender, each, common, trouble)
    for person in people.values():
        records.add_message(person, now, **common)
        mail = {"subject": common["subject"], "from": address, "text": common["body"], "to": list(common["to"])}
        call.world.inbox.add(person.id, "mail", mail)
    call.tenant.note(sender, "Send mail", common["subject"], None, f"{len(everybody)} recipients", call.by)


def _undeliverable(call: Call, address: str) -> str | None:
    """Why mail to an address that is nobody's mailbox comes back; None where the other side takes it."""
    lowered = address.lower()
    domain = lowered.rpartition("@")[2]
    if lowered in call.tenant.records.undeliverable:
        return call.tenant.records.undeliverable[lowered]
    if domain.endswith(".invalid"):
        return "550 5.4.310 DNS domain does not exist"
    is_group = any(str(group.properties.get("mail") or "").lower() == lowered for group in call.tenant.groups.values())
    if domain == call.tenant.domain.lower() and not is_group:
        return "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"
    return None


def _report(call: Call, sender: User, address: str, message: Json, trouble: str) -> None:
    """Exchange's own report to the sender. It quotes the header of the message, and refers to it by its id."""
    own = [(str(each["name"]), str(each["value"])) for each in message["internetMessageHeaders"]]
    quoted = [("From", message["sender"]), ("To", address), ("Message-ID", message["internetMessageId"]), *own]
    lines = [
        f"Your message to {address} couldn't be delivered.",
        f"Error: {trouble}",
        "Original Message Headers",
        *(f"{name}: {value}" for name, value in quoted),
    ]
    headers = {
        "Content-Type": 'multipart/report; report-type=delivery-status; boundary="report"',
        "X-MS-Exchange-Message-Is-Ndr": "",
        "Auto-Submitted": "auto-replied",
        "In-Reply-To": message["internetMessageId"],
        "References": message["internetMessageId"],
    }
    call.tenant.records.add_message(
        sender,
        call.world.clock.now(),
        subject=f"Undeliverable: {message['subject']}",
        sender=f"postmaster@{call.tenant.domain}",
        to=(str(message["sender"]),),
        body="\n".join(lines),
        internetMessageHeaders=[{"name": name, "value": value} for name, value in headers.items()],
    )


def find_by_address(call: Call, address: str) -> User | None:
    """The person behind an address of the tenant."""
    lowered = address.lower()
    direct = call.tenant.find_user(lowered)
    if direct is not None:
        return direct
    for user in call.tenant.users.known():
        if lowered in {str(proxy).partition(":")[2].lower() for proxy in user.properties.get("proxyAddresses") or []}:
            return user
    return None


def _trace(call: Call, now: datetime, sender: str, recipient: str, message: Json, status: str) -> None:
    exchange_of(call.world).organisation.traced.append(
        TracedMessage(
            trace_id=UUID(int=uuid4().int),
            message_id=str(message["internetMessageId"]),
            received=parse_stamp(stamp(now)),
            sender=sender,
            recipient=recipient,
            subject=str(message["subject"]),
            status=status,
        )
    )


OPERATIONS = (Operation("POST", "/users/{user-id}/sendMail", send_mail, ("Mail.Send",), row=Row.OUTLOOK),)
