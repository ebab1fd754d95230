"""Inbox rules and sweep rules: the visible ones, the hidden ones, and those that no cmdlet shows."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from simulator.exchange import errors
from simulator.exchange.cmdlets.call import Call, Rows, edited, handles
from simulator.exchange.graph_rules import RECIPIENTS, folder_name, graph_id, rule_id, to_graph, visible
from simulator.exchange.parameters import SIGNATURES, Edit
from simulator.exchange.state import InboxRule, Mailbox, Record
from simulator.tenant import User

_NOT_PROPERTIES = frozenset(
    {
        "Identity",
        "Mailbox",
        "Force",
        "AlwaysDeleteOutlookRulesBlob",
        "FromMessageId",
        "ValidateOnly",
        "Priority",
        "Name",
    }
)
_PROPERTIES = tuple(name for name, _ in SIGNATURES["new-inboxrule"].parameters.values() if name not in _NOT_PROPERTIES)
_FLAGS = frozenset(name for name, kind in SIGNATURES["new-inboxrule"].parameters.values() if kind == "bool")
_BLOB = (
    "If the Inbox contains rules that were made in Outlook and are turned off or only run in Outlook, they are removed."
)


def rules_of(call: Call, mailbox: Mailbox, *, hidden: bool) -> list[InboxRule]:
    """What the cmdlet shows: visible rules by priority, and with IncludeHidden the system's and the tampered ones."""
    user = call.exchange.user(mailbox)
    shown = sorted(visible(user, mailbox), key=lambda rule: int(rule.properties["Priority"]))
    if hidden:
        shown += _system_rules(user) + [rule for rule in mailbox.rules if not rule.out_of_sight]
    return shown


def _system_rules(user: User) -> list[InboxRule]:
    """Rules that Exchange itself keeps: normal in every mailbox, and hidden."""
    rules = [InboxRule(1 << 63 | 1, {"Name": "Junk E-mail Rule", "Enabled": True, "Priority": 0}, hidden=True)]
    replies = user.mailbox_settings.get("automaticRepliesSetting") or {}
    if replies.get("status", "disabled") != "disabled":
        for number, part in enumerate(("Internal", "External"), start=2):
            name = f"Microsoft.Exchange.OOF.{part}SenderRule"
            rules.append(InboxRule(1 << 63 | number, {"Name": name, "Enabled": True, "Priority": 0}, hidden=True))
    return rules


def rule_row(call: Call, mailbox: Mailbox, rule: InboxRule) -> Record:
    """A rule as Get-InboxRule shows it, its description included."""
    properties = rule.properties
    row: Record = {
        "Identity": f"{mailbox.exchange_guid}\\{rule.rule_id}",
        "RuleIdentity": rule.rule_id,
        "Name": rule.name,
        "Enabled": rule.enabled,
        "Priority": int(properties.get("Priority") or 0),
        "InError": rule.damaged,
        "ErrorType": "UnsupportedByTask" if rule.damaged else "None",
        "SupportedByTask": not rule.damaged,
        "Legacy": False,
        "MailboxOwnerId": mailbox.alias,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    for name in _PROPERTIES:
        value = properties.get(name)
        if name.removeprefix("ExceptIf") in RECIPIENTS and value:
            value = [_recipient_text(call, str(each)) for each in value]
        row[name] = (False if value is None else value) if name in _FLAGS else value
    row["Description"] = _description(row)
    return row


def _recipient_text(call: Call, address: str) -> str:
    people = call.exchange.people(address)
    if people:
        user = people[0]
        return f'"{user.display_name}" [EX:/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn={user.id}]'
    return f'"{address}" [SMTP:{address}]'


def _description(row: Record) -> str:
    conditions: list[str] = []
    actions: list[str] = []
    for name in _PROPERTIES:
        value = row.get(name)
        if value in (None, False, []):
            continue
        text = ", ".join(f"'{item}'" for item in value) if isinstance(value, list) else str(value)
        line = f"\t{name}: {text}"
        (actions if _is_action(name) else conditions).append(line)
    head = ["If the message:", *conditions] if conditions else ["Apply this rule to every message"]
    return "\r\n".join([*head, "Take the following actions:", *actions])


def _is_action(name: str) -> bool:
    return name in {
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
        "SendTextMessageNotificationTo",
        "SoftDeleteMessage",
        "StopProcessingRules",
    }


@handles("Get-InboxRule")
def get_inbox_rule(call: Call) -> Rows:
    """An application has no mailbox of its own: without a mailbox there is nothing to show."""
    if call.get("Mailbox"):
        mailbox = call.mailbox(content=True, parameter="Mailbox")
        wanted = call.get("Identity")
    elif call.get("Identity"):
        mailbox, wanted = _owner_and_rule(call)
    else:
        raise errors.mailbox_not_found("")
    shown = rules_of(call, mailbox, hidden=bool(call.get("IncludeHidden")))
    if wanted is not None:
        wanted = str(wanted).rpartition("\\")[2]
        shown = [rule for rule in shown if wanted in {str(rule.rule_id), rule.name}]
        if not shown:
            raise errors.rule_not_found(wanted)
    for rule in shown:
        if rule.damaged:
            call.warnings.append(f'The Inbox rule "{rule.name}" contains errors. Description: UnsupportedByTask')
    return [rule_row(call, mailbox, rule) for rule in shown]


def _owner_and_rule(call: Call) -> tuple[Mailbox, str]:
    """Whose rule: `mailbox\\number` says it, a number or name alone needs the Mailbox parameter."""
    identity = str(call.get("Identity"))
    owner, _, wanted = identity.rpartition("\\")
    if call.get("Mailbox"):
        return call.mailbox(content=True, parameter="Mailbox"), wanted
    if not owner:
        raise errors.mailbox_not_found("")
    return call.exchange.need_mailbox(owner, content=True), wanted


def _find(call: Call) -> tuple[Mailbox, InboxRule]:
    mailbox, wanted = _owner_and_rule(call)
    everything = rules_of(call, mailbox, hidden=True)
    by_number = [rule for rule in everything if str(rule.rule_id) == wanted]
    found = by_number or [rule for rule in everything if rule.name == wanted and not rule.hidden]
    if not found:
        raise errors.rule_not_found(wanted)
    if len(found) > 1:
        raise errors.ambiguous(wanted)
    return mailbox, found[0]


def _changed_from_outside(call: Call, mailbox: Mailbox) -> None:
    """Any change over this interface drops the rules that only Outlook runs."""
    dropped = [rule for rule in mailbox.rules if rule.client_only]
    if dropped and not (call.get("Force") or call.get("AlwaysDeleteOutlookRulesBlob")):
        call.warnings.append(_BLOB)
    mailbox.rules = [rule for rule in mailbox.rules if not rule.client_only]


def _graph_rule(call: Call, mailbox: Mailbox, rule: InboxRule) -> dict[str, Any] | None:
    user = call.exchange.user(mailbox)
    return next((each for each in user.rules if rule_id(str(each["id"])) == rule.rule_id), None)


@handles("Disable-InboxRule", "Enable-InboxRule")
def switch_inbox_rule(call: Call) -> Rows:
    """Turns a rule on or off; calendar delegation cannot be turned off this way."""
    enabled = call.cmdlet == "Enable-InboxRule"
    mailbox, rule = _find(call)
    if rule.name.startswith("Delegate Rule -"):
        raise errors.CmdletError("The delegate rule can't be changed.", "System.InvalidOperationException")
    before = rule.enabled
    shown = _graph_rule(call, mailbox, rule)
    if shown is not None:
        shown["isEnabled"] = enabled
    else:
        rule.properties["Enabled"] = enabled
    _changed_from_outside(call, mailbox)
    if before != enabled:
        call.exchange.note(mailbox, call.cmdlet, f"inbox rule {rule.name!r}", before, enabled, call.by)
    return []


@handles("Remove-InboxRule")
def remove_inbox_rule(call: Call) -> Rows:
    """Removes a rule for good."""
    mailbox, rule = _find(call)
    user = call.exchange.user(mailbox)
    user.rules = [each for each in user.rules if rule_id(str(each["id"])) != rule.rule_id]
    mailbox.rules = [each for each in mailbox.rules if each.rule_id != rule.rule_id]
    _changed_from_outside(call, mailbox)
    call.exchange.note(mailbox, call.cmdlet, f"inbox rule {rule.name!r}", "present", "removed", call.by)
    return []


@handles("New-InboxRule")
def new_inbox_rule(call: Call) -> Rows:
    """Makes a rule; it is always a visible one."""
    if not call.get("Mailbox"):
        raise errors.mailbox_not_found("")
    mailbox = call.mailbox(content=True, parameter="Mailbox")
    user = call.exchange.user(mailbox)
    given = {name: call.bound.values[name] for name in call.bound.names if name in _PROPERTIES}
    properties = _read_properties(call, mailbox, given)
    if not any(_is_action(name) and properties[name] for name in properties):
        raise errors.CmdletError("The rule must have at least one action.", "System.InvalidOperationException")
    taken = {rule_id(str(each["id"])) for each in user.rules}
    number = _new_number(mailbox.object_id, str(call.get("Name")), taken)
    properties |= {
        "Name": str(call.get("Name")),
        "Enabled": True,
        "Priority": call.get("Priority") or 1 + max((int(each.get("sequence", 0)) for each in user.rules), default=0),
    }
    user.rules.append(to_graph(number, properties, _addresses(call, properties)))
    _changed_from_outside(call, mailbox)
    call.exchange.note(mailbox, call.cmdlet, f"inbox rule {properties['Name']!r}", None, "present", call.by)
    made = next(rule for rule in visible(user, mailbox) if rule.rule_id == number)
    return [rule_row(call, mailbox, made)]


@handles("Set-InboxRule")
def set_inbox_rule(call: Call) -> Rows:
    """Changes conditions, actions, name or priority of a rule."""
    mailbox, rule = _find(call)
    given = {name: call.bound.values[name] for name in call.bound.names if name in _PROPERTIES}
    properties = rule.properties | _read_properties(call, mailbox, given, rule.properties)
    for name in ("Name", "Priority"):
        if call.given(name):
            properties[name] = call.get(name)
    if properties == rule.properties:
        call.unchanged(rule.name)
        return []
    shown = _graph_rule(call, mailbox, rule)
    if shown is None:
        rule.properties.update(properties)
    else:
        shown.clear()
        shown.update(to_graph(rule.rule_id, properties, _addresses(call, properties)))
    _changed_from_outside(call, mailbox)
    call.exchange.note(mailbox, call.cmdlet, f"inbox rule {rule.name!r}", "as before", sorted(given), call.by)
    return []


def _read_properties(call: Call, mailbox: Mailbox, given: Record, before: Record | None = None) -> Record:
    properties: Record = {}
    for name, value in given.items():
        if name.removeprefix("ExceptIf") in RECIPIENTS and value:
            properties[name] = [_address(call, str(each)) for each in value]
        elif name in {"MoveToFolder", "CopyToFolder"} and value:
            properties[name] = _folder(call, mailbox, str(value))
        elif isinstance(value, (list, Edit)):
            properties[name] = edited(list((before or {}).get(name) or []), value)
        else:
            properties[name] = value
    return properties


def _address(call: Call, text: str) -> str:
    """What a recipient parameter takes: an address, a name inside, or the text that Get-InboxRule shows."""
    if "[SMTP:" in text:
        return text.rpartition("[SMTP:")[2].rstrip("]")
    key = text.rpartition("/cn=")[2].rstrip("]") if "[EX:" in text or text.startswith("/o=") else text
    people = call.exchange.people(key)
    if len(people) == 1:
        return call.exchange.primary_address(people[0])
    if "@" not in text:
        raise errors.recipient_not_found(text)
    return text


def _folder(call: Call, mailbox: Mailbox, reference: str) -> str:
    path = reference.partition(":\\")[2] if ":\\" in reference else reference.rpartition(":")[2]
    name = folder_name(mailbox, path.rpartition("\\")[2])
    if not any(folder.name == name for folder in mailbox.folders):
        raise errors.object_not_found(reference)
    return name


def _addresses(call: Call, properties: Record) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, value in properties.items():
        if name.removeprefix("ExceptIf") in RECIPIENTS and value:
            found[name] = []
            for address in value:
                people = call.exchange.people(str(address))
                shown = people[0].display_name if people else str(address)
                found[name].append({"emailAddress": {"name": shown, "address": str(address)}})
    return found


def _new_number(object_id: str, name: str, taken: set[int]) -> int:
    attempt = 0
    while True:
        digest = hashlib.sha256(f"{object_id}:{name}:{attempt}".encode()).digest()
        number = int.from_bytes(digest[:8], "little") | 1 << 63
        if number not in taken:
            assert rule_id(graph_id(number)) == number
            return number
        attempt += 1


# -- sweep rules -------------------------------------------------------------------------------------------------------


def new_sweep_rule(mailbox: Mailbox, name: str, **properties: Any) -> Record:
    """Adds a sweep rule as its owner or an intruder would."""
    number = len(mailbox.sweep_rules)
    digest = hashlib.sha256(f"{mailbox.object_id}:sweep:{name}:{number}".encode()).digest()
    key = base64.b64encode(digest[:16]).decode()
    rule: Record = {
        "Name": name,
        "RuleId": key,
        "Identity": f"{mailbox.alias}\\{key}",
        "Enabled": True,
        "Provider": "Exchange16",
        "Sender": None,
        "SourceFolder": "Inbox",
        "DestinationFolder": "Deleted Items",
        "KeepForDays": None,
        "KeepLatest": None,
        "SystemCategory": None,
        "ExceptIfFlagged": False,
        "ExceptIfPinned": False,
        "MailboxOwnerId": mailbox.alias,
        "IsValid": True,
        "ObjectState": "Unchanged",
    } | properties
    mailbox.sweep_rules.append(rule)
    return rule


@handles("Get-SweepRule")
def get_sweep_rule(call: Call) -> Rows:
    """None where the mailbox has none."""
    if not call.get("Mailbox"):
        raise errors.mailbox_not_found("")
    mailbox = call.mailbox(content=True, parameter="Mailbox")
    if not call.get("Identity"):
        return [dict(rule) for rule in mailbox.sweep_rules]
    return [dict(_find_sweep(call)[1])]


def _find_sweep(call: Call) -> tuple[Mailbox, Record]:
    owner, _, wanted = str(call.get("Identity")).rpartition("\\")
    if call.get("Mailbox"):
        mailbox = call.mailbox(content=True, parameter="Mailbox")
    elif owner:
        mailbox = call.exchange.need_mailbox(owner, content=True)
    else:
        raise errors.mailbox_not_found("")
    for rule in mailbox.sweep_rules:
        if wanted in {rule["RuleId"], rule["Name"]}:
            return mailbox, rule
    raise errors.object_not_found(wanted)


@handles("Disable-SweepRule", "Enable-SweepRule", "Remove-SweepRule")
def change_sweep_rule(call: Call) -> Rows:
    """Turns a sweep rule on or off, or removes it."""
    mailbox, rule = _find_sweep(call)
    if call.cmdlet == "Remove-SweepRule":
        mailbox.sweep_rules.remove(rule)
        after = "removed"
    else:
        rule["Enabled"] = call.cmdlet == "Enable-SweepRule"
        after = "enabled" if rule["Enabled"] else "disabled"
    call.exchange.note(mailbox, call.cmdlet, f"sweep rule {rule['Name']!r}", None, after, call.by)
    return []


@handles("New-SweepRule")
def make_sweep_rule(call: Call) -> Rows:
    """Makes a sweep rule; it keeps either the latest or some days."""
    if not call.get("Mailbox"):
        raise errors.mailbox_not_found("")
    mailbox = call.mailbox(content=True, parameter="Mailbox")
    if (call.get("KeepForDays") is None) == (call.get("KeepLatest") is None):
        raise errors.CmdletError(
            "A sweep rule needs either KeepForDays or KeepLatest.", "System.InvalidOperationException"
        )
    given = {name: call.bound.values[name] for name in call.bound.names - {"Mailbox", "Name"}}
    for name in ("SourceFolder", "DestinationFolder"):
        if given.get(name):
            given[name] = _folder(call, mailbox, str(given[name]))
    rule = new_sweep_rule(mailbox, str(call.get("Name")), **given)
    call.exchange.note(mailbox, call.cmdlet, f"sweep rule {rule['Name']!r}", None, "present", call.by)
    return [dict(rule)]
