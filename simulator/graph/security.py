"""Defender: alerts, incidents, hunting, on-premises accounts, purging mail, and the secure score."""

from __future__ import annotations

import re
from uuid import uuid4

from simulator.clock import stamp
from simulator.graph.errors import bad_request, not_found, unknown_property
from simulator.graph.operation import Answer, Call, Licence, Operation, Row
from simulator.graph.schema import EntityType
from simulator.graph.schema_workloads import ALERT, IDENTITY_ACCOUNT, INCIDENT, SCORE_PROFILE, SECURE_SCORE
from simulator.tenant import Json

_ALERT_STATES = {"new", "inProgress", "resolved"}
_INCIDENT_STATES = {"active", "inProgress", "resolved", "redirected"}
_ON_PREMISES = {"disable", "enable", "forcePasswordReset"}
_EQUALS = re.compile(r"(\w+)\s*(?:==|=~)\s*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")")


def list_alerts(call: Call) -> Answer:
    """GET /security/alerts_v2: not to be filtered by person."""
    rows = sorted(call.tenant.records.alerts.values(), key=lambda row: str(row["createdDateTime"]), reverse=True)
    return call.collection(rows, ALERT, "security/alerts_v2")


def _found(rows: dict[str, Json], key: str) -> Json:
    if key not in rows:
        raise not_found(key)
    return rows[key]


def get_alert(call: Call) -> Answer:
    """GET one alert."""
    return call.entity(_found(call.tenant.records.alerts, call.parameters["alert-id"]), ALERT, "security/alerts_v2")


def _patch(call: Call, row: Json, entity: EntityType, writable: set[str], states: set[str]) -> Answer:
    values = call.json_object()
    for name, value in values.items():
        if name not in entity.properties:
            raise unknown_property(name, entity.name)
        if name not in writable:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.", "BadRequest")
        if name == "status" and value not in states:
            raise bad_request(f"Invalid value '{value}' for status.", "BadRequest")
    row.update(values | {"lastUpdateDateTime": stamp(call.world.clock.now())})
    title = str(row.get("title") or row.get("displayName"))
    call.tenant.note_tenant(f"Update {entity.name}", title, None, row["status"], call.by)
    return call.entity(row, entity, entity.name)


def patch_alert(call: Call) -> Answer:
    """PATCH one alert."""
    row = _found(call.tenant.records.alerts, call.parameters["alert-id"])
    return _patch(call, row, ALERT, {"status", "classification", "determination", "assignedTo"}, _ALERT_STATES)


def comment_alert(call: Call) -> Answer:
    """POST …/comments."""
    row = _found(call.tenant.records.alerts, call.parameters["alert-id"])
    comment = call.parameters_of_action("comment")["comment"]
    entry = {"comment": comment, "createdByDisplayName": call.by, "createdDateTime": stamp(call.world.clock.now())}
    row.setdefault("comments", []).append(entry)
    return Answer(200, {"@odata.context": call.context("comments"), "value": row["comments"]})


def list_incidents(call: Call) -> Answer:
    """GET /security/incidents, with their alerts where asked for."""
    rows = list(call.tenant.records.incidents.values())
    if any(part.startswith("alerts") for part in call.options.expand):
        alerts = call.tenant.records.alerts.values()
        rows = [row | {"alerts": [a for a in alerts if a.get("incidentId") == row["id"]]} for row in rows]
    return call.collection(rows, INCIDENT, "security/incidents", expand=frozenset({"alerts"}))


def get_incident(call: Call) -> Answer:
    """GET one incident."""
    row = _found(call.tenant.records.incidents, call.parameters["incident-id"])
    return call.entity(row, INCIDENT, "security/incidents/$entity")


def patch_incident(call: Call) -> Answer:
    """PATCH one incident."""
    row = _found(call.tenant.records.incidents, call.parameters["incident-id"])
    writable = {"status", "classification", "determination", "assignedTo", "customTags", "resolvingComment"}
    return _patch(call, row, INCIDENT, writable, _INCIDENT_STATES)


def hunt(call: Call) -> Answer:
    """POST /security/runHuntingQuery: a table, equality conditions and take; anything else is a syntax error."""
    query = call.parameters_of_action("query", optional=("timespan",))["query"]
    if not isinstance(query, str) or not query.strip():
        raise bad_request("The query is empty.", "BadRequest")
    table, *stages = [part.strip() for part in query.split("\n" if "|" not in query else "|")]
    if table not in call.tenant.records.hunting:
        raise bad_request(f"'{table}' operator: Failed to resolve table expression named '{table}'", "BadRequest")
    rows = call.tenant.records.hunting[table]
    for stage in stages:
        word, _, rest = stage.partition(" ")
        if word == "where":
            rows = [row for row in rows if _where(row, rest)]
        elif word in {"take", "limit"} and rest.strip().isdecimal():
            rows = rows[: int(rest)]
        elif word == "project":
            names = [name.strip() for name in rest.split(",")]
            rows = [{name: row.get(name) for name in names} for row in rows]
        else:
            raise bad_request(f"Syntax error: '{stage}' is not understood.", "BadRequest")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    schema = [{"name": name, "type": "String"} for name in columns]
    return Answer(body={"@odata.context": call.context("huntingQueryResults"), "schema": schema, "results": rows})


def _where(row: Json, condition: str) -> bool:
    for clause in re.split(r"\s+and\s+", condition):
        match = _EQUALS.fullmatch(clause.strip())
        if match is None:
            raise bad_request(f"Syntax error: '{clause}' is not understood.", "BadRequest")
        wanted = match.group(2) if match.group(2) is not None else match.group(3)
        wanted = re.sub(r"\\(.)", r"\1", wanted)
        if str(row.get(match.group(1), "")).lower() != wanted.lower():
            return False
    return True


def list_identity_accounts(call: Call) -> Answer:
    """GET /security/identities/identityAccounts."""
    return call.collection(call.tenant.records.identity_accounts.values(), IDENTITY_ACCOUNT, "identityAccounts")


def get_identity_account(call: Call) -> Answer:
    """GET one on-premises account."""
    row = _found(call.tenant.records.identity_accounts, call.parameters["identityAccounts-id"])
    return call.entity(row, IDENTITY_ACCOUNT, "identityAccounts/$entity")


def invoke_action(call: Call) -> Answer:
    """POST …/invokeAction: acts in Active Directory; what it changes reaches Entra with the next synchronisation."""
    row = _found(call.tenant.records.identity_accounts, call.parameters["identityAccounts-id"])
    values = call.parameters_of_action("accountId", "action", "identityProvider")
    accounts: list[Json] = row["accounts"]
    account = next((each for each in accounts if each["identifier"] == values["accountId"]), None)
    if account is None:
        raise not_found(str(values["accountId"]))
    if values["identityProvider"] != "activeDirectory" or values["action"] not in _ON_PREMISES:
        raise bad_request("The action is not supported for this identity provider.", "BadRequest")
    action = str(values["action"])
    if action != "forcePasswordReset":
        row["isEnabled"] = action == "enable"
    call.tenant.records.on_premises_actions.append(dict(values))
    user = next(
        (
            user
            for user in call.tenant.users.known()
            if user.properties.get("onPremisesSecurityIdentifier") == row["onPremisesSecurityIdentifier"]
        ),
        None,
    )
    if user is not None:
        if action != "forcePasswordReset":
            user.before_sync["accountEnabled"] = row["isEnabled"]
        call.tenant.note(user, "Action in Active Directory", action, None, "done", call.by)
    value = {
        "accountId": values["accountId"],
        "action": action,
        "provider": "activeDirectory",
        "correlationId": str(uuid4()),
    }
    return Answer(body={"@odata.context": call.context("invokeActionResult"), "value": value})


def list_scores(call: Call) -> Answer:
    """GET /security/secureScores, newest first."""
    return call.collection(call.tenant.records.secure_scores, SECURE_SCORE, "security/secureScores")


def list_profiles(call: Call) -> Answer:
    """GET /security/secureScoreControlProfiles."""
    return call.collection(call.tenant.records.score_profiles.values(), SCORE_PROFILE, "secureScoreControlProfiles")


def get_profile(call: Call) -> Answer:
    """GET one control profile."""
    row = _found(call.tenant.records.score_profiles, call.parameters["secureScoreControlProfile-id"])
    return call.entity(row, SCORE_PROFILE, "secureScoreControlProfiles/$entity")


_ALERTS = "/security/alerts_v2"
_INCIDENTS = "/security/incidents"
_ACCOUNTS = "/security/identities/identityAccounts"
_PROFILES = "/security/secureScoreControlProfiles"
_ALERT_READ = ("SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All")
_INCIDENT_READ = ("SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All")
_SCORE_READ = ("SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All")
OPERATIONS = tuple(
    Operation(method, path, handler, rights, row=Row.SECURITY, licence=licence)
    for method, path, handler, rights, licence in (
        ("GET", _ALERTS, list_alerts, _ALERT_READ, None),
        ("GET", f"{_ALERTS}/{{alert-id}}", get_alert, _ALERT_READ, None),
        ("PATCH", f"{_ALERTS}/{{alert-id}}", patch_alert, _ALERT_READ[1:], None),
        ("POST", f"{_ALERTS}/{{alert-id}}/comments", comment_alert, _ALERT_READ[1:], None),
        ("GET", _INCIDENTS, list_incidents, _INCIDENT_READ, None),
        ("GET", f"{_INCIDENTS}/{{incident-id}}", get_incident, _INCIDENT_READ, None),
        ("PATCH", f"{_INCIDENTS}/{{incident-id}}", patch_incident, _INCIDENT_READ[1:], None),
        ("POST", "/security/runHuntingQuery", hunt, ("ThreatHunting.Read.All",), Licence.DEFENDER_ENDPOINT),
        ("GET", _ACCOUNTS, list_identity_accounts, ("SecurityIdentitiesAccount.Read.All",), Licence.CLOUD_APPS),
        (
            "GET",
            f"{_ACCOUNTS}/{{identityAccounts-id}}",
            get_identity_account,
            ("SecurityIdentitiesAccount.Read.All",),
            Licence.CLOUD_APPS,
        ),
        (
            "POST",
            f"{_ACCOUNTS}/{{identityAccounts-id}}/invokeAction",
            invoke_action,
            ("SecurityIdentitiesActions.ReadWrite.All",),
            Licence.CLOUD_APPS,
        ),
        ("GET", "/security/secureScores", list_scores, _SCORE_READ, None),
        ("GET", _PROFILES, list_profiles, _SCORE_READ, None),
        ("GET", f"{_PROFILES}/{{secureScoreControlProfile-id}}", get_profile, _SCORE_READ, None),
    )
)
