"""Tenant-wide sign-in policies: security defaults, Conditional Access, consent by users. Changes touch everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Bug
from services.microsoft365.graph import Graph, Json
from services.microsoft365.graph_errors import PREMIUM, refusal
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import child, flag, number, objects, text, texts

_READ_DEFAULTS = Operation("security-defaults", ("Policy.Read.All",))
_SET_DEFAULTS = Operation(
    "set-security-defaults", ("Policy.Read.All", "Policy.ReadWrite.SecurityDefaults"), effect=Effect.REPEATABLE
)
_READ_ACCESS = Operation("access-policies", ("Policy.Read.All",), Row.PROTECTION, licence=PREMIUM)
_CREATE_ACCESS = Operation(
    "create-access-policy",
    ("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All"),
    Row.PROTECTION,
    Effect.ONCE,
    licence=PREMIUM,
)
_SET_ACCESS = Operation(
    "set-access-policy-state",
    ("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All"),
    Row.PROTECTION,
    Effect.REPEATABLE,
    licence=PREMIUM,
)
_DELETE_ACCESS = Operation(
    "delete-access-policy",
    ("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"),
    Row.PROTECTION,
    Effect.REPEATABLE,
    licence=PREMIUM,
)
_NAMED_LOCATIONS = Operation("named-locations", ("Policy.Read.All",), Row.PROTECTION, licence=PREMIUM)
_READ_CONSENT = Operation("consent-by-users", ("Policy.Read.All",))
_READ_METHODS = Operation("authentication-methods-policy", ("Policy.Read.All",))
_SET_MFA = Operation("set-per-user-mfa", ("Policy.ReadWrite.AuthenticationMethod",), Row.REPORTS, Effect.REPEATABLE)

NEEDS: Needs = {
    "security_defaults": permissions_of(_READ_DEFAULTS),
    "set_security_defaults": permissions_of(_SET_DEFAULTS),
    "access_policies": permissions_of(_READ_ACCESS),
    "create_access_policy": permissions_of(_CREATE_ACCESS),
    "set_access_policy_state": permissions_of(_SET_ACCESS),
    "delete_access_policy": permissions_of(_DELETE_ACCESS),
    "trusted_networks": permissions_of(_NAMED_LOCATIONS),
    "users_may_consent": permissions_of(_READ_CONSENT),
    "access_passes": permissions_of(_READ_METHODS),
    "set_per_user_mfa": permissions_of(_SET_MFA),
}

ENABLED = "enabled"
ALL_USERS = "all_users"
REPORT_ONLY = "enabledForReportingButNotEnforced"
_NARROWING = (
    "authenticationFlows",
    "clientApplications",
    "devices",
    "insiderRiskLevels",
    "locations",
    "platforms",
    "servicePrincipalRiskLevels",
    "signInRiskLevels",
    "userRiskLevels",
)
_PASS = "TemporaryAccessPass"  # noqa: S105  # the name of a policy
_USUAL_PASS_MINUTES = 60
_CONSENT = "managePermissionGrantsForSelf"


@dataclass(frozen=True)
class AccessPolicy:
    """A Conditional Access policy. `conditions` and `grant_controls` are as Graph writes them."""

    id: str
    name: str
    state: str  # enabled, disabled or enabledForReportingButNotEnforced
    conditions: Mapping[str, Any]
    grant_controls: Mapping[str, Any]

    @property
    def asks_for_mfa(self) -> bool:
        return "mfa" in texts(self.grant_controls, "builtInControls") or bool(
            child(self.grant_controls, "authenticationStrength")
        )

    @property
    def is_for_everybody(self) -> bool:
        """Whether it names all users; some may still be left out of it."""
        return "All" in texts(child(self.conditions, "users"), "includeUsers")

    @property
    def is_for_every_app(self) -> bool:
        """Whether it names all apps and leaves none out."""
        apps = child(self.conditions, "applications")
        return "All" in texts(apps, "includeApplications") and not texts(apps, "excludeApplications")

    @property
    def is_narrowed(self) -> bool:
        """Whether it holds only somewhere or sometimes: at some places, on some devices, at some risk."""
        client_apps = set(texts(self.conditions, "clientAppTypes"))
        return bool(client_apps - {"all"}) or any(self.conditions.get(name) for name in _NARROWING)

    @property
    def excluded_users(self) -> frozenset[str]:
        return frozenset(texts(child(self.conditions, "users"), "excludeUsers"))

    @property
    def excluded_groups(self) -> frozenset[str]:
        return frozenset(texts(child(self.conditions, "users"), "excludeGroups"))

    @property
    def exclusions(self) -> int:
        """How many users, groups, roles and kinds of guests it leaves out."""
        users = child(self.conditions, "users")
        named = sum(len(texts(users, name)) for name in ("excludeUsers", "excludeGroups", "excludeRoles"))
        return named + bool(child(users, "excludeGuestsOrExternalUsers"))


@dataclass(frozen=True)
class AccessPassPolicy:
    """Who may get a Temporary Access Pass, and what one is like. Targets are ids of groups, or `ALL_USERS`."""

    on: bool
    minutes: int
    once_only: bool  # the tenant allows no pass that works twice
    for_groups: tuple[str, ...]
    not_for_groups: tuple[str, ...]


class Policies:
    """The tenant's policies."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def security_defaults(self) -> bool:
        """Whether security defaults are on: MFA for everybody, no legacy protocols.

        GET /policies/identitySecurityDefaultsEnforcementPolicy; Policy.Read.All; read only.
        """
        request = self._graph.request(Method.GET, self._defaults)
        return flag((await self._graph.call(_READ_DEFAULTS, request)).body, "isEnabled") is True

    async def set_security_defaults(self, *, enabled: bool) -> None:
        """Switches security defaults for the whole tenant. Raises Conflict while Conditional Access policies are on.

        PATCH /policies/identitySecurityDefaultsEnforcementPolicy; Policy.Read.All and
        Policy.ReadWrite.SecurityDefaults; safe to repeat.
        """
        request = self._graph.request(Method.PATCH, self._defaults, body={"isEnabled": enabled})
        try:
            await self._graph.call(_SET_DEFAULTS, request)
        except Bug as error:
            raise refusal(error, "access-policies-in-force") from None

    async def access_policies(self) -> tuple[AccessPolicy, ...]:
        """All Conditional Access policies. Raises MissingLicence without Entra ID P1.

        GET /identity/conditionalAccess/policies; Policy.Read.All; read only.
        """
        items = await self._graph.items(_READ_ACCESS, self._graph.request(Method.GET, self._access))
        return tuple(_policy_from(entry) for entry in items.values)

    async def create_access_policy(self, name: str, conditions: Json, grant_controls: Json) -> AccessPolicy:
        """Makes a policy that only reports: `set_access_policy_state` puts it in force.

        POST /identity/conditionalAccess/policies; Policy.Read.All, Policy.ReadWrite.ConditionalAccess and
        Application.Read.All, Entra ID P1; every call makes a policy: after an unknown outcome look for its name.
        """
        body: Json = {
            "displayName": name,
            "state": REPORT_ONLY,
            "conditions": conditions,
            "grantControls": grant_controls,
        }
        request = self._graph.request(Method.POST, self._access, body=body)
        return _policy_from((await self._graph.call(_CREATE_ACCESS, request)).body)

    async def set_access_policy_state(self, policy_id: str, state: str) -> None:
        """Puts a policy in force, out of force, or to reporting only.

        PATCH /identity/conditionalAccess/policies/{id}; rights as create_access_policy; safe to repeat.
        """
        where = self._access.by_conditional_access_policy_id(policy_id)
        await self._graph.call(_SET_ACCESS, self._graph.request(Method.PATCH, where, body={"state": state}))

    async def delete_access_policy(self, policy_id: str) -> None:
        """Deletes a policy. Raises Gone where it is not there any more.

        DELETE /identity/conditionalAccess/policies/{id}; Policy.Read.All and Policy.ReadWrite.ConditionalAccess, Entra
        ID P1; safe to repeat.
        """
        where = self._access.by_conditional_access_policy_id(policy_id)
        await self._graph.call(_DELETE_ACCESS, self._graph.request(Method.DELETE, where))

    async def trusted_networks(self) -> tuple[str, ...]:
        """The address ranges that the organisation calls its own, such as 192.0.2.128/28.

        GET /identity/conditionalAccess/namedLocations; Policy.Read.All, Entra ID P1; read only.
        """
        where = self._graph.client.identity.conditional_access.named_locations
        items = await self._graph.items(_NAMED_LOCATIONS, self._graph.request(Method.GET, where))
        return tuple(
            text(part, "cidrAddress")
            for entry in items.values
            if flag(entry, "isTrusted") is True
            for part in objects(entry, "ipRanges")
            if text(part, "cidrAddress")
        )

    async def users_may_consent(self) -> bool:
        """Whether users can let apps into their own data.

        GET /policies/authorizationPolicy; Policy.Read.All; read only.
        """
        request = self._graph.request(Method.GET, self._graph.client.policies.authorization_policy)
        body = (await self._graph.call(_READ_CONSENT, request)).body
        assigned = texts(child(body, "defaultUserRolePermissions"), "permissionGrantPoliciesAssigned")
        return any(policy.casefold().startswith(_CONSENT.casefold()) for policy in assigned)

    async def access_passes(self) -> AccessPassPolicy:
        """Whether and to whom the tenant gives Temporary Access Passes.

        GET /policies/authenticationMethodsPolicy; Policy.Read.All; read only.
        """
        request = self._graph.request(Method.GET, self._graph.client.policies.authentication_methods_policy)
        body = (await self._graph.call(_READ_METHODS, request)).body
        found = [each for each in objects(body, "authenticationMethodConfigurations") if text(each, "id") == _PASS]
        policy: Mapping[str, Any] = found[0] if found else {}
        return AccessPassPolicy(
            on=text(policy, "state") == "enabled",
            minutes=number(policy, "defaultLifetimeInMinutes") or _USUAL_PASS_MINUTES,
            once_only=flag(policy, "isUsableOnce") is True,
            for_groups=tuple(text(each, "id") for each in objects(policy, "includeTargets")),
            not_for_groups=tuple(text(each, "id") for each in objects(policy, "excludeTargets")),
        )

    async def set_per_user_mfa(self, object_id: str, state: str) -> None:
        """Sets per-user MFA: disabled, enabled or enforced. `enabled` becomes `enforced` once a method is there.

        PATCH beta /users/{id}/authentication/requirements; Policy.ReadWrite.AuthenticationMethod; safe to repeat.
        """
        request = self._graph.beta(
            Method.PATCH,
            "/users/{user}/authentication/requirements",
            user=object_id,
            body={"perUserMfaState": state},
        )
        await self._graph.call(_SET_MFA, request)

    @property
    def _defaults(self) -> Any:
        return self._graph.client.policies.identity_security_defaults_enforcement_policy

    @property
    def _access(self) -> Any:
        return self._graph.client.identity.conditional_access.policies


def _policy_from(entry: Mapping[str, Any]) -> AccessPolicy:
    return AccessPolicy(
        id=text(entry, "id"),
        name=text(entry, "displayName"),
        state=text(entry, "state"),
        conditions=child(entry, "conditions"),
        grant_controls=child(entry, "grantControls"),
    )
