"""Outlook add-ins of a mailbox. Those that an administrator deployed centrally do not show here."""

from __future__ import annotations

from dataclasses import dataclass

from services.microsoft365.exchange import values
from services.microsoft365.exchange.backend import ExchangeBackend, Parameter
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.operations import Effect, operation


@dataclass(frozen=True, slots=True)
class AddIn:
    """An add-in. Only one that the user installed (`scope` User) can be removed; others can be disabled."""

    app_id: str
    name: str
    provider: str
    version: str
    enabled: bool
    kind: str
    scope: str


@operation("Get-App", effect=Effect.READ)
async def list_add_ins(exchange: ExchangeBackend, mailbox: Mailbox) -> tuple[AddIn, ...]:
    """What is installed for this mailbox."""
    result = await exchange.invoke("Get-App", {"Mailbox": mailbox.identity}, anchor=mailbox.anchor)
    return tuple(
        AddIn(
            values.text(row, "AppId"),
            values.text(row, "DisplayName"),
            values.optional_text(row, "ProviderName"),
            values.optional_text(row, "AppVersion"),
            values.flag(row, "Enabled"),
            values.optional_text(row, "Type"),
            values.optional_text(row, "Scope"),
        )
        for row in result.whole("Get-App")
    )


@operation("Disable-App", effect=Effect.REPEATABLE)
async def disable(exchange: ExchangeBackend, mailbox: Mailbox, app_id: str) -> None:
    """Turns an add-in off for this mailbox."""
    await _on(exchange, "Disable-App", mailbox, app_id)


@operation("Enable-App", effect=Effect.REPEATABLE)
async def enable(exchange: ExchangeBackend, mailbox: Mailbox, app_id: str) -> None:
    """Turns an add-in on again."""
    await _on(exchange, "Enable-App", mailbox, app_id)


@operation("Remove-App", effect=Effect.REPEATABLE)
async def remove(exchange: ExchangeBackend, mailbox: Mailbox, app_id: str) -> None:
    """Removes an add-in that the user installed; nothing here can install it again."""
    await _on(exchange, "Remove-App", mailbox, app_id)


async def _on(exchange: ExchangeBackend, cmdlet: str, mailbox: Mailbox, app_id: str) -> None:
    parameters: dict[str, Parameter] = {"Identity": app_id, "Mailbox": mailbox.identity}
    await exchange.invoke(cmdlet, parameters, anchor=mailbox.anchor)
