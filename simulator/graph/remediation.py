"""Defender's remediation of delivered mail: accepted at once, carried out in the mailboxes a while later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from simulator.clock import parse_stamp, stamp
from simulator.exchange import exchange_of
from simulator.graph.errors import bad_request
from simulator.graph.operation import Answer, Call, Licence, Operation, Row
from simulator.graph.sending import find_by_address
from simulator.tenant import Json

# What is asked for → the folder where the mail is then; None is nowhere.
_FOLDERS: dict[str, str | None] = {
    "softDelete": "recoverableitemsdeletions",
    "hardDelete": None,
    "moveToJunk": "junkemail",
    "moveToDeletedItems": "deleteditems",
    "moveToInbox": "inbox",
}


def remediate(call: Call) -> Answer:
    """POST /security/collaboration/analyzedEmails/remediate: accepted; where it can be followed is for people only."""
    values = call.parameters_of_action(
        "displayName",
        "severity",
        "action",
        "analyzedEmails",
        optional=("description", "remediateSendersCopy", "approverUpn", "remediateBy"),
    )
    mails: Any = values["analyzedEmails"]
    if values["action"] not in _FOLDERS or not isinstance(mails, list) or not mails:
        raise bad_request("action and analyzedEmails are needed.", "BadRequest")
    for mail in mails:
        if not isinstance(mail, dict) or not {"networkMessageId", "recipientEmailAddress"} <= set(mail):
            raise bad_request("Every mail needs networkMessageId and recipientEmailAddress.", "BadRequest")
    number = len(call.tenant.records.remediations) + 1
    due = call.world.clock.now() + timedelta(seconds=call.world.config.remediation_seconds)
    call.tenant.records.remediations.append({**values, "due": stamp(due), "carriedOut": False})
    call.tenant.note_tenant("Remediate mail", str(values["action"]), None, f"{len(mails)} mails", call.by)
    location = f"{call.root}/{call.version}/security/collaboration/analyzedEmails/remediations/{number}"
    return Answer(202, None, {"Location": location})


def carry_out(call: Call) -> None:
    """Does what is due by now. Mail that is in no mailbox is passed over, as the real service does."""
    now = call.world.clock.now()
    for remediation in call.tenant.records.remediations:
        if not remediation["carriedOut"] and parse_stamp(remediation["due"]) <= now:
            remediation["carriedOut"] = True
            for mail in remediation["analyzedEmails"]:
                _move(call, str(mail["networkMessageId"]), str(mail["recipientEmailAddress"]), remediation)


def _move(call: Call, network_id: str, recipient: str, remediation: Json) -> None:
    person = find_by_address(call, recipient)
    message_ids = {
        message.message_id
        for message in exchange_of(call.world).organisation.traced
        if str(message.trace_id) == network_id and message.recipient.lower() == recipient.lower()
    }
    if person is None or not message_ids:
        return
    records, folder = call.tenant.records, _FOLDERS[remediation["action"]]
    for row in list(records.mail[person.id]):
        if row["internetMessageId"] not in message_ids or row["parentFolderId"] == "sentitems":
            continue
        if folder is None:
            records.mail[person.id].remove(row)
            records.purged.append(row)
        else:
            row["parentFolderId"] = folder


OPERATIONS = (
    Operation(
        "POST",
        "/security/collaboration/analyzedEmails/remediate",
        remediate,
        ("SecurityAnalyzedMessage.ReadWrite.All",),
        row=Row.SECURITY,
        licence=Licence.DEFENDER_OFFICE,
    ),
)
