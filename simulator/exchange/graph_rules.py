"""The visible inbox rules of a person, which Graph and Exchange both show: kept in Graph's form, read in Exchange's."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from simulator.exchange.state import STANDARD_FOLDERS, Folder, InboxRule, Mailbox, Record
from simulator.tenant import User

# Graph's predicate → Exchange's parameter
_CONDITIONS = {
    "bodyContains": "BodyContainsWords",
    "bodyOrSubjectContains": "SubjectOrBodyContainsWords",
    "categories": "HasCategory",
    "fromAddresses": "From",
    "hasAttachments": "HasAttachment",
    "headerContains": "HeaderContainsWords",
    "importance": "WithImportance",
    "messageActionFlag": "FlaggedForAction",
    "notSentToMe": "MyNameNotInToBox",
    "recipientContains": "RecipientAddressContainsWords",
    "senderContains": "FromAddressContainsWords",
    "sensitivity": "WithSensitivity",
    "sentCcMe": "MyNameInCcBox",
    "sentOnlyToMe": "SentOnlyToMe",
    "sentToAddresses": "SentTo",
    "sentToMe": "MyNameInToBox",
    "sentToOrCcMe": "MyNameInToOrCcBox",
    "subjectContains": "SubjectContainsWords",
}
_ACTIONS = {
    "assignCategories": "ApplyCategory",
    "copyToFolder": "CopyToFolder",
    "delete": "DeleteMessage",
    "forwardAsAttachmentTo": "ForwardAsAttachmentTo",
    "forwardTo": "ForwardTo",
    "markAsRead": "MarkAsRead",
    "markImportance": "MarkImportance",
    "moveToFolder": "MoveToFolder",
    "permanentDelete": "PermanentDelete",
    "redirectTo": "RedirectTo",
    "stopProcessingRules": "StopProcessingRules",
}
RECIPIENTS = frozenset({"From", "SentTo", "ForwardTo", "ForwardAsAttachmentTo", "RedirectTo"})
_FOLDERS = frozenset({"MoveToFolder", "CopyToFolder"})
_WELL_KNOWN = {name.lower(): name for name in STANDARD_FOLDERS} | {"rssfeeds": "RssSubscriptions"}


def rule_id(graph_id: str) -> int:
    """Exchange's number of a rule from Graph's id, which is the same eight bytes in base64 where it is a real one."""
    try:
        raw = base64.b64decode(graph_id, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 8:
        raw = hashlib.sha256(graph_id.encode()).digest()[:8]
    return int.from_bytes(raw, "little") | 1 << 63


def graph_id(number: int) -> str:
    """Graph's id of a rule that Exchange numbered."""
    return base64.b64encode(number.to_bytes(8, "little")).decode()


def visible(user: User, mailbox: Mailbox) -> list[InboxRule]:
    """The person's visible rules as Exchange has them."""
    return [_from_graph(rule, mailbox) for rule in user.rules]


def _from_graph(rule: dict[str, Any], mailbox: Mailbox) -> InboxRule:
    properties: Record = {
        "Name": rule.get("displayName") or "",
        "Enabled": rule.get("isEnabled", True),
        "Priority": rule.get("sequence", 1),
    }
    for prefix, part, names in (
        ("", "conditions", _CONDITIONS),
        ("ExceptIf", "exceptions", _CONDITIONS),
        ("", "actions", _ACTIONS),
    ):
        for name, value in (rule.get(part) or {}).items():
            if name in names and value not in (None, [], False):
                known = names[name]
                properties[prefix + known] = _to_exchange(known, value, mailbox)
    properties |= rule.get("exchangeOnly") or {}
    return InboxRule(rule_id(str(rule["id"])), properties, damaged=bool(rule.get("hasError")))


def _to_exchange(name: str, value: Any, mailbox: Mailbox) -> Any:
    if name in RECIPIENTS:
        return [str((each.get("emailAddress") or {}).get("address") or "") for each in value]
    if name in _FOLDERS:
        return folder_name(mailbox, str(value))
    if name in {"WithImportance", "WithSensitivity", "MarkImportance"}:
        return str(value)[:1].upper() + str(value)[1:]
    return value


def graph_folder_id(folder: Folder) -> str:
    """A folder's id as Graph writes it: safe in a path."""
    return folder.folder_id.replace("+", "-").replace("/", "_")


def folder_name(mailbox: Mailbox, reference: str) -> str:
    """A folder's name in the mailbox's language, from its id, its well-known name or its name."""
    standard = _WELL_KNOWN.get(reference.lower())
    for folder in mailbox.folders:
        if reference in {folder.folder_id, graph_folder_id(folder), folder.name} or folder.folder_type == standard:
            return folder.name
    return reference


def to_graph(number: int, properties: Record, addresses: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """A rule in Graph's form. `addresses` holds the recipients of each parameter that takes some, already resolved."""
    parts: dict[str, dict[str, Any]] = {"conditions": {}, "exceptions": {}, "actions": {}}
    rest: Record = {}
    conditions = {exchange: graph for graph, exchange in _CONDITIONS.items()}
    actions = {exchange: graph for graph, exchange in _ACTIONS.items()}
    for name, value in properties.items():
        if value in (None, [], False) or name in {"Name", "Enabled", "Priority"}:
            continue
        bare = name.removeprefix("ExceptIf")
        shown: Any = addresses.get(name, value)
        if bare in {"WithImportance", "WithSensitivity", "MarkImportance"}:
            shown = str(value)[:1].lower() + str(value)[1:]
        if bare in conditions:
            parts["exceptions" if name != bare else "conditions"][conditions[bare]] = shown
        elif name in actions:
            parts["actions"][actions[name]] = shown
        else:
            rest[name] = value
    rule: dict[str, Any] = {
        "id": graph_id(number),
        "displayName": properties["Name"],
        "sequence": properties["Priority"],
        "isEnabled": properties["Enabled"],
        "hasError": False,
        "isReadOnly": False,
        **{part: values for part, values in parts.items() if values},
    }
    if rest:
        rule["exchangeOnly"] = rest
    return rule
