"""Directory roles as single assignments: what one account holds itself, may take, or gets through a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Bug, Conflict, Gone, MissingPermission
from services.microsoft365.accounts import LOW_RISK_ROLES
from services.microsoft365.directory import Directory, is_hidden
from services.microsoft365.graph import Graph, Json
from services.microsoft365.graph_errors import SERVICE
from services.microsoft365.operations import Effect, Needs, Operation, permissions_of
from services.microsoft365.reading import child, flag, kind, moment, quoted, text
from services.together import together

_GOVERNANCE = "Microsoft Entra ID P2"
_READ = Operation("direct-role-assignments", ("RoleManagement.Read.Directory",))
_HOLDERS = Operation("holders-of-role", ("RoleManagement.Read.Directory",))
_ELIGIBLE = Operation("direct-eligible-roles", ("RoleEligibilitySchedule.Read.Directory",), licence=_GOVERNANCE)
_GROUPS = Operation("role-groups-of-account", ("User.Read.All", "GroupMember.Read.All"))
_REMOVE = Operation(
    "remove-role-assignment", ("RoleManagement.ReadWrite.Directory",), effect=Effect.REPEATABLE, containment=True
)
_GIVE = Operation("give-role", ("RoleManagement.ReadWrite.Directory",), effect=Effect.ONCE)
_CHANGE_ELIGIBLE = Operation(
    "change-eligible-role", ("RoleManagement.ReadWrite.Directory",), effect=Effect.ONCE, licence=_GOVERNANCE
)
_LEAVE = Operation(
    "leave-role-group",
    ("GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory"),
    effect=Effect.REPEATABLE,
    containment=True,
)
_JOIN = Operation(
    "join-role-group", ("GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory"), effect=Effect.ONCE
)

NEEDS: Needs = {
    "held_by": permissions_of(_READ),
    "eligible_of": permissions_of(_ELIGIBLE),
    "groups_of": permissions_of(_GROUPS, _READ),
    "other_global_administrator": (*permissions_of(_HOLDERS), "User.Read.All", "GroupMember.Read.All"),
    "remove": permissions_of(_REMOVE),
    "give": permissions_of(_GIVE),
    "remove_eligible": permissions_of(_CHANGE_ELIGIBLE),
    "give_eligible": permissions_of(_CHANGE_ELIGIBLE),
    "leave": permissions_of(_LEAVE),
    "join": permissions_of(_JOIN),
}

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
_MOST_LOOKED_AT = 50


@dataclass(frozen=True)
class RoleAssignment:
    """One role of one principal. `scope` is "/" for the whole tenant; `ends_at` is known of eligible ones only."""

    id: str
    role_id: str
    name: str
    scope: str
    ends_at: datetime | None = None

    @property
    def is_privileged(self) -> bool:
        return self.role_id.lower() not in LOW_RISK_ROLES

    @property
    def is_global_administrator(self) -> bool:
        return self.role_id.lower() == GLOBAL_ADMINISTRATOR


@dataclass(frozen=True)
class RoleGroup:
    """A group that roles can be given to, with those that it has. It has members of its own only, never groups."""

    id: str
    name: str
    roles: tuple[RoleAssignment, ...]


class RoleAssignments:
    """Single assignments: reading, taking away, giving back."""

    def __init__(self, graph: Graph, directory: Directory) -> None:
        self._graph = graph
        self._directory = directory

    async def held_by(self, principal_id: str) -> tuple[RoleAssignment, ...]:
        """The active roles that a principal holds itself.

        GET /roleManagement/directory/roleAssignments?$filter=principalId; RoleManagement.Read.Directory; read only.
        """
        assignments = self._graph.client.role_management.directory.role_assignments
        return await self._listed(_READ, assignments, f"principalId eq {quoted(principal_id)}")

    async def eligible_of(self, principal_id: str) -> tuple[RoleAssignment, ...]:
        """The roles that a principal may take at will. Raises MissingLicence without Entra ID P2.

        GET /roleManagement/directory/roleEligibilityScheduleInstances?$filter=principalId;
        RoleEligibilitySchedule.Read.Directory; read only.
        """
        instances = self._graph.client.role_management.directory.role_eligibility_schedule_instances
        return await self._listed(_ELIGIBLE, instances, f"principalId eq {quoted(principal_id)}")

    async def groups_of(self, object_id: str) -> tuple[RoleGroup, ...]:
        """The role-assignable groups that an account is in, with the roles of each. Owned ones are not seen.

        GET /users/{id}/transitiveMemberOf and …/roleAssignments; User.Read.All, GroupMember.Read.All and
        RoleManagement.Read.Directory; read only. Raises MissingPermission where Graph hides what the groups are.
        """
        holders = self._graph.client.users.by_user_id(object_id).transitive_member_of
        request = self._graph.request(Method.GET, holders, select=("id", "displayName", "isAssignableToRole"), top=500)
        items = await self._graph.items(_GROUPS, request)
        groups = [entry for entry in items.values if kind(entry) == "group"]
        if any(is_hidden(entry) for entry in groups):
            raise MissingPermission(service=SERVICE, operation=_GROUPS.name, permissions=["GroupMember.Read.All"])
        found = [entry for entry in groups if flag(entry, "isAssignableToRole")]
        roles = await together(*(self.held_by(text(entry, "id")) for entry in found))
        return tuple(
            RoleGroup(text(entry, "id"), text(entry, "displayName"), held)
            for entry, held in zip(found, roles, strict=True)
        )

    async def other_global_administrator(self, object_id: str) -> bool:
        """Whether somebody else who can sign in is Global Administrator of the whole tenant now.

        GET …/roleAssignments?$filter=roleDefinitionId, /users/{id} and /groups/{id}/transitiveMembers;
        RoleManagement.Read.Directory, User.Read.All and GroupMember.Read.All; read only.
        """
        assignments = self._graph.client.role_management.directory.role_assignments
        condition = f"roleDefinitionId eq {quoted(GLOBAL_ADMINISTRATOR)}"
        request = self._graph.request(Method.GET, assignments, filter=condition, expand=("principal",))
        items = await self._graph.items(_HOLDERS, request, limit=_MOST_LOOKED_AT)
        for entry in items.values:
            principal = text(entry, "principalId")
            if text(entry, "directoryScopeId") not in ("", "/") or principal.lower() == object_id.lower():
                continue
            if await self._somebody(principal, kind(child(entry, "principal")), object_id):
                return True
        return False

    async def _somebody(self, principal_id: str, what: str, but: str) -> bool:
        """Whether there is a person behind a principal who can sign in. An application is none."""
        try:
            if what == "group":
                people = await self._directory.people_in(principal_id, _MOST_LOOKED_AT)
                return any(person.account_enabled and person.id.lower() != but.lower() for person in people.accounts)
            return what == "user" and (await self._directory.account(principal_id)).account_enabled
        except Gone:
            return False

    async def remove(self, assignment_id: str) -> None:
        """Takes an active role away. Raises Gone where it is not held any more, Conflict where it is the last one.

        DELETE /roleManagement/directory/roleAssignments/{id}; RoleManagement.ReadWrite.Directory; safe to repeat.
        """
        assignments = self._graph.client.role_management.directory.role_assignments
        where = assignments.by_unified_role_assignment_id(assignment_id)
        try:
            await self._graph.call(_REMOVE, self._graph.request(Method.DELETE, where))
        except Bug as error:
            raise _last(error) from None

    async def give(self, principal_id: str, role_id: str, scope: str) -> None:
        """Gives an active role, without an end. Look first: Graph refuses a second one.

        POST /roleManagement/directory/roleAssignments; RoleManagement.ReadWrite.Directory; not safe to repeat.
        """
        body = {"principalId": principal_id, "roleDefinitionId": role_id, "directoryScopeId": scope}
        where = self._graph.client.role_management.directory.role_assignments
        await self._graph.call(_GIVE, self._graph.request(Method.POST, where, body=body))

    async def remove_eligible(self, principal_id: str, role_id: str, scope: str) -> None:
        """Takes an eligible role away. Look first.

        POST /roleManagement/directory/roleEligibilityScheduleRequests; RoleManagement.ReadWrite.Directory, Entra ID P2;
        not safe to repeat.
        """
        await self._change_eligible({"action": "adminRemove"}, principal_id, role_id, scope)

    async def give_eligible(self, principal_id: str, role_id: str, scope: str, ends_at: datetime | None) -> None:
        """Gives an eligible role, until `ends_at` or without an end. Look first.

        POST /roleManagement/directory/roleEligibilityScheduleRequests; RoleManagement.ReadWrite.Directory, Entra ID P2;
        not safe to repeat.
        """
        expiration: Json = {"type": "noExpiration"}
        if ends_at is not None:
            expiration = {"type": "afterDateTime", "endDateTime": ends_at.isoformat()}
        info = {"startDateTime": datetime.now(UTC).isoformat(), "expiration": expiration}
        await self._change_eligible({"action": "adminAssign", "scheduleInfo": info}, principal_id, role_id, scope)

    async def leave(self, group_id: str, object_id: str) -> None:
        """Takes an account out of a role-assignable group. Raises Gone where it is not in.

        DELETE /groups/{id}/members/{id}/$ref; GroupMember.ReadWrite.All and RoleManagement.ReadWrite.Directory; safe to
        repeat.
        """
        members = self._graph.client.groups.by_group_id(group_id).members
        where = members.by_directory_object_id(object_id).ref
        await self._graph.call(_LEAVE, self._graph.request(Method.DELETE, where))

    async def join(self, group_id: str, object_id: str) -> None:
        """Puts an account into a role-assignable group. Look first: Graph refuses a second membership.

        POST /groups/{id}/members/$ref; rights as leave; not safe to repeat.
        """
        where = self._graph.client.groups.by_group_id(group_id).members.ref
        body = {"@odata.id": self._graph.address(f"/directoryObjects/{object_id}")}
        await self._graph.call(_JOIN, self._graph.request(Method.POST, where, body=body))

    async def _listed(self, operation: Operation, builder: Any, condition: str) -> tuple[RoleAssignment, ...]:
        request = self._graph.request(Method.GET, builder, filter=condition, expand=("roleDefinition",))
        items = await self._graph.items(operation, request)
        return tuple(_assignment_from(entry) for entry in items.values)

    async def _change_eligible(self, change: Json, principal_id: str, role_id: str, scope: str) -> None:
        body = {
            **change,
            "principalId": principal_id,
            "roleDefinitionId": role_id,
            "directoryScopeId": scope,
            "justification": "Compromised account",
        }
        where = self._graph.client.role_management.directory.role_eligibility_schedule_requests
        await self._graph.call(_CHANGE_ELIGIBLE, self._graph.request(Method.POST, where, body=body))


def _last(error: Bug) -> Bug | Conflict:
    """The one 400 that a removal gets: nobody would be left with the role."""
    if error.data.get("status") == 400:
        return Conflict(**{**error.data, "reason": "last-global-administrator"})
    return error


def _assignment_from(entry: Mapping[str, Any]) -> RoleAssignment:
    definition = child(entry, "roleDefinition")
    role_id = text(entry, "roleDefinitionId") or text(definition, "id")
    return RoleAssignment(
        id=text(entry, "id"),
        role_id=role_id,
        name=text(definition, "displayName") or role_id,
        scope=text(entry, "directoryScopeId") or "/",
        ends_at=moment(entry, "endDateTime"),
    )
