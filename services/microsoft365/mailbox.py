"""A mailbox as Graph shows it: what it is for, its automatic replies and the inbox rules that are not hidden.

Hidden rules, forwarding, delegates and protocols are not in Graph: see the Exchange side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiota_abstractions.method import Method

from services.microsoft365.graph import Graph, Json
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import child, flag, number, objects, text

_READ_SETTINGS = Operation("mailbox-settings", ("MailboxSettings.Read",), Row.OUTLOOK)
_READ_RULES = Operation("inbox-rules", ("MailboxSettings.Read",), Row.OUTLOOK)
_SET_SETTINGS = Operation("set-automatic-replies", ("MailboxSettings.ReadWrite",), Row.OUTLOOK, Effect.REPEATABLE)
_CHANGE_RULE = Operation("change-inbox-rule", ("MailboxSettings.ReadWrite",), Row.OUTLOOK, Effect.REPEATABLE)
_DELETE_RULE = Operation("delete-inbox-rule", ("MailboxSettings.ReadWrite",), Row.OUTLOOK, Effect.REPEATABLE)
_CREATE_RULE = Operation("create-inbox-rule", ("MailboxSettings.ReadWrite",), Row.OUTLOOK, Effect.ONCE)

NEEDS: Needs = {
    "settings": permissions_of(_READ_SETTINGS),
    "inbox_rules": permissions_of(_READ_RULES),
    "set_automatic_replies": permissions_of(_SET_SETTINGS),
    "switch_rule": permissions_of(_CHANGE_RULE),
    "delete_rule": permissions_of(_DELETE_RULE),
    "put_back_rule": permissions_of(_CREATE_RULE),
}

_INBOX = "inbox"
_FORWARDING = ("forwardTo", "forwardAsAttachmentTo", "redirectTo")


@dataclass(frozen=True)
class AutomaticReplies:
    """The out-of-office answer. `status` is disabled, alwaysEnabled or scheduled."""

    status: str
    audience: str
    internal_text: str
    external_text: str


@dataclass(frozen=True)
class MailboxSettings:
    """`purpose` is user, shared, room, equipment, linked or others; empty where Graph does not tell."""

    purpose: str
    time_zone: str
    language: str
    automatic_replies: AutomaticReplies


@dataclass(frozen=True)
class InboxRule:
    """A rule of the inbox. `conditions`, `exceptions` and `actions` are as Graph writes them, to be put back whole."""

    id: str
    name: str
    sequence: int
    enabled: bool
    read_only: bool
    has_error: bool
    conditions: Mapping[str, Any]
    exceptions: Mapping[str, Any]
    actions: Mapping[str, Any]

    @property
    def forwards_to(self) -> tuple[str, ...]:
        """The addresses that the rule forwards or redirects to."""
        return tuple(
            text(child(recipient, "emailAddress"), "address")
            for action in _FORWARDING
            for recipient in objects(self.actions, action)
        )

    @property
    def deletes(self) -> bool:
        return bool(flag(self.actions, "delete") or flag(self.actions, "permanentDelete"))

    @property
    def moves_to_folder(self) -> str | None:
        """The id of the folder that mail is moved or copied to."""
        return text(self.actions, "moveToFolder") or text(self.actions, "copyToFolder") or None


class Mailboxes:
    """Mailboxes by the object id of their account.

    Raises Gone with reason `no-mailbox` where there is none in the cloud.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def settings(self, object_id: str) -> MailboxSettings:
        """What the mailbox is for, and its automatic replies.

        GET /users/{id}/mailboxSettings; MailboxSettings.Read; read only.
        """
        builder = self._graph.client.users.by_user_id(object_id).mailbox_settings
        answer = await self._graph.call(_READ_SETTINGS, self._graph.request(Method.GET, builder), mailbox=object_id)
        replies = child(answer.body, "automaticRepliesSetting")
        return MailboxSettings(
            purpose=text(answer.body, "userPurpose"),
            time_zone=text(answer.body, "timeZone"),
            language=text(child(answer.body, "language"), "locale"),
            automatic_replies=AutomaticReplies(
                status=text(replies, "status") or "disabled",
                audience=text(replies, "externalAudience"),
                internal_text=text(replies, "internalReplyMessage"),
                external_text=text(replies, "externalReplyMessage"),
            ),
        )

    async def set_automatic_replies(self, object_id: str, replies: AutomaticReplies) -> None:
        """Sets the out-of-office answer; `status="disabled"` silences it and keeps its text.

        PATCH /users/{id}/mailboxSettings; MailboxSettings.ReadWrite; safe to repeat.
        """
        setting: Json = {"status": replies.status}
        if replies.status != "disabled":
            setting |= {
                "externalAudience": replies.audience or "none",
                "internalReplyMessage": replies.internal_text,
                "externalReplyMessage": replies.external_text,
            }
        builder = self._graph.client.users.by_user_id(object_id).mailbox_settings
        request = self._graph.request(Method.PATCH, builder, body={"automaticRepliesSetting": setting})
        await self._graph.call(_SET_SETTINGS, request, mailbox=object_id)

    async def inbox_rules(self, object_id: str) -> tuple[InboxRule, ...]:
        """The rules that a person would see in Outlook. An intruder's may be hidden: never take this list for all.

        GET /users/{id}/mailFolders/inbox/messageRules; MailboxSettings.Read; read only.
        """
        items = await self._graph.items(
            _READ_RULES, self._graph.request(Method.GET, self._rules(object_id)), mailbox=object_id
        )
        return tuple(_rule_from(entry) for entry in items.values)

    async def switch_rule(self, object_id: str, rule_id: str, *, enabled: bool) -> None:
        """Switches a rule on or off.

        PATCH …/messageRules/{id}; MailboxSettings.ReadWrite; safe to repeat. Raises Gone.
        """
        builder = self._rules(object_id).by_message_rule_id(rule_id)
        request = self._graph.request(Method.PATCH, builder, body={"isEnabled": enabled})
        await self._graph.call(_CHANGE_RULE, request, mailbox=object_id)

    async def delete_rule(self, object_id: str, rule_id: str) -> None:
        """Deletes a rule. Raises Gone where it is not there any more.

        DELETE …/messageRules/{id}; MailboxSettings.ReadWrite; safe to repeat.
        """
        builder = self._rules(object_id).by_message_rule_id(rule_id)
        await self._graph.call(_DELETE_RULE, self._graph.request(Method.DELETE, builder), mailbox=object_id)

    async def put_back_rule(self, object_id: str, rule: InboxRule) -> str:
        """Makes a deleted rule anew, and returns its new id.

        POST …/messageRules; MailboxSettings.ReadWrite; a second call makes a second rule.
        """
        body: Json = {
            "displayName": rule.name,
            "sequence": rule.sequence,
            "isEnabled": rule.enabled,
            "actions": dict(rule.actions),
        }
        if rule.conditions:
            body["conditions"] = dict(rule.conditions)
        if rule.exceptions:
            body["exceptions"] = dict(rule.exceptions)
        request = self._graph.request(Method.POST, self._rules(object_id), body=body)
        return text((await self._graph.call(_CREATE_RULE, request, mailbox=object_id)).body, "id")

    def _rules(self, object_id: str) -> Any:
        return self._graph.client.users.by_user_id(object_id).mail_folders.by_mail_folder_id(_INBOX).message_rules


def _rule_from(entry: Mapping[str, Any]) -> InboxRule:
    return InboxRule(
        id=text(entry, "id"),
        name=text(entry, "displayName"),
        sequence=number(entry, "sequence") or 0,
        enabled=flag(entry, "isEnabled") is True,
        read_only=flag(entry, "isReadOnly") is True,
        has_error=flag(entry, "hasError") is True,
        conditions=child(entry, "conditions"),
        exceptions=child(entry, "exceptions"),
        actions=child(entry, "actions"),
    )
