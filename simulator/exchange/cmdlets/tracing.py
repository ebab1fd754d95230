"""Message trace, unified audit log, and whether anything is logged at all."""

from __future__ import annotations

import fnmatch
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from simulator.exchange import errors
from simulator.exchange.audit_log import arrived
from simulator.exchange.cmdlets.call import Call, Rows, apply, handles
from simulator.exchange.service import AuditSession
from simulator.exchange.state import Record, TracedMessage

_TRACE_WINDOW = timedelta(minutes=5)
_TRACE_DEFAULT = timedelta(hours=48)
_TRACE_SPAN = timedelta(days=10)
_TRACE_DEPTH = timedelta(days=90)
_TRACE_ROWS = 5000
_SESSION_ROWS = 50_000


def _within_budget(call: Call) -> None:
    """A hundred questions in five minutes, and then the service's own word for it."""
    exchange = call.exchange
    exchange.trace_times = [at for at in exchange.trace_times if at > call.now - _TRACE_WINDOW]
    if len(exchange.trace_times) >= exchange.knobs.trace_calls:
        raise errors.trace_limit()
    exchange.trace_times.append(call.now)


@handles("Get-MessageTraceV2")
def get_message_trace(call: Call) -> Rows:
    """Newest first. What does not fit is announced in a warning; there is no next link."""
    _within_budget(call)
    end: datetime = call.get("EndDate", call.now)
    start: datetime = call.get("StartDate", end - _TRACE_DEFAULT)
    if end - start > _TRACE_SPAN:
        raise errors.CmdletError("The date range can't be longer than 10 days.", "System.ArgumentException")
    if start < call.now - _TRACE_DEPTH - timedelta(minutes=5):
        raise errors.CmdletError("The start date can't be older than 90 days.", "System.ArgumentException")
    size = int(call.get("ResultSize", 1000))
    if not 1 <= size <= _TRACE_ROWS:
        raise errors.bad_value("ResultSize", size, "a number from 1 to 5000.")
    found = [each for each in call.exchange.organisation.traced if _fits(call, each, start, end)]
    found.sort(key=lambda each: each.recipient.lower())
    found.sort(key=lambda each: each.received, reverse=True)
    after = str(call.get("StartingRecipientAddress", "")).lower()
    if after:
        found = [each for each in found if each.received < end or each.recipient.lower() >= after]
    page = found[:size]
    if len(found) > size:
        last = page[-1]
        call.warnings.append(
            "There are more results, use the following command to get more. Get-MessageTraceV2 "
            f'-StartDate "{start:%Y-%m-%dT%H:%M:%SZ}" -EndDate "{last.received:%Y-%m-%dT%H:%M:%S.%fZ}" '
            f'-StartingRecipientAddress "{last.recipient}" -ResultSize {size}'
        )
    return [_trace_row(each) for each in page]


def _fits(call: Call, message: TracedMessage, start: datetime, end: datetime) -> bool:
    if not start <= message.received <= end:
        return False
    for parameter, value in (
        ("SenderAddress", message.sender),
        ("RecipientAddress", message.recipient),
        ("MessageId", message.message_id),
        ("Status", message.status),
    ):
        wanted = call.get(parameter)
        if wanted and not any(fnmatch.fnmatch(value.lower(), str(each).lower()) for each in wanted):
            return False
    for parameter, value in (("FromIP", message.from_ip), ("ToIP", message.to_ip)):
        if call.get(parameter) and call.get(parameter) != value:
            return False
    if call.get("MessageTraceId") and call.get("MessageTraceId") != message.trace_id:
        return False
    return _subject_fits(call, message.subject)


def _subject_fits(call: Call, subject: str) -> bool:
    wanted = str(call.get("Subject", "")).lower()
    if not wanted:
        return True
    test = {
        "contains": subject.lower().__contains__,
        "startswith": subject.lower().startswith,
        "endswith": subject.lower().endswith,
    }
    return bool(test[str(call.get("SubjectFilterType", "Contains")).lower()](wanted))


def _trace_row(message: TracedMessage) -> Record:
    return {
        "MessageTraceId": message.trace_id,
        "MessageId": message.message_id,
        "Received": message.received,
        "SenderAddress": message.sender,
        "RecipientAddress": message.recipient,
        "Subject": message.subject,
        "Status": message.status,
        "FromIP": message.from_ip,
        "ToIP": message.to_ip,
        "Size": message.size,
    }


@handles("Get-MessageTraceDetailV2")
def get_message_trace_detail(call: Call) -> Rows:
    """What happened to one message for one recipient."""
    _within_budget(call)
    recipient = str(call.get("RecipientAddress")).lower()
    for message in call.exchange.organisation.traced:
        if message.trace_id == call.get("MessageTraceId") and message.recipient.lower() == recipient:
            events = message.events or [
                {"Date": message.received, "Event": "Receive", "Action": "", "Detail": "Message received"},
                {"Date": message.received, "Event": "Deliver", "Action": "", "Detail": "Delivered to the mailbox"},
            ]
            return [
                {"MessageTraceId": message.trace_id, "MessageId": message.message_id, "Data": "<root/>", **event}
                for event in events
            ]
    return []


# -- the unified audit log ---------------------------------------------------------------------------------------------


@handles("Search-UnifiedAuditLog")
def search_unified_audit_log(call: Call) -> Rows:
    """The same question with the same session id goes on where the last answer ended."""
    start, end = call.get("StartDate"), call.get("EndDate")
    if start > end:
        raise errors.CmdletError("The start date is after the end date.", "System.ArgumentException")
    size = int(call.get("ResultSize", 100))
    if not 1 <= size <= _TRACE_ROWS:
        raise errors.bad_value("ResultSize", size, "a number from 1 to 5000.")
    key = str(call.get("SessionId", ""))
    session = call.exchange.audit_sessions.get(key) if key else None
    if session is None:
        records = arrived(call.exchange, call.now)
        found = [dict(each) for each in records if _logged(call, each, start, end)]
        if call.get("SessionCommand") == "ReturnNextPreviewPage":
            found.sort(key=lambda each: each["CreationDate"], reverse=True)
            limit = _TRACE_ROWS
        else:
            limit = _SESSION_ROWS
        session = AuditSession(found[:limit], len(found))
        if key:
            call.exchange.audit_sessions[key] = session
    rows = session.rows[session.position : session.position + size]
    first = session.position + 1
    session.position += len(rows)
    total = min(session.total, _SESSION_ROWS)
    return [row | {"ResultIndex": first + n, "ResultCount": total} for n, row in enumerate(rows)]


def _logged(call: Call, record: Record, start: datetime, end: datetime) -> bool:
    if not start <= record["CreationDate"] < end:
        return False
    for parameter, name in (("UserIds", "UserIds"), ("Operations", "Operations")):
        wanted = call.get(parameter)
        if wanted and str(record[name]).lower() not in {str(each).lower() for each in wanted}:
            return False
    text = str(record["AuditData"])
    addresses = call.get("IPAddresses")
    if addresses and not any(str(each) in text for each in addresses):
        return False
    if call.get("RecordType") and call.get("RecordType") != record["RecordType"]:
        return False
    return not call.get("FreeText") or str(call.get("FreeText")).lower() in text.lower()


# -- is auditing on? ---------------------------------------------------------------------------------------------------


@handles("Get-AdminAuditLogConfig")
def get_admin_audit_log_config(call: Call) -> Rows:
    """The organisation's audit switches."""
    return [dict(call.exchange.organisation.audit_config)]


@handles("Set-AdminAuditLogConfig")
def set_admin_audit_log_config(call: Call) -> Rows:
    """Needs an organisation that was customised once."""
    if not call.exchange.knobs.customised:
        raise errors.not_customised(call.cmdlet)
    if not apply(call, call.exchange.organisation.audit_config):
        call.unchanged("Admin Audit Log Settings")
    call.exchange.tenant.touch()
    return []


@handles("Get-OrganizationConfig")
def get_organization_config(call: Call) -> Rows:
    """The organisation."""
    return [dict(call.exchange.organisation.config)]


@handles("Get-MailboxAuditBypassAssociation")
def get_audit_bypass(call: Call) -> Rows:
    """Whose actions are not logged."""
    mailboxes = [call.mailbox()] if call.get("Identity") else call.exchange.mailboxes()
    return (
        {
            "Identity": mailbox.alias,
            "Name": mailbox.alias,
            "ObjectId": UUID(mailbox.object_id),
            "AuditBypassEnabled": mailbox.audit_bypass,
        }
        for mailbox in mailboxes
    )


@handles("Set-MailboxAuditBypassAssociation")
def set_audit_bypass(call: Call) -> Rows:
    """Starts or ends a bypass."""
    mailbox = call.mailbox()
    wanted: Any = call.get("AuditBypassEnabled")
    if mailbox.audit_bypass == wanted:
        call.unchanged(mailbox.alias)
    else:
        call.exchange.note(mailbox, call.cmdlet, "AuditBypassEnabled", mailbox.audit_bypass, wanted, call.by)
        mailbox.audit_bypass = bool(wanted)
    return []
