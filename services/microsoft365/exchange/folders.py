"""Mail folders: their names in the mailbox's own language, who may read them, and calendars on the open web."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.errors import Ambiguous, Conflict, Gone
from services.microsoft365.exchange import values
from services.microsoft365.exchange.backend import SERVICE, ExchangeBackend, Parameter, Record
from services.microsoft365.exchange.mailboxes import Mailbox, only, recipients_named
from services.microsoft365.exchange.operations import Effect, operation

EVERYBODY = ("Default", "Anonymous")  # entries that every folder has and that cannot be removed


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; `path` with slashes, in the language of the mailbox."""

    folder_id: str
    name: str
    path: str
    kind: str
    items: int


@dataclass(frozen=True, slots=True)
class FolderPermission:
    """An entry on a folder. `user` is a display name, `address` is known only to some answers.

    `flags` are those of a calendar's delegates: Delegate, CanViewPrivateItems.
    """

    user: str
    address: str
    rights: tuple[str, ...]
    delegate: bool
    flags: tuple[str, ...] = ()

    @property
    def of_everybody(self) -> bool:
        """Whether it is one of the two that cannot be removed, only emptied."""
        return self.user in EVERYBODY


@dataclass(frozen=True, slots=True)
class Publishing:
    """Whether a calendar is on the open web, and what it shows there."""

    folder: Folder
    on: bool
    detail: str
    range_from: str
    range_to: str
    web_address: str
    searchable: bool


@operation("Get-MailboxFolderStatistics", effect=Effect.READ)
async def list_folders(exchange: ExchangeBackend, mailbox: Mailbox, scope: str = "All") -> tuple[Folder, ...]:
    """The folders of a mailbox, or of one kind: Calendar, Inbox, Contacts."""
    parameters: dict[str, Parameter] = {"Identity": mailbox.identity, "FolderScope": scope, "ResultSize": "Unlimited"}
    result = await exchange.invoke("Get-MailboxFolderStatistics", parameters, anchor=mailbox.anchor)
    return tuple(
        Folder(
            values.text(row, "FolderId"),
            values.text(row, "Name"),
            values.text(row, "FolderPath"),
            values.text(row, "FolderType"),
            values.number(row, "ItemsInFolder"),
        )
        for row in result.whole("Get-MailboxFolderStatistics")
    )


@operation("Get-MailboxFolderPermission", effect=Effect.READ)
async def list_permissions(exchange: ExchangeBackend, mailbox: Mailbox, folder: Folder) -> tuple[FolderPermission, ...]:
    """Who may do what in a folder, the entries of everybody included."""
    parameters: dict[str, Parameter] = {"Identity": _identity(mailbox, folder)}
    result = await exchange.invoke("Get-MailboxFolderPermission", parameters, anchor=mailbox.anchor)
    return tuple(_permission(row) for row in result.whole("Get-MailboxFolderPermission"))


@operation("Get-Recipient", "Get-MailboxFolderPermission", effect=Effect.READ)
async def find_trustee(exchange: ExchangeBackend, mailbox: Mailbox, folder: Folder, entry: FolderPermission) -> str:
    """The object id of the person behind an entry. Entries show names, and several people may share one.

    Raises Gone where nobody has that name, Ambiguous where several have the entry.
    """
    if entry.address:
        return entry.address
    holders: list[str] = []
    candidates = await recipients_named(exchange, entry.user)
    for candidate in candidates:
        parameters: dict[str, Parameter] = {"Identity": _identity(mailbox, folder), "User": candidate.object_id}
        try:
            result = await exchange.invoke("Get-MailboxFolderPermission", parameters, anchor=mailbox.anchor)
        except Gone:
            continue
        if result.whole("Get-MailboxFolderPermission"):
            holders.append(candidate.object_id)
    if not holders:
        raise Gone(service=SERVICE, what="recipient", sought=entry.user)
    if len(holders) > 1:
        raise Ambiguous(sought=entry.user, candidates=holders)
    return holders[0]


@operation("Remove-MailboxFolderPermission", effect=Effect.REPEATABLE)
async def remove_permission(exchange: ExchangeBackend, mailbox: Mailbox, folder: Folder, trustee: str) -> bool:
    """Takes an entry away by object id or address; False where it was not there any more."""
    if trustee in EVERYBODY:
        raise Conflict(service=SERVICE, operation="Remove-MailboxFolderPermission", reason="special-user")
    parameters: dict[str, Parameter] = {"Identity": _identity(mailbox, folder), "User": trustee}
    try:
        await exchange.invoke("Remove-MailboxFolderPermission", parameters, anchor=mailbox.anchor)
    except Gone as gone:
        if gone.data.get("what") != "permission":
            raise
        return False
    return True


@operation("Set-MailboxFolderPermission", effect=Effect.REPEATABLE)
async def set_permission(
    exchange: ExchangeBackend, mailbox: Mailbox, folder: Folder, trustee: str, rights: tuple[str, ...]
) -> None:
    """Changes an entry that is there; the way to close one of everybody's."""
    await _entry(exchange, "Set-MailboxFolderPermission", mailbox, folder, trustee, rights)


@operation("Add-MailboxFolderPermission", effect=Effect.REPEATABLE)
async def restore_permission(
    exchange: ExchangeBackend,
    mailbox: Mailbox,
    folder: Folder,
    trustee: str,
    rights: tuple[str, ...],
    flags: tuple[str, ...] = (),
) -> bool:
    """Puts a recorded entry back; False where there is one already."""
    try:
        await _entry(exchange, "Add-MailboxFolderPermission", mailbox, folder, trustee, rights, flags)
    except Conflict as conflict:
        if conflict.data.get("reason") != "already-there":
            raise
        return False
    return True


@operation("Get-MailboxFolderStatistics", "Get-MailboxCalendarFolder", effect=Effect.READ)
async def list_publishing(exchange: ExchangeBackend, mailbox: Mailbox) -> tuple[Publishing, ...]:
    """Every calendar of the mailbox and whether the open web can read it."""
    found: list[Publishing] = []
    for folder in await list_folders(exchange, mailbox, "Calendar"):
        parameters: dict[str, Parameter] = {"Identity": _identity(mailbox, folder)}
        result = await exchange.invoke("Get-MailboxCalendarFolder", parameters, anchor=mailbox.anchor)
        row = only(result, "object", folder.path)
        found.append(
            Publishing(
                folder,
                values.flag(row, "PublishEnabled"),
                values.optional_text(row, "DetailLevel"),
                values.optional_text(row, "PublishDateRangeFrom"),
                values.optional_text(row, "PublishDateRangeTo"),
                values.optional_text(row, "PublishedCalendarUrl"),
                bool(values.optional_flag(row, "SearchableUrlEnabled")),
            )
        )
    return tuple(found)


@operation("Set-MailboxCalendarFolder", effect=Effect.REPEATABLE)
async def stop_publishing(exchange: ExchangeBackend, mailbox: Mailbox, folder: Folder) -> None:
    """Takes a calendar off the open web."""
    parameters: dict[str, Parameter] = {"Identity": _identity(mailbox, folder), "PublishEnabled": False}
    await exchange.invoke("Set-MailboxCalendarFolder", parameters, anchor=mailbox.anchor)


@operation("Set-MailboxCalendarFolder", effect=Effect.REPEATABLE)
async def restore_publishing(exchange: ExchangeBackend, mailbox: Mailbox, before: Publishing) -> None:
    """Publishes a calendar as recorded; its address may be a new one."""
    parameters: dict[str, Parameter] = {
        "Identity": _identity(mailbox, before.folder),
        "PublishEnabled": before.on,
        "SearchableUrlEnabled": before.searchable,
    }
    for name, value in (
        ("DetailLevel", before.detail),
        ("PublishDateRangeFrom", before.range_from),
        ("PublishDateRangeTo", before.range_to),
    ):
        if value:
            parameters[name] = value
    await exchange.invoke("Set-MailboxCalendarFolder", parameters, anchor=mailbox.anchor)


async def _entry(
    exchange: ExchangeBackend,
    cmdlet: str,
    mailbox: Mailbox,
    folder: Folder,
    trustee: str,
    rights: tuple[str, ...],
    flags: tuple[str, ...] = (),
) -> None:
    parameters: dict[str, Parameter] = {
        "Identity": _identity(mailbox, folder),
        "User": trustee,
        "AccessRights": rights,
    }
    if flags:
        parameters["SharingPermissionFlags"] = ",".join(flags)
    await exchange.invoke(cmdlet, parameters, anchor=mailbox.anchor)


def _identity(mailbox: Mailbox, folder: Folder) -> str:
    """A folder by its id: a path would depend on the language of the mailbox."""
    return f"{mailbox.identity}:{folder.folder_id}"


def _permission(row: Record) -> FolderPermission:
    user = values.need(row, "User")
    listed = ",".join(values.optional_texts(row, "SharingPermissionFlags"))
    flags = tuple(flag.strip() for flag in listed.split(",") if flag.strip())
    delegate = "Delegate" in flags
    if isinstance(user, Mapping):
        # Some answers give an object in place of the name.
        recipient = user.get("ADRecipient")
        address = str(recipient.get("PrimarySmtpAddress") or "") if isinstance(recipient, Mapping) else ""
        return FolderPermission(values.optional_text(user, "DisplayName"), address, values.rights(row), delegate, flags)
    return FolderPermission(str(user), "", values.rights(row), delegate, flags)
