"""Who may do what: the only place where a role decides. Denies by default.

A role comes from an Entra group (members counted transitively) or an app role of our own service principal. It is
looked up afresh at every request, approval and execution; a look-up that fails gives no role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services import brake
from services.channel import Actor, Conversation, ConversationKind
from services.database import Database
from services.errors import Gone, IRBotError, NotAllowed
from services.guard import store as guard
from services.incidents import store
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.settings import Settings
from services.together import together


class Permission(StrEnum):
    """What can be allowed, as `thing:verb`, alphabetised."""

    ACCOUNT_CONTAIN = "account:contain"
    APPROVAL_DECIDE = "approval:decide"
    BLAST_SEND = "blast:send"
    INCIDENT_OPEN = "incident:open"
    INCIDENT_READ = "incident:read"
    ORGANISATION_SET = "organisation:set"
    REPORT_TAKE = "report:take"
    SELF_READ = "self:read"
    WORK_STOP = "work:stop"


class Role(StrEnum):
    """The roles of an organisation's people in IRBot."""

    ADMINISTRATOR = "Administrator"
    APPROVER = "Approver"
    COMMUNICATOR = "Communicator"
    RESPONDER = "Responder"


POLICY: Mapping[Role, frozenset[Permission]] = {
    Role.RESPONDER: frozenset(
        {Permission.INCIDENT_OPEN, Permission.INCIDENT_READ, Permission.ACCOUNT_CONTAIN, Permission.REPORT_TAKE}
    ),
    Role.APPROVER: frozenset({Permission.INCIDENT_READ, Permission.APPROVAL_DECIDE, Permission.REPORT_TAKE}),
    Role.COMMUNICATOR: frozenset({Permission.INCIDENT_READ, Permission.BLAST_SEND}),
    Role.ADMINISTRATOR: frozenset(
        {Permission.INCIDENT_READ, Permission.WORK_STOP, Permission.REPORT_TAKE, Permission.ORGANISATION_SET}
    ),
}

# What anybody of the tenant may ask, member or guest, and even a subject: who they are to IRBot.
EVERYBODY = frozenset({Permission.SELF_READ})

# What is never done from a private talk: others must see it happen.
ONLY_IN_CHANNELS = frozenset({Permission.INCIDENT_OPEN, Permission.ACCOUNT_CONTAIN, Permission.BLAST_SEND})

# What leads to effects: refused to everybody while an administrator has stopped the work, unless it is harmless.
WITH_EFFECTS = frozenset({Permission.ACCOUNT_CONTAIN, Permission.APPROVAL_DECIDE, Permission.BLAST_SEND})

_WORDS: Mapping[Role, str] = {
    Role.RESPONDER: "Open incidents, and ask for and confirm steps.",
    Role.APPROVER: "Decide as the second person.",
    Role.COMMUNICATOR: "Prepare warnings and lessons.",
    Role.ADMINISTRATOR: "Configure IRBot and stop its work.",
}


@dataclass(frozen=True)
class Standing:
    """A person's roles, each with the reason, as looked up a moment ago."""

    account: Account
    roles: Mapping[Role, str]
    unconfirmed: frozenset[Role] = frozenset()  # new in a group that gives it; an administrator has to say so first

    @property
    def permissions(self) -> frozenset[Permission]:
        """The union of what the roles allow."""
        return frozenset().union(*(POLICY[role] for role in self.roles))


class Access:
    """The role checks. Every method that answers yes has just asked Entra."""

    def __init__(self, settings: Settings, m365: Microsoft365, database: Database) -> None:
        self._settings = settings
        self._m365 = m365
        self._database = database
        self._groups: Mapping[Role, tuple[str, ...]] = {
            Role.RESPONDER: settings.responder_groups,
            Role.APPROVER: settings.approver_groups,
            Role.COMMUNICATOR: settings.communicator_groups,
            Role.ADMINISTRATOR: settings.administrator_groups,
        }

    async def standing(self, object_id: str) -> Standing:
        """A person's roles now; guests and disabled accounts hold none.

        Raises NotAllowed when the account is not there any more ("account-gone"), and when the look-up fails
        ("role-check-failed"), which may be otherwise in a minute.

        Who was not in the group when an administrator accepted its members last holds none through it either.
        """
        wanted = sorted({group for groups in self._groups.values() for group in groups})
        directory = self._m365.directory
        try:
            person, member, app_roles = await together(
                directory.account(object_id), directory.groups_of(object_id, wanted), self._app_roles(object_id)
            )
        except IRBotError as error:
            gone = isinstance(error, Gone) and await self._is_gone(object_id)
            raise NotAllowed(reason="account-gone" if gone else "role-check-failed", cause=error.code) from error
        if person.is_guest or not person.account_enabled:
            return Standing(person, {})
        confirmed = await self._confirmed()
        roles: dict[Role, str] = {}
        unconfirmed: set[Role] = set()
        for role, groups in self._groups.items():
            through, app_role = [group for group in groups if group in member], f"IRBot.{role.value}"
            if through and (confirmed is None or confirmed.in_any(person.id, through)):
                roles[role] = f"You are in a group that IRBot knows as {role.value}s."
            elif app_role in app_roles and (confirmed is None or confirmed.holds(person.id, app_role)):
                roles[role] = f"You hold the app role {app_role}."
            elif through or app_role in app_roles:
                unconfirmed.add(role)
        return Standing(person, roles, frozenset(unconfirmed))

    async def _is_gone(self, object_id: str) -> bool:
        """Whether it is the account that is not there, and not a group or our own application."""
        try:
            await self._m365.directory.account(object_id)
        except IRBotError as error:
            return isinstance(error, Gone)
        return False

    async def _confirmed(self) -> guard.Confirmed | None:
        """Whom the administrators know; None where new members count at once."""
        if not (self._settings.guard_minutes and self._settings.guard_new_members):
            return None
        async with self._database.read() as connection:
            return await guard.confirmed(connection)

    async def require(
        self,
        actor: Actor,
        permission: Permission,
        where: Conversation | None,
        *,
        incident_id: str | None = None,
        harmless: bool = False,
    ) -> Standing:
        """Returns the actor's standing, or raises NotAllowed with the reason.

        `where` is None for scheduled work, which has no place and runs in the name of who asked for it. `harmless` is
        for what has no effect and leads to none without another check: it goes on while all work is stopped.
        """
        async with self._database.read() as connection:
            subjects = await store.open_subjects(connection)
            stop = await brake.current(connection) if permission in WITH_EFFECTS and not harmless else None
        if permission not in EVERYBODY and actor.object_id in subjects:
            raise NotAllowed(reason="subject-of-incident", permission=permission.value)
        if permission in ONLY_IN_CHANNELS and where is not None and where.kind is not ConversationKind.CHANNEL:
            personal = where.kind is ConversationKind.PERSONAL
            raise NotAllowed(reason="not-in-personal-chat" if personal else "not-in-this-place")
        standing = await self.standing(actor.object_id)
        if permission in EVERYBODY:
            return standing
        if standing.account.is_guest:
            raise NotAllowed(reason="guest", permission=permission.value)
        if permission not in standing.permissions:
            if any(permission in POLICY[role] for role in standing.unconfirmed):
                raise NotAllowed(reason="member-not-confirmed", permission=permission.value)
            needed = [role.value for role in Role if permission in POLICY[role]]
            raise NotAllowed(reason="no-role", permission=permission.value, needed=needed)
        if stop is not None:
            raise stop.error()
        return standing

    async def approvers(self, without: frozenset[str]) -> tuple[tuple[Account, ...], bool]:
        """Whom to ask: members of the approver groups who can act, and whether the list is complete."""
        return await self.able(Role.APPROVER, without)

    async def able(self, role: Role, without: frozenset[str] = frozenset()) -> tuple[tuple[Account, ...], bool]:
        """The members of a role's groups who can act, and whether the list is complete."""
        found: dict[str, Account] = {}
        complete = bool(self._groups[role])
        for group in self._groups[role]:
            people = await self._m365.directory.people_in(group, limit=50)
            complete = complete and people.complete
            found.update({account.id: account for account in people.accounts})
        async with self._database.read() as connection:
            subjects = await store.open_subjects(connection)
        confirmed, groups = await self._confirmed(), self._groups[role]
        able = [
            account
            for account in found.values()
            if account.account_enabled and not account.is_guest and account.id not in without | subjects
            if confirmed is None or confirmed.in_any(account.id, groups)
        ]
        return tuple(sorted(able, key=lambda account: account.display_name)), complete

    async def _app_roles(self, object_id: str) -> frozenset[str]:
        if not self._settings.use_app_roles:
            return frozenset()
        return await self._m365.directory.app_roles_of(object_id)


def what_it_allows(role: Role) -> str:
    """A role's powers in one short sentence."""
    return _WORDS[role]
