"""Enterprise applications: service principals, app role assignments and delegated consents."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from simulator.clock import stamp
from simulator.graph.errors import GraphError, bad_request, not_found, unknown_property
from simulator.graph.operation import NO_CONTENT, Answer, Call, Operation
from simulator.graph.schema import APP_ROLE_ASSIGNMENT, APPLICATION, PERMISSION_GRANT, SERVICE_PRINCIPAL
from simulator.ids import guid
from simulator.people import GRAPH_APP_ID, MESSAGE_TRACE_APP_ID
from simulator.permissions import KNOWN
from simulator.tenant import Json, ServicePrincipal

KNOWN_APPS: dict[str, str] = {MESSAGE_TRACE_APP_ID: "Message Trace"}

_READ = (
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
_GRANT_READ = ("DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
_GRANT_WRITE = ("DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All")


def _service_principal(call: Call) -> ServicePrincipal:
    key = call.parameters["servicePrincipal-id"]
    found = call.tenant.service_principals.get(key.lower())
    if found is None:
        raise not_found(key)
    return found


_OWNERS = frozenset({"owners"})
_MOST_EXPANDED = 20  # of one navigation property; the rest needs a request of its own


def with_owners(call: Call, shown: Json, owners: Iterable[str]) -> Json:
    """The object with its owners where the request expands them."""
    if "owners" not in call.options.expand:
        return shown
    found = [call.typed(each) for each in map(call.tenant.find, owners) if each is not None]
    return shown | {"owners": found[:_MOST_EXPANDED]}


def list_service_principals(call: Call) -> Answer:
    """GET /servicePrincipals, with their owners on request."""
    apps = call.tenant.service_principals.values()
    rows = (with_owners(call, call.shown(app), app.owners) for app in apps)
    return call.collection(rows, SERVICE_PRINCIPAL, "servicePrincipals", expand=_OWNERS)


def list_applications(call: Call) -> Answer:
    """GET /applications: the apps that are registered in this tenant, with their owners on request."""
    apps = [app for app in call.tenant.service_principals.values() if app.registration]
    rows = (with_owners(call, app.registration, app.registration_owners) for app in apps)
    return call.collection(rows, APPLICATION, "applications", expand=_OWNERS)


def get_service_principal(call: Call) -> Answer:
    """GET /servicePrincipals/{id}. The whole one shows when it was made, by a property that cannot be selected."""
    shown = call.shown(_service_principal(call))
    answer = call.entity(shown, SERVICE_PRINCIPAL, "servicePrincipals/$entity")
    if call.options.select:
        return answer
    return Answer(body=(answer.body or {}) | {"createdDateTime": shown["createdDateTime"]})


def get_service_principal_by_app_id(call: Call) -> Answer:
    """GET /servicePrincipals(appId='…')."""
    app = call.tenant.app(call.parameters["appId"])
    if app is None:
        raise not_found(call.parameters["appId"])
    return call.entity(call.shown(app), SERVICE_PRINCIPAL, "servicePrincipals/$entity")


def patch_service_principal(call: Call) -> Answer:
    """PATCH /servicePrincipals/{id}: accountEnabled, notes and tags."""
    app = _service_principal(call)
    values = call.json_object()
    types: dict[str, type] = {"accountEnabled": bool, "notes": str, "tags": list}
    for name, value in values.items():
        if name not in SERVICE_PRINCIPAL.properties:
            raise unknown_property(name, "servicePrincipal")
        if name not in types:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
        if not isinstance(value, types[name]):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'ServicePrincipal'.")
    call.tenant.change(app, values, call.by, "Update service principal")
    return NO_CONTENT


def create_service_principal(call: Call) -> Answer:
    """POST /servicePrincipals: brings a known app into the tenant, once."""
    app_id = str(call.parameters_of_action("appId")["appId"]).lower()
    if call.tenant.app(app_id) is not None:
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The service principal cannot be created because it is already in use.",
        )
    if app_id not in KNOWN_APPS:
        raise bad_request(f"The appId '{app_id}' of the service principal does not reference a valid application.")
    app = ServicePrincipal(
        {
            "id": guid(call.world.config.seed, f"sp:{app_id}"),
            "appId": app_id,
            "displayName": KNOWN_APPS[app_id],
            "accountEnabled": True,
            "servicePrincipalType": "Application",
            "appRoles": [],
            "tags": [],
            "createdDateTime": stamp(call.world.clock.now()),
        }
    )
    call.tenant.service_principals[app.id] = app
    call.tenant.note(app, "Add service principal", "servicePrincipal", None, app.display_name, call.by)
    return Answer(201, call.entity(call.shown(app), SERVICE_PRINCIPAL, "servicePrincipals/$entity").body)


def _app_permissions(call: Call, app: ServicePrincipal) -> list[Json]:
    """The Graph application permissions that an app was granted, as assignments on Graph's service principal."""
    graph = call.tenant.app(GRAPH_APP_ID)
    assert graph is not None
    return [
        {
            "id": f"{app.id}.{name}",
            "appRoleId": KNOWN[name],
            "createdDateTime": app.properties["createdDateTime"],
            "principalDisplayName": app.display_name,
            "principalId": app.id,
            "principalType": "ServicePrincipal",
            "resourceDisplayName": graph.display_name,
            "resourceId": graph.id,
        }
        for name in sorted(app.permissions)
        if name in KNOWN
    ]


def app_role_assignments(call: Call) -> Answer:
    """GET /servicePrincipals/{id}/appRoleAssignments: what this app may do."""
    app = _service_principal(call)
    rows = [row for row in call.tenant.app_role_assignments if row["principalId"] == app.id]
    return call.collection([*_app_permissions(call, app), *rows], APP_ROLE_ASSIGNMENT, "appRoleAssignments")


def app_role_assigned_to(call: Call) -> Answer:
    """GET /servicePrincipals/{id}/appRoleAssignedTo: who holds roles of this app."""
    app = _service_principal(call)
    rows = [row for row in call.tenant.app_role_assignments if row["resourceId"] == app.id]
    for other in call.tenant.service_principals.values():
        rows.extend(row for row in _app_permissions(call, other) if row["resourceId"] == app.id)
    return call.collection(rows, APP_ROLE_ASSIGNMENT, "appRoleAssignments")


def user_app_role_assignments(call: Call) -> Answer:
    """GET /users/{id}/appRoleAssignments: direct ones and those through direct groups."""
    user = call.user()
    holders = {user.id} | {group.id for group in call.tenant.groups_of(user.id, transitive=False)}
    rows = [row for row in call.tenant.app_role_assignments if row["principalId"] in holders]
    return call.collection(rows, APP_ROLE_ASSIGNMENT, "appRoleAssignments")


def _delete_assignment(call: Call, field: str, owner_id: str) -> Answer:
    key = call.parameters["appRoleAssignment-id"]
    row = next((r for r in call.tenant.app_role_assignments if r["id"] == key and r[field] == owner_id), None)
    if row is None:
        raise not_found(key)
    call.tenant.app_role_assignments.remove(row)
    principal = call.tenant.find(row["principalId"])
    if principal is not None:
        call.tenant.note(
            principal, "Remove app role assignment", "appRoleAssignments", row["resourceDisplayName"], None, call.by
        )
    return NO_CONTENT


def delete_user_assignment(call: Call) -> Answer:
    """DELETE /users/{id}/appRoleAssignments/{id}."""
    return _delete_assignment(call, "principalId", call.user().id)


def delete_assigned_to(call: Call) -> Answer:
    """DELETE /servicePrincipals/{id}/appRoleAssignedTo/{id}."""
    return _delete_assignment(call, "resourceId", _service_principal(call).id)


def delete_assignment_of_app(call: Call) -> Answer:
    """DELETE /servicePrincipals/{id}/appRoleAssignments/{id}: takes an application permission away from an app."""
    app = _service_principal(call)
    key = call.parameters["appRoleAssignment-id"]
    permission = key.removeprefix(f"{app.id}.")
    if key.startswith(f"{app.id}.") and permission in app.permissions:
        app.permissions.discard(permission)
        call.tenant.note(app, "Remove app role assignment", "permissions", permission, None, call.by)
        return NO_CONTENT
    return _delete_assignment(call, "principalId", app.id)


def list_grants(call: Call) -> Answer:
    """GET /oauth2PermissionGrants."""
    return call.collection(call.tenant.permission_grants, PERMISSION_GRANT, "oauth2PermissionGrants")


def user_grants(call: Call) -> Answer:
    """GET /users/{id}/oauth2PermissionGrants: the user's own consents, not those for everybody."""
    user = call.user()
    rows = [row for row in call.tenant.permission_grants if row["principalId"] == user.id]
    return call.collection(rows, PERMISSION_GRANT, "oauth2PermissionGrants")


def service_principal_grants(call: Call) -> Answer:
    """GET /servicePrincipals/{id}/oauth2PermissionGrants."""
    app = _service_principal(call)
    rows = [row for row in call.tenant.permission_grants if row["clientId"] == app.id]
    return call.collection(rows, PERMISSION_GRANT, "oauth2PermissionGrants")


def _grant(call: Call) -> Json:
    key = call.parameters["oAuth2PermissionGrant-id"]
    row = next((grant for grant in call.tenant.permission_grants if grant["id"] == key), None)
    if row is None:
        raise not_found(key)
    return row


def get_grant(call: Call) -> Answer:
    """GET /oauth2PermissionGrants/{id}."""
    return call.entity(_grant(call), PERMISSION_GRANT, "oauth2PermissionGrants/$entity")


def delete_grant(call: Call) -> Answer:
    """DELETE /oauth2PermissionGrants/{id}."""
    row = _grant(call)
    call.tenant.permission_grants.remove(row)
    target = call.tenant.find(row["principalId"] or row["clientId"])
    if target is not None:
        call.tenant.note(
            target, "Remove delegated permission grant", "oauth2PermissionGrants", row["scope"], None, call.by
        )
    return NO_CONTENT


def create_grant(call: Call) -> Answer:
    """POST /oauth2PermissionGrants: one for each app, resource and person."""
    names = ("clientId", "consentType", "resourceId", "scope")
    values = call.parameters_of_action(*names, optional=("principalId", "startTime", "expiryTime"))
    app = call.tenant.service_principals.get(str(values["clientId"]).lower())
    resource = call.tenant.service_principals.get(str(values["resourceId"]).lower())
    everybody = values["consentType"] == "AllPrincipals"
    person = None if everybody else call.tenant.users.get(str(values.get("principalId", "")).lower())
    if app is None or resource is None or (person is None and not everybody):
        raise bad_request("The client, the resource or the principal of the permission grant does not exist.")
    row: Json = {
        "id": str(uuid4()),
        "clientId": app.id,
        "consentType": str(values["consentType"]),
        "principalId": person.id if person else None,
        "resourceId": resource.id,
        "scope": str(values["scope"]),
    }
    key = ("clientId", "consentType", "principalId", "resourceId")
    if any(all(other[name] == row[name] for name in key) for other in call.tenant.permission_grants):
        raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
    call.tenant.permission_grants.append(row)
    call.tenant.note(
        person or app, "Add delegated permission grant", "oauth2PermissionGrants", None, row["scope"], call.by
    )
    return Answer(201, call.entity(row, PERMISSION_GRANT, "oauth2PermissionGrants/$entity").body)


def create_user_assignment(call: Call) -> Answer:
    """POST /users/{id}/appRoleAssignments: an app role, or plain access by the role of zeros."""
    user = call.user()
    values = call.parameters_of_action("principalId", "resourceId", "appRoleId")
    app = call.tenant.service_principals.get(str(values["resourceId"]).lower())
    role_id = str(values["appRoleId"]).lower()
    if app is None or str(values["principalId"]).lower() != user.id:
        raise bad_request("The principal or the resource of the app role assignment does not exist.")
    if role_id != _PLAIN_ACCESS and all(role["id"] != role_id for role in app.properties["appRoles"]):
        raise bad_request("Permission being assigned was not found on application.")
    row: Json = {
        "id": str(uuid4()),
        "appRoleId": role_id,
        "createdDateTime": stamp(call.world.clock.now()),
        "principalDisplayName": user.display_name,
        "principalId": user.id,
        "principalType": "User",
        "resourceDisplayName": app.display_name,
        "resourceId": app.id,
    }
    key = ("appRoleId", "principalId", "resourceId")
    if any(all(other[name] == row[name] for name in key) for other in call.tenant.app_role_assignments):
        raise bad_request("Permission being assigned already exists on the object.")
    call.tenant.app_role_assignments.append(row)
    call.tenant.note(user, "Add app role assignment", "appRoleAssignments", None, app.display_name, call.by)
    return Answer(201, call.entity(row, APP_ROLE_ASSIGNMENT, "appRoleAssignments/$entity").body)


_PLAIN_ACCESS = "00000000-0000-0000-0000-000000000000"
_SP = "/servicePrincipals/{servicePrincipal-id}"
_GRANT_ID = "/oauth2PermissionGrants/{oAuth2PermissionGrant-id}"
OPERATIONS = (
    Operation("GET", "/applications", list_applications, _READ[:4]),
    Operation("GET", "/servicePrincipals", list_service_principals, _READ[:4]),
    Operation(
        "POST",
        "/servicePrincipals",
        create_service_principal,
        ("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"),
    ),
    Operation("GET", _SP, get_service_principal, _READ),
    Operation("GET", "/servicePrincipals(appId='{appId}')", get_service_principal_by_app_id, _READ),
    Operation("PATCH", _SP, patch_service_principal, ("Application.ReadWrite.All", "Directory.ReadWrite.All")),
    Operation("GET", f"{_SP}/appRoleAssignments", app_role_assignments, _READ, cost=2),
    Operation(
        "DELETE",
        f"{_SP}/appRoleAssignments/{{appRoleAssignment-id}}",
        delete_assignment_of_app,
        ("AppRoleAssignment.ReadWrite.All", "Application.ReadWrite.All"),
    ),
    Operation("GET", f"{_SP}/appRoleAssignedTo", app_role_assigned_to, _READ, cost=2),
    Operation(
        "DELETE",
        f"{_SP}/appRoleAssignedTo/{{appRoleAssignment-id}}",
        delete_assigned_to,
        ("AppRoleAssignment.ReadWrite.All", "Application.ReadWrite.All"),
    ),
    Operation("GET", f"{_SP}/oauth2PermissionGrants", service_principal_grants, _GRANT_READ[:2], cost=2),
    Operation(
        "GET",
        "/users/{user-id}/appRoleAssignments",
        user_app_role_assignments,
        ("AppRoleAssignment.ReadWrite.All", "Directory.Read.All"),
        cost=2,
    ),
    Operation(
        "DELETE",
        "/users/{user-id}/appRoleAssignments/{appRoleAssignment-id}",
        delete_user_assignment,
        ("AppRoleAssignment.ReadWrite.All",),
    ),
    Operation(
        "POST",
        "/users/{user-id}/appRoleAssignments",
        create_user_assignment,
        ("AppRoleAssignment.ReadWrite.All",),
    ),
    Operation("POST", "/oauth2PermissionGrants", create_grant, _GRANT_WRITE),
    Operation("GET", "/users/{user-id}/oauth2PermissionGrants", user_grants, _GRANT_READ[:2], cost=2),
    Operation("GET", "/oauth2PermissionGrants", list_grants, _GRANT_READ, cost=2),
    Operation("GET", _GRANT_ID, get_grant, _GRANT_READ),
    Operation("DELETE", _GRANT_ID, delete_grant, _GRANT_WRITE),
)
