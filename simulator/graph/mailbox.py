"""Mailbox settings and the inbox rules that Graph can see; hidden rules are Exchange's alone."""

from __future__ import annotations

import base64
from uuid import uuid4

from simulator.graph.errors import bad_request, item_not_found, no_mailbox, unknown_property
from simulator.graph.operation import NO_CONTENT, Answer, Call, Operation, Row
from simulator.graph.schema import MAILBOX_SETTINGS, MESSAGE_RULE
from simulator.tenant import Json, User

_SETTINGS_READ = ("MailboxSettings.Read", "MailboxSettings.ReadWrite")
_WRITABLE_SETTINGS = {
    "automaticRepliesSetting",
    "dateFormat",
    "delegateMeetingMessageDeliveryOptions",
    "language",
    "timeFormat",
    "timeZone",
    "workingHours",
}


def mailbox_user(call: Call) -> User:
    """The user of the path, who must have a mailbox. Raises GraphError 404."""
    user = call.user()
    if user.mailbox is None or (user.mailbox == "user" and not user.licences):
        raise no_mailbox(call.parameters["user-id"])
    return user


def get_settings(call: Call) -> Answer:
    """GET /users/{id}/mailboxSettings. Forwarding is not here."""
    user = mailbox_user(call)
    return call.entity(user.mailbox_settings, MAILBOX_SETTINGS, f"users('{user.id}')/mailboxSettings")


def patch_settings(call: Call) -> Answer:
    """PATCH /users/{id}/mailboxSettings."""
    user = mailbox_user(call)
    for name, value in call.json_object().items():
        if name not in MAILBOX_SETTINGS.properties:
            raise unknown_property(name, "mailboxSettings")
        if name not in _WRITABLE_SETTINGS:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.", "ErrorInvalidRequest")
        before = user.mailbox_settings.get(name)
        user.mailbox_settings[name] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
        call.tenant.note(user, "Update mailbox settings", name, before, user.mailbox_settings[name], call.by)
    return get_settings(call)


def _check_folder(call: Call) -> None:
    if call.parameters["mailFolder-id"].lower() != "inbox":
        raise bad_request("Rules exist for the Inbox folder only.", "ErrorInvalidRequest")


def list_rules(call: Call) -> Answer:
    """GET /users/{id}/mailFolders/inbox/messageRules."""
    user = mailbox_user(call)
    _check_folder(call)
    context = f"users('{user.id}')/mailFolders('inbox')/messageRules"
    return call.collection(user.rules, MESSAGE_RULE, context)


def _rule(call: Call, user: User) -> Json:
    _check_folder(call)
    key = call.parameters["messageRule-id"]
    rule = next((rule for rule in user.rules if rule["id"] == key), None)
    if rule is None:
        raise item_not_found()
    return rule


def get_rule(call: Call) -> Answer:
    """GET one rule."""
    user = mailbox_user(call)
    return call.entity(_rule(call, user), MESSAGE_RULE, f"users('{user.id}')/mailFolders('inbox')/messageRules/$entity")


def create_rule(call: Call) -> Answer:
    """POST a rule: it needs a name, a place in the order and something to do."""
    user = mailbox_user(call)
    _check_folder(call)
    values = call.json_object()
    for name in values:
        if name not in MESSAGE_RULE.properties:
            raise unknown_property(name, "messageRule")
        if name in {"id", "hasError", "isReadOnly"}:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.", "ErrorInvalidRequest")
    if not isinstance(values.get("displayName"), str) or not isinstance(values.get("actions"), dict):
        raise bad_request("A rule needs displayName and actions.", "ErrorInvalidRequest")
    number = int.from_bytes(uuid4().bytes[:8], "little") | 1 << 63
    rule = (
        {"sequence": len(user.rules) + 1, "isEnabled": True}
        | values
        | {"id": base64.b64encode(number.to_bytes(8, "little")).decode(), "hasError": False, "isReadOnly": False}
    )
    user.rules.append(rule)
    call.tenant.note(user, "Add inbox rule", "messageRules", None, dict(rule), call.by)
    context = f"users('{user.id}')/mailFolders('inbox')/messageRules/$entity"
    return Answer(201, call.entity(rule, MESSAGE_RULE, context).body)


def patch_rule(call: Call) -> Answer:
    """PATCH one rule; a read-only one is refused."""
    user = mailbox_user(call)
    rule = _rule(call, user)
    values = call.json_object()
    for name in values:
        if name not in MESSAGE_RULE.properties:
            raise unknown_property(name, "messageRule")
        if name in {"id", "hasError", "isReadOnly"}:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.", "ErrorInvalidRequest")
    _refuse_read_only(rule)
    before = dict(rule)
    rule.update(values)
    call.tenant.note(user, "Update inbox rule", "messageRules", before, dict(rule), call.by)
    return get_rule(call)


def delete_rule(call: Call) -> Answer:
    """DELETE one rule; a read-only one is refused."""
    user = mailbox_user(call)
    rule = _rule(call, user)
    _refuse_read_only(rule)
    user.rules.remove(rule)
    call.tenant.note(user, "Delete inbox rule", "messageRules", rule, None, call.by)
    return NO_CONTENT


def _refuse_read_only(rule: Json) -> None:
    if rule.get("isReadOnly"):
        raise bad_request("The rule is read-only and cannot be changed.", "ErrorInvalidRequest")


_RULES = "/users/{user-id}/mailFolders/{mailFolder-id}/messageRules"
_RULE = f"{_RULES}/{{messageRule-id}}"
_READ_RULES = ("MailboxSettings.Read",)
_WRITE_RULES = ("MailboxSettings.ReadWrite",)
OPERATIONS = (
    Operation("GET", "/users/{user-id}/mailboxSettings", get_settings, _SETTINGS_READ, row=Row.OUTLOOK),
    Operation("PATCH", "/users/{user-id}/mailboxSettings", patch_settings, _WRITE_RULES, row=Row.OUTLOOK),
    Operation("GET", _RULES, list_rules, _READ_RULES, row=Row.OUTLOOK),
    Operation("POST", _RULES, create_rule, _WRITE_RULES, row=Row.OUTLOOK),
    Operation("GET", _RULE, get_rule, _READ_RULES, row=Row.OUTLOOK),
    Operation("PATCH", _RULE, patch_rule, _WRITE_RULES, row=Row.OUTLOOK),
    Operation("DELETE", _RULE, delete_rule, _WRITE_RULES, row=Row.OUTLOOK),
)
