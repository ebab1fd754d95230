"""Inbox rules, hidden ones included: both listings, off, on, gone, and back from the record.

A change over this interface drops the rules that only Outlook runs; record all rules before the first change.
A rule whose name and provider were wiped may escape every cmdlet: no listing proves a mailbox clean.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from services.microsoft365.exchange import values
from services.microsoft365.exchange.backend import ExchangeBackend, Parameter, Record
from services.microsoft365.exchange.mailboxes import Mailbox, own
from services.microsoft365.exchange.operations import Effect, operation

_SYSTEM = re.compile(r"Junk E-mail Rule|Microsoft\.Exchange\.OOF\..*", re.IGNORECASE)
_DELEGATION = re.compile(r"Delegate Rule -?\d*")
_RECIPIENT = re.compile(r'"?(.*?)"?\s*\[(SMTP|EX):([^\]]*)\]', re.IGNORECASE | re.DOTALL)

_RECIPIENTS = ("From", "SentTo", "ForwardTo", "ForwardAsAttachmentTo", "RedirectTo")
_CONDITIONS = (
    "BodyContainsWords",
    "FlaggedForAction",
    "From",
    "FromAddressContainsWords",
    "HasAttachment",
    "HasClassification",
    "HeaderContainsWords",
    "MessageTypeMatches",
    "MyNameInCcBox",
    "MyNameInToBox",
    "MyNameInToOrCcBox",
    "MyNameNotInToBox",
    "ReceivedAfterDate",
    "ReceivedBeforeDate",
    "RecipientAddressContainsWords",
    "SentOnlyToMe",
    "SentTo",
    "SubjectContainsWords",
    "SubjectOrBodyContainsWords",
    "WithImportance",
    "WithSensitivity",
    "WithinSizeRangeMaximum",
    "WithinSizeRangeMinimum",
)
_ACTIONS = (
    "ApplyCategory",
    "ApplySystemCategory",
    "CopyToFolder",
    "DeleteMessage",
    "DeleteSystemCategory",
    "ForwardAsAttachmentTo",
    "ForwardTo",
    "MarkAsRead",
    "MarkImportance",
    "MoveToFolder",
    "PinMessage",
    "RedirectTo",
    "SoftDeleteMessage",
    "StopProcessingRules",
)
_RESTORABLE = (*_CONDITIONS, *(f"ExceptIf{name}" for name in _CONDITIONS), *_ACTIONS)


@dataclass(frozen=True, slots=True)
class RuleRecipient:
    """Somebody whom a rule sends mail to. For people `inside`, `address` is their path in the directory."""

    name: str
    address: str
    inside: bool


@dataclass(frozen=True, slots=True)
class InboxRule:
    """A rule. `rule_id` is a number of 64 bits, kept as text because cards and JavaScript would round it.

    `conditions` counts what must be met: 0 means every message. `settings` is all that a restore needs.
    """

    rule_id: str
    name: str
    enabled: bool
    priority: int
    hidden: bool
    damaged: bool
    description: str
    conditions: int
    words: tuple[str, ...]
    forward_to: tuple[RuleRecipient, ...]
    redirect_to: tuple[RuleRecipient, ...]
    move_to_folder: str
    copy_to_folder: str
    deletes: bool
    marks_as_read: bool
    stops_other_rules: bool
    settings: tuple[tuple[str, bool | int | str | tuple[str, ...]], ...]

    @property
    def of_the_system(self) -> bool:
        """Whether Exchange itself keeps it: hidden and harmless in every mailbox."""
        return self.hidden and _SYSTEM.fullmatch(self.name) is not None

    @property
    def of_delegation(self) -> bool:
        """Whether it forwards meeting requests to delegates; it cannot be turned off as a rule."""
        return _DELEGATION.fullmatch(self.name) is not None


@dataclass(frozen=True, slots=True)
class InboxRules:
    """Every rule that Exchange shows. Not `complete`: some could not be read, so nobody may call it clean."""

    rules: tuple[InboxRule, ...]
    complete: bool
    warnings: tuple[str, ...]

    @property
    def people_s(self) -> tuple[InboxRule, ...]:
        """The rules that somebody made: all but those of the system."""
        return tuple(rule for rule in self.rules if not rule.of_the_system)


@operation("Get-InboxRule", effect=Effect.READ)
async def list_rules(exchange: ExchangeBackend, mailbox: Mailbox) -> InboxRules:
    """Both listings, with and without the hidden rules: what only the first one has is hidden."""
    parameters: dict[str, Parameter] = {"Mailbox": mailbox.identity, "ResultSize": "Unlimited"}
    everything, shown = await asyncio.gather(
        exchange.invoke("Get-InboxRule", parameters | {"IncludeHidden": True}, anchor=mailbox.anchor),
        exchange.invoke("Get-InboxRule", parameters, anchor=mailbox.anchor),
    )
    visible = {_rule_id(row) for row in own(shown, mailbox, "Get-InboxRule", in_part=True)}
    rows = own(everything, mailbox, "Get-InboxRule", in_part=True)
    rules = tuple(_rule(row, hidden=_rule_id(row) not in visible) for row in rows)
    return InboxRules(rules, everything.complete and shown.complete, everything.warnings)


@operation("Disable-InboxRule", effect=Effect.REPEATABLE)
async def disable_rule(exchange: ExchangeBackend, mailbox: Mailbox, rule_id: str) -> None:
    """Turns a rule off and keeps it as evidence. Raises Gone where it is not there any more."""
    await _on_rule(exchange, "Disable-InboxRule", mailbox, rule_id)


@operation("Enable-InboxRule", effect=Effect.REPEATABLE)
async def enable_rule(exchange: ExchangeBackend, mailbox: Mailbox, rule_id: str) -> None:
    """Turns a rule on again."""
    await _on_rule(exchange, "Enable-InboxRule", mailbox, rule_id)


@operation("Remove-InboxRule", effect=Effect.REPEATABLE)
async def remove_rule(exchange: ExchangeBackend, mailbox: Mailbox, rule_id: str) -> None:
    """Removes a rule. Raises Gone where it is not there any more; its record must exist before."""
    await _on_rule(exchange, "Remove-InboxRule", mailbox, rule_id)


@operation("New-InboxRule", "Disable-InboxRule", effect=Effect.ONCE)
async def restore_rule(exchange: ExchangeBackend, mailbox: Mailbox, rule: InboxRule) -> str:
    """Makes a removed rule again from its record and returns the new id. It comes back visible, and with a name."""
    name = rule.name if rule.name.strip() else "Restored rule"
    parameters: dict[str, Parameter] = {"Mailbox": mailbox.identity, "Name": name, "Force": True}
    if rule.priority > 0:
        parameters["Priority"] = rule.priority
    for setting, value in rule.settings:
        if setting in {"MoveToFolder", "CopyToFolder"}:
            parameters[setting] = f"{mailbox.identity}:\\{value}"
        else:
            parameters[setting] = value
    result = await exchange.invoke("New-InboxRule", parameters, anchor=mailbox.anchor)
    made = own(result, mailbox, "New-InboxRule", in_part=True)
    rule_id = _rule_id(made[0]) if made else ""
    if rule_id and not rule.enabled:
        await _on_rule(exchange, "Disable-InboxRule", mailbox, rule_id)
    return rule_id


async def _on_rule(exchange: ExchangeBackend, cmdlet: str, mailbox: Mailbox, rule_id: str) -> None:
    parameters: dict[str, Parameter] = {"Identity": f"{mailbox.identity}\\{rule_id}", "Force": True}
    await exchange.invoke(cmdlet, parameters, anchor=mailbox.anchor)


def _rule_id(row: Record) -> str:
    return values.text(row, "RuleIdentity") or values.text(row, "Identity").rpartition("\\")[2]


def _rule(row: Record, *, hidden: bool) -> InboxRule:
    conditions = [name for name in _CONDITIONS if _is_set(row.get(name))]
    return InboxRule(
        rule_id=_rule_id(row),
        name=values.text(row, "Name"),
        enabled=values.flag(row, "Enabled"),
        priority=values.number(row, "Priority"),
        hidden=hidden,
        damaged=bool(values.optional_flag(row, "InError")),
        description=values.optional_text(row, "Description"),
        conditions=len(conditions),
        words=tuple(word for name in conditions if "Words" in name for word in values.listed(row.get(name))),
        forward_to=_recipients(row.get("ForwardTo")) + _recipients(row.get("ForwardAsAttachmentTo")),
        redirect_to=_recipients(row.get("RedirectTo")),
        move_to_folder=values.optional_text(row, "MoveToFolder"),
        copy_to_folder=values.optional_text(row, "CopyToFolder"),
        deletes=any(
            values.optional_flag(row, name) for name in ("DeleteMessage", "SoftDeleteMessage", "PermanentDelete")
        ),
        marks_as_read=bool(values.optional_flag(row, "MarkAsRead")),
        stops_other_rules=bool(values.optional_flag(row, "StopProcessingRules")),
        settings=tuple((name, _kept(name, row[name])) for name in _RESTORABLE if _is_set(row.get(name))),
    )


def _is_set(value: Any) -> bool:
    return value not in (None, "", [], False)


def _recipients(value: Any) -> tuple[RuleRecipient, ...]:
    """Recipients that come as `"Name" [SMTP:address]`, or as `"Name" [EX:/o=…]` for people inside."""
    return tuple(_recipient(text) for text in values.listed(value))


def _recipient(text: str) -> RuleRecipient:
    found = _RECIPIENT.fullmatch(text)
    if found is None:
        return RuleRecipient(text, text, inside=False)
    return RuleRecipient(found[1], found[3], inside=found[2].upper() == "EX")


def _kept(name: str, value: Any) -> bool | int | str | tuple[str, ...]:
    if name.removeprefix("ExceptIf") in _RECIPIENTS:
        return tuple(recipient.address for recipient in _recipients(value))
    if isinstance(value, (list, tuple)):
        return values.listed(value)
    return value if isinstance(value, (bool, int)) else str(value)
