"""Sweep rules: they run beside the inbox rules and can hide mail just as well. Graph does not show them."""

from __future__ import annotations

from dataclasses import dataclass

from services.microsoft365.exchange import values
from services.microsoft365.exchange.backend import ExchangeBackend, Parameter
from services.microsoft365.exchange.mailboxes import Mailbox, own
from services.microsoft365.exchange.operations import Effect, operation


@dataclass(frozen=True, slots=True)
class SweepRule:
    """A rule that moves mail of one sender away, by age or by number."""

    rule_id: str
    name: str
    enabled: bool
    provider: str
    sender: str
    source_folder: str
    destination_folder: str
    keep_days: int | None
    keep_latest: int | None


@operation("Get-SweepRule", effect=Effect.READ)
async def list_rules(exchange: ExchangeBackend, mailbox: Mailbox) -> tuple[SweepRule, ...]:
    """All sweep rules of a mailbox."""
    parameters: dict[str, Parameter] = {"Mailbox": mailbox.identity, "ResultSize": "Unlimited"}
    result = await exchange.invoke("Get-SweepRule", parameters, anchor=mailbox.anchor)
    return tuple(
        SweepRule(
            rule_id=values.optional_text(row, "RuleId") or values.text(row, "Identity").rpartition("\\")[2],
            name=values.text(row, "Name"),
            enabled=values.flag(row, "Enabled"),
            provider=values.optional_text(row, "Provider"),
            sender=values.optional_text(row, "Sender"),
            source_folder=values.optional_text(row, "SourceFolder"),
            destination_folder=values.optional_text(row, "DestinationFolder"),
            keep_days=values.number(row, "KeepForDays") if row.get("KeepForDays") is not None else None,
            keep_latest=values.number(row, "KeepLatest") if row.get("KeepLatest") is not None else None,
        )
        for row in own(result, mailbox, "Get-SweepRule")
    )


@operation("Disable-SweepRule", effect=Effect.REPEATABLE)
async def disable_rule(exchange: ExchangeBackend, mailbox: Mailbox, rule_id: str) -> None:
    """Turns a sweep rule off. Raises Gone where it is not there any more."""
    await _on_rule(exchange, "Disable-SweepRule", mailbox, rule_id)


@operation("Enable-SweepRule", effect=Effect.REPEATABLE)
async def enable_rule(exchange: ExchangeBackend, mailbox: Mailbox, rule_id: str) -> None:
    """Turns a sweep rule on again."""
    await _on_rule(exchange, "Enable-SweepRule", mailbox, rule_id)


@operation("Remove-SweepRule", effect=Effect.REPEATABLE)
async def remove_rule(exchange: ExchangeBackend, mailbox: Mailbox, rule_id: str) -> None:
    """Removes a sweep rule. Raises Gone where it is not there any more."""
    await _on_rule(exchange, "Remove-SweepRule", mailbox, rule_id)


@operation("New-SweepRule", effect=Effect.ONCE)
async def restore_rule(exchange: ExchangeBackend, mailbox: Mailbox, rule: SweepRule) -> None:
    """Makes a removed sweep rule again from its record."""
    parameters: dict[str, Parameter] = {
        "Mailbox": mailbox.identity,
        "Name": rule.name,
        "Provider": rule.provider or "Exchange16",
        "Enabled": rule.enabled,
    }
    if rule.sender:
        parameters["Sender"] = rule.sender
    if rule.keep_days is not None:
        parameters["KeepForDays"] = rule.keep_days
    elif rule.keep_latest is not None:
        parameters["KeepLatest"] = rule.keep_latest
    for name, folder in (("SourceFolder", rule.source_folder), ("DestinationFolder", rule.destination_folder)):
        if folder:
            parameters[name] = f"{mailbox.identity}:\\{folder}"
    await exchange.invoke("New-SweepRule", parameters, anchor=mailbox.anchor)


async def _on_rule(exchange: ExchangeBackend, cmdlet: str, mailbox: Mailbox, rule_id: str) -> None:
    parameters: dict[str, Parameter] = {"Identity": rule_id, "Mailbox": mailbox.identity}
    await exchange.invoke(cmdlet, parameters, anchor=mailbox.anchor)
