"""Who is let into a mailbox, and when that was done: entries from Exchange, moments from the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from services.errors import Ambiguous, Gone, IRBotError, UpstreamDown
from services.microsoft365.exchange import delegates, folders, mailboxes, unified_audit
from services.microsoft365.exchange.delegates import Access, SendAs
from services.microsoft365.exchange.folders import Folder, FolderPermission, Publishing
from services.microsoft365.exchange.mailboxes import Mailbox, Recipient
from services.microsoft365.exchange.unified_audit import AuditRecord
from services.plain_words import explain
from services.playbook.mailbox_reading import mailbox_of
from services.playbook.step import Context
from services.together import together

# What intruders read and what people share. Every folder of a mailbox would be hundreds of calls.
LOOKED_AT = ("Root", "Inbox", "SentItems", "DeletedItems", "Drafts", "Archive", "Calendar", "Contacts")
_BY_ANYBODY = (
    "Add-MailboxPermission",
    "Add-RecipientPermission",
    "Add-MailboxFolderPermission",
    "Set-MailboxFolderPermission",
)
_BY_ITSELF = (
    "Set-Mailbox",
    "AddFolderPermissions",
    "ModifyFolderPermissions",
    "UpdateFolderPermissions",
    "UpdateCalendarDelegation",
    "Set-MailboxCalendarFolder",
)
# Of a plan's time; where the log is slower, it says so and the entries are judged without it.
_AUDIT_SECONDS = 15.0

T = TypeVar("T")


@dataclass(frozen=True)
class FolderEntry:
    """An entry on a folder. `trustee` names its holder in calls; empty where nobody or several could be meant."""

    folder: Folder
    entry: FolderPermission
    trustee: str


@dataclass(frozen=True)
class Given:
    """A record of the audit log that says that something was given: when, by whom, and all that it names."""

    at: datetime | None
    by: str
    operation: str
    names: frozenset[str]  # in lower case: people, folder paths


@dataclass(frozen=True)
class Delegation:
    """All that lets others into a mailbox. `unread` says in words what could not be read."""

    mailbox: Mailbox
    access: tuple[Access, ...]
    send_as: tuple[SendAs, ...]
    on_behalf: Mapping[str, Recipient | IRBotError]
    folder_entries: tuple[FolderEntry, ...]
    publishing: tuple[Publishing, ...]
    people: Mapping[str, Recipient]  # by the name that an entry has for them
    given: tuple[Given, ...]
    unread: tuple[str, ...]


async def delegation_of(ctx: Context) -> Delegation:
    """All parts, read once in a round; what cannot be read is named in `unread`. Raises where there is no mailbox."""
    return await ctx.shared.once("delegation", lambda: _delegation(ctx))


async def _delegation(ctx: Context) -> Delegation:
    exchange = ctx.m365.exchange
    mailbox = await mailbox_of(ctx)
    unread: list[str] = []

    async def part(what: str, read: Awaitable[T]) -> T | None:
        try:
            return await read
        except IRBotError as error:
            unread.append(f"{what}: {explain(error).what}")
            return None

    access, send_as, on_behalf, listed, publishing, given = await _together(
        part("full access", delegates.list_access(exchange, mailbox)),
        part("send-as", delegates.list_send_as(exchange, mailbox)),
        part("send-on-behalf", delegates.list_on_behalf(exchange, mailbox)),
        part("folders", folders.list_folders(exchange, mailbox)),
        part("published calendars", folders.list_publishing(exchange, mailbox)),
        part("audit log", _given(ctx, mailbox)),
    )
    shared = [folder for folder in listed or () if folder.kind in LOOKED_AT or _is_named(folder, given or ())]
    entries = await together(
        *(part(f"folder {each.path}", _entries(ctx, mailbox, each)) for each in shared),
    )
    for name, answer in (("full access", access), ("send-as", send_as)):
        if answer is not None and not answer.complete:
            unread.append(f"{name}: not all entries came")
    held = tuple(access.entries) if access else ()
    sends = tuple(send_as.entries) if send_as else ()
    names = dict.fromkeys([*(each.user for each in held), *(each.trustee for each in sends)])
    known = {name: who for name, who in (on_behalf or {}).items() if isinstance(who, Recipient)}
    found = await part("people", mailboxes.resolve_recipients(exchange, tuple(names))) if names else {}
    # A name that leads nowhere is an answer; one that could not be looked up is none.
    answers = (*(on_behalf or {}).values(), *(found or {}).values())
    failed = [who for who in answers if isinstance(who, IRBotError) and not isinstance(who, Gone | Ambiguous)]
    if failed:
        unread.append(f"people: {explain(failed[0]).what}")
    return Delegation(
        mailbox=mailbox,
        access=held,
        send_as=sends,
        on_behalf=on_behalf or {},
        folder_entries=tuple(entry for part_ in entries for entry in part_ or ()),
        publishing=publishing or (),
        people=known | {name: who for name, who in (found or {}).items() if isinstance(who, Recipient)},
        given=given or (),
        unread=tuple(unread),
    )


async def _together(
    a: Awaitable[delegates.Listed | None],
    b: Awaitable[delegates.SendAsListed | None],
    c: Awaitable[dict[str, Recipient | IRBotError] | None],
    d: Awaitable[tuple[Folder, ...] | None],
    e: Awaitable[tuple[Publishing, ...] | None],
    f: Awaitable[tuple[Given, ...] | None],
) -> tuple[
    delegates.Listed | None,
    delegates.SendAsListed | None,
    dict[str, Recipient | IRBotError] | None,
    tuple[Folder, ...] | None,
    tuple[Publishing, ...] | None,
    tuple[Given, ...] | None,
]:
    """`together` for six kinds of answers."""
    (one, two, three), (four, five, six) = await together(together(a, b, c), together(d, e, f))
    return one, two, three, four, five, six


async def _entries(ctx: Context, mailbox: Mailbox, folder: Folder) -> tuple[FolderEntry, ...]:
    found = []
    for entry in await folders.list_permissions(ctx.m365.exchange, mailbox, folder):
        trustee = entry.user
        if not entry.of_everybody:
            try:
                trustee = await folders.find_trustee(ctx.m365.exchange, mailbox, folder, entry)
            except IRBotError:
                trustee = ""
        found.append(FolderEntry(folder, entry, trustee))
    return tuple(found)


# -- when it was given -------------------------------------------------------------------------------------------------


async def _given(ctx: Context, mailbox: Mailbox) -> tuple[Given, ...]:
    """What the audit log says was given in this mailbox since `ctx.since`. Raises UpstreamDown when it is too slow."""
    search = unified_audit.search
    try:
        cmdlets, own = await _in_time(
            together(
                search(ctx.m365.exchange, ctx.since, ctx.now, operations=_BY_ANYBODY),
                search(ctx.m365.exchange, ctx.since, ctx.now, users=[ctx.subject.upn], operations=_BY_ITSELF),
            )
        )
    except TimeoutError:
        raise UpstreamDown(service="The audit log") from None
    if not (cmdlets.complete and own.complete):
        raise UpstreamDown(service="The audit log")
    mine = [record for record in cmdlets.records if _is_about(record, mailbox)]
    return tuple(_read(record) for record in (*mine, *own.records) if _is_about(record, mailbox))


async def _in_time(work: Awaitable[T]) -> T:
    async with asyncio.timeout(_AUDIT_SECONDS):
        return await work


def _is_about(record: AuditRecord, mailbox: Mailbox) -> bool:
    """Whether the record is about this mailbox. What people do in their own mailbox names none or its owner."""
    about = record.data.get("ObjectId") or _parameters(record).get("Identity") or record.data.get("MailboxOwnerUPN")
    return not about or mailbox.is_called(str(about).partition(":")[0])


def _read(record: AuditRecord) -> Given:
    parameters = _parameters(record)
    names: list[str] = []
    for parameter in ("User", "Trustee", "GrantSendOnBehalfTo"):
        # Several people come in one text, with a sign for each that was added.
        names += [name.strip(" +") for name in parameters.get(parameter, "").replace(",", ";").split(";")]
    if parameters.get("Identity", "").find(":") > 0:
        place = parameters["Identity"].partition(":")[2]
        names += [place, _path(place)]
    item = record.data.get("Item")
    parent = item.get("ParentFolder") if isinstance(item, dict) else None
    if isinstance(parent, dict):
        names += [str(parent.get("MemberUpn") or ""), _path(str(parent.get("Path") or ""))]
    return Given(record.at, record.user, record.operation, frozenset(name.lower() for name in names if name))


def _parameters(record: AuditRecord) -> dict[str, str]:
    listed: Any = record.data.get("Parameters")
    if not isinstance(listed, list):
        return {}
    return {str(each.get("Name")): str(each.get("Value") or "") for each in listed if isinstance(each, dict)}


def _path(text: str) -> str:
    return "/" + text.replace("\\", "/").strip("/")


def _is_named(folder: Folder, given: tuple[Given, ...]) -> bool:
    return any(folder.path.lower() in each.names or folder.folder_id.lower() in each.names for each in given)
