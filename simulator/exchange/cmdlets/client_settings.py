"""What the owner sets in Outlook: junk lists, automatic replies, signature, add-ins, region."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from simulator.clock import parse_stamp
from simulator.exchange import errors
from simulator.exchange.cmdlets.call import Call, Rows, apply, handles
from simulator.exchange.state import Mailbox, Record
from simulator.tenant import User

_STATES = {"disabled": "Disabled", "alwaysEnabled": "Enabled", "scheduled": "Scheduled"}
_AUDIENCES = {"none": "None", "contactsOnly": "Known", "all": "All"}


# -- junk --------------------------------------------------------------------------------------------------------------


@handles("Get-MailboxJunkEmailConfiguration")
def get_junk(call: Call) -> Rows:
    """A null identity, or one that nobody has, answers for every mailbox: documented, and dangerous."""
    identity = call.get("Identity")
    found = call.exchange.find_mailbox(str(identity)) if identity else None
    mailboxes = [found] if found is not None else list(call.exchange.mailboxes())
    if found is not None and not found.opened:
        raise _never_opened(found)
    return [_junk_row(mailbox) for mailbox in mailboxes if mailbox.opened]


def _never_opened(mailbox: Mailbox) -> errors.CmdletError:
    return errors.CmdletError(
        f"The junk email configuration of '{mailbox.alias}' must be created: the mailbox has not been opened yet.",
        "System.InvalidOperationException",
    )


def _junk_row(mailbox: Mailbox) -> Record:
    return {"Identity": mailbox.alias, "MailboxOwnerId": mailbox.alias, **mailbox.junk, "IsValid": True}


@handles("Set-MailboxJunkEmailConfiguration")
def set_junk(call: Call) -> Rows:
    """Changes the lists."""
    mailbox = call.mailbox(content=True)
    if not mailbox.opened:
        raise _never_opened(mailbox)
    _settle(call, mailbox, apply(call, mailbox.junk, skip=("FailOnError",)))
    return []


def _settle(call: Call, mailbox: Mailbox, changed: dict[str, tuple[Any, Any]]) -> None:
    if not changed:
        call.unchanged(mailbox.alias)
    for name, (before, after) in changed.items():
        call.exchange.note(mailbox, call.cmdlet, name, before, after, call.by)


# -- automatic replies: kept with the person, in Graph's form ----------------------------------------------------------


def _replies(user: User) -> dict[str, Any]:
    found = user.mailbox_settings.setdefault("automaticRepliesSetting", {})
    assert isinstance(found, dict)
    return found


def _moment(value: Any) -> datetime | None:
    """Graph keeps a time with its zone beside it."""
    text = value.get("dateTime") if isinstance(value, dict) else None
    if not text:
        return None
    found = parse_stamp(str(text)[:26])
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@handles("Get-MailboxAutoReplyConfiguration")
def get_auto_reply(call: Call) -> Rows:
    """The reply as it is set."""
    mailbox = call.mailbox(content=True)
    replies = _replies(call.exchange.user(mailbox))
    now = call.now
    return [
        {
            "Identity": mailbox.alias,
            "MailboxOwnerId": mailbox.alias,
            "AutoReplyState": _STATES[str(replies.get("status", "disabled"))],
            "InternalMessage": replies.get("internalReplyMessage") or "",
            "ExternalMessage": replies.get("externalReplyMessage") or "",
            "ExternalAudience": _AUDIENCES[str(replies.get("externalAudience", "none"))],
            "StartTime": _moment(replies.get("scheduledStartDateTime")) or now,
            "EndTime": _moment(replies.get("scheduledEndDateTime")) or now,
            "CreateOOFEvent": False,
            "DeclineEventsForScheduledOOF": False,
            "IsValid": True,
        }
    ]


@handles("Set-MailboxAutoReplyConfiguration")
def set_auto_reply(call: Call) -> Rows:
    """Changes the reply where Graph sees it too."""
    mailbox = call.mailbox(content=True)
    user = call.exchange.user(mailbox)
    replies = _replies(user)
    wanted: dict[str, Any] = {}
    if call.get("AutoReplyState"):
        wanted["status"] = next(key for key, value in _STATES.items() if value == call.get("AutoReplyState"))
    if call.get("ExternalAudience"):
        wanted["externalAudience"] = next(k for k, value in _AUDIENCES.items() if value == call.get("ExternalAudience"))
    for name, key in (("InternalMessage", "internalReplyMessage"), ("ExternalMessage", "externalReplyMessage")):
        if call.given(name):
            wanted[key] = call.get(name, "")
    for name, key in (("StartTime", "scheduledStartDateTime"), ("EndTime", "scheduledEndDateTime")):
        if call.get(name):
            moment = call.get(name).astimezone(UTC)
            wanted[key] = {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%f0"), "timeZone": "UTC"}
    changed = {key: (replies.get(key), value) for key, value in wanted.items() if replies.get(key) != value}
    replies.update(wanted)
    _settle(call, mailbox, changed)
    return []


# -- signature and region ----------------------------------------------------------------------------------------------


@handles("Get-MailboxMessageConfiguration")
def get_message_configuration(call: Call) -> Rows:
    """Signature and what belongs to it."""
    mailbox = call.mailbox(content=True)
    return [{"Identity": mailbox.alias, "MailboxOwnerId": mailbox.alias, **mailbox.message_configuration}]


@handles("Set-MailboxMessageConfiguration")
def set_message_configuration(call: Call) -> Rows:
    """Changes the signature, which Outlook ignores while roaming signatures are on."""
    mailbox = call.mailbox(content=True)
    _settle(call, mailbox, apply(call, mailbox.message_configuration))
    return []


@handles("Get-MailboxRegionalConfiguration")
def get_regional_configuration(call: Call) -> Rows:
    """Language and time zone."""
    mailbox = call.mailbox(content=True)
    settings = call.exchange.user(mailbox).mailbox_settings
    return [
        {
            "Identity": mailbox.alias,
            "MailboxOwnerId": mailbox.alias,
            "Language": mailbox.locale if mailbox.opened else None,
            "TimeZone": settings.get("timeZone") if mailbox.opened else None,
            "DateFormat": settings.get("dateFormat"),
            "TimeFormat": settings.get("timeFormat"),
            "DefaultFolderNameMatchingUserLanguage": True,
        }
    ]


# -- add-ins -----------------------------------------------------------------------------------------------------------


def new_app(name: str, app_id: str, provider: str, **properties: Any) -> Record:
    """An Outlook add-in."""
    return {
        "Identity": app_id,
        "AppId": app_id,
        "DisplayName": name,
        "ProviderName": provider,
        "AppVersion": "1.0.0.0",
        "Enabled": True,
        "Type": "MarketPlace",
        "Scope": "User",
        "DefaultStateForUser": None,
        "MarketplaceAssetId": None,
        "Requirements": "ReadWriteMailbox",
        "Description": "",
    } | properties


def _mailbox_of_app(call: Call) -> Mailbox:
    if not call.get("Mailbox"):
        raise errors.mailbox_not_found("")
    return call.mailbox(content=True, parameter="Mailbox")


@handles("Get-App")
def get_app(call: Call) -> Rows:
    """What is installed for one mailbox."""
    mailbox = _mailbox_of_app(call)
    wanted = call.get("Identity")
    found = [dict(app) for app in mailbox.apps if wanted in (None, app["AppId"])]
    if wanted is not None and not found:
        raise errors.object_not_found(str(wanted))
    return found


@handles("Disable-App", "Enable-App", "Remove-App")
def change_app(call: Call) -> Rows:
    """Turns an add-in on or off, or removes it; one of the organisation cannot be removed."""
    mailbox = _mailbox_of_app(call)
    app = next((each for each in mailbox.apps if each["AppId"] == str(call.get("Identity"))), None)
    if app is None:
        raise errors.object_not_found(str(call.get("Identity")))
    if call.cmdlet == "Remove-App":
        if app["Scope"] != "User":
            raise errors.CmdletError("The default app can't be removed.", "System.InvalidOperationException")
        mailbox.apps.remove(app)
        after = "removed"
    else:
        app["Enabled"] = call.cmdlet == "Enable-App"
        after = "enabled" if app["Enabled"] else "disabled"
    call.exchange.note(mailbox, call.cmdlet, f"add-in {app['DisplayName']!r}", None, after, call.by)
    return []
