"""Who else may open a mailbox or send as its owner: full access, send-as, send-on-behalf."""

from __future__ import annotations

from dataclasses import dataclass

from services.errors import IRBotError
from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import ORGANISATION, Edit, ExchangeBackend, Parameter, Record
from services.microsoft365.exchange.mailboxes import Mailbox, Recipient, change, own, resolve_recipients
from services.microsoft365.exchange.operations import Effect, operation

_SELF = ("NT AUTHORITY\\SELF", "S-1-5-10")


@dataclass(frozen=True, slots=True)
class Access:
    """An entry that somebody made. `unresolved`: the account is gone and only its number is left."""

    user: str
    rights: tuple[str, ...]
    deny: bool
    unresolved: bool


@dataclass(frozen=True, slots=True)
class SendAs:
    """The right to send as `mailbox_name`."""

    mailbox_name: str
    trustee: str
    unresolved: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer about entries, and whether all of it was read."""

    entries: tuple[Access, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class SendAsListed:
    """The same for send-as."""

    entries: tuple[SendAs, ...]
    complete: bool


@operation("Get-MailboxPermission", effect=Effect.READ)
async def list_access(exchange: ExchangeBackend, mailbox: Mailbox) -> Listed:
    """Everybody whom somebody let into the mailbox; the owner and inherited entries are left out."""
    result = await exchange.invoke("Get-MailboxPermission", {"Identity": mailbox.identity}, anchor=mailbox.anchor)
    rows = own(result, mailbox, "Get-MailboxPermission", in_part=True)
    entries = tuple(_access(row) for row in rows if not _of_the_system(row, values.text(row, "User")))
    return Listed(entries, result.complete)


@operation("Remove-MailboxPermission", effect=Effect.REPEATABLE)
async def remove_access(exchange: ExchangeBackend, mailbox: Mailbox, entry: Access) -> bool:
    """Takes an entry away; False where it was not there any more."""
    return await _access_change(exchange, "Remove-MailboxPermission", mailbox, entry)


@operation("Add-MailboxPermission", effect=Effect.REPEATABLE)
async def restore_access(exchange: ExchangeBackend, mailbox: Mailbox, entry: Access) -> bool:
    """Puts a recorded entry back."""
    return await _access_change(exchange, "Add-MailboxPermission", mailbox, entry)


async def _access_change(exchange: ExchangeBackend, cmdlet: str, mailbox: Mailbox, entry: Access) -> bool:
    parameters: dict[str, Parameter] = {
        "Identity": mailbox.identity,
        "User": entry.user,
        "AccessRights": entry.rights,
        "InheritanceType": "All",
    }
    if entry.deny:
        parameters["Deny"] = True
    result = await exchange.invoke(cmdlet, parameters, anchor=mailbox.anchor)
    return not changed_nothing(result.warnings)


def _access(row: Record) -> Access:
    user = values.text(row, "User")
    return Access(user, values.rights(row), values.flag(row, "Deny"), _is_number(user))


def _of_the_system(row: Record, user: str) -> bool:
    return user in _SELF or row.get("UserSid") == _SELF[1] or bool(values.optional_flag(row, "IsInherited"))


def _is_number(user: str) -> bool:
    return user.upper().startswith("S-1-5-21-")


# -- send-as -----------------------------------------------------------------------------------------------------------


@operation("Get-RecipientPermission", effect=Effect.READ)
async def list_send_as(exchange: ExchangeBackend, mailbox: Mailbox) -> SendAsListed:
    """Everybody who may send as the owner of this mailbox."""
    result = await exchange.invoke("Get-RecipientPermission", {"Identity": mailbox.identity}, anchor=ORGANISATION)
    rows = own(result, mailbox, "Get-RecipientPermission", in_part=True)
    return SendAsListed(_send_as(rows), result.complete)


@operation("Get-RecipientPermission", effect=Effect.READ)
async def list_send_as_of(exchange: ExchangeBackend, mailbox: Mailbox) -> SendAsListed:
    """Every other mailbox that the owner of this one may send as: how far an intruder could reach."""
    parameters: dict[str, Parameter] = {"Trustee": mailbox.object_id, "ResultSize": "Unlimited"}
    result = await exchange.invoke("Get-RecipientPermission", parameters, anchor=ORGANISATION)
    return SendAsListed(_send_as(result.records), result.complete)


@operation("Remove-RecipientPermission", effect=Effect.REPEATABLE)
async def remove_send_as(exchange: ExchangeBackend, mailbox: Mailbox, trustee: str) -> bool:
    """Takes the right away; False where it was not there any more."""
    return await _send_as_change(exchange, "Remove-RecipientPermission", mailbox, trustee)


@operation("Add-RecipientPermission", effect=Effect.REPEATABLE)
async def restore_send_as(exchange: ExchangeBackend, mailbox: Mailbox, trustee: str) -> bool:
    """Gives a recorded right back."""
    return await _send_as_change(exchange, "Add-RecipientPermission", mailbox, trustee)


async def _send_as_change(exchange: ExchangeBackend, cmdlet: str, mailbox: Mailbox, trustee: str) -> bool:
    parameters: dict[str, Parameter] = {
        "Identity": mailbox.identity,
        "Trustee": trustee,
        "AccessRights": ("SendAs",),
    }
    result = await exchange.invoke(cmdlet, parameters, anchor=ORGANISATION)
    return not changed_nothing(result.warnings)


def _send_as(rows: tuple[Record, ...]) -> tuple[SendAs, ...]:
    return tuple(
        SendAs(values.text(row, "Identity"), trustee, _is_number(trustee))
        for row in rows
        if not _of_the_system(row, trustee := values.text(row, "Trustee"))
        and values.optional_text(row, "AccessControlType") != "Deny"
    )


# -- send-on-behalf ----------------------------------------------------------------------------------------------------


@operation("Get-Recipient", effect=Effect.READ)
async def list_on_behalf(exchange: ExchangeBackend, mailbox: Mailbox) -> dict[str, Recipient | IRBotError]:
    """Who may send on behalf of the owner, by directory name; a name that leads nowhere keeps its error."""
    return await resolve_recipients(exchange, mailbox.on_behalf) if mailbox.on_behalf else {}


@operation("Set-Mailbox", effect=Effect.REPEATABLE)
async def remove_on_behalf(exchange: ExchangeBackend, mailbox: Mailbox, recipients: tuple[str, ...]) -> bool:
    """Takes the right away from these (object ids or addresses); others keep it. Raises OnPremises where synced."""
    return await change(exchange, mailbox, GrantSendOnBehalfTo=Edit(remove=recipients))


@operation("Set-Mailbox", effect=Effect.REPEATABLE)
async def restore_on_behalf(exchange: ExchangeBackend, mailbox: Mailbox, recipients: tuple[str, ...]) -> bool:
    """Gives a recorded right back."""
    return await change(exchange, mailbox, GrantSendOnBehalfTo=Edit(add=recipients))
