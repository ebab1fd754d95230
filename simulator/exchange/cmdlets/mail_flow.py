"""Transport rules, connectors, journaling, remote domains, outbound policies, restricted senders."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from simulator.exchange import errors
from simulator.exchange.cmdlets.call import Call, Rows, apply, find, handles
from simulator.exchange.state import Record


def _need(call: Call, records: list[Record]) -> Record:
    found = find(records, call.get("Identity"))
    if found is None:
        raise errors.object_not_found(str(call.get("Identity")))
    return found


def _listed(call: Call, records: list[Record]) -> Rows:
    return [dict(_need(call, records))] if call.get("Identity") else [dict(record) for record in records]


@handles("Get-TransportRule")
def get_transport_rule(call: Call) -> Rows:
    """By priority, switched off ones included unless a state is asked for."""
    state = call.get("State")
    rules = sorted(call.exchange.organisation.transport_rules, key=lambda rule: int(rule["Priority"]))
    return [row for row in _listed(call, rules) if state is None or row["State"] == state]


@handles("Disable-TransportRule", "Enable-TransportRule", "Remove-TransportRule")
def change_transport_rule(call: Call) -> Rows:
    """Switches a rule, or removes it."""
    rules = call.exchange.organisation.transport_rules
    rule = _need(call, rules)
    if call.cmdlet == "Remove-TransportRule":
        rules.remove(rule)
    else:
        rule["State"] = "Enabled" if call.cmdlet == "Enable-TransportRule" else "Disabled"
        if call.get("Mode"):
            rule["Mode"] = call.get("Mode")
        rule |= {"WhenChanged": call.now, "LastModifiedBy": call.by}
    call.exchange.tenant.touch()
    return []


@handles("Get-InboundConnector")
def get_inbound_connector(call: Call) -> Rows:
    """Every connector for incoming mail."""
    return _listed(call, call.exchange.organisation.inbound_connectors)


@handles("Get-OutboundConnector")
def get_outbound_connector(call: Call) -> Rows:
    """One of three classes: the switches select, they do not add."""
    connectors = call.exchange.organisation.outbound_connectors
    if call.get("Identity"):
        return _listed(call, connectors)
    if call.get("IsTransportRuleScoped"):
        return [dict(each) for each in connectors if each["IsTransportRuleScoped"]]
    if call.get("IncludeTestModeConnectors"):
        return [dict(each) for each in connectors if each["TestMode"]]
    return [dict(each) for each in connectors if not each["IsTransportRuleScoped"] and not each["TestMode"]]


@handles("Set-InboundConnector", "Set-OutboundConnector", "Remove-InboundConnector", "Remove-OutboundConnector")
def change_connector(call: Call) -> Rows:
    """Changes a connector, or removes it."""
    organisation = call.exchange.organisation
    inbound = call.cmdlet.endswith("InboundConnector")
    connectors = organisation.inbound_connectors if inbound else organisation.outbound_connectors
    connector = _need(call, connectors)
    if call.cmdlet.startswith("Remove-"):
        connectors.remove(connector)
    elif apply(call, connector):
        connector["WhenChangedUTC"] = call.now
    else:
        call.unchanged(str(connector["Name"]))
    call.exchange.tenant.touch()
    return []


@handles("Get-JournalRule")
def get_journal_rule(call: Call) -> Rows:
    """Every journal rule."""
    return _listed(call, call.exchange.organisation.journal_rules)


@handles("Disable-JournalRule", "Enable-JournalRule")
def switch_journal_rule(call: Call) -> Rows:
    """Switches a journal rule."""
    _need(call, call.exchange.organisation.journal_rules)["Enabled"] = call.cmdlet == "Enable-JournalRule"
    call.exchange.tenant.touch()
    return []


@handles("Get-RemoteDomain")
def get_remote_domain(call: Call) -> Rows:
    """Every remote domain."""
    return _listed(call, call.exchange.organisation.remote_domains)


@handles("Set-RemoteDomain")
def set_remote_domain(call: Call) -> Rows:
    """Changes what may go to a domain."""
    domain = _need(call, call.exchange.organisation.remote_domains)
    if not apply(call, domain):
        call.unchanged(str(domain["Identity"]))
    return []


@handles("Get-HostedOutboundSpamFilterPolicy")
def get_outbound_policy(call: Call) -> Rows:
    """Every outbound policy."""
    return _listed(call, call.exchange.organisation.outbound_spam_policies)


@handles("Get-AcceptedDomain")
def get_accepted_domain(call: Call) -> Rows:
    """The organisation's own domains."""
    return _listed(call, call.exchange.organisation.accepted_domains)


# -- restricted senders ------------------------------------------------------------------------------------------------


def restrict(call_now: object, address: str, external: int) -> Record:
    """The entry of a sender who sent too much."""
    return {
        "SenderAddress": address,
        "CreatedDatetime": call_now,
        "ChangedDatetime": call_now,
        "Reason": (
            f"EmailSendingLimitExceeded;InternalRecipientCountToday=12;ExternalRecipientCountToday={external};"
            "ExceedingLimitType=External;LastMessageRcptCount=500;"
        ),
        "TemporaryBlock": False,
    }


@handles("Get-BlockedSenderAddress")
def get_blocked_sender(call: Call) -> Rows:
    """Nothing where the address is not on the list. A release takes its time to show."""
    organisation = call.exchange.organisation
    for address, ends in list(organisation.unblocks_pending.items()):
        if ends <= call.now:
            del organisation.unblocks_pending[address]
            organisation.blocked_senders = [
                entry for entry in organisation.blocked_senders if entry["SenderAddress"].lower() != address
            ]
    wanted = str(call.get("SenderAddress", "")).lower()
    return [dict(entry) for entry in organisation.blocked_senders if wanted in {"", entry["SenderAddress"].lower()}]


@handles("Remove-BlockedSenderAddress")
def remove_blocked_sender(call: Call) -> Rows:
    """Releases a sender, so often and no more."""
    organisation = call.exchange.organisation
    address = str(call.get("SenderAddress"))
    if not any(entry["SenderAddress"].lower() == address.lower() for entry in organisation.blocked_senders):
        raise errors.object_not_found(address)
    if organisation.unblocks_left < 1:
        raise errors.unblock_limit(address)
    organisation.unblocks_left -= 1
    ready = call.now + timedelta(minutes=call.exchange.knobs.unblock_minutes)
    organisation.unblocks_pending[address.lower()] = ready
    call.exchange.tenant.touch()
    return []


@handles("Get-BlockedConnector")
def get_blocked_connector(call: Call) -> Rows:
    """Connectors that may not send."""
    wanted = call.get("ConnectorId")
    return [
        dict(entry)
        for entry in call.exchange.organisation.blocked_connectors
        if wanted is None or UUID(str(entry["ConnectorId"])) == wanted
    ]


@handles("Remove-BlockedConnector")
def remove_blocked_connector(call: Call) -> Rows:
    """Releases a connector."""
    entries = call.exchange.organisation.blocked_connectors
    kept = [entry for entry in entries if UUID(str(entry["ConnectorId"])) != call.get("ConnectorId")]
    if len(kept) == len(entries):
        raise errors.object_not_found(str(call.get("ConnectorId")))
    call.exchange.organisation.blocked_connectors = kept
    return []
