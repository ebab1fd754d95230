"""Teams: the app catalogue, IRBot's installation for a person, its chat, and activity-feed notices."""

from __future__ import annotations

from simulator.channel.identities import personal_chat_id
from simulator.channel.teams import teams_of
from simulator.graph.errors import GraphError, bad_request, not_found
from simulator.graph.operation import NO_CONTENT, Answer, Call, Operation, Row
from simulator.graph.schema_workloads import INSTALLED_APP, TEAMS_APP
from simulator.ids import guid
from simulator.tenant import Json, User


def list_apps(call: Call) -> Answer:
    """GET /appCatalogs/teamsApps."""
    return call.collection(
        call.tenant.records.teams_apps, TEAMS_APP, "appCatalogs/teamsApps", expand=frozenset({"appDefinitions"})
    )


def _rows(call: Call, user: User) -> list[Json]:
    apps = {str(app["id"]): app for app in call.tenant.records.teams_apps}
    return [
        {"id": row["id"], "consentedPermissionSet": None, "teamsApp": apps[str(row["app"])]}
        for row in call.tenant.records.installed_apps[user.id]
    ]


def installed(call: Call) -> Answer:
    """GET /users/{id}/teamwork/installedApps."""
    rows = _rows(call, call.user())
    return call.collection(rows, INSTALLED_APP, "installedApps", expand=frozenset({"teamsApp"}))


def install(call: Call) -> Answer:
    """POST …/installedApps: an app may install itself; 409 where it is installed."""
    user = call.user()
    body = call.body if isinstance(call.body, dict) else {}
    bound = body.get("teamsApp@odata.bind")
    if not isinstance(bound, str) or set(body) - {"teamsApp@odata.bind", "consentedPermissionSet"}:
        raise bad_request("teamsApp@odata.bind is needed.", "BadRequest")
    app_id = bound.rstrip("/").rpartition("/")[2]
    app = next((each for each in call.tenant.records.teams_apps if each["id"] == app_id), None)
    if app is None:
        raise GraphError(404, "NotFound", "App with the given id was not found in the catalog.")
    if app.get("externalId") != call.caller.app_id:
        raise GraphError(403, "Forbidden", "The app may only install itself.")
    records = call.tenant.records.installed_apps[user.id]
    teams_of(call.world).without_app.discard(user.id)
    if any(row["app"] == app_id for row in records):
        raise GraphError(409, "Conflict", "App is already installed in the personal scope.")
    records.append({"id": guid(call.world.config.seed, f"installation:{user.id}:{app_id}"), "app": app_id})
    call.tenant.note(user, "Install app", "installedApps", None, app["displayName"], call.by)
    return Answer(201)


def _installation(call: Call) -> tuple[User, Json]:
    user = call.user()
    key = call.parameters["userScopeTeamsAppInstallation-id"]
    row = next((row for row in _rows(call, user) if row["id"] == key), None)
    if row is None:
        raise not_found(key)
    return user, row


def get_installation(call: Call) -> Answer:
    """GET one installation."""
    return call.entity(_installation(call)[1], INSTALLED_APP, "installedApps/$entity")


def chat(call: Call) -> Answer:
    """GET …/{installation}/chat: the personal chat between the person and the app."""
    user, _ = _installation(call)
    row = {
        "id": personal_chat_id(call.world.app_id, user.id),
        "chatType": "oneOnOne",
        "tenantId": call.tenant.id,
        "topic": None,
        "createdDateTime": user.properties["createdDateTime"],
    }
    return Answer(body={"@odata.context": call.context("chats/$entity")} | row)


def uninstall(call: Call) -> Answer:
    """DELETE one installation."""
    user, row = _installation(call)
    kept = [each for each in call.tenant.records.installed_apps[user.id] if each["id"] != row["id"]]
    call.tenant.records.installed_apps[user.id] = kept
    teams_of(call.world).without_app.add(user.id)
    call.tenant.note(user, "Uninstall app", "installedApps", row["teamsApp"]["displayName"], None, call.by)
    return NO_CONTENT


def notify(call: Call) -> Answer:
    """POST …/sendActivityNotification: to the activity feed of somebody who has the app."""
    user = call.user()
    values = call.parameters_of_action(
        "topic", "activityType", optional=("previewText", "templateParameters", "chainId", "teamsAppId", "iconId")
    )
    installed_apps = {row["teamsApp"]["externalId"] for row in _rows(call, user)}
    if call.caller.app_id not in installed_apps:
        raise GraphError(403, "Forbidden", "Application with AAD App Id is not authorized to notify this user.")
    preview = values.get("previewText") or {}
    call.world.inbox.add(user.id, "feed", {"text": str(preview.get("content") or values["activityType"])})
    return NO_CONTENT


_INSTALLED = "/users/{user-id}/teamwork/installedApps"
_ONE = f"{_INSTALLED}/{{userScopeTeamsAppInstallation-id}}"
_CHAT = (
    "TeamsAppInstallation.ReadForUser.All",
    "TeamsAppInstallation.ReadWriteForUser.All",
    "TeamsAppInstallation.ReadWriteSelfForUser.All",
)
_INSTALL = ("TeamsAppInstallation.ReadWriteSelfForUser.All",)
OPERATIONS = tuple(
    Operation(method, path, handler, rights, row=Row.TEAMS)
    for method, path, handler, rights in (
        ("GET", "/appCatalogs/teamsApps", list_apps, ("AppCatalog.Read.All", "AppCatalog.ReadWrite.All")),
        ("GET", _INSTALLED, installed, _INSTALL),
        ("POST", _INSTALLED, install, _INSTALL),
        ("GET", _ONE, get_installation, _INSTALL),
        ("GET", f"{_ONE}/chat", chat, _CHAT),
        ("DELETE", _ONE, uninstall, _INSTALL),
        ("POST", "/users/{user-id}/teamwork/sendActivityNotification", notify, ("TeamsActivity.Send",)),
    )
)
