"""What is set up inside a mailbox: rules, sweep rules, forwarding, automatic replies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from simulator.clock import stamp
from simulator.exchange.cmdlets.inbox_rules import new_sweep_rule
from simulator.exchange.graph_rules import graph_folder_id, graph_id, visible
from simulator.exchange.state import USER_CREATED, Folder, MailContact, folder_id, new_folders
from simulator.stories.acts.labels import names
from simulator.stories.scene import Scene
from simulator.stories.story import Action, Origin
from simulator.tenant import Json


@dataclass(frozen=True, kw_only=True)
class MakesRule(Action):
    """An inbox rule that everybody can see, in Graph's form.

    `own_folder` is made and becomes the rule's target; `standard_folder` is one by its type, by id and not by name.
    """

    lasting: ClassVar[bool] = True
    name: str
    conditions: Json = field(default_factory=dict)
    actions: Json = field(default_factory=dict)
    own_folder: str = ""
    standard_folder: str = ""

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        actions = dict(self.actions)
        if self.own_folder:
            actions["moveToFolder"] = _make_folder(scene, self.own_folder)
        if self.standard_folder:
            actions["moveToFolder"] = graph_folder_id(scene.mailbox().folder(self.standard_folder))
        number = self._number(scene)
        scene.account.rules.append(
            {
                "id": graph_id(number),
                "displayName": self.name,
                "sequence": 1 + len(scene.account.rules),
                "isEnabled": True,
                "hasError": False,
                "isReadOnly": False,
                "conditions": dict(self.conditions),
                "actions": actions,
            }
        )
        made = next(rule for rule in visible(scene.account, scene.mailbox()) if rule.rule_id == number)
        scene.cmdlet(scene.when(self), "New-InboxRule", by, f"{scene.address()}\\{number}", **made.properties)
        return names(graph_id(number), number, self.name)

    def remains(self, scene: Scene) -> bool:
        wanted = graph_id(self._number(scene))
        return any(rule["id"] == wanted and rule["isEnabled"] for rule in scene.account.rules)

    def _number(self, scene: Scene) -> int:
        digest = hashlib.sha256(scene.id(self.key).encode()).digest()
        return int.from_bytes(digest[:8], "little") | 1 << 63


def _make_folder(scene: Scene, name: str) -> str:
    mailbox = scene.mailbox()
    folder = Folder(folder_id(mailbox.object_id, name), USER_CREATED, f"/{name}", items=31)
    mailbox.folders.append(folder)
    return graph_folder_id(folder)


@dataclass(frozen=True, kw_only=True)
class UsedRule(Action):
    """A rule that did its work and was removed again: only the audit log remembers it."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    hours: float = 6

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, identity = scene.when(self), f"{scene.address()}\\{self.name}"
        scene.cmdlet(at, "New-InboxRule", by, identity, Name=self.name, **self.parameters)
        scene.cmdlet(at + timedelta(hours=self.hours), "Remove-InboxRule", by, identity, Identity=identity)
        return names(self.name, identity)


@dataclass(frozen=True, kw_only=True)
class UsesLanguage(Action):
    """The owner's Outlook speaks another language: the standard folders have other names."""

    locale: str
    language: str

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        assert by
        scene.account.mailbox_settings["language"] = {"locale": self.locale, "displayName": self.language}
        mailbox = scene.mailbox()
        mailbox.locale = self.locale
        mailbox.folders = new_folders(mailbox.object_id, self.locale)
        return names(self.locale)


@dataclass(frozen=True, kw_only=True)
class HidesRule(Action):
    """A rule whose MAPI properties were tampered with: Outlook, Graph and a plain Get-InboxRule do not show it."""

    lasting: ClassVar[bool] = True
    name: str
    properties: dict[str, Any] = field(default_factory=dict)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        rule = scene.mailbox().add_rule(self.name, hidden=True, **self.properties)
        changed = [{"Name": "RuleOperation", "Value": "AddMailboxRule"}, {"Name": "RuleName", "Value": self.name}]
        scene.audit(scene.when(self), "UpdateInboxRules", ip=by.ip, OperationProperties=changed)
        return names(rule.rule_id, self.name)

    def remains(self, scene: Scene) -> bool:
        return any(rule.name == self.name and rule.hidden and rule.enabled for rule in scene.mailbox().rules)


@dataclass(frozen=True, kw_only=True)
class MakesSweepRule(Action):
    """A sweep rule: not among the inbox rules, and Graph has nothing of it."""

    lasting: ClassVar[bool] = True
    name: str
    sender: str

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        rule = new_sweep_rule(scene.mailbox(), self.name, Sender=self.sender, KeepLatest=1)
        scene.cmdlet(scene.when(self), "New-SweepRule", by, Name=self.name, Sender=self.sender)
        return names(rule["RuleId"], self.name, self.sender)

    def remains(self, scene: Scene) -> bool:
        return any(rule["Name"] == self.name and rule["Enabled"] for rule in scene.mailbox().sweep_rules)


@dataclass(frozen=True, kw_only=True)
class AllowsForwarding(Action):
    """The organisation lets mail be forwarded to the outside by itself, as older tenants do."""

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        assert by
        for policy in scene.organisation.outbound_spam_policies:
            policy["AutoForwardingMode"] = "On"
        return names("AutoForwardingMode")


@dataclass(frozen=True, kw_only=True)
class ForwardsThroughContact(Action):
    """Forwards everything to a mail contact: ForwardingAddress names the contact, the SMTP attribute stays empty."""

    lasting: ClassVar[bool] = True
    contact: str
    alias: str
    address: str
    keeps_copy: bool = True

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        number = scene.id(self.key)
        guid = UUID(scene.id(self.key, "guid"))
        scene.organisation.contacts.append(MailContact(number, guid, self.alias, self.contact, self.address))
        scene.mailbox().settings |= {"ForwardingAddress": number, "DeliverToMailboxAndForward": self.keeps_copy}
        at, copy = scene.when(self), str(self.keeps_copy)
        scene.cmdlet(
            at, "New-MailContact", by, self.alias, Name=self.contact, ExternalEmailAddress=f"SMTP:{self.address}"
        )
        later = at + timedelta(seconds=50)
        scene.cmdlet(later, "Set-Mailbox", by, ForwardingAddress=self.alias, DeliverToMailboxAndForward=copy)
        _forward_what_came(scene, self, self.address)
        return names(number, self.contact, self.alias, self.address)

    def remains(self, scene: Scene) -> bool:
        return bool(scene.mailbox().settings["ForwardingAddress"] == scene.id(self.key))


@dataclass(frozen=True, kw_only=True)
class ForwardsToAddress(Action):
    """Forwards everything to an address outside, as an owner can in Outlook on the web."""

    lasting: ClassVar[bool] = True
    address: str
    keeps_copy: bool = False

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        smtp = f"smtp:{self.address}"
        copy = self.keeps_copy
        scene.mailbox().settings |= {"ForwardingSmtpAddress": smtp, "DeliverToMailboxAndForward": copy}
        at = scene.when(self)
        scene.cmdlet(at, "Set-Mailbox", by, ForwardingSmtpAddress=smtp, DeliverToMailboxAndForward=copy)
        _forward_what_came(scene, self, self.address)
        return names(self.address, smtp)

    def remains(self, scene: Scene) -> bool:
        return bool(scene.mailbox().settings["ForwardingSmtpAddress"] == f"smtp:{self.address}")


def _forward_what_came(scene: Scene, action: Action, address: str) -> None:
    """The trace of each mail that came in afterwards and went out again."""
    own, since = scene.address(), scene.when(action)
    came = [m for m in scene.organisation.traced if m.recipient == own and m.received >= since]
    for message in came:
        scene.trace(
            message.received + timedelta(seconds=2),
            message.sender,
            address,
            message.subject,
            message.message_id,
            from_ip=message.from_ip,
        )


@dataclass(frozen=True, kw_only=True)
class SetsAutoReply(Action):
    """Automatic replies, for some days."""

    lasting: ClassVar[bool] = True
    text: str
    days: float = 7

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at = scene.when(self)
        scene.account.mailbox_settings["automaticRepliesSetting"] = {
            "status": "scheduled",
            "externalAudience": "all",
            "scheduledStartDateTime": {"dateTime": stamp(at).removesuffix("Z"), "timeZone": "UTC"},
            "scheduledEndDateTime": {
                "dateTime": stamp(at + timedelta(days=self.days)).removesuffix("Z"),
                "timeZone": "UTC",
            },
            "internalReplyMessage": self.text,
            "externalReplyMessage": self.text,
        }
        scene.cmdlet(at, "Set-MailboxAutoReplyConfiguration", by, AutoReplyState="Scheduled")
        return names(self.text, "automaticRepliesSetting")

    def remains(self, scene: Scene) -> bool:
        setting = scene.account.mailbox_settings["automaticRepliesSetting"]
        return bool(setting["status"] != "disabled" and setting["externalReplyMessage"] == self.text)
