"""Client protocols: of one mailbox, of all of them, of the plans for new ones, and SMTP AUTH of the organisation.

Switching a protocol off does not end open sessions, and may take an hour to reach the front ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.errors import Conflict
from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import (
    ORGANISATION,
    SERVICE,
    ExchangeBackend,
    Parameter,
    Record,
    checked,
)
from services.microsoft365.exchange.mailboxes import Mailbox, only, own
from services.microsoft365.exchange.operations import Effect, operation


class Protocol(StrEnum):
    """The switches of a mailbox, by their Exchange names."""

    ACTIVE_SYNC = "ActiveSyncEnabled"
    EWS = "EwsEnabled"
    IMAP = "ImapEnabled"
    MAC_OUTLOOK = "MacOutlookEnabled"
    MAPI = "MAPIEnabled"
    NEW_OUTLOOK = "OneWinNativeOutlookEnabled"
    OUTLOOK_MOBILE = "OutlookMobileEnabled"
    OWA = "OWAEnabled"
    POP = "PopEnabled"
    WINDOWS_MAIL = "UniversalOutlookEnabled"


_SMTP_AUTH = "SmtpClientAuthenticationDisabled"
_OF_MANY = {"imap": Protocol.IMAP, "pop": Protocol.POP}
_PAGE_SECONDS = 300.0
_LISTED = (
    "PrimarySmtpAddress",
    "ExternalDirectoryObjectId",
    "Guid",
    "ImapEnabled",
    "PopEnabled",
    _SMTP_AUTH,
)


@dataclass(frozen=True, slots=True)
class Protocols:
    """What a mailbox can be reached by. `smtp_auth` None leaves it to the organisation; True beats a general off."""

    on: frozenset[Protocol]
    off: frozenset[Protocol]
    smtp_auth: bool | None
    blocked_device_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenMailbox:
    """A mailbox in the listing of the whole organisation."""

    object_id: str
    guid: str
    address: str
    imap: bool
    pop: bool
    smtp_auth: bool | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What mailboxes that are licensed later start with."""

    identity: str
    display_name: str
    imap: bool
    pop: bool


@operation("Get-CASMailbox", effect=Effect.READ)
async def read(exchange: ExchangeBackend, mailbox: Mailbox) -> Protocols:
    """The switches of one mailbox. One that the service does not know is neither on nor off."""
    result = await exchange.invoke("Get-CASMailbox", {"Identity": mailbox.identity}, anchor=mailbox.anchor)
    own(result, mailbox, "Get-CASMailbox")
    return _protocols(only(result, "mailbox", mailbox.object_id))


@operation("Set-CASMailbox", effect=Effect.REPEATABLE)
async def switch(
    exchange: ExchangeBackend,
    mailbox: Mailbox,
    switches: Mapping[Protocol, bool],
    *,
    smtp_auth: bool | None = None,
    inherit_smtp_auth: bool = False,
) -> bool:
    """Sets switches; False where all was so already. `inherit_smtp_auth` leaves SMTP AUTH to the organisation."""
    parameters: dict[str, Parameter] = {"Identity": mailbox.identity}
    parameters |= {protocol.value: on for protocol, on in switches.items()}
    if inherit_smtp_auth or smtp_auth is not None:
        parameters[_SMTP_AUTH] = None if inherit_smtp_auth else not smtp_auth
    result = await exchange.invoke("Set-CASMailbox", parameters, anchor=mailbox.anchor)
    return not changed_nothing(result.warnings)


@operation("Set-CASMailbox", effect=Effect.REPEATABLE)
async def restore(exchange: ExchangeBackend, mailbox: Mailbox, before: Protocols, ours: Sequence[Protocol]) -> bool:
    """Puts the recorded switches back: those that were `ours` to change, and SMTP AUTH."""
    switches = {protocol: protocol in before.on for protocol in ours if protocol in before.on | before.off}
    return await switch(
        exchange, mailbox, switches, smtp_auth=before.smtp_auth, inherit_smtp_auth=before.smtp_auth is None
    )


async def each_page(exchange: ExchangeBackend) -> AsyncIterator[tuple[OpenMailbox, ...]]:
    """Every mailbox of the organisation, a thousand at a time: Get-CASMailbox, read only, minutes in a large one.

    Raises UpstreamDown where the list breaks off: what is missing from it must not count as closed.
    """
    everybody: dict[str, Parameter] = {"ResultSize": "Unlimited"}
    call = checked(
        "Get-CASMailbox",
        everybody,
        anchor=ORGANISATION,
        select=_LISTED,
        timeout_seconds=_PAGE_SECONDS,
        background=True,
    )
    async for page in exchange.pages(call):
        yield tuple(_open_mailbox(row) for row in page.whole("Get-CASMailbox"))


@operation("Get-CASMailbox", effect=Effect.READ)
async def read_one(exchange: ExchangeBackend, guid: str) -> OpenMailbox:
    """One of many mailboxes, by its GUID; behind everything else that asks Exchange."""
    result = await exchange.invoke(
        "Get-CASMailbox", {"Identity": guid}, anchor=ORGANISATION, select=_LISTED, background=True
    )
    found = _open_mailbox(only(result, "mailbox", guid))
    if found.guid.lower() != guid.lower():
        raise Conflict(service=SERVICE, operation="Get-CASMailbox", reason="other-mailbox-answered")
    return found


@operation("Set-CASMailbox", effect=Effect.REPEATABLE)
async def set_one(exchange: ExchangeBackend, guid: str, switches: Mapping[str, bool | None]) -> bool:
    """Sets `imap`, `pop` and `smtp_auth` of one of many mailboxes as given; False where all was so already."""
    parameters: dict[str, Parameter] = {"Identity": guid}
    for name, on in switches.items():
        if name == "smtp_auth":
            parameters[_SMTP_AUTH] = None if on is None else not on
        else:
            parameters[_OF_MANY[name].value] = on
    result = await exchange.invoke("Set-CASMailbox", parameters, anchor=ORGANISATION, background=True)
    return not changed_nothing(result.warnings)


@operation("Get-CASMailboxPlan", effect=Effect.READ)
async def list_plans(exchange: ExchangeBackend) -> tuple[Plan, ...]:
    """The plans that new mailboxes start with."""
    result = await exchange.invoke("Get-CASMailboxPlan", {}, anchor=ORGANISATION)
    return tuple(
        Plan(
            values.text(row, "Identity"),
            values.optional_text(row, "DisplayName"),
            values.flag(row, "ImapEnabled"),
            values.flag(row, "PopEnabled"),
        )
        for row in result.whole("Get-CASMailboxPlan")
    )


@operation("Set-CASMailboxPlan", effect=Effect.REPEATABLE)
async def set_plan(exchange: ExchangeBackend, plan: Plan) -> bool:
    """Makes a plan as described; reaches only mailboxes that are licensed later."""
    parameters: dict[str, Parameter] = {"Identity": plan.identity, "ImapEnabled": plan.imap, "PopEnabled": plan.pop}
    result = await exchange.invoke("Set-CASMailboxPlan", parameters, anchor=ORGANISATION)
    return not changed_nothing(result.warnings)


@operation("Get-TransportConfig", effect=Effect.READ)
async def read_organisation_smtp_auth(exchange: ExchangeBackend) -> bool:
    """Whether the organisation lets programs send with user name and password."""
    result = await exchange.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    return not values.flag(only(result, "organisation", ""), _SMTP_AUTH)


@operation("Set-TransportConfig", effect=Effect.REPEATABLE)
async def set_organisation_smtp_auth(exchange: ExchangeBackend, *, on: bool) -> bool:
    """Switches SMTP AUTH for the organisation; mailboxes with a setting of their own keep it."""
    result = await exchange.invoke("Set-TransportConfig", {_SMTP_AUTH: not on}, anchor=ORGANISATION)
    return not changed_nothing(result.warnings)


def _protocols(row: Record) -> Protocols:
    states = {protocol: values.optional_flag(row, protocol.value) for protocol in Protocol}
    for needed in (Protocol.IMAP, Protocol.POP, Protocol.ACTIVE_SYNC):
        values.flag(row, needed.value)
    return Protocols(
        frozenset(protocol for protocol, state in states.items() if state is True),
        frozenset(protocol for protocol, state in states.items() if state is False),
        _smtp_auth(row),
        values.optional_texts(row, "ActiveSyncBlockedDeviceIDs"),
    )


def _smtp_auth(row: Record) -> bool | None:
    values.need(row, _SMTP_AUTH)
    disabled = values.optional_flag(row, _SMTP_AUTH)
    return None if disabled is None else not disabled


def _open_mailbox(row: Record) -> OpenMailbox:
    return OpenMailbox(
        values.text(row, "ExternalDirectoryObjectId"),
        values.text(row, "Guid"),
        values.text(row, "PrimarySmtpAddress"),
        values.flag(row, "ImapEnabled"),
        values.flag(row, "PopEnabled"),
        _smtp_auth(row),
    )
