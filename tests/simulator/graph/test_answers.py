"""Every operation: its answers fit the contract's schemas, and nothing answers without its permission."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from simulator.clock import stamp
from simulator.exchange import exchange_of
from simulator.exchange.state import TracedMessage
from simulator.graph import OPERATIONS
from simulator.graph.operation import Operation
from simulator.graph.sign_in_methods import KINDS
from tests.simulator.graph.caller import GraphCaller
from tests.simulator.graph.test_contract import contract

ROWS = [(operation, operation.versions[0]) for operation in OPERATIONS]  # beta twins have the same handler
READS = [(o, version) for o, version in ROWS if o.method == "GET"]
_PLACE = re.compile(r"\{([^}]+)\}")
# What these lists hold is what the contract's type names as its base; the rows are of narrower types.
# Free-form by their nature, or flags that the contract's source writes as lists though the wire has one text.
_FREE = {"auditData", "incomingTokenType"}
# What the service shows though its description does not have it.
_UNDESCRIBED = {"/servicePrincipals/{servicePrincipal-id}": "createdDateTime"}
_MIXED = {"/users/{user-id}/authentication/methods"}


def _identify(rows: list[tuple[Operation, str]]) -> list[str]:
    return [f"{version} {operation.method} {operation.template}" for operation, version in rows]


def furnish(graph: GraphCaller) -> dict[str, str]:
    """Puts one of everything into the tenant, and says by which id each place in a path finds it."""
    world = graph.sim.world
    tenant, records = world.tenant, world.tenant.records
    megan, now = tenant.user("megan"), world.clock.now()
    everyone = list(tenant.users.values())
    ids: dict[str, str] = {"user-id": megan.id, "mailFolder-id": "inbox", "group-id": next(iter(tenant.groups))}
    extra: dict[str, Any] = {
        "phoneMethods": {"phoneNumber": "+1 4255550100", "phoneType": "mobile", "smsSignInState": "notSupported"},
        "emailMethods": {"emailAddress": "me@home.example"},
        "temporaryAccessPassMethods": {"lifetimeInMinutes": 60, "isUsableOnce": True, "isUsable": True},
    }
    for kind, (name, _, _) in KINDS.items():
        method = {"@odata.type": f"#microsoft.graph.{name}", "id": f"{kind}-1"}
        if kind not in {"hardwareOathMethods", "passwordlessMicrosoftAuthenticatorMethods"}:
            method["createdDateTime"] = stamp(now)
        megan.methods.append(method | extra.get(kind, {}))
        ids[f"{name}-id"] = method["id"]
    megan.rules.append({"id": "r1", "displayName": ".", "sequence": 1, "isEnabled": True, "actions": {"delete": True}})
    records.files[megan.id] = [{"id": "f1", "name": "Invoice.docx", "text": "invoice", "size": 4, "file": {}}]
    ids |= {"drive-id": f"b!{megan.id.replace('-', '')}", "driveItem-id": "root", "q": "invoice"}
    message = records.add_message(megan, now, subject="Hi", sender="a@x.example", to=(megan.upn,))
    tenant.permission_grants.append(
        {
            "id": "g1",
            "clientId": world.bot.id,
            "consentType": "Principal",
            "principalId": megan.id,
            "resourceId": world.bot.id,
            "scope": "Mail.Read",
        }
    )
    tenant.app_role_assignments.append(
        {
            "id": "a1",
            "appRoleId": world.bot.properties["appRoles"][0]["id"],
            "principalId": megan.id,
            "principalDisplayName": megan.display_name,
            "principalType": "User",
            "resourceDisplayName": "IRBot",
            "resourceId": world.bot.id,
            "createdDateTime": stamp(now),
        }
    )
    tenant.change(megan, {"jobTitle": "Clerk"}, "IRBot")
    exchange = exchange_of(world).organisation
    exchange.traced.append(TracedMessage(UUID(int=5), "<1@x>", now, megan.upn, "bob@x.example", "Hi"))
    exchange.audit_records.append(
        {
            "CreationDate": now - timedelta(minutes=5),
            "UserIds": megan.upn,
            "Operations": "New-InboxRule",
            "RecordType": "ExchangeAdmin",
            "Identity": "1",
            "AuditData": '{"Workload": "Exchange"}',
        }
    )
    records.audit_queries["q1"] = {
        "id": "q1",
        "displayName": "case",
        "status": "succeeded",
        "made": now,
        "filterStartDateTime": stamp(now - timedelta(days=1)),
        "filterEndDateTime": stamp(now),
        "keywordFilter": "",
        **{name: [] for name in ("administrativeUnitIdFilters", "ipAddressFilters", "objectIdFilters")},
        **{
            name: [] for name in ("operationFilters", "recordTypeFilters", "serviceFilters", "userPrincipalNameFilters")
        },
    }
    records.access_policies["p1"] = {
        "id": "p1",
        "displayName": "Block",
        "state": "enabled",
        "createdDateTime": stamp(now),
        "conditions": {
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["other"],
        },
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    }
    records.named_locations["l1"] = {
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "id": "l1",
        "displayName": "Office",
        "isTrusted": True,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "198.51.100.0/24"}],
    }
    records.installed_apps[megan.id].append({"id": "i1", "app": records.teams_apps[0]["id"]})
    managed = next(key for key, row in records.managed_devices.items() if row["userId"] == megan.id)
    records.malware[managed].append({"id": "m1", "displayName": "EICAR", "severity": "severe", "state": "allowed"})
    return ids | {
        "messageRule-id": "r1",
        "message-id": str(message["id"]),
        "servicePrincipal-id": world.bot.id,
        "appId": world.app_id,
        "appRoleAssignment-id": "a1",
        "oAuth2PermissionGrant-id": "g1",
        "device-id": megan.device_ids[0],
        "directoryRole-id": "62e90394-69f5-4237-9190-012177145e10",
        "unifiedRoleDefinition-id": "62e90394-69f5-4237-9190-012177145e10",
        "unifiedRoleAssignment-id": tenant.role_assignments[0].id,
        "directoryObject-id": megan.id,
        "riskyUser-id": megan.id,
        "signIn-id": str(records.sign_ins[0]["id"]),
        "directoryAudit-id": "",
        "userRegistrationDetails-id": everyone[0].id,
        "auditLogQuery-id": "q1",
        "exchangeMessageTrace-id": str(UUID(int=5)),
        "recipientAddress": "bob@x.example",
        "conditionalAccessPolicy-id": "p1",
        "namedLocation-id": "l1",
        "authenticationMethodConfiguration-id": "Fido2",
        "managedDevice-id": managed,
        "detectedApp-id": "app-7-zip",
        "alert-id": next(iter(records.alerts)),
        "incident-id": "1",
        "identityAccounts-id": next(iter(records.identity_accounts)),
        "secureScoreControlProfile-id": "MFARegistrationV2",
        "userScopeTeamsAppInstallation-id": "i1",
    }


async def _path(graph: GraphCaller, operation: Operation, version: str) -> str:
    ids = furnish(graph)
    if "directoryAudit-id" in operation.template:
        ids["directoryAudit-id"] = str((await graph.get("/auditLogs/directoryAudits")).value[0]["id"])
    if operation.template.startswith("/servicePrincipals/") and operation.template.endswith("/appRoleAssignments"):
        ids["servicePrincipal-id"] = graph.sim.world.bot.id
    query = "?$count=true&$filter=principalId eq 'x'" if "transitiveRole" in operation.template else ""
    return f"/{version}" + _PLACE.sub(lambda place: ids[place.group(1)], operation.template) + query


def misfits(value: Any, schema: dict[str, Any]) -> Iterator[str]:
    """What does not fit. An object that names its own type is measured by that type, not by the base that is listed."""
    components = contract()["components"]
    for problem in Draft202012Validator({**schema, "components": components}).iter_errors(value):
        found = problem.instance
        own = str(found.get("@odata.type", "")).removeprefix("#") if isinstance(found, dict) else ""
        place = [str(step) for step in problem.absolute_path]
        if own:
            yield from (f"{place} as {own}: {each}" for each in _own_misfits(found, own))
        elif not _FREE.intersection(place):
            yield f"{place}: {problem.message}"


def _own_misfits(value: dict[str, Any], own: str) -> Iterator[str]:
    if own not in contract()["components"]["schemas"]:
        return  # the slice does not describe this type
    schema = {"$ref": f"#/components/schemas/{own}", "components": contract()["components"]}
    yield from (problem.message for problem in Draft202012Validator(schema).iter_errors(value))


@pytest.mark.parametrize(("operation", "version"), READS, ids=_identify(READS))
async def test_an_answer_fits_the_contract(graph: GraphCaller, operation: Operation, version: str) -> None:
    graph.sim.world.bot.permissions |= set(operation.any_of[:1])
    graph.renew()
    reply = await graph.get(await _path(graph, operation, version), ConsistencyLevel="eventual")
    assert reply.status == 200, reply.body
    described = contract()["paths"].get(f"/{version}{operation.template}", {}).get("get")
    content = (described or {}).get("responses", {}).get("2XX", {}).get("content")
    if content is None or operation.template in _MIXED:
        pytest.skip("the contract does not describe this answer")
    reply.body.pop(_UNDESCRIBED.get(operation.template, ""), None)
    assert list(misfits(reply.body, content["application/json"]["schema"])) == []
    if "value" in reply.body and "transitiveRole" not in operation.template:
        assert reply.body["value"] or operation.template.endswith(("/contacts", "/people", "/owners"))


@pytest.mark.parametrize(("operation", "version"), ROWS, ids=_identify(ROWS))
async def test_nothing_is_answered_without_a_permission(graph: GraphCaller, operation: Operation, version: str) -> None:
    path = await _path(graph, operation, version)
    graph.only("Chat.Create")
    before = len(graph.sim.world.tenant.changes)
    reply = await graph.call(operation.method, path, {} if operation.method in {"POST", "PATCH"} else None)
    assert (reply.status, reply.code) == (403, "Authorization_RequestDenied")
    assert len(graph.sim.world.tenant.changes) == before
