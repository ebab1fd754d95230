"""Two products that see more of an incident: who owns them, who has them, and what they would have shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.microsoft365.licences import AccountLicence, TenantLicence
from services.playbook.step import Outcome, State


@dataclass(frozen=True)
class Product:
    """A product by its service plans (name and id).

    `shows` says for some steps what they look at, and what the product would have told of it.
    """

    key: str
    name: str
    plans: Mapping[str, str]
    shows: Mapping[str, tuple[str, str]]

    def on_in(self, licences: Iterable[AccountLicence]) -> bool:
        """Whether somebody with these licences has it."""
        return any(each.plans & set(self.plans) for each in licences)

    def is_in(self, licence: TenantLicence) -> bool:
        """Whether a licence of the tenant brings it, by name or by id."""
        return bool(licence.plans & set(self.plans)) or not self._ids.isdisjoint(licence.plan_ids.values())

    def plans_in(self, licence: TenantLicence) -> frozenset[str]:
        """The ids of its plans in a licence."""
        named = {plan_id for name, plan_id in licence.plan_ids.items() if name in self.plans}
        return frozenset(named | (self._ids & set(licence.plan_ids.values())))

    @property
    def _ids(self) -> frozenset[str]:
        return frozenset(self.plans.values())


PRODUCTS = (
    Product(
        key="cloud-apps",
        name="Microsoft Defender for Cloud Apps",
        plans={"ADALLOM_S_STANDALONE": "2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2"},
        shows={
            "assess-exposure": ("What lay open to the intruder", "which files were opened or downloaded, and how many"),
            "check-inbox-rules": ("Inbox rules", "an alert when a rule that hides or forwards mail was made"),
            "review-activity": ("What was opened and shared", "every file and mail, with alerts on mass downloads"),
            "review-sign-ins": ("Sign-ins", "an alert on the impossible journey, and what the session did then"),
            "revoke-app-consents": ("Apps that were let in", "an alert on the app, and how rare it is elsewhere"),
        },
    ),
    Product(
        key="defender-office",
        name="Microsoft Defender for Office 365",
        plans={
            "ATP_ENTERPRISE": "f20fedf3-f3c3-43c3-8267-2bfdd51c0939",
            "THREAT_INTELLIGENCE": "8e0c0a52-6a6c-4d40-8370-dd62790dcd70",
        },
        shows={
            "check-forwarding": ("Forwarding", "an alert when the forwarding was set"),
            "check-inbox-rules": ("Inbox rules", "an alert when a rule that hides or forwards mail was made"),
            "check-mail-flow": ("Mail flow", "which mail passed because of a rule or a connector"),
            "purge-phish": ("Who received the phishing", "every copy of it, who clicked, and a way to take it back"),
            "trace-sent-mail": ("What the intruder sent", "who received it, whose protection let it pass, who clicked"),
        },
    ),
)


def missed(product: Product, ended: Mapping[str, Outcome]) -> tuple[str, ...]:
    """What this product would have shown where this incident's steps could not look, in plain words."""
    blind = [step_id for step_id, end in ended.items() if end.state is State.NOT_EVALUATED and step_id in product.shows]
    if not blind:
        return ("Nothing in this incident was left unchecked that it would have shown",)
    return tuple(
        f"{what} could not be checked in this incident. It would have shown {shown}"
        for what, shown in (product.shows[step_id] for step_id in sorted(blind))
    )


@dataclass(frozen=True)
class Offer:
    """A licence of the tenant that brings somebody products which they lack. `without` are the plans that stay off."""

    licence: TenantLicence
    products: tuple[Product, ...]

    @property
    def without(self) -> tuple[str, ...]:
        """All other plans of the licence: nobody gets, or loses, anything else by it."""
        wanted = frozenset().union(*(product.plans_in(self.licence) for product in self.products))
        return tuple(sorted(set(self.licence.plan_ids.values()) - wanted))


def offers(
    owned: Sequence[TenantLicence], lacking: Sequence[Product], held: Sequence[AccountLicence]
) -> tuple[Offer, ...]:
    """The fewest and smallest free licences that bring what is lacking, none that the person holds already."""
    have = {each.sku_id for each in held}
    free = [each for each in owned if each.works and each.free > 0 and each.sku_id not in have]
    found: list[Offer] = []
    left = list(lacking)
    while left:
        useful = [(licence, [product for product in left if product.is_in(licence)]) for licence in free]
        useful = [pair for pair in useful if pair[1]]
        if not useful:
            break
        licence, products = min(useful, key=lambda pair: (-len(pair[1]), len(pair[0].plans), pair[0].part_number))
        found.append(Offer(licence, tuple(products)))
        left = [product for product in left if product not in products]
    return tuple(found)
