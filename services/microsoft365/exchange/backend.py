"""The promise behind every Exchange call: one cmdlet in, rows out. REST and PowerShell both keep it.

Every call is checked here before it leaves: a cmdlet whose identity is empty may mean everybody, so it is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from services.errors import Bug, IRBotError, UpstreamDown

SERVICE = "exchange"

Record = Mapping[str, Any]


class Host(StrEnum):
    """Which mailbox a call is routed to."""

    AUDIT_SETTINGS = "audit-settings"  # the arbitration mailbox that holds the audit settings
    MAILBOX = "mailbox"  # by Exchange GUID
    ORGANISATION = "organisation"  # the system mailbox
    USER = "user"  # by user principal name: before the mailbox is known


@dataclass(frozen=True, slots=True)
class Anchor:
    """The routing hint of a call. It stays the same over all pages of one answer."""

    host: Host
    name: str = ""


ORGANISATION = Anchor(Host.ORGANISATION)
AUDIT_SETTINGS = Anchor(Host.AUDIT_SETTINGS)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a multi-valued property: what to add and what to take away, the rest stays."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


Parameter = None | bool | int | str | Sequence[str] | Edit


def list_not_whole(operation_name: str) -> UpstreamDown:
    """For whoever does not find in an answer what may be in the part that did not come."""
    return UpstreamDown(service=SERVICE, operation=operation_name, reason="list-not-whole")


@dataclass(frozen=True, slots=True)
class Result:
    """What came back. `complete` is False where rows may be missing: never take such an answer for "clean"."""

    records: tuple[Record, ...]
    warnings: tuple[str, ...] = ()
    complete: bool = True

    def whole(self, operation_name: str) -> tuple[Record, ...]:
        """The rows of an answer that must not lack any. Raises UpstreamDown (`list-not-whole`) where some may."""
        if not self.complete:
            raise list_not_whole(operation_name)
        return self.records


@dataclass(frozen=True, slots=True)
class Call:
    """One cmdlet with its parameters. Make it with `checked`."""

    cmdlet: str
    parameters: Mapping[str, Parameter]
    anchor: Anchor = ORGANISATION
    select: tuple[str, ...] = ()
    max_rows: int | None = None
    timeout_seconds: float | None = None
    background: bool = False  # one of very many: goes behind everything else

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, so that it may be asked again."""
        return self.cmdlet.startswith(("Get-", "Search-"))

    @property
    def target(self) -> str:
        """What the call names, for the log."""
        for name in _IDENTITIES:
            if value := self.parameters.get(name):
                return str(value)
        return ""


class ExchangeBackend(Protocol):
    """A way to run cmdlets in our tenant. Errors are those of `services.errors`."""

    async def invoke(
        self,
        cmdlet: str,
        parameters: Mapping[str, Parameter],
        *,
        anchor: Anchor,
        select: Sequence[str] = (),
        max_rows: int | None = None,
        timeout_seconds: float | None = None,
        background: bool = False,
    ) -> Result:
        """Runs one cmdlet and reads all its pages. A write that was sent and not answered raises UnknownOutcome."""
        ...

    def pages(self, call: Call) -> AsyncIterator[Result]:
        """Reads page after page, so that a long answer is never in memory as a whole. Breaks off with an error."""
        ...

    async def invoke_many(self, calls: Sequence[Call]) -> list[Result | IRBotError]:
        """Runs several cmdlets, each with its own result or error, in the order of `calls`."""
        ...

    async def cmdlets(self) -> frozenset[str]:
        """The cmdlets that our roles let us run."""
        ...

    async def close(self) -> None:
        """Ends sessions and connections."""
        ...


_IDENTITIES = ("Identity", "Mailbox", "SenderAddress", "ConnectorId", "MessageTraceId")
# Cmdlets that may be asked about the whole organisation. Every other one must name its target.
ORGANISATION_WIDE = frozenset(
    {
        "Get-AcceptedDomain",
        "Get-AdminAuditLogConfig",
        "Get-BlockedConnector",
        "Get-BlockedSenderAddress",
        "Get-CASMailbox",
        "Get-CASMailboxPlan",
        "Get-HostedOutboundSpamFilterPolicy",
        "Get-InboundConnector",
        "Get-JournalRule",
        "Get-Mailbox",
        "Get-MailboxAuditBypassAssociation",
        "Get-MessageTraceV2",
        "Get-OrganizationConfig",
        "Get-OutboundConnector",
        "Get-Recipient",
        "Get-RecipientPermission",
        "Get-RemoteDomain",
        "Get-TransportConfig",
        "Get-TransportRule",
        "Search-UnifiedAuditLog",
        "Set-AdminAuditLogConfig",
        "Set-TransportConfig",
    }
)
# Everybody at once is asked for by saying so.
_SAYS_EVERYBODY = frozenset({"Get-CASMailbox", "Get-Mailbox", "Get-MailboxAuditBypassAssociation", "Get-Recipient"})
_ASKS_BACK = ("Set-", "Remove-", "Disable-", "Clear-", "Add-", "Enable-", "New-")


def checked(
    cmdlet: str,
    parameters: Mapping[str, Parameter],
    *,
    anchor: Anchor,
    select: Sequence[str] = (),
    max_rows: int | None = None,
    timeout_seconds: float | None = None,
    background: bool = False,
) -> Call:
    """A call that names its target. Raises Bug where it could reach more than it names."""
    given = dict(parameters)
    named = [name for name in _IDENTITIES if name in given]
    for name in (*named, "User", "Trustee"):
        if name in given and not _names(name, given[name]):
            raise Bug(service=SERVICE, operation=cmdlet, reason="empty-identity", parameter=name)
    if not named and cmdlet not in ORGANISATION_WIDE:
        raise Bug(service=SERVICE, operation=cmdlet, reason="no-identity")
    if not named and cmdlet in _SAYS_EVERYBODY and "ResultSize" not in given:
        raise Bug(service=SERVICE, operation=cmdlet, reason="everybody-by-accident")
    if not named and cmdlet == "Get-RecipientPermission" and "Trustee" not in given:
        raise Bug(service=SERVICE, operation=cmdlet, reason="no-identity")
    if cmdlet.startswith(_ASKS_BACK):
        given.setdefault("Confirm", False)
    return Call(cmdlet, given, anchor, tuple(select), max_rows, timeout_seconds, background)


def _names(parameter: str, value: Parameter) -> bool:
    """Whether the value names something; only a sender may be several."""
    if parameter == "SenderAddress" and isinstance(value, (list, tuple)):
        return bool(value) and all(_is_name(each) for each in value)
    return _is_name(value)


def _is_name(value: Parameter) -> bool:
    """An identity that means one thing: not empty, no wildcard, no control characters."""
    return isinstance(value, str) and bool(value.strip()) and "*" not in value and value.isprintable()
