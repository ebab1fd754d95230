"""What the audit log tells of an account's deeds: gathered into a few lines, weighed by where they were done from.

A deed from an address at which the account was caught weighs as much as the address. The same deed from the person's
own place is a note, unless it is of a kind or a speed that nobody reaches by hand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.playbook.audit_trail import Record
from services.playbook.sign_in_score import Judgement
from services.playbook.step import Finding, Severity

_RULES_MADE = frozenset({"New-InboxRule", "Set-InboxRule", "Enable-InboxRule", "UpdateInboxRules"})
_RULES_GONE = frozenset({"Remove-InboxRule", "Disable-InboxRule"})
_DOWNLOADS = frozenset({"FileDownloaded", "FileSyncDownloadedFull"})
_OPENED = frozenset({"FileAccessed", "FilePreviewed"})
_LINKS = frozenset({"AnonymousLinkCreated", "CompanyLinkCreated", "SecureLinkCreated", "SharingInvitationCreated"})
_DELETED = frozenset({"HardDelete", "SoftDelete", "MoveToDeletedItems"})
_SEARCHES = frozenset({"SearchQueryInitiatedExchange", "SearchQueryInitiatedSharePoint"})
_READ = "MailItemsAccessed"
_SETTINGS: Mapping[str, str] = {
    "Add delegated permission grant.": "An app got rights",
    "Add member to role.": "Somebody got an administrator role",
    "Add registered owner to device.": "A device got this owner",
    "Add service principal.": "An app came into the organisation",
    "Add-MailboxFolderPermission": "A folder was shared",
    "Add-MailboxPermission": "Somebody may open the mailbox",
    "Add-RecipientPermission": "Somebody may send as this account",
    "AddFolderPermissions": "A folder was shared",
    "Consent to application.": "An app was agreed to",
    "ModifyFolderPermissions": "A folder was shared",
    "New-InboundConnector": "A way for mail into the organisation was made",
    "New-MailContact": "A mail contact was made",
    "New-SweepRule": "A sweep rule was made",
    "New-TransportRule": "A mail flow rule was made",
    "Register device.": "A device was registered",
    "Set-CASMailbox": "Mail protocols were changed",
    "Set-InboundConnector": "A way for mail into the organisation was changed",
    "Set-Mailbox": "The mailbox was changed",
    "Set-MailboxAutoReplyConfiguration": "Automatic replies were changed",
    "Set-MailboxFolderPermission": "A folder was shared",
    "Set-TransportRule": "A mail flow rule was changed",
    "User registered security info.": "A sign-in method was added",
}
OPERATIONS: tuple[str, ...] = tuple(
    sorted({*_RULES_MADE, *_RULES_GONE, *_DOWNLOADS, *_OPENED, *_LINKS, *_DELETED, *_SEARCHES, _READ, *_SETTINGS})
)

_BULK_FILES, _BULK_TIME = 25, timedelta(hours=1)
_BULK_DELETED, _DELETE_TIME = 15, timedelta(minutes=10)
_SHORT_LIFE = timedelta(days=3)
_MOST_NAMES, _MOST_SHOWN, _LONGEST = 50, 3, 60
_MOST_NOTES = 10


class _Weigher:
    """How much a deed weighs by its address."""

    def __init__(self, judgement: Judgement | None) -> None:
        self._judgement = judgement

    def severity(self, ip: str) -> Severity:
        return Severity.NOTE if self._judgement is None or not ip else self._judgement.severity_of(ip)

    def where(self, ip: str) -> str:
        found = self._judgement.of(ip) if self._judgement is not None and ip else None
        if not ip:
            return "From an unknown address"
        return f"From {found.source.place} ({ip})" if found is not None and found.source.place else f"From {ip}"


def findings_in(records: Iterable[Record], judgement: Judgement | None) -> tuple[Finding, ...]:
    """All that is worth telling, worst first; of the notes only the newest."""
    ordered = sorted(records, key=lambda record: record.at.timestamp() if record.at else 0.0)
    weigher = _Weigher(judgement)
    found = [
        *_rules([r for r in ordered if r.operation in _RULES_MADE | _RULES_GONE], weigher),
        *_settings([r for r in ordered if r.operation in _SETTINGS], weigher),
    ]
    for operations, tell in (
        (_DOWNLOADS, _files),
        (_OPENED, _opened),
        (_LINKS, _links),
        (_DELETED, _deleted),
        (_SEARCHES, _searches),
        (frozenset({_READ}), _mail),
    ):
        found += _by_address([r for r in ordered if r.operation in operations], weigher, tell)
    found.sort(key=lambda each: (-each.severity.weight, -(each.at.timestamp() if each.at else 0.0), each.key))
    loud = [each for each in found if each.severity is not Severity.NOTE]
    return (*loud, *[each for each in found if each.severity is Severity.NOTE][:_MOST_NOTES])


Tell = Callable[[str, Sequence[Record], _Weigher], Finding | None]


def _by_address(records: Sequence[Record], weigher: _Weigher, tell: Tell) -> Iterable[Finding]:
    grouped: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        grouped[record.ip].append(record)
    for ip, deeds in grouped.items():
        found = tell(ip, deeds, weigher)
        if found is not None:
            yield found


# -- rules and settings -------------------------------------------------------------------------------------------


def _rules(records: Sequence[Record], weigher: _Weigher) -> Iterable[Finding]:
    """One line for each rule: what became of it, those included that are not there any more."""
    by_rule: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_rule[_rule_name(record)].append(record)
    for name, deeds in by_rule.items():
        made = [deed for deed in deeds if deed.operation in _RULES_MADE]
        gone = [deed for deed in deeds if deed.operation in _RULES_GONE]
        severity, reasons = _worst(deeds, weigher)
        reasons += _effects(made)
        if made and gone and made[0].at and gone[-1].at and gone[-1].at - made[0].at <= _SHORT_LIFE:
            reasons.append(f"It was there for {_span(gone[-1].at - made[0].at)}")
        done = "was made and removed again" if made and gone else "was removed" if gone else "was made or changed"
        yield Finding(
            key=f"rule:{name}",
            severity=severity,
            title=f"Inbox rule “{_short(name) or '(no name)'}” {done}",
            reasons=tuple(reasons),
            at=deeds[0].at,
            data={
                "rule": name,
                "identities": sorted({deed.object_id for deed in deeds if deed.object_id}),
                "removed": bool(gone),
                "parameters": _parameters(made[-1]) if made else {},
                "addresses": sorted({deed.ip for deed in deeds if deed.ip}),
            },
        )


def _rule_name(record: Record) -> str:
    parameters = _parameters(record)
    identity = str(parameters.get("Identity") or record.object_id)
    return str(parameters.get("Name") or identity.rpartition("\\")[2])


def _effects(made: Sequence[Record]) -> list[str]:
    """What the rule did with mail, by the parameters that it was made with."""
    merged: dict[str, Any] = {}
    for record in made:
        merged |= _parameters(record)
    reasons = []
    if _true(merged.get("DeleteMessage")) or _true(merged.get("SoftDeleteMessage")):
        reasons.append("It deleted mail")
    if folder := str(merged.get("MoveToFolder") or ""):
        reasons.append(f"It moved mail to {_short(folder)}")
    to = [str(merged[name]) for name in ("ForwardTo", "RedirectTo", "ForwardAsAttachmentTo") if merged.get(name)]
    if to:
        reasons.append(f"It sent mail to {_short('; '.join(to))}")
    return reasons


def _settings(records: Sequence[Record], weigher: _Weigher) -> Iterable[Finding]:
    """One line for each kind of change from one address."""
    grouped: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        grouped[record.operation, record.ip].append(record)
    for (operation, ip), deeds in grouped.items():
        forwards = {
            str(value)
            for deed in deeds
            for name, value in _parameters(deed).items()
            if name in {"ForwardingSmtpAddress", "ForwardingAddress"} and value
        }
        reasons = [weigher.where(ip)]
        if forwards:
            reasons.append(f"Forwarding to {_short('; '.join(sorted(forwards)))}")
        yield Finding(
            key=f"setting:{operation}:{ip}",
            severity=weigher.severity(ip),
            title=f"{_SETTINGS[operation]}{_times(deeds)}",
            reasons=tuple(reasons),
            at=deeds[0].at,
            data={
                "operation": operation,
                "addresses": [ip] if ip else [],
                "objects": sorted({deed.object_id for deed in deeds if deed.object_id})[:_MOST_NAMES],
                "parameters": [_parameters(deed) for deed in deeds[:_MOST_NAMES]],
            },
        )


# -- files and mail ------------------------------------------------------------------------------------------------


def _files(ip: str, deeds: Sequence[Record], weigher: _Weigher) -> Finding | None:
    files = _names(deeds)
    severity = weigher.severity(ip)
    reasons = [weigher.where(ip)]
    most = _at_once(deeds, _BULK_TIME)
    if most >= _BULK_FILES:
        reasons.append(f"{most} of them within an hour")
        severity = max(severity, Severity.WARNING, key=lambda each: each.weight)
    return Finding(
        key=f"downloads:{ip}",
        severity=severity,
        title=f"{_count(len(files), 'file was', 'files were')} downloaded",
        reasons=tuple(reasons),
        at=deeds[0].at,
        data={"addresses": [ip] if ip else [], "count": len(files), "files": files[:_MOST_NAMES]},
    )


def _opened(ip: str, deeds: Sequence[Record], weigher: _Weigher) -> Finding | None:
    files = _names(deeds)
    return Finding(
        key=f"opened:{ip}",
        severity=weigher.severity(ip),
        title=f"{_count(len(files), 'file was', 'files were')} opened",
        reasons=(weigher.where(ip),),
        at=deeds[0].at,
        data={"addresses": [ip] if ip else [], "count": len(files), "files": files[:_MOST_NAMES]},
    )


def _links(ip: str, deeds: Sequence[Record], weigher: _Weigher) -> Finding | None:
    files = _names(deeds)
    anyone = sum(deed.operation == "AnonymousLinkCreated" for deed in deeds)
    reasons = [weigher.where(ip)]
    if anyone:
        reasons.append("Whoever has the link can open it, without signing in")
    return Finding(
        key=f"links:{ip}",
        severity=weigher.severity(ip),
        title=f"{_count(len(files), 'file was', 'files were')} shared by link: {_list(files)}",
        reasons=tuple(reasons),
        at=deeds[0].at,
        data={"addresses": [ip] if ip else [], "links_for_anyone": anyone, "files": files[:_MOST_NAMES]},
    )


def _deleted(ip: str, deeds: Sequence[Record], weigher: _Weigher) -> Finding | None:
    """Only what was deleted from a suspicious place or at a stroke: people delete mail all day."""
    severity = weigher.severity(ip)
    hard = [deed for deed in deeds if deed.operation == "HardDelete"]
    most = _at_once(hard, _DELETE_TIME)
    reasons = [weigher.where(ip)]
    if most >= _BULK_DELETED:
        reasons.append(f"{most} for good within ten minutes")
        severity = max(severity, Severity.WARNING, key=lambda each: each.weight)
    if severity is Severity.NOTE:
        return None
    subjects = Counter(
        str(item.get("Subject") or "") for deed in deeds for item in _objects(deed.data.get("AffectedItems"))
    )
    named = [subject for subject, _ in subjects.most_common(_MOST_NAMES) if subject]
    return Finding(
        key=f"deleted:{ip}",
        severity=severity,
        title=f"{_count(len(deeds), 'message was', 'messages were')} deleted: {_list(named)}",
        reasons=tuple(reasons),
        at=deeds[0].at,
        data={"addresses": [ip] if ip else [], "count": len(deeds), "for_good": len(hard), "subjects": named},
    )


def _searches(ip: str, deeds: Sequence[Record], weigher: _Weigher) -> Finding | None:
    severity = weigher.severity(ip)
    if severity is Severity.NOTE:
        return None
    texts = list(dict.fromkeys(str(deed.data.get("QueryText") or "") for deed in deeds))
    sought = [text for text in texts if text]
    return Finding(
        key=f"searches:{ip}",
        severity=severity,
        title=f"Mail and files were searched for {_list(sought)}",
        reasons=(weigher.where(ip),),
        at=deeds[0].at,
        data={"addresses": [ip] if ip else [], "searches": sought[:_MOST_NAMES]},
    )


def _mail(ip: str, deeds: Sequence[Record], weigher: _Weigher) -> Finding | None:
    severity = weigher.severity(ip)
    if severity is Severity.NOTE:
        return None
    count = sum(_whole(deed.data.get("OperationCount")) for deed in deeds)
    apps = sorted({str(deed.data.get("ClientAppId")) for deed in deeds if deed.data.get("ClientAppId")})
    whole = any(
        each.get("Name") == "MailAccessType" and each.get("Value") == "Sync"
        for deed in deeds
        for each in _objects(deed.data.get("OperationProperties"))
    )
    reasons = [weigher.where(ip)]
    if whole:
        reasons.append("Whole folders were copied")
    if apps:
        reasons.append("By an app, not by a person")
    return Finding(
        key=f"mail-read:{ip}",
        severity=severity,
        title=f"Mail was read {_count(count, 'time', 'times')}",
        reasons=tuple(reasons),
        at=deeds[0].at,
        data={
            "addresses": [ip] if ip else [],
            "count": count,
            "app_ids": apps,
            "until": deeds[-1].at.isoformat() if deeds[-1].at else None,
        },
    )


# -- small print ---------------------------------------------------------------------------------------------------


def _worst(deeds: Sequence[Record], weigher: _Weigher) -> tuple[Severity, list[str]]:
    worst = max(deeds, key=lambda deed: weigher.severity(deed.ip).weight)
    return weigher.severity(worst.ip), [weigher.where(worst.ip)]


def _parameters(record: Record) -> dict[str, str]:
    listed = _objects(record.data.get("Parameters"))
    return {str(each.get("Name")): str(each.get("Value") or "") for each in listed if each.get("Name")}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _names(deeds: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(str(deed.data.get("SourceFileName") or deed.object_id) for deed in deeds))


def _at_once(deeds: Sequence[Record], within: timedelta) -> int:
    """The most deeds within such a time."""
    moments: list[datetime] = [deed.at for deed in deeds if deed.at is not None]
    most, start = 0, 0
    for number, at in enumerate(moments):
        while at - moments[start] > within:
            start += 1
        most = max(most, number - start + 1)
    return most


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1


def _true(value: object) -> bool:
    return str(value).casefold() == "true"


def _times(deeds: Sequence[Record]) -> str:
    return "" if len(deeds) == 1 else f" ({len(deeds)} times)"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _list(texts: Sequence[str]) -> str:
    shown = ", ".join(f"“{_short(text)}”" for text in texts[:_MOST_SHOWN])
    more = len(texts) - _MOST_SHOWN
    return (f"{shown} and {more} more" if more > 0 else shown) or "(not said)"


def _span(time: timedelta) -> str:
    hours = time.total_seconds() / 3600
    if hours < 2:
        return _count(max(1, round(hours * 60)), "minute", "minutes")
    return _count(round(hours), "hour", "hours") if hours < 48 else _count(round(hours / 24), "day", "days")


def _short(text: str) -> str:
    plain = " ".join("".join(char for char in text if char.isprintable()).split())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
