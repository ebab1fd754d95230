"""Get- and Set-Mailbox, Get-Recipient: who is who, forwarding, on-behalf, holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from simulator.exchange import errors, opath
from simulator.exchange.cmdlets.call import Call, Rows, apply, edited, handles
from simulator.exchange.parameters import Edit
from simulator.exchange.state import Mailbox, MailContact, Record
from simulator.tenant import User

_HOLD_CAPABILITIES = frozenset({"BPOS_S_Enterprise", "BPOS_S_ArchiveAddOn", "BPOS_S_DlpAddOn"})
_HOLD = frozenset({"LitigationHoldEnabled", "LitigationHoldDuration", "LitigationHoldDate", "LitigationHoldOwner"})
# Mastered on-premises for synced people; forwarding and holds are not among them.
_ON_PREMISES = (
    "GrantSendOnBehalfTo",
    "HiddenFromAddressListsEnabled",
    "Alias",
    "DisplayName",
    "EmailAddresses",
    "Office",
)
_MAX_RETENTION = timedelta(days=30)


def mailbox_row(call: Call, mailbox: Mailbox) -> Record:
    """Everything that Get-Mailbox shows."""
    exchange = call.exchange
    user = exchange.user(mailbox)
    settings = mailbox.settings
    forwarding = settings["ForwardingAddress"]
    row: Record = {
        "Identity": mailbox.alias,
        "Id": mailbox.alias,
        "Name": mailbox.alias,
        "Alias": mailbox.alias,
        "DisplayName": user.display_name,
        "UserPrincipalName": user.upn,
        "PrimarySmtpAddress": exchange.primary_address(user),
        "WindowsEmailAddress": exchange.primary_address(user),
        "EmailAddresses": exchange.addresses(user),
        "DistinguishedName": exchange.distinguished_name(user),
        "RecipientType": "UserMailbox",
        "RecipientTypeDetails": mailbox.kind,
        "IsDirSynced": user.synced,
        "ExternalDirectoryObjectId": user.id,
        "ExchangeGuid": mailbox.exchange_guid,
        "Guid": mailbox.guid,
        "AccountDisabled": not user.enabled,
        **settings,
        "ForwardingAddress": None if forwarding is None else exchange.name_of(forwarding),
        "GrantSendOnBehalfTo": [exchange.name_of(object_id) for object_id in settings["GrantSendOnBehalfTo"]],
        "PersistedCapabilities": list(mailbox.capabilities),
        "WhenMailboxCreated": mailbox.when_created,
        "WhenChangedUTC": call.now,
    }
    if call.get("IncludeForwardingAddressWithDisplayNames"):
        row["ForwardingAddressWithDisplayNames"] = _shown(call, forwarding)
    if call.get("IncludeGrantSendOnBehalfToWithDisplayNames"):
        row["GrantSendOnBehalfToWithDisplayNames"] = [_shown(call, each) for each in settings["GrantSendOnBehalfTo"]]
    return row


def _shown(call: Call, object_id: str | None) -> str | None:
    if object_id is None:
        return None
    user = call.exchange.tenant.users.get(object_id)
    contact = call.exchange.contact(object_id)
    name = user.display_name if user else contact.display_name if contact else ""
    return f"{call.exchange.name_of(object_id)};{name}"


@handles("Get-Mailbox")
def get_mailbox(call: Call) -> Rows:
    """One mailbox. Without an identity it is all of them: an empty one is no protection."""
    if any(call.get(name) for name in ("SoftDeletedMailbox", "InactiveMailboxOnly", "GroupMailbox", "PublicFolder")):
        return []
    if call.get("Identity"):
        return [mailbox_row(call, call.mailbox())]
    return _all(call)


def _all(call: Call) -> Iterator[Record]:
    kinds = call.get("RecipientTypeDetails")
    fits = opath.compile_filter(call.get("Filter"))
    wanted = str(call.get("Anr", "")).lower()
    for mailbox in call.exchange.mailboxes():
        if kinds and mailbox.kind not in kinds:
            continue
        row = mailbox_row(call, mailbox)
        if wanted and not str(row["DisplayName"]).lower().startswith(wanted) and not mailbox.alias.startswith(wanted):
            continue
        if fits(row):
            yield row


@handles("Set-Mailbox")
def set_mailbox(call: Call) -> Rows:
    """Checks everything before it changes anything."""
    exchange = call.exchange
    mailbox = call.mailbox()
    user = exchange.user(mailbox)
    _may_change(call, mailbox, user)
    before_hold = mailbox.settings["LitigationHoldEnabled"]
    changed: dict[str, tuple[Any, Any]] = {}
    if call.given("ForwardingAddress"):
        _put(mailbox.settings, "ForwardingAddress", _recipient(call, call.get("ForwardingAddress")), changed)
    if call.given("GrantSendOnBehalfTo"):
        _put(mailbox.settings, "GrantSendOnBehalfTo", _on_behalf(call, mailbox), changed)
    changed |= apply(call, mailbox.settings, skip=("ForwardingAddress", "GrantSendOnBehalfTo"))
    if call.get("LitigationHoldEnabled") and not before_hold:
        mailbox.settings |= {"LitigationHoldDate": call.now, "LitigationHoldOwner": call.by}
        mailbox.hold_effective = call.now + timedelta(minutes=exchange.knobs.hold_minutes)
    if call.given("LitigationHoldEnabled") and not call.get("LitigationHoldEnabled"):
        mailbox.settings |= {"LitigationHoldDate": None, "LitigationHoldOwner": ""}
        mailbox.hold_effective = None
    if not changed:
        call.unchanged(mailbox.alias)
    for name, (before, after) in changed.items():
        exchange.note(mailbox, "Set-Mailbox", name, _plain(before), _plain(after), call.by)
    return []


def _may_change(call: Call, mailbox: Mailbox, user: User) -> None:
    names = call.bound.names
    if user.synced:
        for name in _ON_PREMISES:
            if name in names:
                raise errors.synced_from_on_premises("Set-Mailbox", name, mailbox.alias)
    if _HOLD & names and not _HOLD_CAPABILITIES & set(mailbox.capabilities):
        raise errors.no_hold_licence(mailbox.alias)
    retention = call.get("RetainDeletedItemsFor")
    if retention is not None and retention > _MAX_RETENTION:
        raise errors.recipient_task("The value of RetainDeletedItemsFor can't be more than 30 days.")


def _put(record: Record, name: str, value: Any, changed: dict[str, tuple[Any, Any]]) -> None:
    if record[name] != value:
        changed[name] = (record[name], value)
        record[name] = value


def _recipient(call: Call, identity: Any) -> str | None:
    if identity is None:
        return None
    contact = call.exchange.contact(str(identity))
    return contact.object_id if contact is not None else call.exchange.need_person(identity).id


def _on_behalf(call: Call, mailbox: Mailbox) -> list[str]:
    value = call.bound.values["GrantSendOnBehalfTo"]
    current = list(mailbox.settings["GrantSendOnBehalfTo"])
    if isinstance(value, Edit):
        value = Edit(
            tuple(call.exchange.need_person(name).id for name in value.add),
            tuple(call.exchange.need_person(name).id for name in value.remove),
        )
        return edited(current, value)
    return [call.exchange.need_person(name).id for name in value or []]


def _plain(value: Any) -> Any:
    """A value as the tenant's record of changes keeps it."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


@handles("Get-Recipient")
def get_recipient(call: Call) -> Rows:
    """People with and without mailbox, guests and contacts."""
    exchange = call.exchange
    if not call.get("Identity"):
        return _all_recipients(call)
    identity = str(call.get("Identity"))
    contact = exchange.contact(identity)
    people = [user for user in exchange.people(identity) if _is_recipient(call, user)]
    if len(people) + (contact is not None) > 1:
        raise errors.ambiguous(identity)
    if contact is not None:
        return [_contact_row(contact)]
    if not people:
        raise errors.object_not_found(identity)
    return [_person_row(call, people[0])]


def _all_recipients(call: Call) -> Iterator[Record]:
    kinds = call.get("RecipientTypeDetails")
    fits = opath.compile_filter(call.get("Filter"))
    for user in list(call.exchange.tenant.users.values()):
        if not _is_recipient(call, user):
            continue
        row = _person_row(call, user)
        if (not kinds or row["RecipientTypeDetails"] in kinds) and fits(row):
            yield row
    for contact in call.exchange.organisation.contacts:
        row = _contact_row(contact)
        if (not kinds or "MailContact" in kinds) and fits(row):
            yield row


def _is_recipient(call: Call, user: User) -> bool:
    return user.guest or call.exchange.has_mailbox(user)


def _person_row(call: Call, user: User) -> Record:
    mailbox = call.exchange.mailbox_of(user.id)
    alias = call.exchange.name_of(user.id)
    return {
        "Identity": alias,
        "Name": alias,
        "Alias": alias,
        "DisplayName": user.display_name,
        "PrimarySmtpAddress": call.exchange.primary_address(user),
        "EmailAddresses": call.exchange.addresses(user),
        "ExternalEmailAddress": f"SMTP:{user.properties.get('mail')}" if user.guest else "",
        "RecipientType": "UserMailbox" if mailbox else "MailUser",
        "RecipientTypeDetails": mailbox.kind if mailbox else "GuestMailUser",
        "ExternalDirectoryObjectId": user.id,
        "Guid": mailbox.guid if mailbox else UUID(user.id),
        "ExchangeGuid": mailbox.exchange_guid if mailbox else UUID(int=0),
        "DistinguishedName": call.exchange.distinguished_name(user),
        "IsDirSynced": user.synced,
    }


def _contact_row(contact: MailContact) -> Record:
    return {
        "Identity": contact.alias,
        "Name": contact.alias,
        "Alias": contact.alias,
        "DisplayName": contact.display_name,
        "PrimarySmtpAddress": contact.address,
        "EmailAddresses": [f"SMTP:{contact.address}"],
        "ExternalEmailAddress": f"SMTP:{contact.address}",
        "RecipientType": "MailContact",
        "RecipientTypeDetails": "MailContact",
        "ExternalDirectoryObjectId": contact.object_id,
        "Guid": contact.guid,
        "ExchangeGuid": UUID(int=0),
        "DistinguishedName": f"CN={contact.alias}",
        "IsDirSynced": False,
    }
