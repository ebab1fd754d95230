"""Identity Protection: risky users and what made them so. P2, one request a second, no Retry-After."""

from __future__ import annotations

from simulator.graph.errors import bad_request, not_found
from simulator.graph.operation import NO_CONTENT, Answer, Call, Licence, Operation, Row
from simulator.graph.schema_workloads import RISK_DETECTION, RISKY_USER, RISKY_USER_HISTORY
from simulator.tenant import Json

_LIMIT = 60


def list_risky_users(call: Call) -> Answer:
    """GET /identityProtection/riskyUsers."""
    return call.collection(call.tenant.records.risky_users.values(), RISKY_USER, "riskyUsers")


def _risky(call: Call) -> Json:
    key = call.parameters["riskyUser-id"]
    row = call.tenant.records.risky_users.get(key.lower())
    if row is None:
        raise not_found(key)
    return row


def get_risky_user(call: Call) -> Answer:
    """GET /identityProtection/riskyUsers/{id}: 404 for somebody who was never at risk."""
    return call.entity(_risky(call), RISKY_USER, "riskyUsers/$entity")


def history(call: Call) -> Answer:
    """GET /identityProtection/riskyUsers/{id}/history."""
    rows = call.tenant.records.risk_history[str(_risky(call)["id"])]
    return call.collection(rows, RISKY_USER_HISTORY, "riskyUsers/history")


def _judge(call: Call, level: str, state: str, detail: str) -> Answer:
    wanted = call.parameters_of_action("userIds")["userIds"]
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= _LIMIT:
        raise bad_request(f"userIds takes 1 to {_LIMIT} ids.", "BadRequest")
    users = []
    for user_id in wanted:
        user = call.tenant.users.get(str(user_id).lower())
        if user is None:
            raise not_found(str(user_id))
        users.append(user)
    for user in users:
        before = call.tenant.records.risky_users.get(user.id, {}).get("riskState")
        call.tenant.records.add_risk(user, call.world.clock.now(), level, state, detail)
        call.tenant.note(user, "Update user risk", "riskState", before, state, call.by)
    return NO_CONTENT


def confirm_compromised(call: Call) -> Answer:
    """POST …/confirmCompromised."""
    return _judge(call, "high", "confirmedCompromised", "adminConfirmedUserCompromised")


def confirm_safe(call: Call) -> Answer:
    """POST …/confirmSafe."""
    return _judge(call, "none", "confirmedSafe", "adminConfirmedAccountSafe")


def dismiss(call: Call) -> Answer:
    """POST …/dismiss."""
    return _judge(call, "none", "dismissed", "adminDismissedAllRiskForUser")


def list_detections(call: Call) -> Answer:
    """GET /identityProtection/riskDetections."""
    return call.collection(call.tenant.records.risk_detections, RISK_DETECTION, "riskDetections")


_ROOT = "/identityProtection/riskyUsers"
_READ = ("IdentityRiskyUser.Read.All",)
_HISTORY = ("IdentityRiskyUser.Read.All", "IdentityRiskyUser.ReadWrite.All")
_WRITE = ("IdentityRiskyUser.ReadWrite.All",)
OPERATIONS = tuple(
    Operation(method, path, handler, permissions, row=Row.PROTECTION, licence=Licence.P2)
    for method, path, handler, permissions in (
        ("GET", _ROOT, list_risky_users, _READ),
        ("GET", f"{_ROOT}/{{riskyUser-id}}", get_risky_user, _READ),
        ("GET", f"{_ROOT}/{{riskyUser-id}}/history", history, _HISTORY),
        ("POST", f"{_ROOT}/confirmCompromised", confirm_compromised, _WRITE),
        ("POST", f"{_ROOT}/confirmSafe", confirm_safe, _WRITE),
        ("POST", f"{_ROOT}/dismiss", dismiss, _WRITE),
        ("GET", "/identityProtection/riskDetections", list_detections, ("IdentityRiskEvent.Read.All",)),
    )
)
