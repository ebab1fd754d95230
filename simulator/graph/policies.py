"""Tenant-wide policies: security defaults, Conditional Access, named locations, methods and consent."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from simulator.clock import stamp
from simulator.graph.errors import GraphError, bad_request, not_found, unknown_property
from simulator.graph.operation import NO_CONTENT, Answer, Call, Licence, Operation, Row
from simulator.graph.schema import words
from simulator.graph.schema_workloads import (
    ACCESS_POLICY,
    AUTHORIZATION_POLICY,
    METHODS_POLICY,
    NAMED_LOCATION,
    SECURITY_DEFAULTS,
)
from simulator.tenant import Json

_CONDITIONS = words(
    "applications authenticationFlows clientAppTypes clientApplications devices insiderRiskLevels locations platforms "
    "servicePrincipalRiskLevels signInRiskLevels userRiskLevels users"
)
_USERS = words(
    "excludeGroups excludeGuestsOrExternalUsers excludeRoles excludeUsers includeGroups includeGuestsOrExternalUsers "
    "includeRoles includeUsers"
)
_CONTROLS = words("authenticationStrength builtInControls customAuthenticationFactors operator termsOfUse")
_EVERYBODY = frozenset({"All", "GuestsOrExternalUsers", "None"})
_STATES = {"enabled", "disabled", "enabledForReportingButNotEnforced"}


def _note(call: Call, what: str, name: str, before: Any, after: Any) -> None:
    call.tenant.note_tenant(what, name, before, after, call.by)


def get_security_defaults(call: Call) -> Answer:
    """GET /policies/identitySecurityDefaultsEnforcementPolicy."""
    return call.entity(call.tenant.records.security_defaults, SECURITY_DEFAULTS, "policies/securityDefaults")


def patch_security_defaults(call: Call) -> Answer:
    """PATCH: not together with Conditional Access policies that are on."""
    values = call.json_object()
    for name in values:
        if name not in SECURITY_DEFAULTS.properties:
            raise unknown_property(name, SECURITY_DEFAULTS.name)
    enabled = values.get("isEnabled")
    if set(values) != {"isEnabled"} or not isinstance(enabled, bool):
        raise bad_request("Only isEnabled can be set, to true or false.", "BadRequest")
    if enabled and any(policy["state"] == "enabled" for policy in call.tenant.records.access_policies.values()):
        raise bad_request(
            "Your organization has Conditional Access policies enabled which prevents you from enabling Security "
            "defaults.",
            "BadRequest",
        )
    policy = call.tenant.records.security_defaults
    _note(call, "Update security defaults", "isEnabled", policy["isEnabled"], enabled)
    policy["isEnabled"] = enabled
    return NO_CONTENT


def get_authorization_policy(call: Call) -> Answer:
    """GET /policies/authorizationPolicy: what users may do, consenting to apps included."""
    return call.entity(call.tenant.records.authorization_policy, AUTHORIZATION_POLICY, "policies/authorizationPolicy")


def patch_authorization_policy(call: Call) -> Answer:
    """PATCH /policies/authorizationPolicy."""
    policy = call.tenant.records.authorization_policy
    for name, value in call.json_object().items():
        if name not in AUTHORIZATION_POLICY.properties:
            raise unknown_property(name, AUTHORIZATION_POLICY.name)
        before = policy.get(name)
        policy[name] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
        _note(call, "Update authorization policy", name, before, policy[name])
    return NO_CONTENT


def get_methods_policy(call: Call) -> Answer:
    """GET /policies/authenticationMethodsPolicy."""
    return call.entity(call.tenant.records.methods_policy, METHODS_POLICY, "policies/authenticationMethodsPolicy")


def get_method_configuration(call: Call) -> Answer:
    """GET …/authenticationMethodConfigurations/{name}."""
    key = call.parameters["authenticationMethodConfiguration-id"]
    for row in call.tenant.records.methods_policy["authenticationMethodConfigurations"]:
        if str(row["id"]).lower() == key.lower():
            return Answer(body={"@odata.context": call.context("authenticationMethodConfigurations/$entity")} | row)
    raise not_found(key)


def _parts(values: Json, name: str, known: frozenset[str], entity: str) -> Json:
    part = values.get(name)
    found = {key: value for key, value in part.items() if "@odata." not in key} if isinstance(part, dict) else {}
    for key in found:
        if key not in known:
            raise unknown_property(key, entity)
    return found


def _check_people(call: Call, users: Json) -> None:
    """Whom a policy names must exist."""
    for name, known in (("Users", call.tenant.users), ("Groups", call.tenant.groups)):
        for key in (*users.get(f"include{name}", ()), *users.get(f"exclude{name}", ())):
            if key not in _EVERYBODY and key not in known:
                raise GraphError(400, "BadRequest", f"1020: The policy names {name.lower()} that are not there: {key}.")


def _check_policy(call: Call, values: Json, *, whole: bool) -> None:
    for name in values:
        if name not in ACCESS_POLICY.properties:
            raise unknown_property(name, ACCESS_POLICY.name)
    if "state" in values and values["state"] not in _STATES:
        raise GraphError(400, "BadRequest", f"1011: Policy contains invalid state: {values['state']}.")
    if whole and not {"displayName", "state", "conditions"} <= set(values):
        raise GraphError(400, "BadRequest", "1007: A policy needs displayName, state and conditions.")
    _parts(values, "grantControls", _CONTROLS, "conditionalAccessGrantControls")
    within = _parts(values, "conditions", _CONDITIONS, "conditionalAccessConditionSet")
    _check_people(call, _parts(within, "users", _USERS, "conditionalAccessUsers"))
    if values.get("state") == "enabled" and call.tenant.records.security_defaults["isEnabled"]:
        raise GraphError(400, "BadRequest", "1013: Security Defaults is enabled in the tenant.")
    conditions = values.get("conditions")
    if whole and not {"users", "applications"} <= set(conditions if isinstance(conditions, dict) else {}):
        raise GraphError(400, "BadRequest", "1006: The conditions of a policy need users and applications.")


def list_policies(call: Call) -> Answer:
    """GET /identity/conditionalAccess/policies."""
    rows = call.tenant.records.access_policies.values()
    return call.collection(rows, ACCESS_POLICY, "identity/conditionalAccess/policies")


def create_policy(call: Call) -> Answer:
    """POST: every call makes one. Not while security defaults are on."""
    values = call.json_object()
    _check_policy(call, values, whole=True)
    now = stamp(call.world.clock.now())
    policy: Json = (
        {"grantControls": None, "sessionControls": None, "templateId": None}
        | values
        | {"id": str(uuid4()), "createdDateTime": now, "modifiedDateTime": None}
    )
    call.tenant.records.access_policies[policy["id"]] = policy
    _note(call, "Add conditional access policy", policy["displayName"], None, policy["state"])
    answer = call.entity(policy, ACCESS_POLICY, "identity/conditionalAccess/policies/$entity")
    return Answer(201, answer.body)


def _policy(call: Call) -> Json:
    key = call.parameters["conditionalAccessPolicy-id"]
    found = call.tenant.records.access_policies.get(key)
    if found is None:
        raise GraphError(404, "NotFound", f"1040: Policy {key} does not exist.")
    return found


def get_policy(call: Call) -> Answer:
    """GET one policy."""
    return call.entity(_policy(call), ACCESS_POLICY, "identity/conditionalAccess/policies/$entity")


def patch_policy(call: Call) -> Answer:
    """PATCH one policy."""
    policy, values = _policy(call), call.json_object()
    _check_policy(call, values, whole=False)
    before = policy["state"]
    policy.update(values | {"modifiedDateTime": stamp(call.world.clock.now())})
    _note(call, "Update conditional access policy", policy["displayName"], before, policy["state"])
    return NO_CONTENT


def delete_policy(call: Call) -> Answer:
    """DELETE one policy."""
    policy = _policy(call)
    del call.tenant.records.access_policies[policy["id"]]
    _note(call, "Delete conditional access policy", policy["displayName"], policy["state"], None)
    return NO_CONTENT


def list_locations(call: Call) -> Answer:
    """GET /identity/conditionalAccess/namedLocations."""
    return call.collection(call.tenant.records.named_locations.values(), NAMED_LOCATION, "namedLocations")


def create_location(call: Call) -> Answer:
    """POST: IP ranges only; a policy may name them."""
    values = call.json_object()
    for name in values:
        if name not in NAMED_LOCATION.properties:
            raise unknown_property(name, NAMED_LOCATION.name)
    if not isinstance(values.get("ipRanges"), list) or not values.get("displayName"):
        raise GraphError(400, "BadRequest", "1150: A named location needs displayName and ipRanges.")
    location: Json = (
        {"@odata.type": "#microsoft.graph.ipNamedLocation", "isTrusted": False} | values | {"id": str(uuid4())}
    )
    call.tenant.records.named_locations[location["id"]] = location
    _note(call, "Add named location", location["displayName"], None, "added")
    return Answer(201, call.entity(location, NAMED_LOCATION, "namedLocations/$entity").body)


def _location(call: Call) -> Json:
    key = call.parameters["namedLocation-id"]
    found = call.tenant.records.named_locations.get(key)
    if found is None:
        raise GraphError(404, "NotFound", f"1043: Location {key} does not exist.")
    return found


def get_location(call: Call) -> Answer:
    """GET one named location."""
    return call.entity(_location(call), NAMED_LOCATION, "namedLocations/$entity")


def delete_location(call: Call) -> Answer:
    """DELETE: refused while a policy names it."""
    location = _location(call)
    if any(str(location["id"]) in str(policy["conditions"]) for policy in call.tenant.records.access_policies.values()):
        raise GraphError(400, "BadRequest", "1160: The named location is in use by a policy.")
    del call.tenant.records.named_locations[location["id"]]
    _note(call, "Delete named location", location["displayName"], "there", None)
    return NO_CONTENT


_READ_POLICIES = ("Policy.Read.All",)
_DEFAULTS = "/policies/identitySecurityDefaultsEnforcementPolicy"
_METHODS = "/policies/authenticationMethodsPolicy"
_CA = "/identity/conditionalAccess/policies"
_LOCATIONS = "/identity/conditionalAccess/namedLocations"
_ONE_POLICY = f"{_CA}/{{conditionalAccessPolicy-id}}"
_ONE_LOCATION = f"{_LOCATIONS}/{{namedLocation-id}}"
_WRITE = ("Policy.ReadWrite.ConditionalAccess",)
_WRITES = {
    ("POST", _CA): (*_WRITE, "Application.Read.All"),
    ("PATCH", _ONE_POLICY): (*_WRITE, "Application.Read.All"),
    ("DELETE", _ONE_POLICY): _WRITE,
    ("POST", _LOCATIONS): _WRITE,
    ("DELETE", _ONE_LOCATION): _WRITE,
}
OPERATIONS = (
    Operation("GET", _DEFAULTS, get_security_defaults, ("Policy.Read.All", "Policy.ReadWrite.SecurityDefaults")),
    Operation(
        "PATCH",
        _DEFAULTS,
        patch_security_defaults,
        ("Policy.Read.All",),
        all_of=("Policy.ReadWrite.SecurityDefaults",),
    ),
    Operation("GET", "/policies/authorizationPolicy", get_authorization_policy, ("Policy.Read.All",)),
    Operation(
        "PATCH", "/policies/authorizationPolicy", patch_authorization_policy, ("Policy.ReadWrite.Authorization",)
    ),
    Operation("GET", _METHODS, get_methods_policy, ("Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod")),
    Operation(
        "GET",
        f"{_METHODS}/authenticationMethodConfigurations/{{authenticationMethodConfiguration-id}}",
        get_method_configuration,
        ("Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"),
    ),
    *(
        Operation(
            method,
            path,
            handler,
            _READ_POLICIES,
            all_of=_WRITES.get((method, path), ()),
            row=Row.PROTECTION,
            licence=Licence.P1,
        )
        for method, path, handler in (
            ("GET", _CA, list_policies),
            ("POST", _CA, create_policy),
            ("GET", _ONE_POLICY, get_policy),
            ("PATCH", _ONE_POLICY, patch_policy),
            ("DELETE", _ONE_POLICY, delete_policy),
            ("GET", _LOCATIONS, list_locations),
            ("POST", _LOCATIONS, create_location),
            ("GET", _ONE_LOCATION, get_location),
            ("DELETE", _ONE_LOCATION, delete_location),
        )
    ),
)
