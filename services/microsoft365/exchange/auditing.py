"""Is anything logged? The organisation's switches, and the bypass that hides what one account does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import AUDIT_SETTINGS, ORGANISATION, ExchangeBackend, Parameter
from services.microsoft365.exchange.mailboxes import Mailbox, only, own
from services.microsoft365.exchange.operations import Effect, operation


@dataclass(frozen=True, slots=True)
class Auditing:
    """The two switches of the organisation."""

    unified_log: bool
    mailbox_logs: bool


@operation("Get-AdminAuditLogConfig", "Get-OrganizationConfig", effect=Effect.READ)
async def read(exchange: ExchangeBackend) -> Auditing:
    """Whether the unified audit log takes anything in, and whether mailboxes log at all."""
    log, organisation = await asyncio.gather(
        exchange.invoke("Get-AdminAuditLogConfig", {}, anchor=ORGANISATION),
        exchange.invoke("Get-OrganizationConfig", {}, anchor=ORGANISATION),
    )
    return Auditing(
        values.flag(only(log, "organisation", ""), "UnifiedAuditLogIngestionEnabled"),
        not values.flag(only(organisation, "organisation", ""), "AuditDisabled"),
    )


@operation("Set-AdminAuditLogConfig", effect=Effect.REPEATABLE)
async def switch_unified_log(exchange: ExchangeBackend, *, on: bool) -> bool:
    """Switches the unified audit log; takes up to an hour. False: it was so already, or our role did not reach."""
    parameters: dict[str, Parameter] = {"UnifiedAuditLogIngestionEnabled": on}
    result = await exchange.invoke("Set-AdminAuditLogConfig", parameters, anchor=AUDIT_SETTINGS)
    return not changed_nothing(result.warnings)


@operation("Get-MailboxAuditBypassAssociation", effect=Effect.READ)
async def is_bypassed(exchange: ExchangeBackend, mailbox: Mailbox) -> bool:
    """Whether nothing that this account does in mailboxes is logged."""
    result = await exchange.invoke(
        "Get-MailboxAuditBypassAssociation", {"Identity": mailbox.object_id}, anchor=ORGANISATION
    )
    rows = own(result, mailbox, "Get-MailboxAuditBypassAssociation")
    return any(values.flag(row, "AuditBypassEnabled") for row in rows)


@operation("Set-MailboxAuditBypassAssociation", effect=Effect.REPEATABLE)
async def set_bypass(exchange: ExchangeBackend, mailbox: Mailbox, *, on: bool) -> bool:
    """Ends the bypass, or puts a recorded one back."""
    parameters: dict[str, Parameter] = {"Identity": mailbox.object_id, "AuditBypassEnabled": on}
    result = await exchange.invoke("Set-MailboxAuditBypassAssociation", parameters, anchor=ORGANISATION)
    return not changed_nothing(result.warnings)
