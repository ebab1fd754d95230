"""How suspicious it is that somebody is let into a mailbox: rules with reasons in words.

Suspicious is what was given within the time we look at, what leads outside, and what everybody may do. Assistants and
deputies who have been there for long are notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from services.errors import IRBotError
from services.microsoft365.exchange.folders import Publishing
from services.microsoft365.exchange.mailboxes import Recipient
from services.playbook.delegate_reading import Delegation, FolderEntry, Given
from services.playbook.step import Severity

_CALENDAR = "Calendar"
_FREE_BUSY = {"none", "availabilityonly", "limiteddetails"}
_READS = {"reviewer"}


@dataclass(frozen=True)
class Grant:
    """One thing that lets others in, judged. `data` is what taking it away and putting it back need."""

    item: str
    kind: str
    what: str
    before: str
    after: str
    severity: Severity
    reasons: tuple[str, ...]
    given: Given | None = None
    removable: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def suspicious(self) -> bool:
        """Whether to propose taking it away."""
        return self.removable and self.severity is not Severity.NOTE


def judge(found: Delegation) -> tuple[Grant, ...]:
    """Every grant, the worst first."""
    grants = [*_access(found), *_send_as(found), *_on_behalf(found), *_folders(found), *_published(found)]
    return tuple(sorted(grants, key=lambda grant: -grant.severity.weight))


def _access(found: Delegation) -> Iterator[Grant]:
    for entry in found.access:
        if entry.deny:
            continue  # it keeps somebody out
        who = found.people.get(entry.user)
        yield _person(
            found, "access", entry.user, who, "May open the whole mailbox", entry.unresolved, {"entry": asdict(entry)}
        )


def _send_as(found: Delegation) -> Iterator[Grant]:
    for entry in found.send_as:
        who = found.people.get(entry.trustee)
        data = {"trustee": entry.trustee}
        yield _person(found, "send-as", entry.trustee, who, "May send as the owner", entry.unresolved, data)


def _on_behalf(found: Delegation) -> Iterator[Grant]:
    for name, answer in found.on_behalf.items():
        who = None if isinstance(answer, IRBotError) else answer
        data = {"trustee": (who.object_id or who.address) if who else name}
        yield _person(found, "on-behalf", name, who, "May send on behalf of the owner", who is None, data)


def _person(
    found: Delegation, kind: str, name: str, who: Recipient | None, may: str, unresolved: bool, data: Mapping[str, Any]
) -> Grant:
    given = _when(found, _names(name, who), kind)
    severity, reasons = _judged(found, given, who)
    if unresolved:
        reasons = (*reasons, "The account is gone")
    shown = f"{who.display_name} ({who.address or name})" if who else name
    key = who.object_id if who and who.object_id else name
    return Grant(f"{kind}:{key}", kind, f"{shown}: {may.lower()}", may, "Not any more", severity, reasons, given,
                 not unresolved, data)  # fmt: skip


def _folders(found: Delegation) -> Iterator[Grant]:
    for each in found.folder_entries:
        grant = _everybody(found, each) if each.entry.of_everybody else _shared(found, each)
        if grant is not None:
            yield grant


def _everybody(found: Delegation, each: FolderEntry) -> Grant | None:
    """The two entries that every folder has: colleagues, and people outside."""
    rights = {right.lower() for right in each.entry.rights}
    calendar = each.folder.kind == _CALENDAR
    usual = {"none"} if not calendar or each.trustee == "Anonymous" else _FREE_BUSY
    if rights <= usual:
        return None
    who = "Everybody in your organisation" if each.trustee == "Default" else "Everybody outside"
    given = _when(found, _names(each.trustee, None), "folder", each.folder.path, each.folder.folder_id)
    harmless = calendar and rights <= (_FREE_BUSY | _READS if each.trustee == "Default" else _FREE_BUSY)
    reasons = (f"{who} may use the folder", *_said(given))
    closed = "AvailabilityOnly" if calendar and each.trustee == "Default" else "None"
    severity = Severity.ALARM
    if harmless and given is None:
        # Many organisations share calendars with everybody.
        severity = Severity.NOTE
    data = _folder_data(each) | {"closed": closed}
    return _of_folder(each, "everybody", who, closed, severity, reasons, given, data)


def _shared(found: Delegation, each: FolderEntry) -> Grant:
    names = frozenset({each.trustee.lower(), each.entry.user.lower(), each.entry.address.lower()})
    given = _when(found, names, "folder", each.folder.path, each.folder.folder_id)
    outside = each.entry.user.startswith("ExchangePublishedUser.")
    severity, reasons = _judged(found, given, None)
    if outside:
        severity = max(severity, Severity.WARNING, key=lambda level: level.weight)
        reasons = (*reasons, "Somebody outside your organisation")
    if not each.trustee:
        reasons = (*reasons, "Several people or nobody may be meant, so take it away by hand if it must go")
    return _of_folder(
        each, "folder", each.entry.user, "No entry", severity, reasons, given, _folder_data(each), bool(each.trustee)
    )


def _of_folder(
    each: FolderEntry,
    kind: str,
    who: str,
    after: str,
    severity: Severity,
    reasons: tuple[str, ...],
    given: Given | None,
    data: Mapping[str, Any],
    removable: bool = True,
) -> Grant:
    rights = ", ".join(each.entry.rights)
    what = f"{who}: {rights} of the folder “{each.folder.name}”"
    item = f"{kind}:{each.folder.folder_id}:{each.trustee or each.entry.user}"
    return Grant(item, kind, what, rights, after, severity, reasons, given, removable, data)


def _folder_data(each: FolderEntry) -> dict[str, Any]:
    return {
        "folder": asdict(each.folder),
        "trustee": each.trustee,
        "rights": list(each.entry.rights),
        "flags": list(each.entry.flags),
    }


def _published(found: Delegation) -> Iterator[Grant]:
    for each in found.publishing:
        if not each.on:
            continue
        given = _when(found, frozenset(), "publishing", each.folder.path, each.folder.folder_id)
        shows = each.detail or "unknown details"
        busy_only = shows.lower() == "availabilityonly"
        severity = Severity.ALARM if given else Severity.NOTE if busy_only else Severity.WARNING
        reasons = (f"Anybody who has the link sees it ({shows})", *_said(given))
        yield Grant(
            f"publishing:{each.folder.folder_id}",
            "publishing",
            f"The calendar “{each.folder.name}” is on the open web",
            f"Published with {shows}",
            "Not published",
            severity,
            reasons,
            given,
            data=_publishing_data(each),
        )


def _publishing_data(each: Publishing) -> dict[str, Any]:
    return {"publishing": asdict(each)}


# -- when, and by whom -------------------------------------------------------------------------------------------------

_SAYS = {
    "access": ("Add-MailboxPermission",),
    "send-as": ("Add-RecipientPermission",),
    "on-behalf": ("Set-Mailbox",),
    "folder": (
        "Add-MailboxFolderPermission",
        "Set-MailboxFolderPermission",
        "AddFolderPermissions",
        "ModifyFolderPermissions",
        "UpdateFolderPermissions",
        "UpdateCalendarDelegation",
    ),
    "publishing": ("Set-MailboxCalendarFolder",),
}


def _when(found: Delegation, names: frozenset[str], kind: str, *places: str) -> Given | None:
    """The newest record that speaks of this: by the person it names, and for a folder by the folder too."""
    wanted = frozenset(place.lower() for place in places)
    spoke = [
        each
        for each in found.given
        if each.operation in _SAYS[kind] and (not names or names & each.names) and (not wanted or wanted & each.names)
    ]
    return max(spoke, key=lambda each: (each.at is not None, each.at), default=None)


def _names(name: str, who: Recipient | None) -> frozenset[str]:
    known = (name, who.name, who.display_name, who.address, who.object_id) if who else (name,)
    return frozenset(each.lower() for each in known if each)


def _judged(found: Delegation, given: Given | None, who: Recipient | None) -> tuple[Severity, tuple[str, ...]]:
    severity = Severity.NOTE
    reasons = _said(given)
    if who is not None and who.external:
        severity, reasons = Severity.WARNING, (*reasons, "Somebody outside your organisation")
    if given is not None:
        itself = found.mailbox.is_called(given.by)
        severity = Severity.ALARM if itself or severity is Severity.WARNING else Severity.WARNING
        reasons = (*reasons, "Given by the account itself") if itself else reasons
    return severity, reasons


def _said(given: Given | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (f"Given on {given.at:%d %b %Y %H:%M} UTC by {given.by}" if given.at else f"Given lately by {given.by}",)
