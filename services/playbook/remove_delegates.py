"""Remove delegates: whoever was let in lately or from outside, and what everybody may read. The rest stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.access import Permission
from services.errors import Ambiguous, Gone, IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import delegates, folders
from services.microsoft365.exchange.backend import list_not_whole
from services.microsoft365.exchange.delegates import Access
from services.microsoft365.exchange.folders import EVERYBODY, Folder, Publishing
from services.microsoft365.exchange.mailboxes import Mailbox, Recipient
from services.playbook.check_delegates import READS
from services.playbook.delegate_reading import delegation_of
from services.playbook.delegate_score import judge
from services.playbook.mailbox_reading import has_no_mailbox, mailbox_of
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo


async def plan(ctx: Context) -> Plan:
    """One change for each suspicious way in; with nothing suspicious and a part unread it is "not evaluated"."""
    found = await delegation_of(ctx)
    changes = tuple(
        Change(
            item=grant.item,
            what=f"{grant.what} ({'; '.join(grant.reasons)})",
            before=grant.before,
            after=grant.after,
            data=grant.data,
        )
        for grant in judge(found)
        if grant.suspicious
    )
    if changes:
        unread = tuple(f"Not read: {each}" for each in found.unread)
        return Plan(changes=changes, unread=unread)
    if found.unread:
        return Plan(settled=Outcome(State.NOT_EVALUATED, f"Not read: {'; '.join(found.unread)}"))
    return Plan(settled=Outcome(State.ALREADY_SO, "Nobody suspicious is let into the mailbox."))


async def apply(ctx: Context, change: Change) -> None:
    """Takes one away; one that is gone is done."""
    exchange, mailbox, data = ctx.m365.exchange, await mailbox_of(ctx), change.data
    match _kind(change):
        case "access":
            await delegates.remove_access(exchange, mailbox, _access(data))
        case "send-as":
            await delegates.remove_send_as(exchange, mailbox, data["trustee"])
        case "on-behalf":
            await delegates.remove_on_behalf(exchange, mailbox, (data["trustee"],))
        case "everybody":
            await folders.set_permission(exchange, mailbox, _folder(data), data["trustee"], (data["closed"],))
        case "folder":
            await folders.remove_permission(exchange, mailbox, _folder(data), data["trustee"])
        case _:
            await folders.stop_publishing(exchange, mailbox, _publishing(data).folder)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the entry is not there any more."""
    mailbox, data = await mailbox_of(ctx), change.data
    match _kind(change):
        case "everybody":
            return await _rights(ctx, mailbox, data) == (data["closed"],)
        case "publishing":
            return not (await _now_published(ctx, mailbox, data)).on
        case _:
            return not await _is_held(ctx, mailbox, change)


async def put_back(ctx: Context, change: Change) -> None:
    """Puts the recorded entry back."""
    exchange, mailbox, data = ctx.m365.exchange, await mailbox_of(ctx), change.data
    match _kind(change):
        case "access":
            await delegates.restore_access(exchange, mailbox, _access(data))
        case "send-as":
            await delegates.restore_send_as(exchange, mailbox, data["trustee"])
        case "on-behalf":
            await delegates.restore_on_behalf(exchange, mailbox, (data["trustee"],))
        case "everybody":
            await folders.set_permission(exchange, mailbox, _folder(data), data["trustee"], tuple(data["rights"]))
        case "folder":
            rights, flags = tuple(data["rights"]), tuple(data["flags"])
            await folders.restore_permission(exchange, mailbox, _folder(data), data["trustee"], rights, flags)
        case _:
            await folders.restore_publishing(exchange, mailbox, _publishing(data))


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether the entry is there again as it was."""
    mailbox, data = await mailbox_of(ctx), change.data
    match _kind(change):
        case "everybody" | "folder":
            return await _rights(ctx, mailbox, data) == tuple(data["rights"])
        case "publishing":
            return (await _now_published(ctx, mailbox, data)).on
        case _:
            return await _is_held(ctx, mailbox, change)


# -- reading one entry -------------------------------------------------------------------------------------------------


async def _is_held(ctx: Context, mailbox: Mailbox, change: Change) -> bool:
    exchange, data = ctx.m365.exchange, change.data
    match _kind(change):
        case "access":
            wanted = _access(data)
            let_in = await delegates.list_access(exchange, mailbox)
            if any(each.user == wanted.user and set(wanted.rights) <= set(each.rights) for each in let_in.entries):
                return True
            if not let_in.complete:
                raise list_not_whole("Get-MailboxPermission")
            return False
        case "send-as":
            senders = await delegates.list_send_as(exchange, mailbox)
            if any(each.trustee == data["trustee"] for each in senders.entries):
                return True
            if not senders.complete:
                raise list_not_whole("Get-RecipientPermission")
            return False
        case "on-behalf":
            return _is_among(data["trustee"], await delegates.list_on_behalf(exchange, mailbox))
        case _:
            return await _rights(ctx, mailbox, data) is not None


def _is_among(trustee: str, people: Mapping[str, Recipient | IRBotError]) -> bool:
    """Raises what kept a person from being known, where the trustee may be that one."""
    known = set(people)
    for who in people.values():
        if not isinstance(who, IRBotError):
            known |= {who.object_id, who.address}
    if trustee in known:
        return True
    for who in people.values():
        if isinstance(who, IRBotError) and not isinstance(who, Gone | Ambiguous):
            raise who
    return False


async def _rights(ctx: Context, mailbox: Mailbox, data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What the trustee may do in the folder; None without an entry. Names may be shared, so ids are compared."""
    folder, trustee = _folder(data), data["trustee"]
    try:
        entries = await folders.list_permissions(ctx.m365.exchange, mailbox, folder)
    except Gone:
        return None  # the folder went with its entries
    for entry in entries:
        if entry.of_everybody:
            if entry.user == trustee:
                return entry.rights
        elif trustee not in EVERYBODY:
            try:
                holder = await folders.find_trustee(ctx.m365.exchange, mailbox, folder, entry)
            except Gone:
                continue
            if holder == trustee:
                return entry.rights
    return None


async def _now_published(ctx: Context, mailbox: Mailbox, data: Mapping[str, Any]) -> Publishing:
    wanted = _publishing(data)
    for each in await folders.list_publishing(ctx.m365.exchange, mailbox):
        if each.folder.folder_id == wanted.folder.folder_id:
            return each
    raise Gone(service="exchange", what="object", sought=wanted.folder.path)


def _kind(change: Change) -> str:
    return change.item.partition(":")[0]


def _access(data: Mapping[str, Any]) -> Access:
    entry = data["entry"]
    return Access(entry["user"], tuple(entry["rights"]), entry["deny"], entry["unresolved"])


def _folder(data: Mapping[str, Any]) -> Folder:
    return Folder(**data["folder"])


def _publishing(data: Mapping[str, Any]) -> Publishing:
    held = data["publishing"]
    return Publishing(**{**held, "folder": Folder(**held["folder"])})


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox lets nobody in."""
    if has_no_mailbox(error):
        return Outcome(State.ALREADY_SO, "The account has no mailbox.")
    return None


STEP = Step(
    id="remove-delegates",
    seed=(),
    phase=Phase.EVICT,
    title="Remove delegates",
    why="So that nobody reads or sends with rights that the intruder gave.",
    reads=(
        "mailbox permissions",
        "send-as",
        "send-on-behalf",
        "folder permissions",
        "published calendars",
        "audit log",
    ),
    changes=("mailbox permissions", "send-as", "send-on-behalf", "folder permissions", "published calendars"),
    needs=(
        *READS,
        "Exchange: Add-MailboxPermission",
        "Exchange: Remove-MailboxPermission",
        "Exchange: Add-RecipientPermission",
        "Exchange: Remove-RecipientPermission",
        "Exchange: Set-Mailbox",
        "Exchange: Add-MailboxFolderPermission",
        "Exchange: Set-MailboxFolderPermission",
        "Exchange: Remove-MailboxFolderPermission",
        "Exchange: Set-MailboxCalendarFolder",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: each right is given back. A published calendar gets a new link.",
        what="Delegates",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
