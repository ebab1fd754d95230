"""Automatic replies, read and written over Exchange: the fallback where Graph's mailbox settings are not open to us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import ExchangeBackend, Parameter
from services.microsoft365.exchange.mailboxes import Mailbox, only, own
from services.microsoft365.exchange.operations import Effect, operation


@dataclass(frozen=True, slots=True)
class AutoReply:
    """`state` is Disabled, Enabled or Scheduled; the messages are HTML that the owner or an intruder wrote."""

    state: str
    internal_message: str
    external_message: str
    external_audience: str
    start: datetime | None
    end: datetime | None

    @property
    def on(self) -> bool:
        """Whether anybody gets a reply, now or later."""
        return self.state != "Disabled"


@operation("Get-MailboxAutoReplyConfiguration", effect=Effect.READ)
async def read(exchange: ExchangeBackend, mailbox: Mailbox) -> AutoReply:
    """The reply as it is set."""
    result = await exchange.invoke(
        "Get-MailboxAutoReplyConfiguration", {"Identity": mailbox.identity}, anchor=mailbox.anchor
    )
    own(result, mailbox, "Get-MailboxAutoReplyConfiguration")
    row = only(result, "mailbox", mailbox.object_id)
    return AutoReply(
        values.text(row, "AutoReplyState"),
        values.text(row, "InternalMessage"),
        values.text(row, "ExternalMessage"),
        values.text(row, "ExternalAudience"),
        values.moment(row, "StartTime"),
        values.moment(row, "EndTime"),
    )


@operation("Set-MailboxAutoReplyConfiguration", effect=Effect.REPEATABLE)
async def switch_off(exchange: ExchangeBackend, mailbox: Mailbox) -> bool:
    """Stops the reply and keeps its text."""
    return await _set(exchange, mailbox, {"AutoReplyState": "Disabled"})


@operation("Set-MailboxAutoReplyConfiguration", effect=Effect.REPEATABLE)
async def restore(exchange: ExchangeBackend, mailbox: Mailbox, before: AutoReply) -> bool:
    """Puts the recorded reply back."""
    parameters: dict[str, Parameter] = {
        "AutoReplyState": before.state,
        "InternalMessage": before.internal_message,
        "ExternalMessage": before.external_message,
        "ExternalAudience": before.external_audience or "None",
    }
    if before.state == "Scheduled" and before.start and before.end:
        parameters |= {"StartTime": before.start.isoformat(), "EndTime": before.end.isoformat()}
    return await _set(exchange, mailbox, parameters)


async def _set(exchange: ExchangeBackend, mailbox: Mailbox, parameters: dict[str, Parameter]) -> bool:
    given: dict[str, Parameter] = {"Identity": mailbox.identity, **parameters}
    result = await exchange.invoke("Set-MailboxAutoReplyConfiguration", given, anchor=mailbox.anchor)
    return not changed_nothing(result.warnings)
