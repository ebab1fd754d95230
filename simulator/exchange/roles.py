"""Which cmdlets and parameters a directory role opens, for an application as for a person."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.exchange.parameters import SIGNATURES

EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
EXCHANGE_RECIPIENT_ADMINISTRATOR = "31392ffb-586c-42d1-9346-e59415a2cc4e"
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
COMPLIANCE_ADMINISTRATOR = "17315797-102d-40b4-93e0-432062caca18"
SECURITY_ADMINISTRATOR = "194ae4cb-b126-40b2-bd5b-6091b380977d"
SECURITY_READER = "5d6b6bb7-de71-4623-b4af-96380a352509"
HELPDESK_ADMINISTRATOR = "729827e3-9c14-49f7-bb1b-9608f156bbb8"

_ALL = frozenset(signature.cmdlet for signature in SIGNATURES.values())
_ORGANISATION = frozenset(
    cmdlet
    for cmdlet in _ALL
    if any(
        part in cmdlet
        for part in (
            "Transport",
            "Connector",
            "JournalRule",
            "RemoteDomain",
            "HostedOutbound",
            "CASMailboxPlan",
            "AuditLog",
            "AuditBypass",
            "BlockedSender",
            "OrganizationConfig",
            "AcceptedDomain",
        )
    )
)
_READS = frozenset(cmdlet for cmdlet in _ALL if cmdlet.startswith("Get-"))
# Inbox rules are content of the mailbox: no view-only role opens them.
_VIEW_ONLY = _READS - {"Get-InboxRule", "Get-SweepRule", "Get-App"}
_TRACE = frozenset({"Get-MessageTraceV2", "Get-MessageTraceDetailV2"})
_HYGIENE_READ = frozenset(
    {
        "Get-BlockedSenderAddress",
        "Get-BlockedConnector",
        "Get-HostedOutboundSpamFilterPolicy",
        "Get-AdminAuditLogConfig",
    }
)

CMDLETS: dict[str, frozenset[str]] = {
    EXCHANGE_ADMINISTRATOR: _ALL,
    GLOBAL_ADMINISTRATOR: _ALL,
    EXCHANGE_RECIPIENT_ADMINISTRATOR: (_ALL - _ORGANISATION) | {"Get-AcceptedDomain"},
    GLOBAL_READER: _VIEW_ONLY | {"Search-UnifiedAuditLog"},
    COMPLIANCE_ADMINISTRATOR: _TRACE
    | {"Search-UnifiedAuditLog", "Get-AdminAuditLogConfig", "Set-AdminAuditLogConfig", "Get-JournalRule"},
    SECURITY_ADMINISTRATOR: _HYGIENE_READ | {"Remove-BlockedSenderAddress", "Remove-BlockedConnector"},
    SECURITY_READER: _HYGIENE_READ,
    HELPDESK_ADMINISTRATOR: _TRACE | {"Get-Mailbox", "Get-Recipient"},
}
# Parameters of a role of their own, which not every role with the cmdlet holds.
_LEGAL_HOLD = frozenset(
    {"LitigationHoldEnabled", "LitigationHoldDate", "LitigationHoldDuration", "LitigationHoldOwner"}
)
_HOLDERS = frozenset({EXCHANGE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR})


def allowed(role_template_ids: Iterable[str]) -> frozenset[str]:
    """Every cmdlet that these roles open."""
    opened: frozenset[str] = frozenset()
    for role in role_template_ids:
        opened |= CMDLETS.get(role, frozenset())
    return opened


def missing_parameter(cmdlet: str, names: Iterable[str], role_template_ids: Iterable[str]) -> str | None:
    """The first parameter that no role of the caller holds."""
    if cmdlet == "Set-Mailbox" and not _HOLDERS & set(role_template_ids):
        return next(iter(sorted(_LEGAL_HOLD & set(names))), None)
    return None
