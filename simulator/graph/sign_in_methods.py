"""Authentication methods of a user, with the order problem of the default method."""

from __future__ import annotations

import re
import secrets
import string
from uuid import uuid4

from simulator.clock import stamp
from simulator.graph.errors import GraphError, bad_request, not_found
from simulator.graph.operation import NO_CONTENT, Answer, Call, Operation, Row
from simulator.graph.schema import AUTHENTICATION_METHOD
from simulator.tenant import Json, User

_BROAD_READ = ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All")
_BROAD_WRITE = ("UserAuthenticationMethod.ReadWrite.All",)
ALTERNATE_MOBILE = "b6332ec1-7057-4abe-9331-3d72feddfe41"
EMAIL = "3ddfcfc8-9383-446f-83cc-3ab9be4be18f"
OFFICE = "e37fc753-ff3b-4958-9484-eaa9425c82bc"
_TYPE = "#microsoft.graph."
MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
# path → (type, narrow permission, versions)
KINDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "emailMethods": ("emailAuthenticationMethod", "Email", ("v1.0", "beta")),
    "externalAuthenticationMethods": ("externalAuthenticationMethod", "External", ("v1.0", "beta")),
    "fido2Methods": ("fido2AuthenticationMethod", "Passkey", ("v1.0", "beta")),
    "hardwareOathMethods": ("hardwareOathAuthenticationMethod", "HardwareOATH", ("beta",)),
    "microsoftAuthenticatorMethods": (
        "microsoftAuthenticatorAuthenticationMethod",
        "MicrosoftAuthApp",
        ("v1.0", "beta"),
    ),
    "passwordlessMicrosoftAuthenticatorMethods": (
        "passwordlessMicrosoftAuthenticatorAuthenticationMethod",
        "MicrosoftAuthApp",
        ("beta",),
    ),
    "phoneMethods": ("phoneAuthenticationMethod", "Phone", ("v1.0", "beta")),
    "platformCredentialMethods": ("platformCredentialAuthenticationMethod", "PlatformCred", ("v1.0", "beta")),
    "softwareOathMethods": ("softwareOathAuthenticationMethod", "SoftwareOATH", ("v1.0", "beta")),
    "temporaryAccessPassMethods": ("temporaryAccessPassAuthenticationMethod", "TAP", ("v1.0", "beta")),
    "windowsHelloForBusinessMethods": (
        "windowsHelloForBusinessAuthenticationMethod",
        "WindowsHello",
        ("v1.0", "beta"),
    ),
}
_PASS_CHARACTERS = f"{string.ascii_letters}{string.digits}!#$%&*+-=?@^_"
_NO_GET = {"hardwareOathMethods", "passwordlessMicrosoftAuthenticatorMethods"}
_NOT_COUNTED = {
    "#microsoft.graph.passwordAuthenticationMethod",
    "#microsoft.graph.emailAuthenticationMethod",
    "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
}


def list_methods(call: Call) -> Answer:
    """GET /users/{id}/authentication/methods: every kind, the password included."""
    user = call.user()
    return call.collection(user.methods, AUTHENTICATION_METHOD, f"users('{user.id}')/authentication/methods")


def _of_kind(user: User, kind: str) -> list[Json]:
    return [method for method in user.methods if method["@odata.type"] == f"#microsoft.graph.{KINDS[kind][0]}"]


def _list_kind(kind: str) -> Operation:
    def handler(call: Call) -> Answer:
        user = call.user()
        context = f"users('{user.id}')/authentication/{kind}"
        return call.collection(_of_kind(user, kind), AUTHENTICATION_METHOD, context)

    narrow = (f"UserAuthMethod-{KINDS[kind][1]}.Read.All", f"UserAuthMethod-{KINDS[kind][1]}.ReadWrite.All")
    return Operation(
        "GET",
        f"/users/{{user-id}}/authentication/{kind}",
        handler,
        narrow[:1] if kind == "fido2Methods" else (*narrow, *_BROAD_READ),
        row=Row.REPORTS,
        versions=KINDS[kind][2],
    )


def _get_kind(kind: str) -> Operation:
    place = f"{KINDS[kind][0]}-id"

    def handler(call: Call) -> Answer:
        user = call.user()
        context = f"users('{user.id}')/authentication/{kind}/$entity"
        return call.entity(_one(user, kind, call.parameters[place]), AUTHENTICATION_METHOD, context)

    narrow = (f"UserAuthMethod-{KINDS[kind][1]}.Read.All", f"UserAuthMethod-{KINDS[kind][1]}.ReadWrite.All")
    template = f"/users/{{user-id}}/authentication/{kind}/{{{place}}}"
    rights = (*narrow, *_BROAD_READ)
    return Operation("GET", template, handler, rights, row=Row.REPORTS, versions=KINDS[kind][2])


def _one(user: User, kind: str, key: str) -> Json:
    found = next((method for method in _of_kind(user, kind) if method["id"] == key), None)
    if found is None:
        raise not_found(key)
    return found


def list_passwords(call: Call) -> Answer:
    """GET …/passwordMethods: never the password."""
    user = call.user()
    rows = [row for row in user.methods if row["@odata.type"] == f"{_TYPE}passwordAuthenticationMethod"]
    return call.collection(rows, AUTHENTICATION_METHOD, f"users('{user.id}')/authentication/passwordMethods")


def _delete_kind(kind: str) -> Operation:
    place = f"{KINDS[kind][0]}-id"

    def handler(call: Call) -> Answer:
        user = call.user()
        remove(call, user, _one(user, kind, call.parameters[place]))
        return NO_CONTENT

    return Operation(
        "DELETE",
        f"/users/{{user-id}}/authentication/{kind}/{{{place}}}",
        handler,
        (f"UserAuthMethod-{KINDS[kind][1]}.ReadWrite.All", *_BROAD_WRITE),
        row=Row.REPORTS,
        versions=KINDS[kind][2],
    )


def remove(call: Call, user: User, method: Json) -> None:
    """Removes a method. Refuses the default one while others exist, and a mobile that has an alternate."""
    if method["id"] == MOBILE and any(other["id"] == ALTERNATE_MOBILE for other in user.methods):
        raise GraphError(
            400, "badRequest", "Cannot delete the mobile number without first deleting alternate mobile number."
        )
    others = [o for o in user.methods if o is not method and o["@odata.type"] not in _NOT_COUNTED]
    if method["id"] == user.default_method_id and others:
        raise GraphError(
            400,
            "badRequest",
            "The authentication method cannot be deleted because it matches the user's current default authentication "
            "method.",
        )
    user.methods.remove(method)
    if method["id"] == user.default_method_id:
        user.default_method_id = None
    kind = str(method["@odata.type"]).removeprefix("#microsoft.graph.").removesuffix("AuthenticationMethod")
    call.tenant.note(user, "Delete security info", f"method {kind}", method.get("displayName") or kind, None, call.by)


def _add(call: Call, user: User, method: Json, label: str) -> Answer:
    method = method | {"createdDateTime": stamp(call.world.clock.now())}
    user.methods.append(method)
    kind = str(method["@odata.type"]).removeprefix("#microsoft.graph.").removesuffix("AuthenticationMethod")
    call.tenant.note(user, "Register security info", f"method {kind}", None, label, call.by)
    context = f"users('{user.id}')/authentication/methods/$entity"
    return Answer(201, {"@odata.context": call.context(context)} | method)


def add_phone(call: Call) -> Answer:
    """POST …/phoneMethods: one of each type."""
    user = call.user()
    values = call.parameters_of_action("phoneNumber", "phoneType")
    kinds = {"mobile": MOBILE, "alternateMobile": ALTERNATE_MOBILE, "office": OFFICE}
    phone_id = kinds.get(str(values["phoneType"]))
    if phone_id is None or not re.fullmatch(r"\+\d{1,3} ?\d{4,15}(x\d+)?", str(values["phoneNumber"])):
        raise bad_request("The phone number or its type is not valid.", "badRequest")
    if any(method["id"] == phone_id for method in user.methods):
        raise bad_request("A phone method of this type is already registered.", "badRequest")
    row = {"@odata.type": f"{_TYPE}phoneAuthenticationMethod", "id": phone_id, "smsSignInState": "notAllowedByPolicy"}
    return _add(call, user, row | values, str(values["phoneType"]))


def add_email(call: Call) -> Answer:
    """POST …/emailMethods: one."""
    user = call.user()
    address = str(call.parameters_of_action("emailAddress")["emailAddress"])
    if "@" not in address or _of_kind(user, "emailMethods"):
        raise bad_request("The address is not valid, or there is one already.", "badRequest")
    row = {"@odata.type": f"{_TYPE}emailAuthenticationMethod", "id": EMAIL, "emailAddress": address}
    return _add(call, user, row, "recovery address")


def add_access_pass(call: Call) -> Answer:
    """POST …/temporaryAccessPassMethods: shown only here; a new one replaces the old. Not for guests."""
    user = call.user()
    values = call.parameters_of_action(optional=("lifetimeInMinutes", "isUsableOnce", "startDateTime"))
    policy = next(
        row
        for row in call.tenant.records.methods_policy["authenticationMethodConfigurations"]
        if row["id"] == "TemporaryAccessPass"
    )
    groups = {group.id for group in call.tenant.groups_of(user.id)} | {"all_users"}
    included = any(target["id"] in groups for target in policy["includeTargets"])
    excluded = any(target["id"] in groups for target in policy["excludeTargets"])
    if policy["state"] != "enabled" or user.guest or not included or excluded:
        raise bad_request("Temporary Access Pass is not enabled for this user by policy.", "badRequest")
    minutes = values.get("lifetimeInMinutes", policy["defaultLifetimeInMinutes"])
    if not isinstance(minutes, int) or not (
        policy["minimumLifetimeInMinutes"] <= minutes <= policy["maximumLifetimeInMinutes"]
    ):
        raise bad_request("Temporary Access Pass lifetime is outside of what the policy allows.", "badRequest")
    if policy["isUsableOnce"] and values.get("isUsableOnce") is False:
        raise bad_request("Temporary Access Pass must be usable once by policy.", "badRequest")
    for old in _of_kind(user, "temporaryAccessPassMethods"):
        user.methods.remove(old)
    now = stamp(call.world.clock.now())
    row = {
        "@odata.type": f"{_TYPE}temporaryAccessPassAuthenticationMethod",
        "id": str(uuid4()),
        "temporaryAccessPass": None,
        "lifetimeInMinutes": minutes,
        "isUsableOnce": bool(values.get("isUsableOnce", policy["isUsableOnce"])),
        "isUsable": True,
        "methodUsabilityReason": "EnabledByPolicy",
        "startDateTime": values.get("startDateTime", now),
    }
    answer = _add(call, user, row, f"for {minutes} minutes")
    assert answer.body is not None
    code = "".join(secrets.choice(_PASS_CHARACTERS) for _ in range(policy["defaultLength"]))
    return Answer(201, answer.body | {"temporaryAccessPass": code})


_PREFERRED = {"push", "oath", "voiceMobile", "voiceAlternateMobile", "voiceOffice", "sms", "none"}


def preferences(call: Call) -> Answer:
    """GET (beta) …/signInPreferences."""
    user = call.user()
    held = call.tenant.records.preferences.get(user.id, {})
    return Answer(
        body={
            "@odata.context": call.context(f"users('{user.id}')/authentication/signInPreferences"),
            "isSystemPreferredAuthenticationMethodEnabled": True,
            "userPreferredMethodForSecondaryAuthentication": "push" if user.default_method_id else "none",
        }
        | held
    )


def patch_preferences(call: Call) -> Answer:
    """PATCH (beta) …/signInPreferences: another default, so that the old one can be deleted."""
    user = call.user()
    values = call.parameters_of_action(
        optional=("userPreferredMethodForSecondaryAuthentication", "isSystemPreferredAuthenticationMethodEnabled")
    )
    preferred = values.get("userPreferredMethodForSecondaryAuthentication")
    if preferred is not None:
        if preferred not in _PREFERRED:
            raise bad_request("Invalid value specified for the preferred method.", "badRequest")
        user.default_method_id = _method_for(user, str(preferred))
    call.tenant.records.preferences.setdefault(user.id, {}).update(values)
    call.tenant.note(user, "Update sign-in preferences", "preferred method", None, preferred, call.by)
    return NO_CONTENT


def _method_for(user: User, preferred: str) -> str | None:
    kinds = {
        "push": "microsoftAuthenticatorMethods",
        "oath": "softwareOathMethods",
        "sms": "phoneMethods",
        "voiceMobile": "phoneMethods",
        "voiceAlternateMobile": "phoneMethods",
        "voiceOffice": "phoneMethods",
    }
    found = _of_kind(user, kinds[preferred]) if preferred in kinds else []
    return str(found[0]["id"]) if found else None


def requirements(call: Call) -> Answer:
    """GET (beta) /users/{id}/authentication/requirements."""
    user = call.user()
    return Answer(
        body={
            "@odata.context": call.context(f"users('{user.id}')/authentication/requirements"),
            "perUserMfaState": user.per_user_mfa,
        }
    )


def patch_requirements(call: Call) -> Answer:
    """PATCH (beta) /users/{id}/authentication/requirements; `enabled` becomes `enforced` where a method exists."""
    user = call.user()
    state = call.parameters_of_action("perUserMfaState")["perUserMfaState"]
    if state not in {"disabled", "enabled", "enforced"}:
        raise bad_request("Invalid value specified for property 'perUserMfaState'.")
    if state == "enabled" and any(method["@odata.type"] not in _NOT_COUNTED for method in user.methods):
        state = "enforced"
    call.tenant.note(user, "Update per-user MFA", "perUserMfaState", user.per_user_mfa, state, call.by)
    user.per_user_mfa = state
    return NO_CONTENT


_AUTHENTICATION = "/users/{user-id}/authentication"
OPERATIONS = (
    Operation("GET", f"{_AUTHENTICATION}/methods", list_methods, _BROAD_READ, row=Row.REPORTS),
    *(_list_kind(kind) for kind in KINDS),
    *(_get_kind(kind) for kind in KINDS if kind not in _NO_GET),
    *(_delete_kind(kind) for kind in KINDS),
    Operation(
        "GET",
        f"{_AUTHENTICATION}/passwordMethods",
        list_passwords,
        ("UserAuthMethod-Password.Read.All", "UserAuthMethod-Password.ReadWrite.All", *_BROAD_READ),
        row=Row.REPORTS,
    ),
    *(
        Operation(
            "POST",
            f"{_AUTHENTICATION}/{kind}",
            handler,
            (f"UserAuthMethod-{KINDS[kind][1]}.ReadWrite.All", *_BROAD_WRITE),
            row=Row.REPORTS,
        )
        for kind, handler in (
            ("phoneMethods", add_phone),
            ("emailMethods", add_email),
            ("temporaryAccessPassMethods", add_access_pass),
        )
    ),
    Operation(
        "GET", f"{_AUTHENTICATION}/signInPreferences", preferences, _BROAD_READ, row=Row.REPORTS, versions=("beta",)
    ),
    Operation(
        "PATCH",
        f"{_AUTHENTICATION}/signInPreferences",
        patch_preferences,
        _BROAD_WRITE,
        row=Row.REPORTS,
        versions=("beta",),
    ),
    Operation(
        "GET",
        f"{_AUTHENTICATION}/requirements",
        requirements,
        ("Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"),
        row=Row.REPORTS,
        versions=("beta",),
    ),
    Operation(
        "PATCH",
        f"{_AUTHENTICATION}/requirements",
        patch_requirements,
        ("Policy.ReadWrite.AuthenticationMethod",),
        row=Row.REPORTS,
        versions=("beta",),
    ),
)
