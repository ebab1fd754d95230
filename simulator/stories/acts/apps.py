"""Applications that people consent to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from simulator.clock import stamp
from simulator.ids import guid
from simulator.people import GRAPH_APP_ID
from simulator.stories.acts.labels import names
from simulator.stories.scene import Scene, target
from simulator.stories.story import Action, Origin
from simulator.tenant import ServicePrincipal, Session


@dataclass(frozen=True, kw_only=True)
class BringsApp(Action):
    """An app of another organisation comes into the tenant with the first consent."""

    lasting: ClassVar[bool] = True
    name: str
    owner: str  # the name of the organisation that made it
    publisher: str = ""  # verified by Microsoft; empty where nobody is
    reply_url: str = ""

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at = scene.when(self)
        number, app_id = scene.id(self.key), scene.id(self.key, "app-id")
        verified = {"displayName": self.publisher, "verifiedPublisherId": "5206095", "addedDateTime": None}
        scene.tenant.service_principals[number] = ServicePrincipal(
            {
                "id": number,
                "appId": app_id,
                "displayName": self.name,
                "appDisplayName": self.name,
                "accountEnabled": True,
                "appOwnerOrganizationId": guid(scene.world.config.seed, f"organisation:{self.owner}"),
                "appRoles": [],
                "createdDateTime": stamp(at),
                "replyUrls": [self.reply_url] if self.reply_url else [],
                "servicePrincipalType": "Application",
                "signInAudience": "AzureADandPersonalMicrosoftAccount",
                "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
                "verifiedPublisher": verified if self.publisher else None,
            }
        )
        what = target(number, self.name, "ServicePrincipal", AppId=app_id)
        scene.directory_audit(at, "Add service principal", by, category="ApplicationManagement", targets=[what])
        return names(number, app_id, self.name)

    def remains(self, scene: Scene) -> bool:
        app = scene.tenant.service_principals.get(scene.id(self.key))
        return app is not None and bool(app.properties["accountEnabled"])


@dataclass(frozen=True, kw_only=True)
class Consents(Action):
    """The user agrees that an app may act in their name; `app` is the key of the deed that brought it."""

    lasting: ClassVar[bool] = True
    app: str
    scope: str

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, account = scene.when(self), scene.account
        graph, app = scene.tenant.app(GRAPH_APP_ID), scene.tenant.service_principals[scene.id(self.app)]
        assert graph is not None
        number = scene.id(self.key)
        scene.tenant.permission_grants.append(
            {
                "id": number,
                "clientId": app.id,
                "consentType": "Principal",
                "principalId": account.id,
                "resourceId": graph.id,
                "scope": self.scope,
            }
        )
        what = target(app.id, app.display_name, "ServicePrincipal", ConsentAction=self.scope)
        for activity in ("Consent to application", "Add delegated permission grant"):
            scene.directory_audit(at, activity, by, category="ApplicationManagement", targets=[what])
        scene.sign_in(account, at - timedelta(seconds=20), by, app=app.display_name, appId=app.app_id)
        return names(number, app.id, app.app_id, app.display_name)

    def remains(self, scene: Scene) -> bool:
        return any(grant["id"] == scene.id(self.key) for grant in scene.tenant.permission_grants)


@dataclass(frozen=True, kw_only=True)
class AppSignsIn(Action):
    """The app renews its token in the user's name, from its own servers: lines that only beta shows."""

    lasting: ClassVar[bool] = True
    app: str
    renewals: int = 30
    every: timedelta = timedelta(minutes=58)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        app = scene.tenant.service_principals[scene.id(self.app)]
        session = scene.id(self.key, "session")
        for number in range(self.renewals):
            at = scene.when(self) + number * self.every
            if at > scene.now:
                break
            scene.sign_in(
                scene.account,
                at,
                by,
                app=app.display_name,
                appId=app.app_id,
                client="Mobile Apps and Desktop clients",
                interactive=False,
                session=session,
                resourceDisplayName="Microsoft Graph",
            )
        scene.account.sessions.append(
            Session(session, app.display_name, by.ip, by.place, scene.when(self), intruder=True)
        )
        return names(session, by.ip, app.app_id, app.display_name)

    def remains(self, scene: Scene) -> bool:
        session = scene.id(self.key, "session")
        return any(each.id == session for each in scene.account.active_sessions())
