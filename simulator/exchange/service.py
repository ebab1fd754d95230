"""Exchange Online of one tenant: who has a mailbox, how a name resolves, and what is kept where.

Visible inbox rules and automatic replies are kept with the person, in Graph's form, because both services show them.
Everything else is here. Mailboxes come into being when somebody asks for them, so that a large tenant costs little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from simulator.clock import Clock, parse_stamp
from simulator.exchange import errors
from simulator.exchange.defaults import new_junk, new_message_configuration, new_organisation
from simulator.exchange.paging import Pages
from simulator.exchange.state import Mailbox, MailContact, Organisation, Record, new_cas, new_folders, new_settings
from simulator.ids import guid
from simulator.tenant import DirectoryObject, Tenant, User

# Licences that hold Exchange, and what their mailboxes may do. Hold and archive come with the larger plan.
_ENTERPRISE = frozenset({"SPE_E3", "SPE_E5", "ENTERPRISEPACK", "ENTERPRISEPREMIUM", "EXCHANGEENTERPRISE"})
_NAMING = frozenset({"displayName", "licences", "mail", "mailNickname", "proxyAddresses", "userPrincipalName"})
_STANDARD = frozenset({"EXCHANGESTANDARD", "O365_BUSINESS_PREMIUM", "O365_BUSINESS_ESSENTIALS", "SPB", "STANDARDPACK"})


@dataclass(slots=True)
class Knobs:
    """What a test or a person may turn while the service runs."""

    concurrent_calls: int | None = None  # more at once get the plain-text refusal of the tenant's limit
    busy_seconds: float = 0.0  # how long a cmdlet keeps one of them busy
    hold_minutes: float = 0.0  # until a hold is effective
    unblock_minutes: float = 0.0  # until a released sender may send
    rate_headers: bool = False  # seen in some years and not in others
    trace_calls: int = 100  # per five minutes
    retired: frozenset[str] = frozenset({"Get-MessageTrace", "Get-MessageTraceDetail"})
    without_cmdlets: frozenset[str] = frozenset()  # taken out of the caller's roles
    customised: bool = True  # False: Enable-OrganizationCustomization has never been run


@dataclass(slots=True)
class AuditSession:
    """A cursor of Search-UnifiedAuditLog."""

    rows: list[dict[str, Any]]
    total: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class CasView:
    """The client protocols of a mailbox, which costs next to nothing where nobody has looked at its owner."""

    owner: DirectoryObject
    alias: str
    address: str
    guid: UUID
    kind: str
    cas: Record
    mailbox: Mailbox | None


@dataclass(slots=True)
class _Index:
    people: int
    changes: int = 0
    ids: dict[str, set[str]] = field(default_factory=dict)


class Exchange:
    """The state of Exchange for a tenant, and the look-ups that all cmdlets share."""

    def __init__(self, tenant: Tenant, clock: Clock, seed: int) -> None:
        self.tenant = tenant
        self.clock = clock
        self.seed = seed
        self.organisation: Organisation = new_organisation(tenant.domain, tenant.initial_domain, clock.now(), seed)
        self.knobs = Knobs()
        self.pages = Pages()
        self.audit_sessions: dict[str, AuditSession] = {}
        self.trace_times: list[datetime] = []
        self.running = 0
        self._mailboxes: dict[str, Mailbox] = {}
        self._cas_changes: dict[str, Record] = {}  # by object id: what was set on mailboxes that are not made yet
        self._guids: dict[str, str] = {}
        self._index: _Index | None = None

    # -- people and their mailboxes --------------------------------------------------------------------------------

    @staticmethod
    def has_mailbox(user: User) -> bool:
        """A shared mailbox needs no licence, a person's does."""
        if user.mailbox == "shared":
            return True
        return user.mailbox is not None and bool((_ENTERPRISE | _STANDARD) & set(user.licences))

    def user(self, mailbox: Mailbox) -> User:
        """The account that owns a mailbox."""
        return self.tenant.users[mailbox.object_id]

    def mailbox_of(self, object_id: str) -> Mailbox | None:
        """The mailbox of an account, made at the first question; None where there is none."""
        user = self.tenant.users.get(object_id)
        if user is None or not self.has_mailbox(user):
            return None
        found = self._mailboxes.get(object_id)
        if found is None:
            found = self._mailboxes[object_id] = self._new_mailbox(user)
        return found

    def mailbox(self, name: str) -> Mailbox:
        """The mailbox of a person by object id, UPN or first name: for tests and stories. Raises KeyError."""
        found = self.mailbox_of(self.tenant.user(name).id)
        if found is None:
            raise KeyError(name)
        return found

    def mailboxes(self) -> Iterator[Mailbox]:
        """Every mailbox, one at a time."""
        for object_id in list(self.tenant.users):
            found = self.mailbox_of(object_id)
            if found is not None:
                yield found

    def cas_views(self) -> Iterator[CasView]:
        """The protocols of every mailbox, one at a time; nobody comes into being for it."""
        for object_id in list(self.tenant.users):
            if (view := self._cas_view(object_id)) is not None:
                yield view

    def need_cas_view(self, identity: Any) -> CasView:
        """The protocols of the one mailbox that an identity names, or the service's own error."""
        name = str(identity).lower()
        object_id = name if name in self.tenant.users else self._owner_of(name)
        view = None if object_id is None else self._cas_view(object_id)
        return view or self._seen_cas_view(self.need_mailbox(identity))

    def keep_cas(self, view: CasView, changed: Record) -> None:
        """Remembers what was set on a mailbox that is not made yet; one that exists has it already."""
        if view.mailbox is None:
            self._cas_changes.setdefault(view.owner.id, {}).update(changed)

    def _cas_view(self, object_id: str) -> CasView | None:
        names = None if object_id in self._mailboxes else self.tenant.users.glimpse(object_id)
        if names is None:
            mailbox = self.mailbox_of(object_id)
            return None if mailbox is None else self._seen_cas_view(mailbox)
        if not (_ENTERPRISE | _STANDARD) & self.tenant.licences:
            return None
        return CasView(
            owner=DirectoryObject({"id": object_id, "displayName": names["displayName"]}),
            alias=str(names["mailNickname"]),
            address=str(names["mail"]),
            guid=UUID(guid(self.seed, f"mailbox:{object_id}")),
            kind="UserMailbox",
            cas=new_cas() | self._cas_changes.get(object_id, {}),
            mailbox=None,
        )

    def _seen_cas_view(self, mailbox: Mailbox) -> CasView:
        user = self.user(mailbox)
        return CasView(
            user, mailbox.alias, self.primary_address(user), mailbox.guid, mailbox.kind, mailbox.cas, mailbox
        )

    def used_mailboxes(self) -> list[Mailbox]:
        """Those that somebody has asked for: only they can have more than a new mailbox has."""
        return list(self._mailboxes.values())

    def _new_mailbox(self, user: User) -> Mailbox:
        licences = set(user.licences)
        capabilities = ["BPOS_S_Enterprise"] if licences & _ENTERPRISE else ["BPOS_S_Standard"]
        language = user.mailbox_settings.get("language") or {}
        locale = str(language.get("locale") or "en-US")
        settings = new_settings()
        if user.mailbox == "shared":
            capabilities = []
        return Mailbox(
            object_id=user.id,
            exchange_guid=UUID(guid(self.seed, f"exchange:{user.id}")),
            guid=UUID(guid(self.seed, f"mailbox:{user.id}")),
            alias=str(user.properties.get("mailNickname") or user.upn.partition("@")[0]),
            kind="SharedMailbox" if user.mailbox == "shared" else "UserMailbox",
            locale=locale,
            settings=settings,
            cas=new_cas() | self._cas_changes.pop(user.id, {}),
            capabilities=capabilities,
            when_created=parse_stamp(str(user.properties["createdDateTime"])),
            junk=new_junk(),
            message_configuration=new_message_configuration(),
        )

    # -- names -----------------------------------------------------------------------------------------------------

    def addresses(self, user: User) -> list[str]:
        """The proxy addresses, with their prefixes."""
        return [str(address) for address in user.properties.get("proxyAddresses") or []]

    def primary_address(self, user: User) -> str:
        """The address after SMTP: in capitals."""
        for address in self.addresses(user):
            if address.startswith("SMTP:"):
                return address.removeprefix("SMTP:")
        return str(user.properties.get("mail") or user.upn)

    def _names(self, user: User) -> set[str]:
        names = {user.id, user.upn, user.display_name, str(user.properties.get("mailNickname") or "")}
        names |= {address.partition(":")[2] for address in self.addresses(user)}
        if self.has_mailbox(user):
            names |= {guid(self.seed, f"exchange:{user.id}"), guid(self.seed, f"mailbox:{user.id}")}
        return {name.lower() for name in names if name}

    def _by_guid(self, name: str) -> User | None:
        """The owner of a mailbox by either of its GUIDs."""
        object_id = self._owner_of(name)
        return None if object_id is None else self.tenant.users[object_id]

    def _owner_of(self, name: str) -> str | None:
        """The object id behind either GUID of a mailbox, which are the seed's and so need no look at anybody."""
        if len(self._guids) != 2 * len(self.tenant.users):
            self._guids = {
                guid(self.seed, f"{kind}:{object_id}"): object_id
                for object_id in self.tenant.users
                for kind in ("exchange", "mailbox")
            }
        return self._guids.get(name)

    def _directly(self, name: str) -> User | None:
        """Who has this id, principal name, alias or address: without looking at the whole organisation."""
        users = self.tenant.users
        if name in users:
            return users[name]
        if (owner := self._by_guid(name)) is not None:
            return owner if self.has_mailbox(owner) else None
        local = name.removesuffix(f"@{self.tenant.initial_domain}")
        for principal_name in (name, f"{local}@{self.tenant.domain}"):
            found = users.by_upn(principal_name)
            if found is not None and name in self._names(found):
                return found
        return None

    def _candidates(self, name: str) -> list[str]:
        """Who answers to a name. The index is built again only when somebody came, went or was renamed."""
        changes = self.tenant.changes
        index = self._index
        if (
            index is None
            or index.people != len(self.tenant.users)
            or index.changes > len(changes)
            or any(change.property in _NAMING for change in changes[index.changes :])
        ):
            index = self._index = _Index(len(self.tenant.users))
            for user in self.tenant.users.values():
                for known in self._names(user):
                    index.ids.setdefault(known, set()).add(user.id)
        index.changes = len(changes)
        return sorted(index.ids.get(name.lower(), ()))

    def people(self, identity: str) -> list[User]:
        """Everybody whom a name, address or id fits. An exact id or address wins over a display name."""
        bare = identity.partition(":")[2] if identity.lower().startswith(("smtp:", "sip:")) else identity
        if (direct := self._directly(bare.lower())) is not None:
            return [direct]
        found = [self.tenant.users[object_id] for object_id in self._candidates(bare)]
        exact = [user for user in found if bare.lower() != user.display_name.lower()]
        return exact or found

    def find_mailbox(self, identity: str) -> Mailbox | None:
        """The one mailbox that an identity names; None where there is none. Raises where several fit."""
        found = [box for user in self.people(identity) if (box := self.mailbox_of(user.id)) is not None]
        if len(found) > 1:
            raise errors.ambiguous(identity)
        return found[0] if found else None

    def need_mailbox(self, identity: Any, *, content: bool = False) -> Mailbox:
        """The mailbox, or the service's own error. `content` is for cmdlets that work inside the mailbox."""
        found = self.find_mailbox(str(identity))
        if found is None:
            raise errors.mailbox_not_found(str(identity)) if content else errors.object_not_found(str(identity))
        return found

    def contact(self, identity: str) -> MailContact | None:
        """A mail contact by id, alias, name or address."""
        wanted = identity.lower().removeprefix("smtp:")
        for contact in self.organisation.contacts:
            names = (contact.object_id, str(contact.guid), contact.alias, contact.display_name, contact.address)
            if wanted in {name.lower() for name in names}:
                return contact
        return None

    def need_person(self, identity: Any) -> User:
        """An account as a trustee. Raises where nobody or several fit."""
        found = self.people(str(identity))
        if not found:
            raise errors.recipient_not_found(str(identity))
        if len(found) > 1:
            raise errors.ambiguous(str(identity))
        return found[0]

    def name_of(self, object_id: str) -> str:
        """How other objects refer to a recipient: by alias."""
        user = self.tenant.users.get(object_id)
        if user is not None:
            return str(user.properties.get("mailNickname") or user.upn.partition("@")[0])
        contact = self.contact(object_id)
        return contact.alias if contact is not None else object_id

    def distinguished_name(self, user: User) -> str:
        """Where the directory keeps it; the name is long and useless, as the real one."""
        digest = hashlib.sha256(self.tenant.id.encode()).hexdigest()[:8]
        return (
            f"CN={self.name_of(user.id)},OU={self.tenant.initial_domain},OU=Microsoft Exchange Hosted Organizations,"
            f"DC=EURPR{digest[:2].upper()},DC=PROD,DC=OUTLOOK,DC=COM"
        )

    def speak(self, mailbox: Mailbox, locale: str) -> None:
        """Sets the language of a mailbox: its standard folders are renamed, and Graph sees it too."""
        mailbox.locale = locale
        mailbox.folders = new_folders(mailbox.object_id, locale)
        self.user(mailbox).mailbox_settings["language"] = {"locale": locale, "displayName": locale}

    def note(self, mailbox: Mailbox, what: str, name: str, before: Any, after: Any, by: str) -> None:
        """Writes a change into the tenant's record, where the page and the tests see it."""
        self.tenant.note(self.user(mailbox), what, name, before, after, by)
