"""The simulated cloud as any program sees it over HTTP, and the undoing of each kind of deed through it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx

from simulator.server import Simulator
from simulator.stories import Told
from simulator.stories.acts import access, apps, identity, mail_flow, mailbox, signing_in
from simulator.stories.story import Action, Story
from tests.simulator.exchange.conftest import Admin
from tests.simulator.graph.caller import GraphCaller, Reply

LOGS = "/beta/auditLogs/signIns?$filter=signInEventTypes/any(t: t eq 'nonInteractiveUser')"


class Cloud:
    """Graph and Exchange of one tenant, with the permissions that IRBot is granted."""

    def __init__(self, sim: Simulator, graph: GraphCaller, client: httpx.AsyncClient) -> None:
        self.sim = sim
        self.graph = graph
        self.exchange = Admin(sim.world, client)

    async def all(self, path: str) -> list[dict[str, Any]]:
        """Every row of a list in Graph, page after page."""
        rows: list[dict[str, Any]] = []
        reply = await self.graph.get(path)
        while True:
            assert reply.status == 200, reply.body
            rows += reply.value
            link = reply.body.get("@odata.nextLink")
            if link is None:
                return rows
            reply = await self.graph.get(link.removeprefix(f"{self.sim.url}/graph"))

    def later(self, passed: timedelta) -> None:
        """Time passes; the token of before may have expired."""
        self.sim.world.clock.advance(passed.total_seconds())
        self.graph.renew()

    async def sign_ins(self, told: Told, *, interactive: bool = True) -> list[dict[str, Any]]:
        """The sign-in log of the account."""
        condition = f"userId eq '{told.account_id}'"
        path = f"/auditLogs/signIns?$filter={condition}" if interactive else f"{LOGS} and {condition}"
        return await self.all(path)

    async def audit(self, told: Told, *operations: str, upn: str | None = None) -> list[dict[str, Any]]:
        """What a query of the unified audit log finds, made now and waited for."""
        now = self.sim.world.clock.now()
        made = await self.graph.post(
            "/security/auditLog/queries",
            {
                "displayName": "test",
                "filterStartDateTime": "2020-01-01T00:00:00Z",
                "filterEndDateTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "userPrincipalNameFilters": [upn or told.upn],
                "operationFilters": list(operations),
            },
        )
        assert made.status == 201, made.body
        where = f"/security/auditLog/queries/{made.body['id']}"
        assert made.body["status"] == "notStarted"
        assert await self.all(f"{where}/records") == []
        self.sim.world.clock.advance(2)
        assert (await self.graph.get(where)).body["status"] == "running"
        self.sim.world.clock.advance(3)
        assert (await self.graph.get(where)).body["status"] == "succeeded"
        return await self.all(f"{where}/records")


def _fine(reply: Reply | httpx.Response) -> None:
    status = reply.status if isinstance(reply, Reply) else reply.status_code
    assert status in {200, 204}, reply


async def _revoke(cloud: Cloud, told: Told, _act: Action) -> None:
    _fine(await cloud.graph.post(f"/users/{told.account_id}/revokeSignInSessions"))


async def _new_password(cloud: Cloud, told: Told, _act: Action) -> None:
    user = cloud.sim.world.tenant.users[told.account_id]
    if not user.synced:
        profile = {"passwordProfile": {"password": "Xk4-vv8Qm!tR2pLw9", "forceChangePasswordNextSignIn": True}}
        _fine(await cloud.graph.patch(f"/users/{told.account_id}", profile))
        return
    for row in await cloud.all("/security/identities/identityAccounts"):
        body = {"accountId": row["onPremisesSecurityIdentifier"], "action": "forcePasswordReset"}
        where = f"/security/identities/identityAccounts/{row['id']}/invokeAction"
        _fine(await cloud.graph.post(where, body | {"identityProvider": "activeDirectory"}))


async def _rule(cloud: Cloud, told: Told, act: Action) -> None:
    names = told.trace(act.key).names
    rows = await cloud.exchange.rows("Get-InboxRule", Mailbox=told.account_id, IncludeHidden=True)
    identity = next(row["Identity"] for row in rows if str(row["RuleIdentity"]) in names)
    _fine(await cloud.exchange.post("Disable-InboxRule", {"Identity": identity, "Force": True}))


async def _sweep(cloud: Cloud, told: Told, act: Action) -> None:
    (row,) = await cloud.exchange.rows("Get-SweepRule", Mailbox=told.account_id)
    assert row["Name"] in told.trace(act.key).names
    _fine(await cloud.exchange.post("Remove-SweepRule", {"Identity": row["RuleId"], "Mailbox": told.account_id}))


async def _forwarding(cloud: Cloud, told: Told, _act: Action) -> None:
    cleared = {"ForwardingAddress": None, "ForwardingSmtpAddress": None, "DeliverToMailboxAndForward": False}
    _fine(await cloud.exchange.post("Set-Mailbox", {"Identity": told.account_id} | cleared))


async def _auto_reply(cloud: Cloud, told: Told, _act: Action) -> None:
    body = {"automaticRepliesSetting": {"status": "disabled"}}
    _fine(await cloud.graph.patch(f"/users/{told.account_id}/mailboxSettings", body))


async def _full_access(cloud: Cloud, told: Told, act: access.GivesFullAccess) -> None:
    who = _trustee(cloud, act)
    body = {"Identity": told.account_id, "User": who, "AccessRights": ["FullAccess"], "InheritanceType": "All"}
    _fine(await cloud.exchange.post("Remove-MailboxPermission", body))


async def _send_as(cloud: Cloud, told: Told, act: access.GivesSendAs) -> None:
    body = {"Identity": told.account_id, "Trustee": _trustee(cloud, act), "AccessRights": ["SendAs"]}
    _fine(await cloud.exchange.post("Remove-RecipientPermission", body))


async def _on_behalf(cloud: Cloud, told: Told, act: access.GivesSendOnBehalf) -> None:
    edit = {"@odata.type": "#Exchange.GenericHashTable", "Remove": [_trustee(cloud, act)]}
    _fine(await cloud.exchange.post("Set-Mailbox", {"Identity": told.account_id, "GrantSendOnBehalfTo": edit}))


async def _folder(cloud: Cloud, told: Told, act: access.SharesFolder) -> None:
    identity = {"Identity": f"{told.account_id}:\\{act.folder}"}
    if act.to == "Default":
        body = identity | {"User": "Default", "AccessRights": ["None"]}
        _fine(await cloud.exchange.post("Set-MailboxFolderPermission", body))
    else:
        body = identity | {"User": _trustee(cloud, act)}
        _fine(await cloud.exchange.post("Remove-MailboxFolderPermission", body))


def _trustee(cloud: Cloud, act: Any) -> str:
    return cloud.sim.world.tenant.user(act.to).upn


async def _method(cloud: Cloud, told: Told, act: identity.AddsMethod) -> None:
    kinds = {"authenticator": "microsoftAuthenticatorMethods", "phone": "phoneMethods", "email": "emailMethods"}
    base = f"/users/{told.account_id}/authentication"
    names = told.trace(act.key).names
    wanted = next(row["id"] for row in (await cloud.graph.get(f"{base}/methods")).value if row["id"] in names)
    if act.becomes_default:
        refused = await cloud.graph.delete(f"{base}/{kinds[act.kind]}/{wanted}")
        assert refused.status == 400, "the default method goes last"
        for row in (await cloud.graph.get(f"{base}/microsoftAuthenticatorMethods")).value:
            if row["id"] != wanted:
                _fine(await cloud.graph.delete(f"{base}/microsoftAuthenticatorMethods/{row['id']}"))
        for row in (await cloud.graph.get(f"{base}/phoneMethods")).value:
            _fine(await cloud.graph.delete(f"{base}/phoneMethods/{row['id']}"))
    _fine(await cloud.graph.delete(f"{base}/{kinds[act.kind]}/{wanted}"))


async def _device(cloud: Cloud, told: Told, act: Action) -> None:
    names = told.trace(act.key).names
    rows = (await cloud.graph.get(f"/users/{told.account_id}/registeredDevices")).value
    wanted = next(row["id"] for row in rows if row["id"] in names)
    _fine(await cloud.graph.patch(f"/devices/{wanted}", {"accountEnabled": False}))


async def _phone(cloud: Cloud, told: Told, act: Action) -> None:
    names = told.trace(act.key).names
    rows = await cloud.exchange.rows("Get-MobileDevice", Mailbox=told.account_id)
    wanted = next(row["DeviceId"] for row in rows if row["DeviceId"] in names)
    edit = {"@odata.type": "#Exchange.GenericHashTable", "Add": [wanted]}
    body = {"Identity": told.account_id, "ActiveSyncBlockedDeviceIDs": edit}
    _fine(await cloud.exchange.post("Set-CASMailbox", body))


async def _app(cloud: Cloud, told: Told, act: Action) -> None:
    names = told.trace(act.key).names
    wanted = next(row["id"] for row in await cloud.all("/servicePrincipals") if row["id"] in names)
    _fine(await cloud.graph.patch(f"/servicePrincipals/{wanted}", {"accountEnabled": False}))


async def _consent(cloud: Cloud, told: Told, act: Action) -> None:
    names = told.trace(act.key).names
    rows = (await cloud.graph.get(f"/users/{told.account_id}/oauth2PermissionGrants")).value
    wanted = next(row["id"] for row in rows if row["id"] in names)
    _fine(await cloud.graph.delete(f"/oauth2PermissionGrants/{quote(wanted)}"))


async def _transport_rule(cloud: Cloud, told: Told, act: Action) -> None:
    (name,) = [row["Guid"] for row in await cloud.exchange.rows("Get-TransportRule") if _named(told, act, row)]
    _fine(await cloud.exchange.post("Disable-TransportRule", {"Identity": name}))


async def _connector(cloud: Cloud, told: Told, act: Action) -> None:
    (name,) = [row["Guid"] for row in await cloud.exchange.rows("Get-InboundConnector") if _named(told, act, row)]
    _fine(await cloud.exchange.post("Set-InboundConnector", {"Identity": name, "Enabled": False}))


def _named(told: Told, act: Action, row: dict[str, Any]) -> bool:
    return row["Guid"] in told.trace(act.key).names


_UNDOING: dict[type[Action], Callable[[Cloud, Told, Any], Awaitable[None]]] = {
    access.GivesFullAccess: _full_access,
    access.GivesSendAs: _send_as,
    access.GivesSendOnBehalf: _on_behalf,
    access.SharesFolder: _folder,
    apps.AppSignsIn: _revoke,
    apps.BringsApp: _app,
    apps.Consents: _consent,
    identity.AddsMethod: _method,
    identity.PairsPhone: _phone,
    identity.RegistersDevice: _device,
    mail_flow.MakesInboundConnector: _connector,
    mail_flow.MakesTransportRule: _transport_rule,
    mailbox.ForwardsThroughContact: _forwarding,
    mailbox.ForwardsToAddress: _forwarding,
    mailbox.HidesRule: _rule,
    mailbox.MakesRule: _rule,
    mailbox.MakesSweepRule: _sweep,
    mailbox.SetsAutoReply: _auto_reply,
    signing_in.KnowsPassword: _new_password,
    signing_in.ReplaysToken: _revoke,
    signing_in.SignsIn: _revoke,
}


async def take_away(cloud: Cloud, told: Told, act: Action) -> None:
    """Takes away what a lasting deed left, with calls that Microsoft 365 offers. Raises KeyError for a new kind."""
    await _UNDOING[type(act)](cloud, told, act)


def lasting(story: Story) -> list[Action]:
    """The deeds of the intruder that leave something."""
    return [act for act in story.intruder_actions if act.lasting]
