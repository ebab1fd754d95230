"""Authentication methods of a user, with the order problem of the default method."""

from __future__ import annotations

from simulator.graph.errors import GraphError, bad_request, not_found
from simulator.graph.operation import NO_CONTENT, Answer, Call, Operation, Row
from simulator.graph.schema import AUTHENTICATION_METHOD
from simulator.tenant import Json, User

_BROAD_READ = ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All")
_BROAD_WRITE = ("UserAuthenticationMethod.ReadWrite.All",)
ALTERNATE_MOBILE = "b6332ec1-7057-4abe-9331-3d72feddfe41"
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


def _delete_kind(kind: str) -> Operation:
    place = f"{KINDS[kind][0]}-id"

    def handler(call: Call) -> Answer:
        user = call.user()
        key = call.parameters[place]
        method = next((method for method in _of_kind(user, kind) if method["id"] == key), None)
        if method is None:
            raise not_found(key)
        remove(call, user, method)
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
    *(_delete_kind(kind) for kind in KINDS),
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
