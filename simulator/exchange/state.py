"""What Exchange Online holds: one mailbox per person, and the organisation's own settings.

Settings are kept under Exchange's own property names, so that the vendor's reference is the documentation.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

Record = dict[str, Any]

# Names of the standard folders, by the language of the mailbox. Everything else keeps its English name.
FOLDER_NAMES: dict[str, dict[str, str]] = {
    "en-US": {},
    "de-DE": {
        "Inbox": "Posteingang",
        "SentItems": "Gesendete Elemente",
        "DeletedItems": "Gelöschte Elemente",
        "Drafts": "Entwürfe",
        "JunkEmail": "Junk-E-Mail",
        "Calendar": "Kalender",
        "Contacts": "Kontakte",
        "Archive": "Archiv",
        "RssSubscriptions": "RSS-Feeds",
        "ConversationHistory": "Aufgezeichnete Unterhaltungen",
        "Notes": "Notizen",
        "Tasks": "Aufgaben",
    },
    "fr-FR": {
        "Inbox": "Boîte de réception",
        "SentItems": "Éléments envoyés",
        "DeletedItems": "Éléments supprimés",
        "Drafts": "Brouillons",
        "JunkEmail": "Courrier indésirable",
        "Calendar": "Calendrier",
        "RssSubscriptions": "Flux RSS",
        "ConversationHistory": "Historique des conversations",
        "Tasks": "Tâches",
    },
    "ru-RU": {
        "Inbox": "Входящие",
        "SentItems": "Отправленные",
        "DeletedItems": "Удаленные",
        "Drafts": "Черновики",
        "JunkEmail": "Нежелательная почта",
        "Calendar": "Календарь",
        "Contacts": "Контакты",
        "Archive": "Архив",
        "RssSubscriptions": "RSS-каналы",
        "ConversationHistory": "Журнал бесед",
        "Notes": "Заметки",
        "Tasks": "Задачи",
    },
    "nb-NO": {
        "Inbox": "Innboks",
        "SentItems": "Sendte elementer",
        "DeletedItems": "Slettede elementer",
        "Drafts": "Utkast",
        "JunkEmail": "Søppelpost",
        "Calendar": "Kalender",
        "Contacts": "Kontakter",
        "Archive": "Arkiv",
        "RssSubscriptions": "RSS-feeder",
        "ConversationHistory": "Samtalelogg",
        "Notes": "Notater",
        "Tasks": "Oppgaver",
    },
}
STANDARD_FOLDERS: dict[str, str] = {
    "Inbox": "Inbox",
    "SentItems": "Sent Items",
    "DeletedItems": "Deleted Items",
    "Drafts": "Drafts",
    "JunkEmail": "Junk Email",
    "Calendar": "Calendar",
    "Contacts": "Contacts",
    "Archive": "Archive",
    "RssSubscriptions": "RSS Feeds",
    "ConversationHistory": "Conversation History",
    "Notes": "Notes",
    "Tasks": "Tasks",
}

USER_CREATED = "User Created"


@dataclass(slots=True)
class InboxRule:
    """A rule of a mailbox. `properties` holds name, state, conditions and actions by their Exchange names."""

    rule_id: int  # unsigned 64 bit
    properties: Record
    hidden: bool = False  # MAPI class or provider tampered with: only IncludeHidden shows it
    out_of_sight: bool = False  # wiped so far that no cmdlet shows it
    client_only: bool = False  # an Outlook rule, lost with any change from outside
    damaged: bool = False

    @property
    def name(self) -> str:
        return str(self.properties.get("Name") or "")

    @property
    def enabled(self) -> bool:
        return bool(self.properties.get("Enabled", True))


@dataclass(slots=True)
class Permission:
    """An access entry: who may do what. `sid` alone remains of a deleted account."""

    user_id: str  # object id of the trustee, empty where unresolved
    rights: list[str]
    inherited: bool = False
    deny: bool = False
    sid: str = ""


@dataclass(slots=True)
class FolderPermission:
    """An entry on a folder. `user_id` is an object id, "Default" or "Anonymous"."""

    user_id: str
    rights: list[str]
    flags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Folder:
    """A mail folder; `path` is with slashes and in the language of the mailbox."""

    folder_id: str
    folder_type: str
    path: str
    items: int = 0
    permissions: list[FolderPermission] = field(default_factory=list)
    publishing: Record = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(slots=True)
class MobileDevice:
    """A device partnership of a mailbox."""

    guid: UUID
    device_id: str
    device_type: str
    client_type: str  # EAS, REST, …
    properties: Record
    wipe_status: str = "DeviceOk"
    wipe_requested: datetime | None = None
    wipe_requestor: str = ""


@dataclass(slots=True)
class Mailbox:
    """Everything that belongs to one mailbox. Who owns it is in the directory, under `object_id`."""

    object_id: str
    exchange_guid: UUID
    guid: UUID
    alias: str
    kind: str  # RecipientTypeDetails
    locale: str
    settings: Record
    cas: Record
    capabilities: list[str]
    when_created: datetime
    opened: bool = True  # junk settings and folders in the owner's language exist only after the first opening
    junk: Record = field(default_factory=dict)
    auto_reply: Record = field(default_factory=dict)
    message_configuration: Record = field(default_factory=dict)
    rules: list[InboxRule] = field(default_factory=list)
    sweep_rules: list[Record] = field(default_factory=list)
    full_access: list[Permission] = field(default_factory=list)
    send_as: list[Permission] = field(default_factory=list)
    devices: list[MobileDevice] = field(default_factory=list)
    apps: list[Record] = field(default_factory=list)
    audit_bypass: bool = False
    hold_effective: datetime | None = None
    _folders: list[Folder] | None = None

    @property
    def folders(self) -> list[Folder]:
        """Its folders, made when somebody looks."""
        if self._folders is None:
            self._folders = new_folders(self.object_id, self.locale)
        return self._folders

    @folders.setter
    def folders(self, folders: list[Folder]) -> None:
        self._folders = folders

    def visible_rules(self) -> list[InboxRule]:
        """What Outlook, Graph and a plain Get-InboxRule show, in order of priority."""
        shown = [rule for rule in self.rules if not rule.hidden and not rule.out_of_sight]
        return sorted(shown, key=lambda rule: int(rule.properties.get("Priority") or 0))

    def rule(self, rule_id: int) -> InboxRule | None:
        return next((rule for rule in self.rules if rule.rule_id == rule_id), None)

    def add_rule(self, name: str, *, hidden: bool = False, **properties: Any) -> InboxRule:
        """Adds a rule as its owner or an intruder would; properties by their Exchange names."""
        priority = 1 + max((int(rule.properties.get("Priority") or 0) for rule in self.rules), default=0)
        digest = hashlib.sha256(f"{self.object_id}:{name}:{len(self.rules)}:{priority}".encode()).digest()
        rule_id = int.from_bytes(digest[:8], "big") | 1 << 63
        rule = InboxRule(rule_id, {"Name": name, "Enabled": True, "Priority": priority, **properties}, hidden)
        self.rules.append(rule)
        return rule

    def folder(self, folder_type: str) -> Folder:
        """The standard folder of that type."""
        return next(folder for folder in self.folders if folder.folder_type == folder_type)

    def add_device(
        self, guid: str, device_id: str, device_type: str, client_type: str, first_sync: datetime, **properties: Any
    ) -> MobileDevice:
        """Adds a device partnership; properties by their Exchange names."""
        device = MobileDevice(
            UUID(guid), device_id, device_type, client_type, {"FirstSyncTime": first_sync, **properties}
        )
        self.devices.append(device)
        return device


@dataclass(slots=True)
class MailContact:
    """A recipient outside, known to the directory of the organisation."""

    object_id: str
    guid: UUID
    alias: str
    display_name: str
    address: str


@dataclass(slots=True)
class TracedMessage:
    """One line of the message trace: one message to one recipient."""

    trace_id: UUID
    message_id: str
    received: datetime
    sender: str
    recipient: str
    subject: str
    status: str = "Delivered"
    from_ip: str = ""
    to_ip: str = ""
    size: int = 20_000
    events: list[Record] = field(default_factory=list)


@dataclass(slots=True)
class Organisation:
    """What belongs to no single mailbox."""

    config: Record
    transport_config: Record
    cas_plans: list[Record]
    audit_config: Record
    transport_rules: list[Record] = field(default_factory=list)
    inbound_connectors: list[Record] = field(default_factory=list)
    outbound_connectors: list[Record] = field(default_factory=list)
    journal_rules: list[Record] = field(default_factory=list)
    remote_domains: list[Record] = field(default_factory=list)
    outbound_spam_policies: list[Record] = field(default_factory=list)
    blocked_senders: list[Record] = field(default_factory=list)
    blocked_connectors: list[Record] = field(default_factory=list)
    accepted_domains: list[Record] = field(default_factory=list)
    contacts: list[MailContact] = field(default_factory=list)
    traced: list[TracedMessage] = field(default_factory=list)
    audit_records: list[Record] = field(default_factory=list)
    audit_arrivals: dict[str, datetime] = field(default_factory=dict)  # by Identity: when a search finds the record
    unblocks_left: int = 3
    unblocks_pending: dict[str, datetime] = field(default_factory=dict)


def folder_id(object_id: str, name: str) -> str:
    """The base64 id of a folder: stable, and long as the real ones are."""
    digest = hashlib.sha384(f"{object_id}/{name}".encode()).digest()
    return "LgAAAA" + base64.b64encode(digest).decode().rstrip("=") + "AAAB"


def new_folders(object_id: str, locale: str) -> list[Folder]:
    """The standard folders in that language, with the entries that every folder has."""
    names = FOLDER_NAMES.get(locale, {})
    folders = [Folder(folder_id(object_id, "Root"), "Root", "/Top of Information Store")]
    for folder_type, english in STANDARD_FOLDERS.items():
        path = "/" + names.get(folder_type, english)
        default = "AvailabilityOnly" if folder_type == "Calendar" else "None"
        folder = Folder(
            folder_id(object_id, folder_type),
            folder_type,
            path,
            permissions=[FolderPermission("Default", [default]), FolderPermission("Anonymous", ["None"])],
        )
        if folder_type == "Calendar":
            folder.publishing = new_publishing()
        folders.append(folder)
    return folders


def new_publishing() -> Record:
    """A calendar that is not published."""
    return {
        "PublishEnabled": False,
        "PublishDateRangeFrom": "ThreeMonths",
        "PublishDateRangeTo": "ThreeMonths",
        "DetailLevel": "AvailabilityOnly",
        "SearchableUrlEnabled": False,
        "PublishedCalendarUrl": None,
        "PublishedICalUrl": None,
    }


def new_cas() -> Record:
    """Client protocols as a new mailbox has them."""
    return {
        "OWAEnabled": True,
        "OWAforDevicesEnabled": True,
        "ECPEnabled": True,
        "EwsEnabled": True,
        "EwsApplicationAccessPolicy": None,
        "EwsAllowList": [],
        "EwsBlockList": [],
        "ImapEnabled": True,
        "PopEnabled": True,
        "MAPIEnabled": True,
        "MAPIBlockOutlookRpcHttp": False,
        "ActiveSyncEnabled": True,
        "ActiveSyncAllowedDeviceIDs": [],
        "ActiveSyncBlockedDeviceIDs": [],
        "ActiveSyncMailboxPolicy": "Default",
        "OwaMailboxPolicy": "OwaMailboxPolicy-Default",
        "SmtpClientAuthenticationDisabled": None,
        "UniversalOutlookEnabled": True,
        "OutlookMobileEnabled": True,
        "MacOutlookEnabled": True,
        "OneWinNativeOutlookEnabled": True,
    }


_AUDIT_OWNER = [
    "Update",
    "MoveToDeletedItems",
    "SoftDelete",
    "HardDelete",
    "UpdateFolderPermissions",
    "UpdateInboxRules",
    "UpdateCalendarDelegation",
    "ApplyRecord",
    "MailItemsAccessed",
    "Send",
]


def new_settings() -> Record:
    """Get-Mailbox's own properties as a new mailbox has them; names and addresses come from the directory."""
    return {
        "ForwardingAddress": None,
        "ForwardingSmtpAddress": None,
        "DeliverToMailboxAndForward": False,
        "GrantSendOnBehalfTo": [],
        "HiddenFromAddressListsEnabled": False,
        "LitigationHoldEnabled": False,
        "LitigationHoldDate": None,
        "LitigationHoldOwner": "",
        "LitigationHoldDuration": "Unlimited",
        "RetentionComment": "",
        "RetentionUrl": "",
        "InPlaceHolds": [],
        "RetentionHoldEnabled": False,
        "RetentionPolicy": "Default MRM Policy",
        "SingleItemRecoveryEnabled": True,
        "RetainDeletedItemsFor": timedelta(days=14),
        "DelayHoldApplied": False,
        "ComplianceTagHoldApplied": False,
        "AuditEnabled": True,
        "AuditLogAgeLimit": timedelta(days=90),
        "AuditOwner": list(_AUDIT_OWNER),
        "AuditDelegate": [*_AUDIT_OWNER[:8], "SendAs", "SendOnBehalf", "Create", "MailItemsAccessed"],
        "AuditAdmin": [*_AUDIT_OWNER[:8], "Copy", "SendAs", "SendOnBehalf", "Create", "MailItemsAccessed", "Send"],
        "DefaultAuditSet": ["Admin", "Delegate", "Owner"],
        "MessageCopyForSentAsEnabled": False,
        "MessageCopyForSendOnBehalfEnabled": False,
        "ArchiveStatus": "None",
        "ArchiveGuid": UUID(int=0),
        "ProhibitSendReceiveQuota": "100 GB (107,374,182,400 bytes)",
    }
