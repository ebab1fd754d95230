"""Who may open a mailbox and who may send as its owner."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from simulator.exchange import errors
from simulator.exchange.cmdlets.call import Call, Rows, handles
from simulator.exchange.state import Mailbox, Permission, Record

_SELF = "NT AUTHORITY\\SELF"
_SELF_SID = "S-1-5-10"


def sid_of(object_id: str) -> str:
    """A security identifier that belongs to an account."""
    digest = hashlib.sha256(object_id.encode()).digest()
    parts = [int.from_bytes(digest[start : start + 4], "big") for start in (0, 4, 8)]
    return f"S-1-5-21-{parts[0]}-{parts[1]}-{parts[2]}-{1000 + digest[12]}"


def _shown(call: Call, entry: Permission) -> str:
    user = call.exchange.tenant.users.get(entry.user_id)
    return user.upn if user is not None else entry.sid


def _matches(call: Call, entry: Permission, wanted: str) -> bool:
    if wanted.upper().startswith("S-1-"):
        return wanted.upper() in {entry.sid.upper(), sid_of(entry.user_id).upper()}
    people = call.exchange.people(wanted)
    return entry.user_id in {user.id for user in people}


def _trustee(call: Call, name: str) -> str:
    """The account that an entry is made for."""
    return call.exchange.need_person(call.get(name)).id


# -- the mailbox itself ------------------------------------------------------------------------------------------------


@handles("Get-MailboxPermission")
def get_mailbox_permission(call: Call) -> Rows:
    """The owner's own entry comes along, twice as in the real answer, and what is inherited."""
    mailbox = call.mailbox()
    rows = [
        _access_row(mailbox, _SELF, ["FullAccess, ReadPermission"], _SELF_SID),
        _access_row(mailbox, _SELF, ["FullAccess", "ReadPermission"], _SELF_SID),
    ]
    wanted = call.get("User")
    entries = [entry for entry in mailbox.full_access if wanted is None or _matches(call, entry, str(wanted))]
    if wanted is not None:
        rows = []
    for entry in entries:
        row = _access_row(mailbox, _shown(call, entry), entry.rights, entry.sid or sid_of(entry.user_id))
        row |= {"Deny": entry.deny, "IsInherited": entry.inherited}
        rows.append(row)
    return rows


def _access_row(mailbox: Mailbox, user: str, rights: list[str], sid: str) -> Record:
    return {
        "Identity": mailbox.alias,
        "User": user,
        "AccessRights": rights,
        "Deny": False,
        "IsInherited": False,
        "InheritanceType": "All",
        "UserSid": sid,
        "PrimarySmtpAddress": "",
        "IsValid": True,
        "ObjectState": "Unchanged",
    }


@handles("Add-MailboxPermission")
def add_mailbox_permission(call: Call) -> Rows:
    """Adds rights to those that are there; nothing new is a warning."""
    mailbox = call.mailbox()
    user_id = _trustee(call, "User")
    rights = list(call.get("AccessRights"))
    held = next((entry for entry in mailbox.full_access if entry.user_id == user_id and not entry.inherited), None)
    if held is not None and set(rights) <= set(held.rights):
        call.warnings.append(
            f'The appropriate access control entry is already present on the object "{mailbox.alias}" for account '
            f'"{call.get("User")}".'
        )
        return []
    if held is None:
        held = Permission(user_id, [], deny=bool(call.get("Deny")))
        mailbox.full_access.append(held)
    held.rights = list(dict.fromkeys([*held.rights, *rights]))
    call.exchange.note(mailbox, call.cmdlet, "mailbox permission", None, _shown(call, held), call.by)
    return [_access_row(mailbox, _shown(call, held), rights, sid_of(user_id))]


@handles("Remove-MailboxPermission")
def remove_mailbox_permission(call: Call) -> Rows:
    """Takes rights away; an entry that is not there is a warning."""
    mailbox = call.mailbox()
    if call.get("ResetDefault"):
        mailbox.full_access = [entry for entry in mailbox.full_access if entry.inherited]
        call.exchange.note(mailbox, call.cmdlet, "mailbox permission", None, "reset", call.by)
        return []
    if call.get("ClearAutoMapping"):
        return []
    wanted = str(call.get("User"))
    rights = set(call.get("AccessRights"))
    if not wanted.upper().startswith("S-1-"):
        call.exchange.need_person(wanted)
    found = [
        entry
        for entry in mailbox.full_access
        if not entry.inherited and entry.deny == bool(call.get("Deny")) and _matches(call, entry, wanted)
    ]
    if not any(rights & set(entry.rights) for entry in found):
        call.warnings.append(
            f'Can\'t remove the access control entry on the object "{mailbox.alias}" for account "{wanted}" because '
            "the ACE doesn't exist on the object."
        )
        return []
    for entry in found:
        entry.rights = [right for right in entry.rights if right not in rights]
    mailbox.full_access = [entry for entry in mailbox.full_access if entry.rights]
    call.exchange.note(mailbox, call.cmdlet, "mailbox permission", wanted, "removed", call.by)
    return []


# -- send-as -----------------------------------------------------------------------------------------------------------


@handles("Get-RecipientPermission")
def get_recipient_permission(call: Call) -> Rows:
    """Of one mailbox, or with a trustee everything that this account may send as."""
    if call.get("Identity"):
        return _send_as_rows(call, call.mailbox(), with_self=True)
    return _everywhere(call)


def _everywhere(call: Call) -> Iterator[Record]:
    wanted = call.get("Trustee")
    mailboxes = call.exchange.mailboxes() if wanted is None else call.exchange.used_mailboxes()
    for mailbox in mailboxes:
        if wanted is None or mailbox.send_as:
            yield from _send_as_rows(call, mailbox, with_self=wanted is None)


def _send_as_rows(call: Call, mailbox: Mailbox, *, with_self: bool) -> list[Record]:
    wanted = call.get("Trustee")
    rows = [_send_as_row(mailbox, _SELF, _SELF_SID)] if with_self and wanted is None else []
    rows += [
        _send_as_row(mailbox, _shown(call, entry), entry.sid or sid_of(entry.user_id))
        for entry in mailbox.send_as
        if wanted is None or _matches(call, entry, str(wanted))
    ]
    return rows


def _send_as_row(mailbox: Mailbox, trustee: str, sid: str) -> Record:
    # Some replies of the service lack IsInherited: so does this one.
    return {
        "Identity": mailbox.alias,
        "Trustee": trustee,
        "AccessControlType": "Allow",
        "AccessRights": ["SendAs"],
        "InheritanceType": "None",
        "TrusteeSidString": sid,
        "TrusteeWithPrimarySmtpAddress": "",
        "IsValid": True,
    }


def _rights(call: Call) -> list[Any]:
    rights = call.get("AccessRights")
    if rights != ["SendAs"]:
        raise errors.bad_value("AccessRights", rights, '"RecipientAccessRight".')
    return list(rights)


@handles("Add-RecipientPermission")
def add_recipient_permission(call: Call) -> Rows:
    """Gives the right; one that is there is a warning."""
    mailbox = call.mailbox()
    _rights(call)
    user_id = _trustee(call, "Trustee")
    if any(entry.user_id == user_id for entry in mailbox.send_as):
        call.warnings.append(
            f'The appropriate access control entry is already present on the object "{mailbox.alias}".'
        )
        return []
    mailbox.send_as.append(Permission(user_id, ["SendAs"]))
    call.exchange.note(mailbox, call.cmdlet, "send as", None, str(call.get("Trustee")), call.by)
    return [_send_as_row(mailbox, _shown(call, mailbox.send_as[-1]), sid_of(user_id))]


@handles("Remove-RecipientPermission")
def remove_recipient_permission(call: Call) -> Rows:
    """Takes the right away; one that is not there is a warning."""
    mailbox = call.mailbox()
    _rights(call)
    wanted = str(call.get("Trustee"))
    if not wanted.upper().startswith("S-1-"):
        call.exchange.need_person(wanted)
    kept = [entry for entry in mailbox.send_as if not _matches(call, entry, wanted)]
    if len(kept) == len(mailbox.send_as):
        call.warnings.append(
            f'Can\'t remove the access control entry on the object "{mailbox.alias}" for account "{wanted}" because '
            "the ACE isn't present."
        )
        return []
    mailbox.send_as = kept
    call.exchange.note(mailbox, call.cmdlet, "send as", wanted, "removed", call.by)
    return []
