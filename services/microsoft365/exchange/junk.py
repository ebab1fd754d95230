"""The trusted and blocked senders of a mailbox: an intruder trusts their own domain, or blocks the bank's."""

from __future__ import annotations

from dataclasses import dataclass, fields

from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import Edit, ExchangeBackend, Parameter
from services.microsoft365.exchange.mailboxes import Mailbox, only, own
from services.microsoft365.exchange.operations import Effect, operation

_NAMES = {
    "trusted_senders": "TrustedSendersAndDomains",
    "blocked_senders": "BlockedSendersAndDomains",
    "trusted_recipients": "TrustedRecipientsAndDomains",
}


@dataclass(frozen=True, slots=True)
class JunkLists:
    """Addresses and domains."""

    trusted_senders: tuple[str, ...] = ()
    blocked_senders: tuple[str, ...] = ()
    trusted_recipients: tuple[str, ...] = ()


@operation("Get-MailboxJunkEmailConfiguration", effect=Effect.READ)
async def read(exchange: ExchangeBackend, mailbox: Mailbox) -> JunkLists:
    """The lists. Raises Conflict where the mailbox was never opened and has none yet."""
    result = await exchange.invoke(
        "Get-MailboxJunkEmailConfiguration", {"Identity": mailbox.identity}, anchor=mailbox.anchor
    )
    own(result, mailbox, "Get-MailboxJunkEmailConfiguration")
    row = only(result, "mailbox", mailbox.object_id)
    return JunkLists(**{name: values.texts(row, exchange_name) for name, exchange_name in _NAMES.items()})


@operation("Set-MailboxJunkEmailConfiguration", effect=Effect.REPEATABLE)
async def remove_entries(exchange: ExchangeBackend, mailbox: Mailbox, entries: JunkLists) -> bool:
    """Takes these entries out and leaves the others; False where none was there."""
    return await _edit(exchange, mailbox, {name: Edit(remove=listed) for name, listed in _given(entries)})


@operation("Set-MailboxJunkEmailConfiguration", effect=Effect.REPEATABLE)
async def restore_entries(exchange: ExchangeBackend, mailbox: Mailbox, entries: JunkLists) -> bool:
    """Puts recorded entries back."""
    return await _edit(exchange, mailbox, {name: Edit(add=listed) for name, listed in _given(entries)})


def _given(entries: JunkLists) -> list[tuple[str, tuple[str, ...]]]:
    found = [(_NAMES[field.name], getattr(entries, field.name)) for field in fields(entries)]
    return [(name, listed) for name, listed in found if listed]


async def _edit(exchange: ExchangeBackend, mailbox: Mailbox, edits: dict[str, Edit]) -> bool:
    if not edits:
        return False
    parameters: dict[str, Parameter] = {"Identity": mailbox.identity, **edits}
    result = await exchange.invoke("Set-MailboxJunkEmailConfiguration", parameters, anchor=mailbox.anchor)
    return not changed_nothing(result.warnings)
