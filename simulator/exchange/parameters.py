"""Which parameters each cmdlet has, and how Exchange reads their JSON: the parameter binder of the service.

The names and types come from the vendor's reference (`parameters.tsv`). What is not in the table is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from simulator.exchange import errors

HASH_TABLE = "#Exchange.GenericHashTable"
_COMMON_SWITCHES = frozenset({"confirm", "whatif", "verbose", "debug"})
_COMMON_WORDS = frozenset({"erroraction", "warningaction", "informationaction"})

ENUMS: Mapping[str, tuple[str, ...]] = {
    "ActiveDirectorySecurityInheritance": ("None", "All", "Descendents", "SelfAndChildren", "Children"),
    "DateRangeEnumType": ("OneDay", "ThreeDays", "OneWeek", "OneMonth", "ThreeMonths", "SixMonths", "OneYear"),
    "DetailLevelEnumType": ("AvailabilityOnly", "LimitedDetails", "FullDetails"),
    "ElcFolderType": (
        "Calendar",
        "Contacts",
        "DeletedItems",
        "Drafts",
        "Inbox",
        "JunkEmail",
        "Journal",
        "Notes",
        "Outbox",
        "SentItems",
        "Tasks",
        "All",
        "RssSubscriptions",
        "SyncIssues",
        "ConversationHistory",
        "Personal",
        "RecoverableItems",
        "NonIpmRoot",
        "Clutter",
        "Archive",
    ),
    "ExternalAudience": ("None", "Known", "All"),
    "Importance": ("Low", "Normal", "High"),
    "MailboxFolderAccessRight": (
        "None",
        "Owner",
        "PublishingEditor",
        "Editor",
        "PublishingAuthor",
        "Author",
        "NonEditingAuthor",
        "Reviewer",
        "Contributor",
        "AvailabilityOnly",
        "LimitedDetails",
        "CreateItems",
        "CreateSubfolders",
        "DeleteAllItems",
        "DeleteOwnedItems",
        "EditAllItems",
        "EditOwnedItems",
        "FolderContact",
        "FolderOwner",
        "FolderVisible",
        "ReadItems",
    ),
    "MailboxFolderPermissionFlags": ("None", "Delegate", "CanViewPrivateItems"),
    "MailboxRights": (
        "FullAccess",
        "ExternalAccount",
        "DeleteItem",
        "ReadPermission",
        "ChangePermission",
        "ChangeOwner",
    ),
    "OofState": ("Disabled", "Enabled", "Scheduled"),
    "ReadReceiptResponse": ("DoNotAutomaticallySend", "AlwaysSend", "NeverSend"),
    "RecipientTypeDetails": (
        "UserMailbox",
        "LinkedMailbox",
        "SharedMailbox",
        "RoomMailbox",
        "EquipmentMailbox",
        "SchedulingMailbox",
        "TeamMailbox",
        "GroupMailbox",
        "DiscoveryMailbox",
        "MailContact",
        "MailUser",
        "GuestMailUser",
        "MailUniversalDistributionGroup",
        "MailUniversalSecurityGroup",
        "DynamicDistributionGroup",
    ),
    "RuleMode": ("Audit", "AuditAndNotify", "Enforce"),
    "RuleState": ("Enabled", "Disabled"),
    "Sensitivity": ("Normal", "Personal", "Private", "CompanyConfidential"),
    "TenantConnectorSource": ("Default", "Migrated", "HybridWizard", "AdminUI"),
    "TenantConnectorType": ("OnPremises", "Partner"),
    "TlsAuthLevel": ("EncryptionOnly", "CertificateValidation", "DomainValidation"),
    "UnifiedAuditSessionCommand": ("Initialize", "ReturnLargeSet", "ReturnNextPreviewPage"),
}

# Where a cmdlet has several parameter sets: at least one of these must be given whole. Elsewhere every "!" is needed.
_SETS: Mapping[str, tuple[frozenset[str], ...]] = {
    # The reference calls its identity mandatory and shows it without one in its first example.
    "Get-HostedOutboundSpamFilterPolicy": (frozenset(),),
    "Get-MailboxFolderStatistics": (frozenset({"Identity"}),),
    "Get-MobileDevice": (frozenset(),),
    "Get-MobileDeviceStatistics": (frozenset({"Identity"}), frozenset({"Mailbox"})),
    "New-InboxRule": (frozenset({"Name"}),),
    "Remove-MailboxFolderPermission": (
        frozenset({"Identity", "User"}),
        frozenset({"Identity", "ResetDelegateUserCollection"}),
    ),
    "Remove-MailboxPermission": (
        frozenset({"Identity", "User", "AccessRights"}),
        frozenset({"Identity", "ResetDefault"}),
        frozenset({"Identity", "ClearAutoMapping"}),
    ),
    "Set-Mailbox": (frozenset({"Identity"}),),
    "Set-MailboxMessageConfiguration": (frozenset({"Identity"}),),
}
# `Get-MailboxJunkEmailConfiguration` accepts a null identity and then answers for everybody: the documented danger.
_NULL_MEANS_ALL = frozenset({"Get-MailboxJunkEmailConfiguration"})


@dataclass(frozen=True, slots=True)
class Edit:
    """`@{Add=…; Remove=…}` on a multi-valued property."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """One cmdlet and its parameters, by lower-case name."""

    cmdlet: str
    parameters: Mapping[str, tuple[str, str]]
    alternatives: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """A call as the cmdlet sees it: canonical names and typed values."""

    values: Mapping[str, Any]
    confirm: bool | None = None
    what_if: bool = False
    warnings_off: bool = False
    names: frozenset[str] = field(default=frozenset())


def _load() -> dict[str, Signature]:
    rows: dict[str, dict[str, tuple[str, str]]] = {}
    mandatory: dict[str, set[str]] = {}
    lines = (Path(__file__).parent / "parameters.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for line in lines:
        cmdlet, name, kind, needed = line.split("\t")
        parameters = rows.setdefault(cmdlet, {})
        mandatory.setdefault(cmdlet, set())
        if name:
            parameters[name.lower()] = (name, kind)
            if needed:
                mandatory[cmdlet].add(name)
    return {
        cmdlet.lower(): Signature(cmdlet, parameters, _SETS.get(cmdlet, (frozenset(mandatory[cmdlet]),)))
        for cmdlet, parameters in rows.items()
    }


SIGNATURES: Mapping[str, Signature] = _load()


def bind(signature: Signature, given: Mapping[str, Any]) -> Bound:
    """Checks names, then values, then what is missing: in the order in which the service complains."""
    values: dict[str, Any] = {}
    common: dict[str, Any] = {}
    for name, raw in given.items():
        lower = name.lower()
        if lower in _COMMON_SWITCHES:
            common[lower] = _boolean(name, raw)
        elif lower in _COMMON_WORDS:
            common[lower] = str(raw)
        elif lower in signature.parameters:
            canonical, kind = signature.parameters[lower]
            values[canonical] = coerce(canonical, kind, raw)
        else:
            raise errors.unknown_parameter(name)
    present = {
        name
        for name, value in values.items()
        if value not in (None, "") or (name == "Identity" and signature.cmdlet in _NULL_MEANS_ALL)
    }
    if not any(alternative <= present for alternative in signature.alternatives):
        raise errors.missing_parameter()
    return Bound(
        values,
        common.get("confirm"),
        bool(common.get("whatif")),
        common.get("warningaction", "").lower() in {"silentlycontinue", "ignore"},
        frozenset(values),
    )


def coerce(name: str, kind: str, raw: Any) -> Any:
    """One value, as the .NET type of the parameter would take it."""
    if kind.endswith("[]"):
        return None if raw is None else [coerce(name, kind[:-2], item) for item in _listed(name, raw)]
    if kind in {"mvp", "ProxyAddressCollection"}:
        return _multi(name, raw)
    if kind in {"bool", "sw"}:
        return None if raw is None and kind == "bool" else _boolean(name, raw)
    if raw is None:
        return None
    if kind in ENUMS:
        return _enum(name, ENUMS[kind], kind, raw)
    readers = {
        "int": _integer,
        "dt": _moment,
        "ExDateTime": _moment,
        "Guid": _guid,
        "Unlimited": _unlimited,
        "EnhancedTimeSpan": _span,
        "ProxyAddress": _proxy_address,
        "SmtpAddress": _smtp_address,
    }
    reader = readers.get(kind)
    if reader is not None:
        return reader(name, raw)
    if isinstance(raw, (dict, list)):
        raise errors.bad_value(name, raw, f'"{kind}".')
    return str(raw)


def _listed(name: str, raw: Any) -> Sequence[Any]:
    if isinstance(raw, list):
        return raw
    if isinstance(raw, str):
        return [part.strip() for part in raw.split(",")]
    raise errors.bad_value(name, raw, '"System.String[]".')


def _multi(name: str, raw: Any) -> list[str] | Edit | None:
    if raw is None:
        return []
    if isinstance(raw, dict):
        if raw.get("@odata.type") != HASH_TABLE:
            raise errors.bad_value(name, raw, '"Microsoft.Exchange.Data.MultiValuedProperty".')
        sides = {key.lower(): value for key, value in raw.items() if key != "@odata.type"}
        if unknown := set(sides) - {"add", "remove"}:
            raise errors.bad_value(name, sorted(unknown), '"Microsoft.Exchange.Data.MultiValuedProperty".')
        if not sides:
            return []
        return Edit(
            *(
                tuple(map(str, side if isinstance(side, list) else [side]))
                for side in (sides.get("add", []), sides.get("remove", []))
            )
        )
    if isinstance(raw, list):
        if any(isinstance(item, (dict, list)) for item in raw):
            raise errors.bad_value(name, raw, '"Microsoft.Exchange.Data.MultiValuedProperty".')
        return [str(item) for item in raw]
    return [str(raw)]


def _boolean(name: str, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in {"true", "false"}:
        return raw.lower() == "true"
    raise errors.bad_value(name, raw, '"System.Boolean".')


def _enum(name: str, legal: tuple[str, ...], kind: str, raw: Any) -> str:
    """Any prefix that fits one value alone will do, whatever its case. Several values may come comma-joined."""
    text = str(raw).strip()
    if "," in text:
        return ", ".join(_enum(name, legal, kind, part) for part in text.split(","))
    for value in legal:
        if value.lower() == text.lower():
            return value
    fits = [value for value in legal if text and value.lower().startswith(text.lower())]
    if len(fits) == 1:
        return fits[0]
    options = ", ".join(legal)
    raise errors.bad_value(name, raw, f'"{kind}". The possible enumeration values are "{options}".')


def _integer(name: str, raw: Any) -> int:
    try:
        number = int(raw)
    except (TypeError, ValueError):
        number = None
    if number is None or isinstance(raw, bool) or not -(2**31) <= number < 2**31:
        raise errors.bad_value(name, raw, '"System.Int32".')
    return number


def _moment(name: str, raw: Any) -> datetime:
    try:
        text = re.sub(r"(\.\d{6})\d+", r"\1", str(raw)).replace("Z", "+00:00")
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise errors.bad_value(name, raw, '"System.DateTime".') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _guid(name: str, raw: Any) -> UUID:
    try:
        return UUID(str(raw))
    except ValueError:
        raise errors.bad_value(name, raw, '"System.Guid".') from None


def _unlimited(name: str, raw: Any) -> str | int:
    if str(raw).lower() == "unlimited":
        return "Unlimited"
    if name != "ResultSize" and re.fullmatch(r"\d+\.\d\d:\d\d:\d\d", str(raw)):
        return str(raw)
    number = _integer(name, raw)
    if number < 1:
        raise errors.bad_value(name, raw, '"Microsoft.Exchange.Data.Unlimited".')
    return number


def _span(name: str, raw: Any) -> timedelta:
    text = str(raw)
    found = re.fullmatch(r"(?:(\d{1,7})\.)?(\d{1,2}):(\d\d):(\d\d)", text) or re.fullmatch(r"(\d{1,7})", text)
    if found is None:
        raise errors.bad_value(name, raw, '"Microsoft.Exchange.Data.EnhancedTimeSpan".')
    if ":" not in text:
        return timedelta(days=int(found[1]))
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _proxy_address(name: str, raw: Any) -> str | None:
    text = str(raw)
    if not text:
        return None
    prefix, _, address = text.rpartition(":")
    if "@" not in address:
        raise errors.bad_value(name, raw, '"Microsoft.Exchange.Data.ProxyAddress".')
    return f"{(prefix or 'smtp').lower()}:{address}"


def _smtp_address(name: str, raw: Any) -> str:
    if "@" not in str(raw):
        raise errors.bad_value(name, raw, '"Microsoft.Exchange.Data.SmtpAddress".')
    return str(raw)
