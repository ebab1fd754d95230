"""A Microsoft 365 in memory, a clock that tests move, and people: for tests of what stands above Microsoft 365."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cryptography.fernet import Fernet

from services.channel import Actor, Conversation, ConversationKind
from services.errors import Gone
from services.incidents.model import Subject
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account, People, Roles
from services.microsoft365.mailbox import AutomaticReplies, MailboxSettings
from services.microsoft365.risk import AccountRisk
from services.microsoft365.role_assignments import RoleAssignment, RoleGroup
from services.secrets import Secret
from services.settings import Settings
from services.vault import Vault

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
RESPONDERS, APPROVERS = "group-responders", "group-approvers"
NO_ROLES = Roles(active=(), eligible=(), eligible_reason=None, role_assignable_group=False)


class Clock:
    """The time, which stands until a test moves it."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, **by: float) -> datetime:
        """Moves the clock: `pass_by(minutes=31)`."""
        self.time += timedelta(**by)
        return self.time


def settings(**changes: object) -> Settings:
    """Settings of an organisation with responders and approvers, and with little patience."""
    values: dict[str, object] = {
        "tenant_id": "tenant",
        "app_id": "app",
        "app_secret": "a-client-secret",
        "responder_groups": (RESPONDERS,),
        "approver_groups": (APPROVERS,),
        "verify_patience_seconds": 0,
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]  # pydantic checks them


def account(name: str, **changes: Any) -> Account:
    """An ordinary account; its object id is its name."""
    made = Account(
        id=name,
        upn=f"{name}@contoso.com",
        display_name=name.capitalize(),
        mail=f"{name}@contoso.com",
        mail_nickname=name,
        proxy_addresses=(),
        account_enabled=True,
        user_type="Member",
        is_guest=False,
        synced=False,
        on_premises_domain=None,
        on_premises_sam=None,
        department="Finance",
        job_title="Clerk",
        created_at=NOW - timedelta(days=400),
        sessions_valid_from=NOW - timedelta(days=400),
        last_password_change=NOW - timedelta(days=100),
        licensed=True,
        management_restricted=False,
    )
    return replace(made, **changes)


def actor(name: str) -> Actor:
    """A person who acts."""
    return Actor(name, name.capitalize(), f"29:{name}")


def subject(name: str = "megan", **changes: Any) -> Subject:
    """The account that an incident is about."""
    return Subject(name, name.capitalize(), f"{name}@contoso.com", **changes)


def place(kind: ConversationKind, name: str = "1") -> Conversation:
    """Somewhere to talk."""
    return Conversation(f"19:{kind.value}-{name}", kind, "https://smba.example/", "tenant")


CHANNEL = place(ConversationKind.CHANNEL)
GROUP = place(ConversationKind.GROUP)
PERSONAL = place(ConversationKind.PERSONAL)


class FakeDirectory:
    """Accounts by id. `fail[method]` raises instead, `before[method]` runs first; `calls` keeps what was asked."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.groups: dict[str, set[str]] = {}
        self.roles: dict[str, Roles] = {}
        self.app_roles: dict[str, frozenset[str]] = {}
        self.complete = True
        self.fail: dict[str, Exception] = {}
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}
        self.calls: list[tuple[str, str]] = []

    async def _asked(self, method: str, about: str) -> None:
        self.calls.append((method, about))
        if method in self.before:
            await self.before[method]()
        if method in self.fail:
            raise self.fail[method]

    def called(self, method: str) -> int:
        """How often a method was called."""
        return sum(name == method for name, _ in self.calls)

    async def account(self, object_id: str) -> Account:
        await self._asked("account", object_id)
        try:
            return self.accounts[object_id]
        except KeyError as error:
            raise Gone(service="graph", sought=object_id) from error

    async def groups_of(self, object_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        await self._asked("groups_of", object_id)
        return frozenset(group for group in group_ids if object_id in self.groups.get(group, set()))

    async def people_in(self, group_id: str, limit: int) -> People:
        await self._asked("people_in", group_id)
        members = sorted(self.groups.get(group_id, set()))
        return People(tuple(self.accounts[member] for member in members[:limit]), complete=self.complete)

    async def app_roles_of(self, object_id: str) -> frozenset[str]:
        await self._asked("app_roles_of", object_id)
        return self.app_roles.get(object_id, frozenset())

    async def directory_roles(self, object_id: str) -> Roles:
        await self._asked("directory_roles", object_id)
        return self.roles.get(object_id, NO_ROLES)

    async def block_sign_in(self, object_id: str) -> None:
        await self._asked("block_sign_in", object_id)
        self.accounts[object_id] = replace(self.accounts[object_id], account_enabled=False)

    async def allow_sign_in(self, object_id: str) -> None:
        await self._asked("allow_sign_in", object_id)
        self.accounts[object_id] = replace(self.accounts[object_id], account_enabled=True)

    async def revoke_sessions(self, object_id: str) -> None:
        await self._asked("revoke_sessions", object_id)
        since = self.accounts[object_id].sessions_valid_from or NOW
        self.accounts[object_id] = replace(self.accounts[object_id], sessions_valid_from=since + timedelta(days=1))

    async def set_password(self, object_id: str, password: Secret, *, change_at_next_sign_in: bool) -> None:
        await self._asked("set_password", object_id)
        changed = self.accounts[object_id].last_password_change or NOW
        self.accounts[object_id] = replace(self.accounts[object_id], last_password_change=changed + timedelta(days=1))


class FakeMailboxes:
    """Mailboxes that all belong to people, unless `purpose` says otherwise; `fail` raises instead."""

    def __init__(self) -> None:
        self.purpose: dict[str, str] = {}
        self.fail: Exception | None = None

    async def settings(self, object_id: str) -> MailboxSettings:
        if self.fail is not None:
            raise self.fail
        replies = AutomaticReplies("disabled", "none", "", "")
        return MailboxSettings(self.purpose.get(object_id, "user"), "UTC", "en-US", replies)


class FakeRoleAssignments:
    """The single assignments behind the roles that the directory shows; there is always another administrator."""

    def __init__(self, directory: FakeDirectory) -> None:
        self._directory = directory

    async def held_by(self, principal_id: str) -> tuple[RoleAssignment, ...]:
        roles = self._directory.roles.get(principal_id, NO_ROLES)
        return tuple(RoleAssignment(role.name, role.template_id, role.name, role.scope) for role in roles.active)

    async def eligible_of(self, principal_id: str) -> tuple[RoleAssignment, ...]:
        return ()

    async def groups_of(self, object_id: str) -> tuple[RoleGroup, ...]:
        return ()

    async def other_global_administrator(self, object_id: str) -> bool:
        return True

    async def remove(self, assignment_id: str) -> None:
        for holder, roles in self._directory.roles.items():
            left = tuple(role for role in roles.active if role.name != assignment_id)
            self._directory.roles[holder] = replace(roles, active=left)


class FakeRisk:
    """Nobody is at risk until somebody is marked."""

    def __init__(self) -> None:
        self.confirmed: set[str] = set()

    async def of_account(self, object_id: str) -> AccountRisk | None:
        if object_id not in self.confirmed:
            return None
        return AccountRisk("high", "confirmedCompromised", "adminConfirmedUserCompromised", False, NOW)

    async def confirm_compromised(self, object_id: str) -> None:
        self.confirmed.add(object_id)

    async def dismiss(self, object_id: str) -> None:
        self.confirmed.discard(object_id)


@dataclass
class FakeM365:
    """The areas that the core uses."""

    directory: FakeDirectory = field(default_factory=FakeDirectory)
    mailbox: FakeMailboxes = field(default_factory=FakeMailboxes)
    risk: FakeRisk = field(default_factory=FakeRisk)
    role_assignments: FakeRoleAssignments = field(init=False)

    def __post_init__(self) -> None:
        self.role_assignments = FakeRoleAssignments(self.directory)

    @classmethod
    def staffed(cls) -> FakeM365:
        """Alex and Diego respond, Adele and Diego approve, Megan is the usual victim, Zoe is nobody in particular."""
        made = cls()
        for name in ("alex", "adele", "diego", "megan", "zoe"):
            made.directory.accounts[name] = account(name)
        made.directory.groups = {RESPONDERS: {"alex", "diego"}, APPROVERS: {"adele", "diego"}}
        return made

    @property
    def typed(self) -> Microsoft365:
        """As the code under test asks for it."""
        return cast("Microsoft365", self)


VAULT = Vault((Fernet.generate_key().decode(),))
