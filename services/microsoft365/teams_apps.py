"""Our own app in Teams: it must be installed for a person before the bot can write to them first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Conflict
from services.microsoft365.graph import Graph
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import quoted, text

_CATALOGUE = Operation("app-in-catalogue", ("AppCatalog.Read.All",), Row.TEAMS)
_INSTALLED = Operation("app-of-person", ("TeamsAppInstallation.ReadWriteSelfForUser.All",), Row.TEAMS)
_INSTALL = Operation(
    "install-app-for-person", ("TeamsAppInstallation.ReadWriteSelfForUser.All",), Row.TEAMS, Effect.REPEATABLE
)
_CHAT = Operation("chat-of-app", ("TeamsAppInstallation.ReadWriteSelfForUser.All",), Row.TEAMS)
_NOTIFY = Operation("notify-person", ("TeamsActivity.Send",), Row.TEAMS, Effect.ONCE)

NEEDS: Needs = {
    "catalogue_id": permissions_of(_CATALOGUE),
    "installation": permissions_of(_INSTALLED),
    "install": permissions_of(_INSTALL),
    "chat_id": permissions_of(_CHAT),
    "notify": permissions_of(_NOTIFY),
}


@dataclass(frozen=True)
class Notice:
    """A line in somebody's activity feed. `activity_type` is declared in the app's manifest."""

    activity_type: str
    topic: str
    preview: str
    url: str  # a link that begins with https://teams.microsoft.com/l/


class TeamsApps:
    """Our app for people. `manifest_id` is the id in the app's manifest."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def catalogue_id(self, manifest_id: str) -> str | None:
        """The id of our app in the organisation's catalogue; None where it was not uploaded.

        GET /appCatalogs/teamsApps; AppCatalog.Read.All; read only.
        """
        request = self._graph.request(
            Method.GET, self._graph.client.app_catalogs.teams_apps, filter=f"externalId eq {quoted(manifest_id)}"
        )
        items = await self._graph.items(_CATALOGUE, request, limit=1)
        return text(items.values[0], "id") if items.values else None

    async def installation(self, object_id: str, manifest_id: str) -> str | None:
        """The id of our app's installation for a person; None where they do not have it.

        GET /users/{id}/teamwork/installedApps; TeamsAppInstallation.ReadWriteSelfForUser.All; read only.
        """
        request = self._graph.request(
            Method.GET,
            self._of(object_id),
            filter=f"teamsApp/externalId eq {quoted(manifest_id)}",
            expand=("teamsApp",),
        )
        items = await self._graph.items(_INSTALLED, request, limit=1)
        return text(items.values[0], "id") if items.values else None

    async def install(self, object_id: str, catalogue_id: str) -> None:
        """Installs our app for a person. That they have it already is fine.

        POST /users/{id}/teamwork/installedApps; TeamsAppInstallation.ReadWriteSelfForUser.All; safe to repeat.
        """
        body = {"teamsApp@odata.bind": self._graph.address(f"/appCatalogs/teamsApps/{catalogue_id}")}
        try:
            await self._graph.call(_INSTALL, self._graph.request(Method.POST, self._of(object_id), body=body))
        except Conflict:
            return

    async def chat_id(self, object_id: str, installation_id: str) -> str:
        """The id of the personal chat between our app and a person. Raises Gone.

        GET /users/{id}/teamwork/installedApps/{id}/chat; TeamsAppInstallation.ReadWriteSelfForUser.All; read only.
        """
        where = self._of(object_id).by_user_scope_teams_app_installation_id(installation_id).chat
        return text((await self._graph.call(_CHAT, self._graph.request(Method.GET, where))).body, "id")

    async def notify(self, object_id: str, notice: Notice) -> None:
        """Puts a line in the person's activity feed; our app must be installed for them.

        POST /users/{id}/teamwork/sendActivityNotification; TeamsActivity.Send; every call notifies again.
        """
        body = {
            "topic": {"source": "text", "value": notice.topic, "webUrl": notice.url},
            "activityType": notice.activity_type,
            "previewText": {"content": notice.preview},
        }
        where = self._graph.client.users.by_user_id(object_id).teamwork.send_activity_notification
        await self._graph.call(_NOTIFY, self._graph.request(Method.POST, where, body=body))

    def _of(self, object_id: str) -> Any:
        return self._graph.client.users.by_user_id(object_id).teamwork.installed_apps
