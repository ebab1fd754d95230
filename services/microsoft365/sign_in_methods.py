"""How a person proves who they are: authentication methods, per-user MFA, and the Temporary Access Pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Bug, Conflict
from services.microsoft365.graph import Graph, Json
from services.microsoft365.graph_errors import refusal
from services.microsoft365.listing import Listing, listing
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import flag, kind, moment, number, text, texts
from services.secrets import Secret

_LIST = Operation("sign-in-methods", ("UserAuthenticationMethod.Read.All",), Row.REPORTS)
_REMOVE = Operation(
    "remove-sign-in-method", ("UserAuthenticationMethod.ReadWrite.All",), Row.REPORTS, Effect.REPEATABLE
)
_CREATE_PASS = Operation(
    "create-temporary-access-pass", ("UserAuthenticationMethod.ReadWrite.All",), Row.REPORTS, Effect.ONCE
)
_READ_MFA = Operation("per-user-mfa", ("Policy.Read.All",), Row.REPORTS)
_READ_REGISTRATION = Operation("mfa-registration", ("AuditLog.Read.All",), Row.REPORTS, licence="Microsoft Entra ID P1")
_READ_REGISTRATIONS = Operation(
    "mfa-registrations", ("AuditLog.Read.All",), Row.REPORTS, licence="Microsoft Entra ID P1"
)

NEEDS: Needs = {
    "list": permissions_of(_LIST),
    "remove": permissions_of(_REMOVE),
    "create_pass": permissions_of(_CREATE_PASS),
    "per_user_mfa": permissions_of(_READ_MFA),
    "registration": permissions_of(_READ_REGISTRATION),
    "registrations": permissions_of(_READ_REGISTRATIONS),
}

_LARGEST_PAGE = 999
ALTERNATE_MOBILE = "b6332ec1-7057-4abe-9331-3d72feddfe41"
_SHORTEST_PASS_MINUTES = 10
_LONGEST_PASS_MINUTES = 43_200

# Where each kind is deleted: the SDK's builder, or the path of a kind that only the beta endpoint knows.
_DELETED_AT: Mapping[str, Callable[[Any, str], Any]] = {
    "emailAuthenticationMethod": lambda a, i: a.email_methods.by_email_authentication_method_id(i),
    "externalAuthenticationMethod": lambda a, i: a.external_authentication_methods.by_external_authentication_method_id(
        i
    ),
    "fido2AuthenticationMethod": lambda a, i: a.fido2_methods.by_fido2_authentication_method_id(i),
    "microsoftAuthenticatorAuthenticationMethod": lambda a, i: (
        a.microsoft_authenticator_methods.by_microsoft_authenticator_authentication_method_id(i)
    ),
    "phoneAuthenticationMethod": lambda a, i: a.phone_methods.by_phone_authentication_method_id(i),
    "platformCredentialAuthenticationMethod": lambda a, i: (
        a.platform_credential_methods.by_platform_credential_authentication_method_id(i)
    ),
    "softwareOathAuthenticationMethod": lambda a, i: a.software_oath_methods.by_software_oath_authentication_method_id(
        i
    ),
    "temporaryAccessPassAuthenticationMethod": lambda a, i: (
        a.temporary_access_pass_methods.by_temporary_access_pass_authentication_method_id(i)
    ),
    "windowsHelloForBusinessAuthenticationMethod": lambda a, i: (
        a.windows_hello_for_business_methods.by_windows_hello_for_business_authentication_method_id(i)
    ),
}
_DELETED_AT_BETA: Mapping[str, str] = {
    "hardwareOathAuthenticationMethod": "hardwareOathMethods/{id}",
    "passwordlessMicrosoftAuthenticatorAuthenticationMethod": "passwordlessMicrosoftAuthenticatorMethods/{id}",
    "qrCodePinAuthenticationMethod": "qrCodePinMethod",
}
_PASSWORD = "passwordAuthenticationMethod"  # noqa: S105  # a kind of method, not a password


@dataclass(frozen=True)
class SignInMethod:
    """A registered method. `kind` is Graph's own word; `label` is what a person would know it by."""

    id: str
    kind: str
    label: str
    created_at: datetime | None

    @property
    def is_password(self) -> bool:
        return self.kind == _PASSWORD

    @property
    def is_removable(self) -> bool:
        return self.kind in _DELETED_AT or self.kind in _DELETED_AT_BETA


@dataclass(frozen=True)
class AccessPass:
    """A Temporary Access Pass. Its code is shown by Graph this once."""

    id: str
    code: Secret
    minutes: int
    usable_once: bool


@dataclass(frozen=True)
class Registration:
    """What the registration report says of a person; it lags by hours."""

    mfa_registered: bool
    mfa_capable: bool
    methods: tuple[str, ...]
    preferred: str


@dataclass(frozen=True)
class RegisteredPerson:
    """One line of the registration report. `mfa_registered`: has a method that counts as a second factor."""

    id: str
    name: str
    mfa_registered: bool
    administrator: bool


class SignInMethods:
    """The authentication methods of accounts."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def list(self, object_id: str) -> tuple[SignInMethod, ...]:
        """All methods, the password among them.

        GET /users/{id}/authentication/methods; UserAuthenticationMethod.Read.All; read only.
        """
        methods = self._authentication(object_id).methods
        items = await self._graph.items(_LIST, self._graph.request(Method.GET, methods))
        return tuple(
            SignInMethod(text(entry, "id"), kind(entry), _label(entry), moment(entry, "createdDateTime"))
            for entry in items.values
        )

    async def remove(self, object_id: str, method: SignInMethod) -> None:
        """Removes a method. Raises Gone where it is not there any more, and Conflict where another must go first.

        The default method goes last, and a mobile number after the alternate one: Conflict with reason
        `default-sign-in-method` or `alternate-phone-first`.

        DELETE /users/{id}/authentication/…Methods/{id}; UserAuthenticationMethod.ReadWrite.All; safe to repeat.
        """
        if (builder := _DELETED_AT.get(method.kind)) is not None:
            where = builder(self._authentication(object_id), method.id)
            request = self._graph.request(Method.DELETE, where)
        elif (path := _DELETED_AT_BETA.get(method.kind)) is not None:
            request = self._graph.beta(
                Method.DELETE, "/users/{user}/authentication/" + path, user=object_id, id=method.id
            )
        else:
            raise Conflict(reason="method-cannot-be-removed", kind=method.kind)
        await self._graph.call(_REMOVE, request)

    async def create_pass(self, object_id: str, *, minutes: int, usable_once: bool) -> AccessPass:
        """A new Temporary Access Pass, in place of any earlier one. Raises Conflict where the tenant does not allow it.

        POST /users/{id}/authentication/temporaryAccessPassMethods; UserAuthenticationMethod.ReadWrite.All; every call
        makes a new pass.
        """
        lifetime = min(max(minutes, _SHORTEST_PASS_MINUTES), _LONGEST_PASS_MINUTES)
        body: Json = {"lifetimeInMinutes": lifetime, "isUsableOnce": usable_once}
        where = self._authentication(object_id).temporary_access_pass_methods
        try:
            answer = await self._graph.call(_CREATE_PASS, self._graph.request(Method.POST, where, body=body))
        except Bug as error:  # the policy is off, leaves this person out, or allows no such lifetime
            raise refusal(error, "temporary-access-pass-not-allowed") from None
        return AccessPass(
            id=text(answer.body, "id"),
            code=Secret(text(answer.body, "temporaryAccessPass")),
            minutes=number(answer.body, "lifetimeInMinutes") or lifetime,
            usable_once=flag(answer.body, "isUsableOnce") is True,
        )

    async def per_user_mfa(self, object_id: str) -> str:
        """The per-user MFA state: disabled, enabled or enforced.

        GET beta /users/{id}/authentication/requirements; Policy.Read.All; read only.
        """
        request = self._graph.beta(Method.GET, "/users/{user}/authentication/requirements", user=object_id)
        return text((await self._graph.call(_READ_MFA, request)).body, "perUserMfaState")

    async def registration(self, object_id: str) -> Registration:
        """What the registration report says. Raises MissingLicence without Entra ID P1.

        GET /reports/authenticationMethods/userRegistrationDetails/{id}; AuditLog.Read.All; read only.
        """
        details = self._graph.client.reports.authentication_methods.user_registration_details
        where = details.by_user_registration_details_id(object_id)
        body = (await self._graph.call(_READ_REGISTRATION, self._graph.request(Method.GET, where))).body
        return Registration(
            mfa_registered=flag(body, "isMfaRegistered") is True,
            mfa_capable=flag(body, "isMfaCapable") is True,
            methods=texts(body, "methodsRegistered"),
            preferred=text(body, "userPreferredMethodForSecondaryAuthentication"),
        )

    async def registrations(self, limit: int) -> Listing[RegisteredPerson]:
        """The registration report about everybody; it lags by hours. Raises MissingLicence without Entra ID P1.

        GET /reports/authenticationMethods/userRegistrationDetails; AuditLog.Read.All; read only.
        """
        details = self._graph.client.reports.authentication_methods.user_registration_details
        fields = ("id", "userDisplayName", "isMfaRegistered", "isAdmin")
        request = self._graph.request(Method.GET, details, select=fields, top=min(limit, _LARGEST_PAGE))
        return listing(await self._graph.items(_READ_REGISTRATIONS, request, limit=limit), _registered_person)

    def _authentication(self, object_id: str) -> Any:
        return self._graph.client.users.by_user_id(object_id).authentication


def in_order_of_removal(methods: tuple[SignInMethod, ...]) -> tuple[SignInMethod, ...]:
    """What can be removed, the alternate mobile number first: the mobile number cannot go before it."""
    return tuple(
        sorted((each for each in methods if each.is_removable), key=lambda method: method.id != ALTERNATE_MOBILE)
    )


def _registered_person(entry: Json) -> RegisteredPerson:
    return RegisteredPerson(
        id=text(entry, "id"),
        name=text(entry, "userDisplayName"),
        mfa_registered=flag(entry, "isMfaRegistered") is True,
        administrator=flag(entry, "isAdmin") is True,
    )


def _label(entry: Mapping[str, Any]) -> str:
    """A phone number, an address, or the name of a device."""
    number_, address, name = text(entry, "phoneNumber"), text(entry, "emailAddress"), text(entry, "displayName")
    phone_type, model = text(entry, "phoneType"), text(entry, "model")
    if number_:
        return f"{number_} ({phone_type})" if phone_type else number_
    return address or name or model
