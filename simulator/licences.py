"""The licences (SKUs) that a simulated tenant may own, with the service plans that features are probed by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sku:
    """A product and its plans (name → id)."""

    part_number: str
    sku_id: str
    plans: dict[str, str]


_P1 = {"AAD_PREMIUM": "41781fb2-bc02-4b7c-bd55-b576c07bb09d"}
_P2 = {"AAD_PREMIUM_P2": "eec0eb4f-6444-4f95-aba0-50c24d67f998"}
_EXCHANGE = {"EXCHANGE_S_STANDARD": "9aaf7827-d63c-4b61-89c3-182f06f82e5c"}
_EXCHANGE_2 = {"EXCHANGE_S_ENTERPRISE": "efb87545-963c-4e0d-99df-69c6916d9eb0"}
_INTUNE = {"INTUNE_A": "c1ec4a95-1f05-45b3-a911-aa3fa01094f5"}
_TEAMS = {"TEAMS1": "57ff2da0-773e-42df-b2af-ffb7a2317929"}
_DEFENDER_1 = {"ATP_ENTERPRISE": "f20fedf3-f3c3-43c3-8267-2bfdd51c0939"}
_DEFENDER_2 = {"THREAT_INTELLIGENCE": "8e0c0a52-6a6c-4d40-8370-dd62790dcd70"}
_CLOUD_APPS = {"ADALLOM_S_STANDALONE": "2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2"}
_ENDPOINT = {"WINDEFATP": "871d91ec-ec1a-452b-a83f-bd76c7d770ef"}

SKUS: dict[str, Sku] = {
    sku.part_number: sku
    for sku in (
        Sku("O365_BUSINESS_ESSENTIALS", "3b555118-da6a-4418-894f-7df1e2096870", _EXCHANGE | _TEAMS),
        Sku("SPB", "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", _P1 | _EXCHANGE | _INTUNE | _TEAMS | _DEFENDER_1),
        Sku("SPE_E3", "05e9a617-0261-4cee-bb44-138d3ef5d965", _P1 | _EXCHANGE_2 | _INTUNE | _TEAMS),
        Sku(
            "SPE_E5",
            "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
            _P1 | _P2 | _EXCHANGE_2 | _INTUNE | _TEAMS | _DEFENDER_1 | _DEFENDER_2 | _CLOUD_APPS | _ENDPOINT,
        ),
        Sku("AAD_PREMIUM_P2", "84a661c4-e949-4bd2-a560-ed7766fcaf2b", _P1 | _P2),
        Sku("ADALLOM_STANDALONE", "df845ce7-05f9-4894-b5f2-11bbfbcfd2b6", _CLOUD_APPS),
        Sku("ATP_ENTERPRISE", "4ef96642-f096-40de-a3e9-d83fb2f90211", _DEFENDER_1),
    )
}


def assigned(part_numbers: Iterable[str], off: Mapping[str, Iterable[str]] | None = None) -> list[dict[str, Any]]:
    """The `assignedLicenses` of a user who holds these, with the plans that are off by licence."""
    return [
        {"disabledPlans": list((off or {}).get(part_number, ())), "skuId": SKUS[part_number].sku_id}
        for part_number in part_numbers
    ]


def assigned_plans(
    part_numbers: Iterable[str], since: str, off: Mapping[str, Iterable[str]] | None = None
) -> list[dict[str, Any]]:
    """The `assignedPlans` of a user who holds these."""
    return [
        {"assignedDateTime": since, "capabilityStatus": "Enabled", "service": name, "servicePlanId": plan_id}
        for part_number in part_numbers
        for name, plan_id in SKUS[part_number].plans.items()
        if plan_id not in (off or {}).get(part_number, ())
    ]


def clashing(held: Mapping[str, Iterable[str]]) -> bool:
    """Whether somebody would have both plans of Exchange. `held` gives the plans that are off, by licence."""
    on = {plan_id for part, off in held.items() for plan_id in SKUS[part].plans.values() if plan_id not in tuple(off)}
    return on.issuperset((*_EXCHANGE.values(), *_EXCHANGE_2.values()))


def plans_of(part_numbers: set[str]) -> set[str]:
    """The service plans that these licences bring."""
    return {plan for part_number in part_numbers for plan in SKUS[part_number].plans}
