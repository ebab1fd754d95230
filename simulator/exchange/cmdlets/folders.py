"""Folders in the language of the mailbox, who may read them, and calendars on the open web."""

from __future__ import annotations

import hashlib

from simulator.exchange import errors
from simulator.exchange.cmdlets.call import Call, Rows, apply, handles
from simulator.exchange.state import Folder, FolderPermission, Mailbox, Record

SPECIAL = ("Default", "Anonymous")
_NOT_PUBLISHING = ("ResetUrl", "UseHttps", "SetAsSharingSource", "SharedCalendarSyncStartDate")
_CALENDAR_ONLY = frozenset({"AvailabilityOnly", "LimitedDetails"})


@handles("Get-MailboxFolderStatistics")
def get_mailbox_folder_statistics(call: Call) -> Rows:
    """All folders, or those of one kind."""
    mailbox = call.mailbox(content=True)
    scope = call.get("FolderScope", "All")
    return [
        {
            "Identity": f"{mailbox.alias}{folder.path.replace('/', chr(92))}",
            "Name": folder.name,
            "FolderPath": folder.path,
            "FolderId": folder.folder_id,
            "FolderType": folder.folder_type,
            "ItemsInFolder": folder.items,
            "VisibleItemsInFolder": folder.items,
            "ItemsInFolderAndSubfolders": folder.items,
            "FolderSize": f"{folder.items * 40} KB ({folder.items * 40960:,} bytes)",
            "ContainerClass": "IPF.Appointment" if folder.folder_type == "Calendar" else "IPF.Note",
        }
        for folder in mailbox.folders
        if scope in {"All", folder.folder_type}
    ]


def find_folder(call: Call) -> tuple[Mailbox, Folder]:
    r"""`mailbox:\Path` in the mailbox's language, or `mailbox:<FolderId>`; `mailbox:\` is the root."""
    identity = str(call.get("Identity"))
    owner, _, place = identity.partition(":")
    mailbox = call.exchange.need_mailbox(owner, content=True)
    if place in {"", "\\"}:
        return mailbox, mailbox.folder("Root")
    wanted = place.replace("\\", "/")
    for folder in mailbox.folders:
        if place == folder.folder_id or wanted.lower() == folder.path.lower():
            return mailbox, folder
    raise errors.object_not_found(identity)


def _entry(call: Call, folder: Folder) -> FolderPermission | None:
    """The entry of the user that the call names. A name that several people share finds the first one: a trap."""
    wanted = str(call.get("User"))
    for special in SPECIAL:
        if wanted.lower() == special.lower():
            return next((each for each in folder.permissions if each.user_id == special), None)
    ids = {user.id for user in call.exchange.people(wanted)}
    if not ids:
        raise errors.recipient_not_found(wanted)
    return next((each for each in folder.permissions if each.user_id in ids), None)


def _row(call: Call, mailbox: Mailbox, folder: Folder, entry: FolderPermission) -> Record:
    user = call.exchange.tenant.users.get(entry.user_id)
    shown = user.display_name if user else entry.user_id
    return {
        "Identity": f"{mailbox.alias}:{folder.path.replace('/', chr(92))}",
        "FolderName": folder.name,
        "User": shown,
        "AccessRights": list(entry.rights),
        "SharingPermissionFlags": ", ".join(entry.flags) or None,
        "IsValid": True,
        "ObjectState": "New",
    }


@handles("Get-MailboxFolderPermission")
def get_mailbox_folder_permission(call: Call) -> Rows:
    """All entries, or that of one user."""
    mailbox, folder = find_folder(call)
    if not call.get("User"):
        return [_row(call, mailbox, folder, entry) for entry in folder.permissions]
    entry = _entry(call, folder)
    if entry is None:
        raise errors.folder_entry_missing(str(call.get("User")))
    return [_row(call, mailbox, folder, entry)]


def _rights(call: Call, folder: Folder) -> list[str]:
    rights = list(call.get("AccessRights") or [])
    if _CALENDAR_ONLY & set(rights) and folder.folder_type != "Calendar":
        raise errors.bad_value("AccessRights", rights, '"MailboxFolderAccessRight". It is for calendars only.')
    return rights


@handles("Add-MailboxFolderPermission")
def add_mailbox_folder_permission(call: Call) -> Rows:
    """Adds an entry; a second one for the same user is refused."""
    mailbox, folder = find_folder(call)
    wanted = str(call.get("User"))
    if _entry(call, folder) is not None:
        raise errors.folder_entry_exists(wanted)
    rights = _rights(call, folder)
    flags = [flag.strip() for flag in str(call.get("SharingPermissionFlags") or "").split(",") if flag.strip()]
    entry = FolderPermission(call.exchange.need_person(wanted).id, rights, flags)
    folder.permissions.append(entry)
    call.exchange.note(mailbox, call.cmdlet, f"folder {folder.path}", None, f"{wanted}: {', '.join(rights)}", call.by)
    return [_row(call, mailbox, folder, entry)]


@handles("Set-MailboxFolderPermission")
def set_mailbox_folder_permission(call: Call) -> Rows:
    """Changes an entry that is there."""
    mailbox, folder = find_folder(call)
    entry = _entry(call, folder)
    if entry is None:
        raise errors.folder_entry_missing(str(call.get("User")))
    before = ", ".join(entry.rights)
    entry.rights = _rights(call, folder)
    after = ", ".join(entry.rights)
    if before == after:
        call.unchanged(str(call.get("Identity")))
    else:
        call.exchange.note(mailbox, call.cmdlet, f"folder {folder.path}", before, after, call.by)
    return []


@handles("Remove-MailboxFolderPermission")
def remove_mailbox_folder_permission(call: Call) -> Rows:
    """Removes an entry; those of everybody cannot be removed."""
    mailbox, folder = find_folder(call)
    if call.get("ResetDelegateUserCollection"):
        for each in folder.permissions:
            each.flags = []
        return []
    entry = _entry(call, folder)
    wanted = str(call.get("User"))
    if entry is None:
        raise errors.folder_entry_missing(wanted)
    if entry.user_id in SPECIAL:
        raise errors.special_user(entry.user_id)
    folder.permissions.remove(entry)
    call.exchange.note(mailbox, call.cmdlet, f"folder {folder.path}", wanted, "removed", call.by)
    return []


# -- published calendars -----------------------------------------------------------------------------------------------


@handles("Get-MailboxCalendarFolder")
def get_mailbox_calendar_folder(call: Call) -> Rows:
    """Whether a calendar is on the open web."""
    mailbox, folder = find_folder(call)
    if folder.folder_type != "Calendar":
        raise errors.object_not_found(str(call.get("Identity")))
    return [
        {
            "Identity": f"{mailbox.alias}:{folder.path.replace('/', chr(92))}",
            "MailboxFolderId": folder.folder_id,
            **folder.publishing,
            "IsValid": True,
        }
    ]


@handles("Set-MailboxCalendarFolder")
def set_mailbox_calendar_folder(call: Call) -> Rows:
    """Publishes a calendar or takes it back; ResetUrl gives a new address every time."""
    mailbox, folder = find_folder(call)
    if folder.folder_type != "Calendar":
        raise errors.object_not_found(str(call.get("Identity")))
    publishing = folder.publishing
    changed = apply(call, publishing, skip=_NOT_PUBLISHING)
    if not publishing["PublishEnabled"]:
        publishing |= {"PublishedCalendarUrl": None, "PublishedICalUrl": None}
    elif publishing["PublishedCalendarUrl"] is None or call.get("ResetUrl"):
        publish(call.exchange.primary_address(call.exchange.user(mailbox)), folder, str(call.now))
    if not changed and not call.get("ResetUrl"):
        call.unchanged(str(call.get("Identity")))
    for name, (before, after) in changed.items():
        call.exchange.note(mailbox, call.cmdlet, name, before, after, call.by)
    return []


def publish(address: str, folder: Folder, salt: str) -> None:
    """Puts a calendar on the open web under a secret address."""
    secret = hashlib.sha256(f"{folder.folder_id}:{salt}".encode()).hexdigest()
    base = f"https://outlook.office365.com/owa/calendar/{secret[:32]}@{address.partition('@')[2]}/{secret[32:]}"
    folder.publishing |= {
        "PublishEnabled": True,
        "PublishedCalendarUrl": f"{base}/calendar.html",
        "PublishedICalUrl": f"{base}/calendar.ics",
    }
