"""Sign-in log, directory audit and registration report: they need Entra ID P1, and five requests take ten seconds."""

from __future__ import annotations

from datetime import timedelta

from simulator.clock import parse_stamp, stamp
from simulator.graph.errors import GraphError, bad_request, not_found
from simulator.graph.operation import NO_CONTENT, Answer, Call, Licence, Operation, Row
from simulator.graph.schema_workloads import DIRECTORY_AUDIT, REGISTRATION_DETAILS, SIGN_IN, SIGN_IN_BETA
from simulator.ids import guid
from simulator.licences import plans_of
from simulator.tenant import Change, Json, User

_RETENTION = timedelta(days=30)
_RISK = ("riskDetail", "riskLevelAggregated", "riskLevelDuringSignIn")


def _visible(call: Call, row: Json) -> Json:
    """Risk is hidden without P2."""
    if Licence.P2.value in plans_of(call.tenant.licences):
        return row
    return row | dict.fromkeys(_RISK, "hidden")


def list_sign_ins(call: Call) -> Answer:
    """GET /auditLogs/signIns, newest first. v1.0 has interactive ones only; beta too unless asked for other types."""
    now = call.world.clock.now()
    since = stamp(now - _RETENTION)
    found = call.tenant.records.arrived_sign_ins(now)
    rows = [_visible(call, row) for row in found if row["createdDateTime"] >= since]
    rows.sort(key=lambda row: str(row["createdDateTime"]), reverse=True)
    if call.version == "v1.0" or "signInEventTypes" not in (call.options.filter or ""):
        rows = [row for row in rows if row["isInteractive"]]
    return call.collection(rows, SIGN_IN if call.version == "v1.0" else SIGN_IN_BETA, "auditLogs/signIns")


def get_sign_in(call: Call) -> Answer:
    """GET /auditLogs/signIns/{id}."""
    key = call.parameters["signIn-id"]
    row = next((row for row in call.tenant.records.sign_ins if row["id"] == key), None)
    if row is None:
        raise not_found(key)
    return call.entity(_visible(call, row), SIGN_IN, "auditLogs/signIns/$entity")


def _confirm(call: Call, verdict: str) -> Answer:
    wanted = call.parameters_of_action("requestIds")["requestIds"]
    if not isinstance(wanted, list) or not wanted:
        raise bad_request("Invalid value specified for property 'requestIds'.")
    known = {row["id"] for row in call.tenant.records.sign_ins}
    for request_id in wanted:
        if request_id not in known:
            raise not_found(str(request_id))
    call.tenant.records.confirmed_sign_ins.update(dict.fromkeys(wanted, verdict))
    call.tenant.touch()
    return NO_CONTENT


def confirm_compromised(call: Call) -> Answer:
    """POST /auditLogs/signIns/confirmCompromised."""
    return _confirm(call, "compromised")


def confirm_safe(call: Call) -> Answer:
    """POST /auditLogs/signIns/confirmSafe."""
    return _confirm(call, "safe")


def _audit_of(call: Call, change: Change) -> Json:
    """A change of the tenant as the directory's own log shows it."""
    app = next((sp for sp in call.tenant.service_principals.values() if sp.display_name == change.by), None)
    initiator: Json = (
        {"app": {"appId": app.app_id, "displayName": app.display_name, "servicePrincipalId": app.id}, "user": None}
        if app
        else {"user": {"id": None, "displayName": change.by, "userPrincipalName": change.by}, "app": None}
    )
    return {
        "id": guid(call.world.config.seed, f"audit:{change.number}"),
        "activityDateTime": stamp(change.at),
        "activityDisplayName": change.what,
        "category": "UserManagement",
        "correlationId": guid(call.world.config.seed, f"correlation:{change.number}"),
        "initiatedBy": initiator,
        "loggedByService": "Core Directory",
        "operationType": "Update",
        "result": "success",
        "resultReason": "",
        "additionalDetails": [],
        "targetResources": [
            {
                "id": change.target_id,
                "displayName": change.target_name,
                "type": "User",
                "modifiedProperties": [
                    {"displayName": change.property, "oldValue": f'"{change.before}"', "newValue": f'"{change.after}"'}
                ],
            }
        ],
    }


def _audits(call: Call) -> list[Json]:
    free = Licence.P1.value not in plans_of(call.tenant.licences)
    earliest = call.world.clock.now() - (timedelta(days=7) if free else _RETENTION)
    rows = [*call.tenant.records.directory_audits, *(_audit_of(call, change) for change in call.tenant.changes)]
    rows = [row for row in rows if parse_stamp(str(row["activityDateTime"])) >= earliest]
    return sorted(rows, key=lambda row: str(row["activityDateTime"]), reverse=True)


def list_audits(call: Call) -> Answer:
    """GET /auditLogs/directoryAudits: 30 days, 7 in a free tenant."""
    return call.collection(_audits(call), DIRECTORY_AUDIT, "auditLogs/directoryAudits")


def get_audit(call: Call) -> Answer:
    """GET /auditLogs/directoryAudits/{id}."""
    key = call.parameters["directoryAudit-id"]
    row = next((row for row in _audits(call) if row["id"] == key), None)
    if row is None:
        raise not_found(key)
    return call.entity(row, DIRECTORY_AUDIT, "auditLogs/directoryAudits/$entity")


_REGISTERED = {
    "emailAuthenticationMethod": "email",
    "fido2AuthenticationMethod": "passKeyDeviceBound",
    "microsoftAuthenticatorAuthenticationMethod": "microsoftAuthenticatorPush",
    "phoneAuthenticationMethod": "mobilePhone",
    "softwareOathAuthenticationMethod": "softwareOneTimePasscode",
    "temporaryAccessPassAuthenticationMethod": "temporaryAccessPass",
    "windowsHelloForBusinessAuthenticationMethod": "windowsHelloForBusiness",
}


def _details(call: Call, user: User) -> Json:
    kinds = [str(method["@odata.type"]).removeprefix("#microsoft.graph.") for method in user.methods]
    registered = sorted({_REGISTERED[kind] for kind in kinds if kind in _REGISTERED})
    strong = [name for name in registered if name not in {"email", "temporaryAccessPass"}]
    preference = call.tenant.records.preferences.get(user.id, {})
    return {
        "id": user.id,
        "isAdmin": bool(call.tenant.active_roles(user.id)),
        "isMfaCapable": bool(strong),
        "isMfaRegistered": bool(strong),
        "isPasswordlessCapable": "passKeyDeviceBound" in registered,
        "isSsprCapable": bool(registered),
        "isSsprEnabled": True,
        "isSsprRegistered": bool(registered),
        "isSystemPreferredAuthenticationMethodEnabled": True,
        "lastUpdatedDateTime": stamp(call.world.clock.now()),
        "methodsRegistered": registered,
        "systemPreferredAuthenticationMethods": strong[:1],
        "userDisplayName": user.display_name,
        "userPreferredMethodForSecondaryAuthentication": preference.get(
            "userPreferredMethodForSecondaryAuthentication", "push" if user.default_method_id else "none"
        ),
        "userPrincipalName": user.upn,
        "userType": str(user.properties["userType"]).lower(),
    }


def list_registrations(call: Call) -> Answer:
    """GET /reports/authenticationMethods/userRegistrationDetails."""
    rows = (_details(call, user) for user in call.tenant.users.values())
    return call.collection(rows, REGISTRATION_DETAILS, "reports/authenticationMethods/userRegistrationDetails")


def get_registration(call: Call) -> Answer:
    """GET /reports/authenticationMethods/userRegistrationDetails/{user id}."""
    key = call.parameters["userRegistrationDetails-id"]
    user = call.tenant.users.get(key.lower())
    if user is None:
        raise GraphError(404, "ResourceNotFound", f"User with ID {key} could not be found.")
    context = "reports/authenticationMethods/userRegistrationDetails/$entity"
    return call.entity(_details(call, user), REGISTRATION_DETAILS, context)


_LOG = ("AuditLog.Read.All",)
_AUDIT = ("AuditLog.Read.All", "Directory.Read.All")
_RISK_WRITE = ("IdentityRiskEvent.ReadWrite.All",)
_DETAILS = "/reports/authenticationMethods/userRegistrationDetails"
OPERATIONS = (
    Operation("GET", "/auditLogs/signIns", list_sign_ins, _LOG, row=Row.REPORTS, licence=Licence.P1),
    Operation("GET", "/auditLogs/signIns/{signIn-id}", get_sign_in, _LOG, row=Row.REPORTS, licence=Licence.P1),
    Operation(
        "POST",
        "/auditLogs/signIns/confirmCompromised",
        confirm_compromised,
        _RISK_WRITE,
        row=Row.PROTECTION,
        licence=Licence.P2,
    ),
    Operation(
        "POST", "/auditLogs/signIns/confirmSafe", confirm_safe, _RISK_WRITE, row=Row.PROTECTION, licence=Licence.P2
    ),
    Operation("GET", "/auditLogs/directoryAudits", list_audits, _AUDIT, row=Row.REPORTS),
    Operation("GET", "/auditLogs/directoryAudits/{directoryAudit-id}", get_audit, _AUDIT, row=Row.REPORTS),
    Operation("GET", _DETAILS, list_registrations, _LOG, row=Row.REPORTS, licence=Licence.P1),
    Operation(
        "GET",
        f"{_DETAILS}/{{userRegistrationDetails-id}}",
        get_registration,
        _LOG,
        row=Row.REPORTS,
        licence=Licence.P1,
    ),
)
