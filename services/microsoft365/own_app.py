"""Our own application as others may have changed it: what it can sign in with, who owns it, which groups it trusts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Gone
from services.microsoft365.graph import Graph, Json
from services.microsoft365.graph_errors import SERVICE
from services.microsoft365.operations import Needs, Operation, permissions_of
from services.microsoft365.reading import child, flag, objects, quoted, text, texts
from services.together import together

_PRINCIPAL = Operation("own-principal-whole", ("Application.Read.All",))
_REGISTRATION = Operation("own-registration", ("Application.Read.All",))
_PERMISSIONS = Operation("own-permissions", ("Application.Read.All",))
_SERVICE = Operation("permissions-of-service", ("Application.Read.All",))
_ASSIGNED = Operation("own-app-roles-given", ("Application.Read.All",))
_GROUP = Operation("group", ("GroupMember.Read.All",))

NEEDS: Needs = {
    "principal": permissions_of(_PRINCIPAL),
    "registration": permissions_of(_REGISTRATION),
    "permissions": permissions_of(_PERMISSIONS, _SERVICE),
    "app_roles_given": permissions_of(_PRINCIPAL, _ASSIGNED),
    "group": permissions_of(_GROUP),
}


@dataclass(frozen=True)
class Credential:
    """A secret, a certificate or a trusted outside identity that our app signs in with. Never its value."""

    id: str
    kind: str
    name: str
    ends: str


@dataclass(frozen=True)
class OwnApp:
    """The service principal, or the app registration behind it. `owners` are ids with the name where Graph tells it."""

    id: str
    name: str
    enabled: bool
    credentials: tuple[Credential, ...]
    owners: Mapping[str, str]
    addresses: tuple[str, ...]  # where sign-ins and notices of this app go


@dataclass(frozen=True)
class AppRoleGiven:
    """One of our own app roles, given to a person or a group."""

    role: str
    principal_id: str
    principal_name: str
    is_group: bool


@dataclass(frozen=True)
class WatchedGroup:
    """A group by what decides who is in it."""

    id: str
    name: str
    rule: str  # of a dynamic group; empty for one whose members are set by hand
    owners: Mapping[str, str]


class OwnAppReader:
    """Reads our own application. `app_id` is its client id."""

    def __init__(self, graph: Graph, app_id: str) -> None:
        self._graph = graph
        self._app_id = app_id

    async def principal(self) -> OwnApp:
        """Our service principal. Raises Gone.

        GET /servicePrincipals?$filter=appId&$expand=owners; Application.Read.All; read only.
        """
        fields = (
            "id", "displayName", "accountEnabled", "keyCredentials", "passwordCredentials", "replyUrls",
            "notificationEmailAddresses",
        )  # fmt: skip
        return _app_from(await self._one(_PRINCIPAL, self._graph.client.service_principals, fields))

    async def registration(self) -> OwnApp:
        """Our app registration, which is in this tenant too. Raises Gone where it lies in another one.

        GET /applications?$filter=appId&$expand=owners; Application.Read.All; read only.
        """
        fields = ("id", "displayName", "keyCredentials", "passwordCredentials", "web", "spa", "publicClient")
        return _app_from(await self._one(_REGISTRATION, self._graph.client.applications, fields))

    async def permissions(self, principal_id: str) -> Mapping[str, str]:
        """The application permissions that our app holds, by the ids of service and permission: both names.

        GET /servicePrincipals/{id}/appRoleAssignments and /servicePrincipals/{id}; Application.Read.All; read only.
        """
        where = self._graph.client.service_principals.by_service_principal_id(principal_id).app_role_assignments
        items = await self._graph.items(_PERMISSIONS, self._graph.request(Method.GET, where))
        services = tuple({text(each, "resourceId") for each in items.values})
        names = dict(zip(services, await together(*(self._permission_names(each) for each in services)), strict=True))
        found = {}
        for each in items.values:
            service, role = text(each, "resourceId"), text(each, "appRoleId")
            found[f"{service}/{role}"] = f"{names[service].get(role, role)} of {text(each, 'resourceDisplayName')}"
        return found

    async def _permission_names(self, service_id: str) -> Mapping[str, str]:
        where = self._graph.client.service_principals.by_service_principal_id(service_id)
        request = self._graph.request(Method.GET, where, select=("id", "appRoles"))
        answer = await self._graph.call(_SERVICE, request)
        return {text(role, "id"): text(role, "value") for role in objects(answer.body, "appRoles")}

    async def app_roles_given(self) -> tuple[AppRoleGiven, ...]:
        """Who holds our own app roles, people and groups.

        GET /servicePrincipals and …/appRoleAssignedTo; Application.Read.All; read only.
        """
        own = await self._one(_PRINCIPAL, self._graph.client.service_principals, ("id", "appRoles"))
        names = {text(role, "id"): text(role, "value") for role in objects(own, "appRoles")}
        where = self._graph.client.service_principals.by_service_principal_id(text(own, "id")).app_role_assigned_to
        items = await self._graph.items(_ASSIGNED, self._graph.request(Method.GET, where))
        return tuple(
            AppRoleGiven(
                names[text(each, "appRoleId")],
                text(each, "principalId").lower(),
                text(each, "principalDisplayName"),
                text(each, "principalType").casefold() == "group",
            )
            for each in items.values
            if names.get(text(each, "appRoleId"))
        )

    async def group(self, group_id: str) -> WatchedGroup:
        """A group with its owners, of whom Graph gives twenty. Raises Gone.

        GET /groups/{id}?$expand=owners; GroupMember.Read.All; read only.
        """
        request = self._graph.request(
            Method.GET,
            self._graph.client.groups.by_group_id(group_id),
            select=("id", "displayName", "groupTypes", "membershipRule"),
            expand=("owners",),
        )
        body = (await self._graph.call(_GROUP, request)).body
        dynamic = "DynamicMembership" in texts(body, "groupTypes")
        rule = (text(body, "membershipRule") or "not told") if dynamic else ""
        return WatchedGroup(text(body, "id").lower(), text(body, "displayName"), rule, _owners(body))

    async def _one(self, operation: Operation, builder: Any, fields: tuple[str, ...]) -> Json:
        request = self._graph.request(
            Method.GET,
            builder,
            filter=f"appId eq {quoted(self._app_id)}",
            select=fields,
            expand=("owners",),
        )
        items = await self._graph.items(operation, request, limit=1)
        if not items.values:
            raise Gone(service=SERVICE, operation=operation.name, reason="not-there")
        return items.values[0]


def _app_from(entry: Json) -> OwnApp:
    places = (entry, *(child(entry, part) for part in ("web", "spa", "publicClient")))
    addresses = [each for place in places for each in (*texts(place, "replyUrls"), *texts(place, "redirectUris"))]
    addresses += texts(entry, "notificationEmailAddresses")
    return OwnApp(
        id=text(entry, "id"),
        name=text(entry, "displayName"),
        enabled=entry.get("accountEnabled") is None or flag(entry, "accountEnabled") is True,
        credentials=tuple(
            Credential(text(each, "keyId"), what, text(each, "displayName"), text(each, "endDateTime")[:10])
            for field, what in (("passwordCredentials", "secret"), ("keyCredentials", "certificate"))
            for each in objects(entry, field)
        ),
        owners=_owners(entry),
        addresses=tuple(dict.fromkeys(addresses)),
    )


def _owners(entry: Json) -> Mapping[str, str]:
    return {text(each, "id").lower(): text(each, "displayName") for each in objects(entry, "owners")}
