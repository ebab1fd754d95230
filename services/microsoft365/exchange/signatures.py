"""The signature of a mailbox. Where roaming signatures are on (the default) the service no longer honours it here."""

from __future__ import annotations

from dataclasses import dataclass

from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import ExchangeBackend, Parameter
from services.microsoft365.exchange.mailboxes import Mailbox, only, own
from services.microsoft365.exchange.operations import Effect, operation


@dataclass(frozen=True, slots=True)
class Signature:
    """What is put under messages, and the address that Outlook on the web sends from."""

    html: str
    text: str
    added: bool
    added_on_reply: bool
    sends_from: str


@operation("Get-MailboxMessageConfiguration", effect=Effect.READ)
async def read(exchange: ExchangeBackend, mailbox: Mailbox) -> Signature:
    """The signature as Outlook on the web has it."""
    result = await exchange.invoke(
        "Get-MailboxMessageConfiguration", {"Identity": mailbox.identity}, anchor=mailbox.anchor
    )
    own(result, mailbox, "Get-MailboxMessageConfiguration")
    row = only(result, "mailbox", mailbox.object_id)
    return Signature(
        values.text(row, "SignatureHtml"),
        values.text(row, "SignatureText"),
        values.flag(row, "AutoAddSignature"),
        values.flag(row, "AutoAddSignatureOnReply"),
        values.optional_text(row, "SendAddressDefault"),
    )


@operation("Set-MailboxMessageConfiguration", effect=Effect.REPEATABLE)
async def write(exchange: ExchangeBackend, mailbox: Mailbox, signature: Signature) -> bool:
    """Makes the signature as described: an empty one to clear it, the recorded one to put it back."""
    parameters: dict[str, Parameter] = {
        "Identity": mailbox.identity,
        "SignatureHtml": signature.html,
        "SignatureText": signature.text,
        "AutoAddSignature": signature.added,
        "AutoAddSignatureOnReply": signature.added_on_reply,
        "SendAddressDefault": signature.sends_from,
    }
    result = await exchange.invoke("Set-MailboxMessageConfiguration", parameters, anchor=mailbox.anchor)
    return not changed_nothing(result.warnings)
