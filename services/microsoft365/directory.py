"""People, groups and roles of the Entra directory: finding an account, and shutting or opening its doors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Gone, Unavailable, UpstreamDown
from services.microsoft365.accounts import (
    ACCOUNT_FIELDS,
    Account,
    DirectoryRole,
    Organization,
    People,
    Roles,
    account_from,
    organization_from,
    role_from,
)
from services.microsoft365.graph import Graph, Json
from services.microsoft365.graph_errors import SERVICE
from services.microsoft365.operations import Effect, Needs, Operation, permissions_of
from services.microsoft365.reading import flag, is_object_id, kind, number, objects, quoted, text, texts
from services.secrets import Secret
from services.together import together

_ADMINISTRATORS = ("User Administrator", "Privileged Authentication Administrator")
_GOVERNANCE = "Microsoft Entra ID P2"

_READ_ACCOUNT = Operation("account", ("User.Read.All",))
_FIND_ACCOUNTS = Operation("find-accounts", ("User.Read.All",))
_SET_ENABLED = Operation(
    "set-account-enabled",
    ("User.EnableDisableAccount.All",),
    effect=Effect.REPEATABLE,
    roles=_ADMINISTRATORS,
    containment=True,
    beside=("User.Read.All",),
)
_REVOKE_SESSIONS = Operation(
    "revoke-sessions", ("User.RevokeSessions.All",), effect=Effect.REPEATABLE, roles=_ADMINISTRATORS, containment=True
)
_SET_PASSWORD = Operation(
    "set-password",
    ("User-PasswordProfile.ReadWrite.All",),
    effect=Effect.REPEATABLE,
    roles=_ADMINISTRATORS,
    containment=True,
)
_SET_OTHER_MAILS = Operation(
    "set-other-mails",
    ("User-Mail.ReadWrite.All",),
    effect=Effect.REPEATABLE,
    roles=_ADMINISTRATORS,
    containment=True,
)
_SET_MOBILE_PHONE = Operation(
    "set-mobile-phone",
    ("User-Phone.ReadWrite.All",),
    effect=Effect.REPEATABLE,
    roles=_ADMINISTRATORS,
    containment=True,
)
_CHECK_GROUPS = Operation("check-member-groups", ("User.Read.All", "GroupMember.Read.All"))
_GROUP_MEMBERS = Operation("group-members", ("GroupMember.Read.All",), beside=("User.Read.All",))
_GROUPS_OF_ACCOUNT = Operation("groups-of-account", ("User.Read.All", "GroupMember.Read.All"))
_COUNT_ACCOUNTS = Operation("count-accounts", ("User.Read.All",))
_OWNED_GROUPS = Operation("owned-groups", ("User.Read.All",), beside=("GroupMember.Read.All",))
_OWN_APP = Operation("own-service-principal", ("Application.Read.All",))
_OWN_APP_ROLES = Operation("own-app-role-assignments", ("Application.Read.All",))
_ROLE_ASSIGNMENTS = Operation("role-assignments", ("RoleManagement.Read.Directory",))
_ELIGIBLE_ROLES = Operation("eligible-roles", ("RoleEligibilitySchedule.Read.Directory",), licence=_GOVERNANCE)
_ORGANIZATION = Operation("organization", ("User.Read.All",))

NEEDS: Needs = {
    "account": permissions_of(_READ_ACCOUNT),
    "find_accounts": permissions_of(_FIND_ACCOUNTS),
    "nearest_accounts": permissions_of(_FIND_ACCOUNTS),
    "people_who_can_sign_in": permissions_of(_COUNT_ACCOUNTS),
    "block_sign_in": permissions_of(_SET_ENABLED),
    "allow_sign_in": permissions_of(_SET_ENABLED),
    "revoke_sessions": permissions_of(_REVOKE_SESSIONS),
    "set_password": permissions_of(_SET_PASSWORD),
    "set_other_mails": permissions_of(_SET_OTHER_MAILS),
    "set_mobile_phone": permissions_of(_SET_MOBILE_PHONE),
    "groups_of": permissions_of(_CHECK_GROUPS),
    "people_in": permissions_of(_GROUP_MEMBERS),
    "app_roles_of": permissions_of(_OWN_APP, _CHECK_GROUPS),
    "directory_roles": permissions_of(_ROLE_ASSIGNMENTS, _GROUPS_OF_ACCOUNT, _OWNED_GROUPS, _ELIGIBLE_ROLES),
    "organization": permissions_of(_ORGANIZATION),
}

_GROUP_FIELDS = ("id", "displayName", "isAssignableToRole")
_GROUPS_AT_ONCE = 20  # Graph takes no more in one checkMemberGroups
_LONGEST_SOUGHT = 320  # the longest mail address
_NEAR_ENOUGH = 0.5
_SURE_LETTERS, _FEWEST_LETTERS = 3, 2  # a slip is looked for behind these
_EVENTUAL = {"ConsistencyLevel": "eventual"}
_WORDS = re.compile(r"[^\W_]+")


class Directory:
    """The directory of one tenant. `app_id` is our own application."""

    def __init__(self, graph: Graph, app_id: str) -> None:
        self._graph = graph
        self._app_id = app_id
        self._own_app: tuple[str, dict[str, str]] | None = None

    async def account(self, object_id: str) -> Account:
        """The account with this object id. Raises Gone.

        GET /users/{id}; User.Read.All; read only.
        """
        user = self._graph.client.users.by_user_id(object_id)
        answer = await self._graph.call(_READ_ACCOUNT, self._graph.request(Method.GET, user, select=ACCOUNT_FIELDS))
        return account_from(answer.body)

    async def find_accounts(self, sought: str) -> tuple[Account, ...]:
        """The accounts that `sought` names exactly: by object id, UPN, mail, any proxy address or mail nickname.

        GET /users?$filter; User.Read.All; read only.
        """
        sought = sought.strip()
        if not sought or len(sought) > _LONGEST_SOUGHT:
            return ()
        if is_object_id(sought):
            try:
                return (await self.account(sought),)
            except Gone:
                return ()
        return await self._users(_exactly(sought.removeprefix("smtp:").removeprefix("SMTP:")))

    async def nearest_accounts(self, sought: str, limit: int) -> tuple[Account, ...]:
        """Accounts that `sought` may have meant, likeliest first.

        GET /users with $search and with startswith; User.Read.All; read only.
        """
        name = sought.partition("@")[0].casefold()[:_LONGEST_SOUGHT]
        words = _WORDS.findall(name)
        if not words or limit < 1:
            return ()
        searched, beginning = await together(self._searched(words), self._users(_beginning(words[0][:_SURE_LETTERS])))
        near = _nearest(name, (*searched, *beginning))
        if not near:
            near = _nearest(name, await self._users(_beginning(words[0][:_FEWEST_LETTERS])))
        return near[:limit]

    async def people_who_can_sign_in(self) -> int:
        """How many accounts are not blocked, guests and shared ones among them. The index lags behind by minutes.

        GET /users?$count; User.Read.All; read only.
        """
        request = self._graph.request(
            Method.GET,
            self._graph.client.users,
            select=("id",),
            filter="accountEnabled eq true",
            count=True,
            top=1,
            headers=_EVENTUAL,
        )
        found = number((await self._graph.call(_COUNT_ACCOUNTS, request)).body, "@odata.count")
        if found is None:
            raise UpstreamDown(service=SERVICE, operation=_COUNT_ACCOUNTS.name, reason="unreadable-answer")
        return found

    async def block_sign_in(self, object_id: str) -> None:
        """No new tokens for this account, from now on.

        PATCH /users/{id} accountEnabled; User.EnableDisableAccount.All and User.Read.All, and an Entra role where the
        account is an administrator's; safe to repeat. Raises OnPremises where the account is mastered there.
        """
        await self._patch(_SET_ENABLED, object_id, {"accountEnabled": False})

    async def allow_sign_in(self, object_id: str) -> None:
        """Undoes block_sign_in. Exchange takes some 40 minutes to notice.

        PATCH /users/{id} accountEnabled; rights as block_sign_in; safe to repeat.
        """
        await self._patch(_SET_ENABLED, object_id, {"accountEnabled": True})

    async def revoke_sessions(self, object_id: str) -> None:
        """Ends all sessions: refresh tokens and browser cookies die; access tokens may live on for about an hour.

        POST /users/{id}/revokeSignInSessions; User.RevokeSessions.All; safe to repeat.
        """
        action = self._graph.client.users.by_user_id(object_id).revoke_sign_in_sessions
        await self._graph.call(_REVOKE_SESSIONS, self._graph.request(Method.POST, action))

    async def set_password(self, object_id: str, password: Secret, *, change_at_next_sign_in: bool) -> None:
        """Replaces the password. Raises OnPremises where the account is mastered there, MissingRole for most.

        PATCH /users/{id} passwordProfile; User-PasswordProfile.ReadWrite.All and the role User Administrator; safe to
        repeat with the same password.
        """
        profile = {"password": password.reveal(), "forceChangePasswordNextSignIn": change_at_next_sign_in}
        await self._patch(_SET_PASSWORD, object_id, {"passwordProfile": profile})

    async def set_other_mails(self, object_id: str, mails: Sequence[str]) -> None:
        """Replaces the other mail addresses, which password resets can use.

        PATCH /users/{id} otherMails; User-Mail.ReadWrite.All, and an Entra role where the account is an
        administrator's; safe to repeat. Raises OnPremises where the account is mastered there.
        """
        await self._patch(_SET_OTHER_MAILS, object_id, {"otherMails": list(mails)})

    async def set_mobile_phone(self, object_id: str, phone: str | None) -> None:
        """Replaces the mobile phone number, or takes it away.

        PATCH /users/{id} mobilePhone; User-Phone.ReadWrite.All, and an Entra role where the account is an
        administrator's; safe to repeat. Raises OnPremises where the account is mastered there.
        """
        await self._patch(_SET_MOBILE_PHONE, object_id, {"mobilePhone": phone})

    async def groups_of(self, object_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        """Which of these groups the account is in, directly or through other groups.

        POST /users/{id}/checkMemberGroups; GroupMember.Read.All and User.Read.All; read only.
        """
        wanted = {group_id.lower(): group_id for group_id in group_ids}
        ids = sorted(wanted)
        action = self._graph.client.users.by_user_id(object_id).check_member_groups
        answers = await together(
            *(
                self._graph.call(
                    _CHECK_GROUPS,
                    self._graph.request(Method.POST, action, body={"groupIds": ids[start : start + _GROUPS_AT_ONCE]}),
                )
                for start in range(0, len(ids), _GROUPS_AT_ONCE)
            )
        )
        held = (group_id.lower() for answer in answers for group_id in texts(answer.body, "value"))
        return frozenset(wanted[group_id] for group_id in held if group_id in wanted)

    async def people_in(self, group_id: str, limit: int) -> People:
        """The people of a group and of the groups in it.

        GET /groups/{id}/transitiveMembers; GroupMember.Read.All and User.Read.All; read only. Raises Gone.
        """
        members = self._graph.client.groups.by_group_id(group_id).transitive_members
        items = await self._graph.items(
            _GROUP_MEMBERS,
            self._graph.request(Method.GET, members, select=ACCOUNT_FIELDS, top=500),
            limit=2 * limit + 500,  # not only people are in groups
        )
        accounts = _each_once(account_from(entry) for entry in items.values if kind(entry) == "user")
        return People(accounts[:limit], complete=items.complete and len(accounts) <= limit)

    async def app_roles_of(self, object_id: str) -> frozenset[str]:
        """The values of our own application's app roles that the account holds, itself or through groups.

        GET /servicePrincipals and …/appRoleAssignedTo, POST checkMemberGroups; Application.Read.All,
        GroupMember.Read.All and User.Read.All; read only.
        """
        own_id, names = await self._own_service_principal()
        assigned = self._graph.client.service_principals.by_service_principal_id(own_id).app_role_assigned_to
        items = await self._graph.items(_OWN_APP_ROLES, self._graph.request(Method.GET, assigned))
        of_groups: dict[str, set[str]] = {}
        held: set[str] = set()
        for entry in items.values:
            name = names.get(text(entry, "appRoleId"))
            principal = text(entry, "principalId").lower()
            if name is None:
                continue
            if principal == object_id.lower():
                held.add(name)
            elif text(entry, "principalType").casefold() == "group":
                of_groups.setdefault(principal, set()).add(name)
        if of_groups:
            for group_id in await self.groups_of(object_id, of_groups):
                held |= of_groups[group_id]
        return frozenset(held)

    async def directory_roles(self, object_id: str) -> Roles:
        """The Entra roles that the account holds or may take, itself or through role-assignable groups.

        GET /roleManagement/directory/roleAssignments and roleEligibilityScheduleInstances, and
        /users/{id}/transitiveMemberOf and ownedObjects; RoleManagement.Read.Directory,
        RoleEligibilitySchedule.Read.Directory, User.Read.All and GroupMember.Read.All; read only.
        """
        own, (through_groups, hidden), owner = await together(
            self._roles_held(object_id, object_id),
            self._roles_through_groups(object_id),
            self._owns_role_assignable_group(object_id),
        )
        held = (own, *through_groups)
        reasons = [each.eligible_reason for each in held if each.eligible is None]
        return Roles(
            active=tuple(role for each in held for role in each.active),
            eligible=None if reasons else tuple(role for each in held for role in each.eligible or ()),
            eligible_reason=reasons[0] if reasons else None,
            role_assignable_group=bool(through_groups),
            owns_role_assignable_group=owner,
            hidden_groups=hidden,
        )

    async def organization(self) -> Organization:
        """Our tenant.

        GET /organization; User.Read.All; read only.
        """
        fields = ("id", "displayName", "onPremisesSyncEnabled", "onPremisesLastSyncDateTime", "verifiedDomains")
        request = self._graph.request(Method.GET, self._graph.client.organization, select=fields)
        items = await self._graph.items(_ORGANIZATION, request)
        if not items.values:
            raise UpstreamDown(service=SERVICE, operation=_ORGANIZATION.name, reason="unreadable-answer")
        return organization_from(items.values[0])

    async def _patch(self, operation: Operation, object_id: str, body: Json) -> None:
        """One property at a time: a PATCH of two is refused as a whole when the right for one is missing."""
        user = self._graph.client.users.by_user_id(object_id)
        await self._graph.call(operation, self._graph.request(Method.PATCH, user, body=body))

    async def _users(self, condition: str) -> tuple[Account, ...]:
        request = self._graph.request(
            Method.GET, self._graph.client.users, select=ACCOUNT_FIELDS, filter=condition, top=50
        )
        items = await self._graph.items(_FIND_ACCOUNTS, request, limit=50)
        return _each_once(account_from(entry) for entry in items.values)

    async def _searched(self, words: Sequence[str]) -> tuple[Account, ...]:
        phrase = " ".join(words)
        search = f'"displayName:{phrase}" OR "userPrincipalName:{words[0]}" OR "mail:{words[0]}"'
        request = self._graph.request(
            Method.GET,
            self._graph.client.users,
            select=ACCOUNT_FIELDS,
            search=search,
            count=True,
            top=50,
            headers=_EVENTUAL,
        )
        items = await self._graph.items(_FIND_ACCOUNTS, request, limit=50)
        return _each_once(account_from(entry) for entry in items.values)

    async def _own_service_principal(self) -> tuple[str, dict[str, str]]:
        """Our service principal's object id, and the values of its app roles by their id. Kept: both never change."""
        if self._own_app is None:
            request = self._graph.request(
                Method.GET,
                self._graph.client.service_principals,
                filter=f"appId eq {quoted(self._app_id)}",
                select=("id", "appRoles"),
            )
            items = await self._graph.items(_OWN_APP, request, limit=1)
            if not items.values:
                raise Gone(service=SERVICE, operation=_OWN_APP.name, reason="not-there")
            own = items.values[0]
            roles = {text(role, "id"): text(role, "value") for role in objects(own, "appRoles")}
            self._own_app = text(own, "id"), {key: value for key, value in roles.items() if value}
        return self._own_app

    async def _role_assignable_groups(self, object_id: str) -> tuple[tuple[str, ...], bool]:
        """Groups that carry, or may carry, roles: one that Graph hides from us may. And whether it hides any."""
        holders = self._graph.client.users.by_user_id(object_id).transitive_member_of
        request = self._graph.request(Method.GET, holders, select=_GROUP_FIELDS, top=500)
        items = await self._graph.items(_GROUPS_OF_ACCOUNT, request)
        groups = [entry for entry in items.values if kind(entry) == "group"]
        found = tuple(text(entry, "id") for entry in groups if _may_carry_roles(entry))
        return found, any(is_hidden(entry) for entry in groups)

    async def _owns_role_assignable_group(self, object_id: str) -> bool:
        owned = self._graph.client.users.by_user_id(object_id).owned_objects.graph_group
        items = await self._graph.items(_OWNED_GROUPS, self._graph.request(Method.GET, owned, select=_GROUP_FIELDS))
        return any(_may_carry_roles(entry) for entry in items.values)

    async def _roles_through_groups(self, account: str) -> tuple[tuple[Roles, ...], bool]:
        groups, hidden = await self._role_assignable_groups(account)
        return await together(*(self._roles_held(group, account) for group in groups)), hidden

    async def _roles_held(self, principal: str, account: str) -> Roles:
        """The roles of one principal. Only the eligible ones may be unreadable: they need a licence."""
        active, (eligible, reason) = await together(
            self._assignments(principal, account), self._eligible_or_reason(principal, account)
        )
        return Roles(active, eligible, eligible_reason=reason, role_assignable_group=principal != account)

    async def _eligible_or_reason(
        self, principal: str, account: str
    ) -> tuple[tuple[DirectoryRole, ...] | None, str | None]:
        try:
            return await self._eligible(principal, account), None
        except Unavailable as error:
            return None, error.code

    async def _assignments(self, principal: str, account: str) -> tuple[DirectoryRole, ...]:
        return await self._roles(
            _ROLE_ASSIGNMENTS, self._graph.client.role_management.directory.role_assignments, principal, account
        )

    async def _eligible(self, principal: str, account: str) -> tuple[DirectoryRole, ...]:
        instances = self._graph.client.role_management.directory.role_eligibility_schedule_instances
        return await self._roles(_ELIGIBLE_ROLES, instances, principal, account)

    async def _roles(
        self, operation: Operation, builder: Any, principal: str, account: str
    ) -> tuple[DirectoryRole, ...]:
        request = self._graph.request(
            Method.GET, builder, filter=f"principalId eq {quoted(principal)}", expand=("roleDefinition",)
        )
        items = await self._graph.items(operation, request)
        return tuple(role_from(entry, None if principal == account else principal) for entry in items.values)


def _may_carry_roles(group: Json) -> bool:
    return flag(group, "isAssignableToRole") or is_hidden(group)


def is_hidden(group: Json) -> bool:
    """Whether Graph gave the id of a group alone, as it does without the right to read groups."""
    return not text(group, "displayName")


def _exactly(sought: str) -> str:
    """The filter for everything that `sought` can name. Graph compares without case, but for the prefix of a proxy."""
    if "@" not in sought:
        return f"mailNickname eq {quoted(sought)}"
    proxies = " or ".join(f"proxyAddresses/any(p:p eq {quoted(prefix + sought)})" for prefix in ("smtp:", "SMTP:"))
    return f"userPrincipalName eq {quoted(sought)} or mail eq {quoted(sought)} or {proxies}"


def _beginning(word: str) -> str:
    start = quoted(word)
    fields = ("displayName", "givenName", "surname", "userPrincipalName", "mailNickname")
    return " or ".join(f"startswith({field},{start})" for field in fields)


def _nearest(name: str, accounts: Iterable[Account]) -> tuple[Account, ...]:
    likely = ((_likeness(name, account), account) for account in _each_once(accounts))
    near = sorted((pair for pair in likely if pair[0] >= _NEAR_ENOUGH), key=lambda pair: (-pair[0], pair[1].upn))
    return tuple(account for _, account in near)


def _likeness(name: str, account: Account) -> float:
    """How near `name` comes to any name of the account, from 0 to 1."""
    names = {
        account.upn.partition("@")[0],
        account.display_name,
        account.mail_nickname,
        (account.mail or "").partition("@")[0],
        *account.display_name.split(),
    }
    return max(difflib.SequenceMatcher(None, name, each.casefold()).ratio() for each in names)


def _each_once(accounts: Iterable[Account]) -> tuple[Account, ...]:
    return tuple({account.id: account for account in accounts}.values())
