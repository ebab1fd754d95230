"""The tenant itself: organization, domains and what is licensed."""

from __future__ import annotations

from simulator.clock import stamp
from simulator.graph.operation import Answer, Call, Operation
from simulator.graph.schema import DOMAIN, ORGANIZATION, SUBSCRIBED_SKU
from simulator.licences import SKUS
from simulator.tenant import Json, Tenant


def organization(call: Call) -> Answer:
    """GET /organization: exactly one."""
    tenant = call.tenant
    times = [
        str(user.properties["onPremisesLastSyncDateTime"])
        for user in tenant.users.known()
        if user.properties.get("onPremisesLastSyncDateTime")
    ]
    row: Json = {
        "id": tenant.id,
        "displayName": tenant.name,
        "createdDateTime": "2019-04-02T08:00:00Z",
        "countryLetterCode": "US",
        "onPremisesSyncEnabled": True if tenant.synchronises else None,
        "onPremisesLastSyncDateTime": max(times) if times else None,
        "preferredLanguage": "en",
        "tenantType": "AAD",
        "verifiedDomains": [
            {"name": tenant.domain, "type": "Managed", "isDefault": True, "isInitial": False, "capabilities": "Email"},
            {
                "name": tenant.initial_domain,
                "type": "Managed",
                "isDefault": False,
                "isInitial": True,
                "capabilities": "Email",
            },
        ],
        "assignedPlans": [
            {
                "assignedDateTime": stamp(call.world.clock.now()),
                "capabilityStatus": "Enabled",
                "service": name,
                "servicePlanId": plan_id,
            }
            for part_number in sorted(tenant.licences)
            for name, plan_id in SKUS[part_number].plans.items()
        ],
    }
    return call.collection([row], ORGANIZATION, "organization")


def domains(call: Call) -> Answer:
    """GET /domains."""
    rows: list[Json] = [
        {
            "id": name,
            "authenticationType": "Managed",
            "isAdminManaged": True,
            "isDefault": name == call.tenant.domain,
            "isInitial": name == call.tenant.initial_domain,
            "isRoot": True,
            "isVerified": True,
            "passwordNotificationWindowInDays": 14,
            "passwordValidityPeriodInDays": 2147483647,
            "supportedServices": ["Email", "OfficeCommunicationsOnline"],
        }
        for name in (call.tenant.domain, call.tenant.initial_domain)
    ]
    return call.collection(rows, DOMAIN, "domains")


def used_units(tenant: Tenant, part_number: str) -> int:
    """How many units of a licence are given to people."""
    unseen = tenant.users.unseen if part_number in tenant.everyday else 0
    return sum(part_number in user.licences for user in tenant.users.known()) + unseen


def subscribed_skus(call: Call) -> Answer:
    """GET /subscribedSkus."""
    rows: list[Json] = []
    for part_number in sorted(call.tenant.licences):
        sku = SKUS[part_number]
        used = used_units(call.tenant, part_number)
        rows.append(
            {
                "id": f"{call.tenant.id}_{sku.sku_id}",
                "accountId": call.tenant.id,
                "accountName": call.tenant.name,
                "appliesTo": "User",
                "capabilityStatus": "Enabled",
                "consumedUnits": used,
                "prepaidUnits": {
                    "enabled": call.tenant.bought.get(part_number, used + 10),
                    "suspended": 0,
                    "warning": 0,
                    "lockedOut": 0,
                },
                "skuId": sku.sku_id,
                "skuPartNumber": part_number,
                "servicePlans": [
                    {
                        "servicePlanId": plan_id,
                        "servicePlanName": name,
                        "provisioningStatus": "Success",
                        "appliesTo": "User",
                    }
                    for name, plan_id in sku.plans.items()
                ],
                "subscriptionIds": [],
            }
        )
    return call.collection(rows, SUBSCRIBED_SKU, "subscribedSkus")


OPERATIONS = (
    Operation(
        "GET",
        "/organization",
        organization,
        ("Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All"),
    ),
    Operation("GET", "/domains", domains, ("Domain.Read.All", "Domain.ReadWrite.All", "Directory.Read.All")),
    Operation(
        "GET",
        "/subscribedSkus",
        subscribed_skus,
        ("LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"),
        cost=3,
    ),
)
