"""Mailboxes: finding exactly the one of an account, forwarding, and who is behind a directory name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.errors import Ambiguous, Conflict, Gone, IRBotError
from services.microsoft365.exchange import values
from services.microsoft365.exchange.answers import changed_nothing
from services.microsoft365.exchange.backend import (
    ORGANISATION,
    SERVICE,
    Anchor,
    ExchangeBackend,
    Host,
    Parameter,
    Record,
    Result,
    checked,
)
from services.microsoft365.exchange.operations import Effect, operation

_HOLD_CAPABILITIES = frozenset({"BPOS_S_Enterprise", "BPOS_S_ArchiveAddOn", "BPOS_S_DlpAddOn"})


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody whom mail can be sent to. `external` is a contact or guest: the mail leaves the organisation."""

    name: str
    display_name: str
    address: str
    kind: str
    object_id: str
    external: bool


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where a mailbox sends its mail on. `recipient` was set by an administrator and beats `smtp_address`."""

    recipient: str
    smtp_address: str
    keeps_copy: bool

    @property
    def on(self) -> bool:
        """Whether anything is forwarded."""
        return bool(self.recipient or self.smtp_address)


@dataclass(frozen=True, slots=True)
class Hold:
    """Litigation hold. It may take an hour until a new one is effective."""

    on: bool
    since: datetime | None
    owner: str
    duration: str
    comment: str


@dataclass(frozen=True, slots=True)
class Retention:
    """How long deleted items can be brought back."""

    deleted_items: timedelta | None
    single_item_recovery: bool


@dataclass(frozen=True, slots=True)
class MailboxAudit:
    """What the mailbox logs. `default_sets` lacks a kind of log-on where somebody changed its list."""

    on: bool
    owner: tuple[str, ...]
    delegate: tuple[str, ...]
    default_sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox, compared with the account that it was asked for. Calls name it by GUID, never by a name."""

    object_id: str
    exchange_guid: str
    guid: str
    name: str
    alias: str
    display_name: str
    user_principal_name: str
    address: str
    addresses: tuple[str, ...]
    kind: str
    synced: bool
    capabilities: tuple[str, ...]
    on_behalf: tuple[str, ...]
    forwarding: Forwarding
    hold: Hold
    retention: Retention
    audit: MailboxAudit

    @property
    def identity(self) -> str:
        """What cmdlets take for it."""
        return self.exchange_guid

    @property
    def anchor(self) -> Anchor:
        """Where calls about its content are routed."""
        return Anchor(Host.MAILBOX, self.exchange_guid)

    @property
    def may_be_held(self) -> bool:
        """Whether its licence allows a litigation hold; the service has the last word."""
        return any(name in _HOLD_CAPABILITIES or name.startswith("EXCHANGE_S_") for name in self.capabilities)

    def is_called(self, name: str) -> bool:
        """Whether a name in an answer means this mailbox."""
        # Some rows name their owner by a path in the directory, which ends or begins with the name.
        if name.startswith("CN="):
            name = name.removeprefix("CN=").partition(",")[0]
        name = name.rpartition("/")[2]
        own = {self.object_id, self.exchange_guid, self.guid, self.name, self.alias}
        own |= {self.display_name, self.user_principal_name}
        own |= {address.partition(":")[2] for address in self.addresses}
        return name.lower() in {each.lower() for each in own if each}


@operation("Get-Mailbox", effect=Effect.READ)
async def find(exchange: ExchangeBackend, object_id: str, user_principal_name: str = "") -> Mailbox:
    """The mailbox of an account. Raises Gone (`what` is mailbox) where the account has none."""
    anchor = Anchor(Host.USER, user_principal_name) if user_principal_name else ORGANISATION
    result = await exchange.invoke("Get-Mailbox", {"Identity": object_id}, anchor=anchor)
    row = only(result, "mailbox", object_id)
    answered = values.text(row, "ExternalDirectoryObjectId")
    if answered.lower() != object_id.lower():
        raise Conflict(service=SERVICE, operation="Get-Mailbox", reason="other-mailbox-answered", sought=object_id)
    return _mailbox(row)


def only(result: Result, what: str, sought: str) -> Record:
    """The one row of an answer. Raises Gone or Ambiguous, and UpstreamDown where an answer in part has none."""
    if not result.records:
        result.whole(f"the {what}")
        raise Gone(service=SERVICE, what=what, sought=sought, reason="no-mailbox" if what == "mailbox" else "not-there")
    if len(result.records) > 1:
        raise Ambiguous(sought=sought, candidates=[values.optional_text(row, "Guid") for row in result.records])
    return result.records[0]


def own(result: Result, mailbox: Mailbox, operation_name: str, *, in_part: bool = False) -> tuple[Record, ...]:
    """The rows of an answer about a mailbox. Raises Conflict where one of them is about another mailbox.

    Raises UpstreamDown where some may be missing, unless an answer `in_part` will do.
    """
    for row in result.records if in_part else result.whole(operation_name):
        owner = values.optional_text(row, "ExternalDirectoryObjectId") or values.optional_text(row, "MailboxOwnerId")
        identity = values.optional_text(row, "Identity").partition("\\")[0].partition(":")[0]
        if not mailbox.is_called(owner or identity):
            raise Conflict(
                service=SERVICE, operation=operation_name, reason="other-mailbox-answered", sought=mailbox.object_id
            )
    return result.records


def _mailbox(row: Record) -> Mailbox:
    return Mailbox(
        object_id=values.text(row, "ExternalDirectoryObjectId"),
        exchange_guid=values.text(row, "ExchangeGuid"),
        guid=values.text(row, "Guid"),
        name=values.text(row, "Identity"),
        alias=values.optional_text(row, "Alias"),
        display_name=values.text(row, "DisplayName"),
        user_principal_name=values.text(row, "UserPrincipalName"),
        address=values.text(row, "PrimarySmtpAddress"),
        addresses=values.texts(row, "EmailAddresses"),
        kind=values.text(row, "RecipientTypeDetails"),
        synced=values.flag(row, "IsDirSynced"),
        capabilities=values.optional_texts(row, "PersistedCapabilities"),
        on_behalf=values.texts(row, "GrantSendOnBehalfTo"),
        forwarding=Forwarding(
            values.text(row, "ForwardingAddress"),
            values.text(row, "ForwardingSmtpAddress").removeprefix("smtp:").removeprefix("SMTP:"),
            values.flag(row, "DeliverToMailboxAndForward"),
        ),
        hold=Hold(
            values.flag(row, "LitigationHoldEnabled"),
            values.moment(row, "LitigationHoldDate"),
            values.optional_text(row, "LitigationHoldOwner"),
            values.optional_text(row, "LitigationHoldDuration"),
            values.optional_text(row, "RetentionComment"),
        ),
        retention=Retention(
            values.span(row, "RetainDeletedItemsFor"), bool(values.optional_flag(row, "SingleItemRecoveryEnabled"))
        ),
        audit=MailboxAudit(
            values.flag(row, "AuditEnabled"),
            values.optional_texts(row, "AuditOwner"),
            values.optional_texts(row, "AuditDelegate"),
            values.optional_texts(row, "DefaultAuditSet"),
        ),
    )


async def change(exchange: ExchangeBackend, mailbox: Mailbox, **parameters: Parameter) -> bool:
    """Sets properties of a mailbox; False where all was so already."""
    given: dict[str, Parameter] = {"Identity": mailbox.identity, **parameters}
    result = await exchange.invoke("Set-Mailbox", given, anchor=mailbox.anchor)
    return not changed_nothing(result.warnings)


# -- forwarding --------------------------------------------------------------------------------------------------------


@operation("Set-Mailbox", effect=Effect.REPEATABLE)
async def clear_forwarding(exchange: ExchangeBackend, mailbox: Mailbox) -> bool:
    """Stops both kinds of forwarding at once; False where there was none. Record `mailbox.forwarding` before."""
    return await change(
        exchange, mailbox, ForwardingAddress=None, ForwardingSmtpAddress=None, DeliverToMailboxAndForward=False
    )


@operation("Set-Mailbox", effect=Effect.REPEATABLE)
async def restore_forwarding(exchange: ExchangeBackend, mailbox: Mailbox, before: Forwarding) -> bool:
    """Puts a recorded forwarding back."""
    return await change(
        exchange,
        mailbox,
        ForwardingAddress=before.recipient or None,
        ForwardingSmtpAddress=before.smtp_address or None,
        DeliverToMailboxAndForward=before.keeps_copy,
    )


# -- recipients --------------------------------------------------------------------------------------------------------


@operation("Get-Recipient", effect=Effect.READ)
async def resolve_recipient(exchange: ExchangeBackend, name: str) -> Recipient:
    """Who is behind a directory name, address or id. Raises Gone or Ambiguous."""
    result = await exchange.invoke("Get-Recipient", {"Identity": name}, anchor=ORGANISATION)
    return _recipient(only(result, "recipient", name))


@operation("Get-Recipient", effect=Effect.READ)
async def resolve_recipients(exchange: ExchangeBackend, names: tuple[str, ...]) -> dict[str, Recipient | IRBotError]:
    """The same for several names at once, each with its own answer."""
    calls = [checked("Get-Recipient", {"Identity": name}, anchor=ORGANISATION) for name in names]
    found: dict[str, Recipient | IRBotError] = {}
    for name, result in zip(names, await exchange.invoke_many(calls), strict=True):
        try:
            found[name] = result if isinstance(result, IRBotError) else _recipient(only(result, "recipient", name))
        except IRBotError as error:
            found[name] = error
    return found


@operation("Get-Recipient", effect=Effect.READ)
async def recipients_named(exchange: ExchangeBackend, display_name: str) -> tuple[Recipient, ...]:
    """Everybody with exactly this display name: several people may share one."""
    quoted = display_name.replace("'", "''")
    parameters: dict[str, Parameter] = {"Filter": f"DisplayName -eq '{quoted}'", "ResultSize": "100"}
    result = await exchange.invoke("Get-Recipient", parameters, anchor=ORGANISATION)
    return tuple(_recipient(row) for row in result.whole("Get-Recipient"))


def _recipient(row: Record) -> Recipient:
    kind = values.text(row, "RecipientTypeDetails")
    return Recipient(
        name=values.text(row, "Identity"),
        display_name=values.text(row, "DisplayName"),
        address=values.text(row, "PrimarySmtpAddress"),
        kind=kind,
        object_id=values.text(row, "ExternalDirectoryObjectId"),
        external=kind in {"MailContact", "MailUser", "GuestMailUser", "MailForestContact"},
    )
