"""The state of the simulated tenant, and the one way to change it: every change is dated, attributed and kept.

Objects carry their Microsoft Graph properties as plain JSON in `properties`; what no API shows stands beside it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from simulator.clock import stamp
from simulator.directory import People
from simulator.records import Records

Json = dict[str, Any]


@dataclass
class DirectoryObject:
    """Anything with an object id."""

    properties: Json
    odata_type = "#microsoft.graph.directoryObject"

    @property
    def id(self) -> str:
        """The object id."""
        return str(self.properties["id"])

    @property
    def display_name(self) -> str:
        """The name that people see."""
        return str(self.properties.get("displayName") or "")


@dataclass
class Session:
    """A signed-in session of a person, or of somebody who pretends to be that person."""

    id: str
    app: str
    ip_address: str
    place: str
    started: datetime
    intruder: bool = False
    revoked_at: datetime | None = None

    def to_json(self) -> Json:
        """The session as plain JSON."""
        return asdict(self) | {
            "started": self.started.isoformat(),
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
        }


@dataclass
class PasswordState:
    """Proves that a password changed without keeping it."""

    version: int = 1
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    digest: bytes = b""

    def is_same(self, password: str) -> bool:
        """Whether this is the current password."""
        return secrets.compare_digest(self.digest, self._digest(self.salt, password))

    def set(self, password: str) -> None:
        """Keeps a salted hash of the new password and nothing else."""
        self.salt = secrets.token_bytes(16)
        self.digest = self._digest(self.salt, password)
        self.version += 1

    @staticmethod
    def _digest(salt: bytes, password: str) -> bytes:
        return hashlib.blake2b(password.encode(), salt=salt).digest()


@dataclass
class User(DirectoryObject):
    """A person, guest, shared mailbox or break-glass account."""

    odata_type = "#microsoft.graph.user"
    mailbox: str | None = "user"  # user | shared | None
    tags: tuple[str, ...] = ()  # what the tenant page shows beside the name
    manager_id: str | None = None
    licences: tuple[str, ...] = ()
    plans_off: dict[str, tuple[str, ...]] = field(default_factory=dict)  # ids of service plans, by licence
    password: PasswordState = field(default_factory=PasswordState)
    sessions: list[Session] = field(default_factory=list)
    methods: list[Json] = field(default_factory=list)  # authentication methods, each with @odata.type
    default_method_id: str | None = None
    per_user_mfa: str = "disabled"
    rules: list[Json] = field(default_factory=list)  # inbox rules in Graph's form; hidden ones are not here
    mailbox_settings: Json = field(default_factory=dict)
    device_ids: list[str] = field(default_factory=list)
    registered_device_ids: list[str] = field(default_factory=list)
    before_sync: Json = field(default_factory=dict)  # cloud writes that the next directory sync undoes

    @property
    def upn(self) -> str:
        """The user principal name."""
        return str(self.properties["userPrincipalName"])

    @property
    def enabled(self) -> bool:
        """Whether sign-in is allowed."""
        return bool(self.properties["accountEnabled"])

    @property
    def synced(self) -> bool:
        """Whether the account is mastered on-premises."""
        return self.properties.get("onPremisesSyncEnabled") is True

    @property
    def guest(self) -> bool:
        """Whether the account is a guest of another organisation."""
        return self.properties.get("userType") == "Guest"

    def active_sessions(self) -> list[Session]:
        """The sessions that have not been revoked."""
        return [session for session in self.sessions if session.revoked_at is None]


@dataclass
class Group(DirectoryObject):
    """A group; members and owners are object ids of users, groups and service principals."""

    odata_type = "#microsoft.graph.group"
    members: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FederatedCredential:
    """Whose tokens an app registration accepts instead of a secret: compared exactly, case included."""

    issuer: str
    subject: str
    audiences: tuple[str, ...] = ("api://AzureADTokenExchange",)


@dataclass
class ServicePrincipal(DirectoryObject):
    """An app in the tenant. `permissions` are the Graph application permissions that an administrator granted."""

    odata_type = "#microsoft.graph.servicePrincipal"
    permissions: set[str] = field(default_factory=set)
    exchange_roles: set[str] = field(default_factory=set)
    secret_digest: str | None = None
    certificate_pem: bytes | None = None
    federated_credentials: list[FederatedCredential] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)  # object ids
    registration: Json = field(default_factory=dict)  # of an app that is registered in this tenant
    registration_owners: list[str] = field(default_factory=list)

    @property
    def app_id(self) -> str:
        """The client id."""
        return str(self.properties["appId"])


@dataclass
class Device(DirectoryObject):
    """An Entra device."""

    odata_type = "#microsoft.graph.device"


@dataclass(frozen=True)
class RoleAssignment:
    """A directory role held by a principal (user, group or service principal); eligible ones are not active."""

    id: str
    principal_id: str
    role_id: str
    scope: str = "/"
    eligible: bool = False


@dataclass(frozen=True)
class Change:
    """One change of the tenant: what the page and the tests show as proof."""

    number: int
    at: datetime
    what: str
    target_id: str
    target_name: str
    property: str
    before: Any
    after: Any
    by: str

    def to_json(self) -> Json:
        """The change as plain JSON."""
        return asdict(self) | {"at": self.at.isoformat()}


@dataclass(frozen=True)
class _Pending:
    """A value that a lagging replica still shows."""

    until: float
    object_id: str
    property: str
    old: Any


def _city(place: str) -> tuple[str, str]:
    city, _, country = place.partition(", ")
    return city, country or "US"


class Tenant:
    """All objects, by id and by the names that people and APIs use."""

    def __init__(
        self,
        tenant_id: str,
        domain: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.id = tenant_id
        self.domain = domain
        self.synchronises = False
        self.initial_domain = f"{domain.split('.', maxsplit=1)[0]}.onmicrosoft.com"
        self.name = domain.split(".", maxsplit=1)[0].capitalize()
        self._now = now
        self._monotonic = monotonic
        self.replication_seconds = 0.0  # the longest that a lagging replica stays behind
        self._random = Random(tenant_id)
        self.version = 0
        self.users = People()
        self.groups: dict[str, Group] = {}
        self.service_principals: dict[str, ServicePrincipal] = {}
        self.devices: dict[str, Device] = {}
        self.role_assignments: list[RoleAssignment] = []
        self.app_role_assignments: list[Json] = []
        self.permission_grants: list[Json] = []
        self.licences: set[str] = set()
        self.everyday: set[str] = set()  # the licences that every employee was given
        self.bought: dict[str, int] = {}  # units by licence; without a number there are always ten left
        self.records = Records()
        self.changes: list[Change] = []
        self._pending: list[_Pending] = []

    # -- finding ---------------------------------------------------------------------------------------------------

    def find(self, object_id: str) -> DirectoryObject | None:
        """Any directory object by its id."""
        key = object_id.lower()
        if key in self.users:
            return self.users[key]
        return self.groups.get(key) or self.service_principals.get(key) or self.devices.get(key)

    def user(self, key: str) -> User:
        """The user with this object id, UPN or first name in the tenant's domain. Raises KeyError."""
        found = self.find_user(key) or self.find_user(f"{key}@{self.domain}")
        if found is None:
            raise KeyError(key)
        return found

    def find_user(self, key: str) -> User | None:
        """The user with this object id or UPN."""
        lowered = key.lower()
        return self.users[lowered] if lowered in self.users else self.users.by_upn(lowered)

    def group(self, name: str) -> Group:
        """The group with this id or display name. Raises KeyError."""
        if name in self.groups:
            return self.groups[name]
        for group in self.groups.values():
            if group.display_name == name:
                return group
        raise KeyError(name)

    def app(self, app_id: str) -> ServicePrincipal | None:
        """The service principal of a client id."""
        return next((sp for sp in self.service_principals.values() if sp.app_id == app_id.lower()), None)

    # -- membership ------------------------------------------------------------------------------------------------

    def groups_of(self, object_id: str, *, transitive: bool = True) -> list[Group]:
        """The groups that an object belongs to, nearest first."""
        found: dict[str, Group] = {}
        wave = {object_id}
        while wave:
            parents = [g for g in self.groups.values() if g.id not in found and wave.intersection(g.members)]
            found.update((group.id, group) for group in parents)
            wave = {group.id for group in parents} if transitive else set()
        return list(found.values())

    def members_of(self, group_id: str, *, transitive: bool = True) -> list[DirectoryObject]:
        """The members of a group, without duplicates."""
        found: dict[str, DirectoryObject] = {}
        waiting = [group_id]
        seen = {group_id}
        while waiting:
            for member_id in self.groups[waiting.pop(0)].members:
                member = self.find(member_id)
                if member is None or member_id in found:
                    continue
                found[member_id] = member
                if transitive and isinstance(member, Group) and member_id not in seen:
                    seen.add(member_id)
                    waiting.append(member_id)
        return list(found.values())

    def active_roles(self, principal_id: str) -> set[str]:
        """Role ids that a principal holds now, directly or through role-assignable groups."""
        holders = {principal_id} | {group.id for group in self.groups_of(principal_id)}
        return {a.role_id for a in self.role_assignments if a.principal_id in holders and not a.eligible}

    # -- changing --------------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Something that the tenant page shows has changed."""
        self.version += 1

    def note(self, target: DirectoryObject, what: str, name: str, before: Any, after: Any, by: str) -> Change:
        """Writes a change into the tenant's own record. Never give it a secret."""
        change = Change(
            len(self.changes) + 1, self._now(), what, target.id, target.display_name, name, before, after, by
        )
        self.changes.append(change)
        self.touch()
        return change

    def note_tenant(self, what: str, name: str, before: Any, after: Any, by: str) -> Change:
        """Writes a change of the organisation itself into the record."""
        change = Change(len(self.changes) + 1, self._now(), what, self.id, self.name, name, before, after, by)
        self.changes.append(change)
        self.touch()
        return change

    def change(self, target: DirectoryObject, values: Json, by: str, what: str = "Update") -> None:
        """Sets properties, records what really changed, and lets lagging replicas keep the old values for a while."""
        for name, value in values.items():
            before = target.properties.get(name)
            if before == value:
                continue
            target.properties[name] = value
            if name == "userPrincipalName" and isinstance(target, User):
                self.users.renamed(target, str(before))
            if self.replication_seconds > 0:
                until = self._monotonic() + self.replication_seconds * self._random.uniform(0.15, 1)
                self._pending.append(_Pending(until, target.id, name, before))
            self.note(target, what, name, before, value, by)

    def seen_by(self, target: DirectoryObject, *, lagging: bool) -> Json:
        """The properties as a replica shows them."""
        if not self._pending:
            return target.properties
        now = self._monotonic()
        self._pending = [old for old in self._pending if old.until > now]
        if not lagging:
            return target.properties
        shown = dict(target.properties)
        for old in reversed([old for old in self._pending if old.object_id == target.id]):
            shown[old.property] = old.old
        return shown

    def set_password(self, user: User, password: str, by: str) -> None:
        """Changes the password; only its hash, its version and the time stay."""
        user.password.set(password)
        self.note(user, "Reset password", "password", "(not kept)", f"version {user.password.version}", by)
        self.change(user, {"lastPasswordChangeDateTime": stamp(self._now())}, by, "Reset password")

    def revoke_sessions(self, user: User, by: str) -> None:
        """Ends every session that began before now."""
        now = self._now()
        for session in user.active_sessions():
            session.revoked_at = now
        self.change(user, {"signInSessionsValidFromDateTime": stamp(now)}, by, "Revoke sign-in sessions")
        self.touch()

    def sign_in(self, user: User, app: str, ip_address: str, place: str, *, intruder: bool = False) -> Session | None:
        """Tries to sign in; None while sign-in is blocked."""
        error = 0 if user.enabled else 50057
        self.records.add_sign_in(user, self._now(), app=app, ip_address=ip_address, place=_city(place), error=error)
        if error:
            self.touch()
            return None
        session = Session(secrets.token_hex(8), app, ip_address, place, self._now(), intruder)
        user.sessions.append(session)
        self.note(user, "Sign in", "session", None, f"{app} from {place} ({ip_address})", user.upn)
        return session

    def sync_tick(self) -> list[User]:
        """A directory synchronisation: on-premises values flow back over cloud writes. Returns who changed."""
        flowed_back: list[User] = []
        for user in self.users.known():
            if user.synced:
                user.properties["onPremisesLastSyncDateTime"] = stamp(self._now())
            if user.before_sync:
                self.change(user, user.before_sync, "Directory synchronisation", "Directory synchronisation")
                user.before_sync = {}
                flowed_back.append(user)
        self.touch()
        return flowed_back

    def changes_of(self, object_id: str) -> Iterator[Change]:
        """What happened to one object, oldest first."""
        return (change for change in self.changes if change.target_id == object_id)
