"""What the tenant has bought and what an account may use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kiota_abstractions.method import Method

from services.errors import Bug
from services.microsoft365.graph import Graph, Json
from services.microsoft365.graph_errors import refusal
from services.microsoft365.operations import Effect, Needs, Operation, permissions_of
from services.microsoft365.reading import child, number, objects, text

_TENANT = Operation("tenant-licences", ("LicenseAssignment.Read.All",))
_ACCOUNT = Operation("account-licences", ("LicenseAssignment.Read.All",))

_ASSIGN = Operation("assign-licence", ("LicenseAssignment.ReadWrite.All",), effect=Effect.REPEATABLE)
_REMOVE = Operation("remove-licence", ("LicenseAssignment.ReadWrite.All",), effect=Effect.REPEATABLE)

NEEDS: Needs = {
    "assign": permissions_of(_ASSIGN),
    "remove": permissions_of(_REMOVE),
    "of_tenant": permissions_of(_TENANT),
    "has_plan": permissions_of(_TENANT),
    "of_account": permissions_of(_ACCOUNT),
}

_KEPT_SECONDS = 600
_WORKING = frozenset({"Enabled", "Warning"})
_PROVISIONED = frozenset({"Success", "PendingProvisioning", "PendingActivation", "PendingInput"})


@dataclass(frozen=True)
class TenantLicence:
    """A product that the tenant owns. `free` units can be given to people."""

    sku_id: str
    part_number: str
    works: bool
    bought: int
    used: int
    plans: frozenset[str]
    plan_ids: Mapping[str, str] = field(default_factory=dict)  # by name

    @property
    def free(self) -> int:
        return max(0, self.bought - self.used)


@dataclass(frozen=True)
class AccountLicence:
    """A product that an account has, with the service plans that are switched on in it."""

    sku_id: str
    part_number: str
    plans: frozenset[str]


class Licences:
    """Licences of the tenant and of accounts. Plans go by their service plan names, such as AAD_PREMIUM_P2."""

    def __init__(self, graph: Graph, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._graph = graph
        self._clock = clock
        self._plans: tuple[float, frozenset[str]] | None = None

    async def of_tenant(self) -> tuple[TenantLicence, ...]:
        """What the tenant owns.

        GET /subscribedSkus; LicenseAssignment.Read.All; read only.
        """
        request = self._graph.request(Method.GET, self._graph.client.subscribed_skus)
        items = await self._graph.items(_TENANT, request)
        return tuple(
            TenantLicence(
                sku_id=text(entry, "skuId"),
                part_number=text(entry, "skuPartNumber"),
                works=text(entry, "capabilityStatus") in _WORKING,
                bought=(number(units := child(entry, "prepaidUnits"), "enabled") or 0)
                + (number(units, "warning") or 0),
                used=number(entry, "consumedUnits") or 0,
                plans=frozenset(text(plan, "servicePlanName") for plan in objects(entry, "servicePlans")),
                plan_ids={
                    text(plan, "servicePlanName"): text(plan, "servicePlanId")
                    for plan in objects(entry, "servicePlans")
                },
            )
            for entry in items.values
        )

    async def has_plan(self, name: str) -> bool:
        """Whether the tenant owns a service plan; kept for ten minutes.

        GET /subscribedSkus; LicenseAssignment.Read.All; read only.
        """
        if self._plans is None or self._clock() - self._plans[0] > _KEPT_SECONDS:
            owned = await self.of_tenant()
            self._plans = self._clock(), frozenset(plan for each in owned if each.works for plan in each.plans)
        return name in self._plans[1]

    async def of_account(self, object_id: str) -> tuple[AccountLicence, ...]:
        """What the account has.

        GET /users/{id}/licenseDetails; LicenseAssignment.Read.All; read only.
        """
        details = self._graph.client.users.by_user_id(object_id).license_details
        items = await self._graph.items(_ACCOUNT, self._graph.request(Method.GET, details))
        return tuple(
            AccountLicence(
                sku_id=text(entry, "skuId"),
                part_number=text(entry, "skuPartNumber"),
                plans=frozenset(
                    text(plan, "servicePlanName")
                    for plan in objects(entry, "servicePlans")
                    if text(plan, "provisioningStatus") in _PROVISIONED
                ),
            )
            for entry in items.values
        )

    async def assign(self, object_id: str, sku_id: str, without: Sequence[str] = ()) -> None:
        """Gives a licence to the account, which must have a usage location. Works within minutes, a mailbox in hours.

        `without` are the ids of service plans that stay switched off in it. Raises Conflict where none is free, the
        location is missing, or a group decides over it.

        POST /users/{id}/assignLicense; LicenseAssignment.ReadWrite.All; safe to repeat.
        """
        action = self._graph.client.users.by_user_id(object_id).assign_license
        body = {"addLicenses": [{"skuId": sku_id, "disabledPlans": list(without)}], "removeLicenses": []}
        try:
            await self._graph.call(_ASSIGN, self._graph.request(Method.POST, action, body=body))
        except Bug as error:
            raise refusal(error, "licence-not-given") from None

    async def remove(self, object_id: str, sku_id: str) -> None:
        """Takes a licence from the account. Raises Conflict where it has none, or has it through a group.

        POST /users/{id}/assignLicense; LicenseAssignment.ReadWrite.All; safe to repeat.
        """
        action = self._graph.client.users.by_user_id(object_id).assign_license
        body: Json = {"addLicenses": [], "removeLicenses": [sku_id]}
        try:
            await self._graph.call(_REMOVE, self._graph.request(Method.POST, action, body=body))
        except Bug as error:
            raise refusal(error, "licence-not-removed") from None
