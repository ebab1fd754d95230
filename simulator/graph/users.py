"""Users: look-up, search, the PATCH with all its gates, session revocation, manager and licences."""

from __future__ import annotations

import re
from typing import Any

from simulator.clock import stamp
from simulator.config import SyncedWrite
from simulator.graph import sensitive
from simulator.graph.errors import (
    MASTERED_ON_PREMISES,
    bad_request,
    denied,
    not_found,
    premium_needed,
    unknown_property,
)
from simulator.graph.filters import parse
from simulator.graph.operation import NO_CONTENT, Answer, Call, Licence, Operation
from simulator.graph.organization import used_units
from simulator.graph.schema import LICENSE_DETAILS, USER
from simulator.ids import guid
from simulator.licences import SKUS, assigned, assigned_plans, clashing, plans_of
from simulator.tenant import Json, User

_READ = (
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
)
_ANY_WRITE = (
    "Directory.ReadWrite.All",
    "User-Mail.ReadWrite.All",
    "User-PasswordProfile.ReadWrite.All",
    "User-Phone.ReadWrite.All",
    "User.EnableDisableAccount.All",
    "User.ReadWrite.All",
)
_BROAD = ("Directory.ReadWrite.All", "User.ReadWrite.All")
# What a property needs, where it is not one of the broad rights. A password is not contained in those.
_RIGHTS: dict[str, tuple[str, ...]] = {
    "accountEnabled": ("User.EnableDisableAccount.All", *_BROAD),
    "businessPhones": ("User-Phone.ReadWrite.All", *_BROAD),
    "mobilePhone": ("User-Phone.ReadWrite.All", *_BROAD),
    "otherMails": ("User-Mail.ReadWrite.All", *_BROAD),
    "passwordProfile": ("User-PasswordProfile.ReadWrite.All",),
}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "accountEnabled": bool,
    "businessPhones": list,
    "companyName": (str, type(None)),
    "department": (str, type(None)),
    "displayName": str,
    "givenName": (str, type(None)),
    "jobTitle": (str, type(None)),
    "mailNickname": str,
    "mobilePhone": (str, type(None)),
    "officeLocation": (str, type(None)),
    "otherMails": list,
    "passwordPolicies": (str, type(None)),
    "passwordProfile": dict,
    "preferredLanguage": (str, type(None)),
    "showInAddressList": (bool, type(None)),
    "surname": (str, type(None)),
    "usageLocation": (str, type(None)),
    "userPrincipalName": str,
    "userType": str,
}
_PASSWORD_FIELDS = {"password", "forceChangePasswordNextSignIn", "forceChangePasswordNextSignInWithMfa"}
_WEAK = (
    "The specified password does not comply with password complexity requirements. Please provide a different password."
)
_EXTERNAL = "Unable to update the specified properties for objects that have originated within an external service."
_COMMON_PASSWORDS = ("password", "contoso", "welcome", "qwerty", "letmein")


def _expanded(call: Call, user: User) -> Json:
    item = call.shown(user)
    if any(part.split("(")[0] == "manager" for part in call.options.expand):
        manager = call.tenant.find_user(user.manager_id) if user.manager_id else None
        item = item | {"manager": call.typed(manager) if manager else None}
    return item


def _sign_in_activity_allowed(call: Call) -> None:
    if not any(name.lower() == "signinactivity" for name in call.options.select):
        return
    if Licence.P1.value not in plans_of(call.tenant.licences):
        raise premium_needed()
    if "AuditLog.Read.All" not in call.caller.permissions:
        raise denied()


def _candidates(call: Call) -> list[User] | None:
    """The few whom the filter names; None where it may fit anybody."""
    named = parse(call.options.filter, USER).names if call.options.filter is not None else None
    if named is None:
        return None
    found: dict[str, User] = {}
    for name in named:
        mailbox = name.partition("@")[0]
        for key in (name, f"{name}@{call.tenant.domain}", f"{mailbox}@{call.tenant.domain}"):
            user = call.tenant.find_user(key)
            if user is not None:
                found[user.id] = user
    for user in call.tenant.users.known():  # whoever was changed is known, whatever the names are now
        found.setdefault(user.id, user)
    order = {user_id: number for number, user_id in enumerate(call.tenant.users)} if len(found) > 1 else {}
    return sorted(found.values(), key=lambda user: order.get(user.id, 0))


def list_users(call: Call) -> Answer:
    """GET /users."""
    _sign_in_activity_allowed(call)
    named = _candidates(call)
    people = (
        call.tenant.users.rows(lambda user: _expanded(call, user))
        if named is None
        else (_expanded(call, user) for user in named)
    )
    return call.collection(people, USER, "users", expand=frozenset({"manager"}))


def get_user(call: Call) -> Answer:
    """GET /users/{id or UPN}."""
    _sign_in_activity_allowed(call)
    return call.entity(_expanded(call, call.user()), USER, "users/$entity")


def patch_user(call: Call) -> Answer:
    """PATCH /users/{id}: all of it or nothing. Rights first, as the directory does, then the values."""
    user = call.user()
    values = call.json_object()
    known = {name.lower(): name for name in USER.properties}
    changes: Json = {}
    for name, value in values.items():
        if name.lower() not in known:
            raise unknown_property(name, "user")
        changes[known[name.lower()]] = value
    if not changes:
        raise bad_request("At least one property must be set.")
    for name in changes:
        if name not in _TYPES:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
        if not call.caller.permissions.intersection(_RIGHTS.get(name, _BROAD)):
            raise denied()
    if "accountEnabled" in changes and not call.caller.permissions.intersection((*_BROAD, "User.Read.All")):
        raise denied()
    sensitive.check(call, user, set(changes))
    for name, value in changes.items():
        if not isinstance(value, _TYPES[name]):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'User'.")
    _write(call, user, changes)
    return NO_CONTENT


def _write(call: Call, user: User, changes: Json) -> None:
    profile = changes.pop("passwordProfile", None)
    password = _new_password(user, profile) if profile is not None else None
    if profile is not None and user.synced:
        raise bad_request(MASTERED_ON_PREMISES)
    if profile is not None and user.guest:
        raise bad_request(_EXTERNAL)
    if changes and user.synced and call.world.synced_write is SyncedWrite.REFUSED:
        raise bad_request(MASTERED_ON_PREMISES)
    _check_upn(call, user, changes)
    if user.synced:
        for name, value in changes.items():
            if user.properties.get(name) != value:
                user.before_sync.setdefault(name, user.properties.get(name))
    what = "Disable account" if changes.get("accountEnabled") is False else "Update user"
    what = "Enable account" if changes.get("accountEnabled") is True else what
    call.tenant.change(user, changes, call.by, what)
    if password is not None:
        call.tenant.set_password(user, password, call.by)
    if profile is not None:
        flags = {name: bool(value) for name, value in profile.items() if name != "password"}
        call.tenant.change(user, {"passwordProfile": {"password": None} | flags}, call.by, "Update password policy")


def _check_upn(call: Call, user: User, changes: Json) -> None:
    upn = changes.get("userPrincipalName")
    if upn is None:
        return
    domain = str(upn).rpartition("@")[2].lower()
    if domain not in {call.tenant.domain, call.tenant.initial_domain}:
        raise bad_request("Property userPrincipalName is invalid.")
    other = call.tenant.find_user(str(upn))
    if other is not None and other is not user:
        raise bad_request("Another object with the same value for property userPrincipalName already exists.")


def _new_password(user: User, profile: Json) -> str | None:
    unknown = set(profile) - _PASSWORD_FIELDS - {name for name in profile if "@odata." in name}
    if unknown:
        raise unknown_property(sorted(unknown)[0], "passwordProfile")
    password: Any = profile.get("password")
    if password is None:
        return None
    if not isinstance(password, str) or not _strong(password, user):
        raise bad_request(_WEAK)
    return password


def _strong(password: str, user: User) -> bool:
    kinds = sum(bool(re.search(kind, password)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    lowered = password.lower()
    banned = any(word in lowered and len(password) < len(word) + 5 for word in _COMMON_PASSWORDS)
    alias = user.upn.partition("@")[0].lower()
    return 8 <= len(password) <= 256 and kinds >= 3 and not banned and alias not in lowered


def revoke_sign_in_sessions(call: Call) -> Answer:
    """POST /users/{id}/revokeSignInSessions: ends the sessions of this tenant, also for synced users and guests."""
    user = call.user()
    if call.body not in (None, {}):
        raise bad_request("The action takes no parameters.", "BadRequest")
    call.tenant.revoke_sessions(user, call.by)
    return Answer(body={"@odata.context": call.context("Edm.Boolean"), "value": True})


def get_manager(call: Call) -> Answer:
    """GET /users/{id}/manager: 404 where there is none."""
    user = call.user()
    manager = call.tenant.find_user(user.manager_id) if user.manager_id else None
    if manager is None:
        raise not_found("manager")
    answer = call.entity(call.shown(manager), USER, "directoryObjects/$entity")
    assert answer.body is not None
    return Answer(
        body={"@odata.context": answer.body["@odata.context"], "@odata.type": manager.odata_type} | answer.body
    )


def license_details(call: Call) -> Answer:
    """GET /users/{id}/licenseDetails."""
    user = call.user()
    rows = [
        {
            "id": guid(call.world.config.seed, f"licence:{user.id}:{part_number}"),
            "skuId": SKUS[part_number].sku_id,
            "skuPartNumber": part_number,
            "servicePlans": [
                {
                    "servicePlanId": plan_id,
                    "servicePlanName": name,
                    "provisioningStatus": "Disabled" if plan_id in user.plans_off.get(part_number, ()) else "Success",
                    "appliesTo": "User",
                }
                for name, plan_id in SKUS[part_number].plans.items()
            ],
        }
        for part_number in user.licences
        if part_number in call.tenant.licences
    ]
    return call.collection(rows, LICENSE_DETAILS, f"users('{user.id}')/licenseDetails")


def assign_license(call: Call) -> Answer:
    """POST /users/{id}/assignLicense: both lists are required; the tenant must own what is added."""
    user = call.user()
    values = call.parameters_of_action("addLicenses", "removeLicenses")
    adding, removing = values["addLicenses"], values["removeLicenses"]
    if not isinstance(adding, list) or not isinstance(removing, list):
        raise bad_request("addLicenses and removeLicenses take lists.")
    owned = {SKUS[name].sku_id: name for name in call.tenant.licences}
    held = {SKUS[name].sku_id: name for name in user.licences}
    off = dict(user.plans_off)
    for entry in adding:
        name, plans_off = _added(entry, owned)
        if not user.properties.get("usageLocation"):
            raise bad_request("License assignment cannot be done for user with invalid usage location.")
        bought = call.tenant.bought.get(name)
        if name not in user.licences and bought is not None and used_units(call.tenant, name) >= bought:
            raise bad_request(f"Subscription with SKU {SKUS[name].sku_id} does not have any available licenses.")
        held[SKUS[name].sku_id] = name
        off[name] = plans_off
    for sku_id in removing:
        if sku_id not in held:
            raise bad_request(f"User does not have a corresponding license {sku_id}.")
        off.pop(held.pop(str(sku_id)), None)
    if clashing({name: off.get(name, ()) for name in held.values()}):
        raise bad_request("License assignment failed because service plans are mutually exclusive.")
    user.plans_off = off
    before, user.licences = user.licences, tuple(sorted(held.values()))
    since = stamp(call.world.clock.now())
    user.properties |= {
        "assignedLicenses": assigned(user.licences, off),
        "assignedPlans": assigned_plans(user.licences, since, off),
    }
    call.tenant.note(user, "Change user license", "licences", list(before), list(user.licences), call.by)
    return call.entity(call.shown(user), USER, "users/$entity")


def _added(entry: Any, owned: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """The name of a licence that is to be given, and the plans that stay off in it."""
    if not isinstance(entry, dict):
        raise bad_request("addLicenses takes objects.")
    for name in entry:
        if name not in {"skuId", "disabledPlans"} and "@odata." not in name:
            raise unknown_property(name, "assignedLicense")
    sku_id, plans_off = str(entry.get("skuId")), tuple(entry.get("disabledPlans") or ())
    if sku_id not in owned:
        raise bad_request(f"License {sku_id} does not correspond to a valid company License.")
    if not set(plans_off) <= set(SKUS[owned[sku_id]].plans.values()):
        raise bad_request("A disabled plan does not belong to the license.")
    return owned[sku_id], plans_off


OPERATIONS = (
    Operation(
        "POST",
        "/users/{user-id}/assignLicense",
        assign_license,
        ("LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    Operation("GET", "/users", list_users, _READ, cost=2),
    Operation("GET", "/users/{user-id}", get_user, _READ),
    Operation("PATCH", "/users/{user-id}", patch_user, _ANY_WRITE),
    Operation(
        "POST",
        "/users/{user-id}/revokeSignInSessions",
        revoke_sign_in_sessions,
        ("User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    Operation(
        "GET",
        "/users/{user-id}/manager",
        get_manager,
        ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"),
    ),
    Operation(
        "GET",
        "/users/{user-id}/licenseDetails",
        license_details,
        (
            "LicenseAssignment.Read.All",
            "User.Read.All",
            "User.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ),
        cost=2,
    ),
)
