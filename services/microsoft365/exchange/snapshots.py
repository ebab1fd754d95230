"""Everything about one mailbox before anything changes: what evidence and undo need, area by area.

An area that could not be read keeps its error, so that nobody takes silence for "nothing there".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from services.errors import IRBotError
from services.microsoft365.exchange import (
    add_ins,
    auditing,
    auto_replies,
    delegates,
    folders,
    inbox_rules,
    junk,
    mailboxes,
    mobile_devices,
    protocols,
    signatures,
    sweep_rules,
)
from services.microsoft365.exchange.backend import ExchangeBackend
from services.microsoft365.exchange.folders import Folder, FolderPermission
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.operations import Effect, Operation, operation

# Folders that an intruder shares; all of a mailbox would be hundreds of calls.
SHARED_FOLDERS = ("Inbox", "Calendar", "Contacts", "SentItems")

_AREAS: Mapping[str, Operation[[ExchangeBackend, Mailbox], object]] = {
    "access": delegates.list_access,
    "add-ins": add_ins.list_add_ins,
    "audit-bypass": auditing.is_bypassed,
    "automatic-reply": auto_replies.read,
    "calendar-publishing": folders.list_publishing,
    "inbox-rules": inbox_rules.list_rules,
    "junk-lists": junk.read,
    "mobile-devices": mobile_devices.list_devices,
    "on-behalf": delegates.list_on_behalf,
    "protocols": protocols.read,
    "send-as": delegates.list_send_as,
    "send-as-others": delegates.list_send_as_of,
    "signature": signatures.read,
    "sweep-rules": sweep_rules.list_rules,
}
_FOLDERS = "folder-permissions"
AREAS: tuple[str, ...] = (*_AREAS, _FOLDERS)


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A folder and the entries on it."""

    folder: Folder
    permissions: tuple[FolderPermission, ...]


@dataclass(frozen=True)
class Snapshot:
    """The mailbox and its areas by name (`AREAS`): what the area's function returns, or why it could not be read."""

    mailbox: Mailbox
    areas: Mapping[str, object]

    @property
    def unread(self) -> Mapping[str, IRBotError]:
        """The areas that could not be read."""
        return {name: area for name, area in self.areas.items() if isinstance(area, IRBotError)}


@operation("Get-MailboxFolderStatistics", "Get-MailboxFolderPermission", effect=Effect.READ)
async def list_shared_folders(exchange: ExchangeBackend, mailbox: Mailbox) -> tuple[SharedFolder, ...]:
    """The folders that matter most, with who may read them."""
    listed = await asyncio.gather(*(folders.list_folders(exchange, mailbox, scope) for scope in SHARED_FOLDERS))
    found = [folder for part in listed for folder in part]
    entries = await asyncio.gather(*(folders.list_permissions(exchange, mailbox, folder) for folder in found))
    return tuple(SharedFolder(folder, permissions) for folder, permissions in zip(found, entries, strict=True))


_READERS: tuple[Operation[[ExchangeBackend, Mailbox], object], ...] = (*_AREAS.values(), list_shared_folders)


@operation(
    "Get-Mailbox",
    *dict.fromkeys(cmdlet for area in _READERS for cmdlet in area.needs),
    effect=Effect.READ,
)
async def take(exchange: ExchangeBackend, object_id: str, user_principal_name: str = "") -> Snapshot:
    """Reads everything at once. Raises only where the mailbox itself cannot be found."""
    mailbox = await mailboxes.find(exchange, object_id, user_principal_name)

    async def read(area: Callable[[ExchangeBackend, Mailbox], Awaitable[object]]) -> object:
        try:
            return await area(exchange, mailbox)
        except IRBotError as error:
            return error

    found = await asyncio.gather(*(read(area) for area in _READERS))
    return Snapshot(mailbox, dict(zip(AREAS, found, strict=True)))
