"""Apps that an account has let in: delegated grants, app role assignments, and the service principals behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Gone
from services.microsoft365.graph import Graph
from services.microsoft365.operations import Effect, Needs, Operation, permissions_of
from services.microsoft365.reading import child, flag, moment, quoted, text, texts
from services.together import together

_GRANTS = Operation("delegated-grants", ("Directory.Read.All",))
_GRANTS_OF_APP = Operation("delegated-grants-of-app", ("Directory.Read.All",))
_REVOKE_GRANT = Operation(
    "revoke-delegated-grant", ("DelegatedPermissionGrant.ReadWrite.All",), effect=Effect.REPEATABLE, containment=True
)
_READ_GRANT = Operation("delegated-grant", ("Directory.Read.All",))
_RESTORE_GRANT = Operation("restore-delegated-grant", ("DelegatedPermissionGrant.ReadWrite.All",), effect=Effect.ONCE)
_ASSIGNMENTS = Operation("app-role-assignments", ("Directory.Read.All",))
_REMOVE_ASSIGNMENT = Operation(
    "remove-app-role-assignment", ("AppRoleAssignment.ReadWrite.All",), effect=Effect.REPEATABLE, containment=True
)
_RESTORE_ASSIGNMENT = Operation("restore-app-role-assignment", ("AppRoleAssignment.ReadWrite.All",), effect=Effect.ONCE)
_READ_APP = Operation("service-principal", ("Application.Read.All",))
_PERMISSIONS_OF_APP = Operation("app-permissions", ("Application.Read.All",))
_SET_APP_ENABLED = Operation(
    "set-app-enabled", ("Application.ReadWrite.All",), effect=Effect.REPEATABLE, containment=True
)

NEEDS: Needs = {
    "grants_of": permissions_of(_GRANTS, _READ_APP),
    "grants_to_everyone": permissions_of(_GRANTS_OF_APP),
    "has_grant": permissions_of(_READ_GRANT),
    "revoke_grant": permissions_of(_REVOKE_GRANT),
    "restore_grant": permissions_of(_RESTORE_GRANT),
    "assignments_of": permissions_of(_ASSIGNMENTS),
    "remove_assignment": permissions_of(_REMOVE_ASSIGNMENT),
    "restore_assignment": permissions_of(_RESTORE_ASSIGNMENT),
    "app": permissions_of(_READ_APP),
    "permissions_of_app": permissions_of(_PERMISSIONS_OF_APP),
    "block_app": permissions_of(_SET_APP_ENABLED),
    "allow_app": permissions_of(_SET_APP_ENABLED),
}

_MICROSOFT_TENANTS = frozenset({"f8cdef31-a31e-4b4a-93e4-5f571e91255a", "72f988bf-86f1-41af-91ab-2d7cd011db47"})


@dataclass(frozen=True)
class App:
    """A service principal: an app as it lives in our tenant, since `created_at` where Graph says so."""

    id: str
    app_id: str
    name: str
    enabled: bool
    owner_tenant: str | None
    created_at: datetime | None
    verified_publisher: str | None
    reply_urls: tuple[str, ...]

    @property
    def is_microsofts(self) -> bool:
        """Microsoft's own apps are never blocked by us."""
        return (self.owner_tenant or "").lower() in _MICROSOFT_TENANTS


@dataclass(frozen=True)
class Grant:
    """A delegated grant. `app` is None where the service principal is gone. For everyone: `principal_id` is None."""

    id: str
    client_id: str
    app: App | None
    resource_id: str
    principal_id: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class AppRoleAssignment:
    """An app that an account was assigned to; `principal_id` is a group where it came through one."""

    id: str
    app_name: str
    resource_id: str
    app_role_id: str
    created_at: datetime | None
    principal_id: str = ""


class Consents:
    """Consents of accounts, and the apps they were given to."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def grants_of(self, object_id: str) -> tuple[Grant, ...]:
        """What the account itself has consented to, with the app behind each. Grants for everyone are not in it.

        GET /users/{id}/oauth2PermissionGrants and /servicePrincipals/{id}; Directory.Read.All and Application.Read.All;
        read only.
        """
        where = self._graph.client.users.by_user_id(object_id).oauth2_permission_grants
        items = await self._graph.items(_GRANTS, self._graph.request(Method.GET, where))
        clients = tuple({text(entry, "clientId") for entry in items.values})
        apps = dict(zip(clients, await together(*(self._app_or_none(client) for client in clients)), strict=True))
        return tuple(_grant_from(entry, apps[text(entry, "clientId")]) for entry in items.values)

    async def grants_to_everyone(self, client_id: str) -> tuple[Grant, ...]:
        """What was consented for the whole tenant to this service principal.

        GET /oauth2PermissionGrants?$filter=clientId; Directory.Read.All; read only.
        """
        request = self._graph.request(
            Method.GET, self._graph.client.oauth2_permission_grants, filter=f"clientId eq {quoted(client_id)}"
        )
        items = await self._graph.items(_GRANTS_OF_APP, request)
        return tuple(
            _grant_from(entry, None) for entry in items.values if text(entry, "consentType") == "AllPrincipals"
        )

    async def revoke_grant(self, grant_id: str) -> None:
        """Takes a delegated grant away. Access tokens live on for about an hour. Raises Gone where it is not there.

        DELETE /oauth2PermissionGrants/{id}; DelegatedPermissionGrant.ReadWrite.All; safe to repeat.
        """
        where = self._graph.client.oauth2_permission_grants.by_o_auth2_permission_grant_id(grant_id)
        await self._graph.call(_REVOKE_GRANT, self._graph.request(Method.DELETE, where))

    async def has_grant(self, grant_id: str) -> bool:
        """Whether a delegated grant is still there.

        GET /oauth2PermissionGrants/{id}; Directory.Read.All; read only.
        """
        where = self._graph.client.oauth2_permission_grants.by_o_auth2_permission_grant_id(grant_id)
        try:
            await self._graph.call(_READ_GRANT, self._graph.request(Method.GET, where))
        except Gone:
            return False
        return True

    async def restore_grant(
        self, *, client_id: str, resource_id: str, principal_id: str, scopes: Sequence[str]
    ) -> None:
        """Gives a delegated grant of one account back. Look first: Graph refuses a second one.

        POST /oauth2PermissionGrants; DelegatedPermissionGrant.ReadWrite.All; not safe to repeat.
        """
        body = {
            "clientId": client_id,
            "consentType": "Principal",
            "principalId": principal_id,
            "resourceId": resource_id,
            "scope": " ".join(scopes),
        }
        where = self._graph.client.oauth2_permission_grants
        await self._graph.call(_RESTORE_GRANT, self._graph.request(Method.POST, where, body=body))

    async def assignments_of(self, object_id: str) -> tuple[AppRoleAssignment, ...]:
        """The apps that the account is assigned to, itself or through a group.

        GET /users/{id}/appRoleAssignments; Directory.Read.All; read only.
        """
        where = self._graph.client.users.by_user_id(object_id).app_role_assignments
        items = await self._graph.items(_ASSIGNMENTS, self._graph.request(Method.GET, where))
        return tuple(_assignment_from(entry) for entry in items.values)

    async def remove_assignment(self, object_id: str, assignment_id: str) -> None:
        """Takes an app role assignment away. Raises Gone where it is not there.

        DELETE /users/{id}/appRoleAssignments/{id}; AppRoleAssignment.ReadWrite.All; safe to repeat.
        """
        assignments = self._graph.client.users.by_user_id(object_id).app_role_assignments
        where = assignments.by_app_role_assignment_id(assignment_id)
        await self._graph.call(_REMOVE_ASSIGNMENT, self._graph.request(Method.DELETE, where))

    async def restore_assignment(self, object_id: str, *, resource_id: str, app_role_id: str) -> None:
        """Assigns an account to an app again. Look first: Graph refuses a second assignment.

        POST /users/{id}/appRoleAssignments; AppRoleAssignment.ReadWrite.All; not safe to repeat.
        """
        body = {"principalId": object_id, "resourceId": resource_id, "appRoleId": app_role_id}
        where = self._graph.client.users.by_user_id(object_id).app_role_assignments
        await self._graph.call(_RESTORE_ASSIGNMENT, self._graph.request(Method.POST, where, body=body))

    async def app(self, service_principal_id: str) -> App:
        """An app by the object id of its service principal. Raises Gone.

        GET /servicePrincipals/{id}; Application.Read.All; read only. Asked for whole: Graph shows the time of creation
        and has no such property that could be selected.
        """
        where = self._graph.client.service_principals.by_service_principal_id(service_principal_id)
        answer = await self._graph.call(_READ_APP, self._graph.request(Method.GET, where))
        return _app_from(answer.body)

    async def permissions_of_app(self, service_principal_id: str) -> tuple[AppRoleAssignment, ...]:
        """The application permissions that an app holds: they work without any person.

        GET /servicePrincipals/{id}/appRoleAssignments; Application.Read.All; read only.
        """
        principal = self._graph.client.service_principals.by_service_principal_id(service_principal_id)
        request = self._graph.request(Method.GET, principal.app_role_assignments)
        items = await self._graph.items(_PERMISSIONS_OF_APP, request)
        return tuple(_assignment_from(entry) for entry in items.values)

    async def block_app(self, service_principal_id: str) -> None:
        """No new tokens for this app, for anybody. Its tokens live on for about an hour.

        PATCH /servicePrincipals/{id} accountEnabled; Application.ReadWrite.All; safe to repeat.
        """
        await self._set_enabled(service_principal_id, enabled=False)

    async def allow_app(self, service_principal_id: str) -> None:
        """Undoes block_app.

        PATCH /servicePrincipals/{id} accountEnabled; Application.ReadWrite.All; safe to repeat.
        """
        await self._set_enabled(service_principal_id, enabled=True)

    async def _set_enabled(self, service_principal_id: str, *, enabled: bool) -> None:
        where = self._graph.client.service_principals.by_service_principal_id(service_principal_id)
        request = self._graph.request(Method.PATCH, where, body={"accountEnabled": enabled})
        await self._graph.call(_SET_APP_ENABLED, request)

    async def _app_or_none(self, service_principal_id: str) -> App | None:
        try:
            return await self.app(service_principal_id)
        except Gone:
            return None


def _grant_from(entry: Mapping[str, Any], app: App | None) -> Grant:
    return Grant(
        id=text(entry, "id"),
        client_id=text(entry, "clientId"),
        app=app,
        resource_id=text(entry, "resourceId"),
        principal_id=text(entry, "principalId") or None,
        scopes=tuple(text(entry, "scope").split()),
    )


def _assignment_from(entry: Mapping[str, Any]) -> AppRoleAssignment:
    return AppRoleAssignment(
        id=text(entry, "id"),
        app_name=text(entry, "resourceDisplayName"),
        resource_id=text(entry, "resourceId"),
        app_role_id=text(entry, "appRoleId"),
        created_at=moment(entry, "createdDateTime"),
        principal_id=text(entry, "principalId"),
    )


def _app_from(entry: Mapping[str, Any]) -> App:
    return App(
        id=text(entry, "id"),
        app_id=text(entry, "appId"),
        name=text(entry, "displayName"),
        enabled=flag(entry, "accountEnabled") is not False,
        owner_tenant=text(entry, "appOwnerOrganizationId") or None,
        created_at=moment(entry, "createdDateTime"),
        verified_publisher=text(child(entry, "verifiedPublisher"), "displayName") or None,
        reply_urls=texts(entry, "replyUrls"),
    )
