"""Recommend licences: what is owned and lies unused goes, on approval, to those who need it. Nothing is ever bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.access import Permission
from services.errors import Conflict, Gone, IRBotError, MissingPermission
from services.incidents.model import Phase
from services.microsoft365.accounts import Account
from services.microsoft365.licences import AccountLicence, TenantLicence
from services.plain_words import explain as in_words
from services.playbook.device_health import or_error
from services.playbook.licence_offers import PRODUCTS, Offer, Product, missed, offers
from services.playbook.step import Change, Context, Finding, Outcome, Plan, Risk, Rule, Severity, State, Step, Undo
from services.together import together

LACKS, HAS = "Does not have it", "Has it"

_MOST_PEOPLE = 20
_NO_COUNTRY = (
    "has no usage location, and without one Microsoft gives no licence. Set it in the Microsoft 365 admin center "
    "(the person, Licences and apps, Select location), then plan again"
)


@dataclass(frozen=True)
class _Person:
    account: Account
    held: tuple[AccountLicence, ...]

    def lacks(self, products: Sequence[Product]) -> list[Product]:
        return [product for product in products if not product.on_in(self.held)]


async def plan(ctx: Context) -> Plan:
    """What is owned, unused or missing; one change for each free licence that the account or a VIP could have."""
    owned, accounts = await together(ctx.m365.licences.of_tenant(), _accounts(ctx))
    held = await together(*(or_error(ctx.m365.licences.of_account(account.id)) for account in accounts[0]))
    unread = list(accounts[1])
    people: list[_Person] = []
    for account, licences in zip(accounts[0], held, strict=True):
        if isinstance(licences, IRBotError):
            unread.append(f"The licences of {account.display_name} were not read. {in_words(licences).what}")
        else:
            people.append(_Person(account, licences))
    changes, refused = _changes(owned, people)
    findings = (*await _of_products(ctx, owned, people), *refused)
    if changes:
        return Plan(changes, findings=findings, unread=tuple(unread))
    return Plan(settled=_settled(owned, people, refused, unread), findings=findings)


async def _accounts(ctx: Context) -> tuple[list[Account], list[str]]:
    """The account of the incident, and the VIPs that the settings name; and whom of them nobody could read."""
    settings, directory = ctx.settings, ctx.m365.directory
    found = {ctx.account.id: ctx.account}
    unread: list[str] = []
    named = await together(*(or_error(directory.find_accounts(name)) for name in settings.vip_users))
    groups = await together(*(or_error(directory.people_in(group, _MOST_PEOPLE)) for group in settings.vip_groups))
    for accounts in named:
        if isinstance(accounts, IRBotError):
            unread.append(f"A VIP was not read. {in_words(accounts).what}")
        else:
            found |= {account.id: account for account in accounts}
    for group in groups:
        if isinstance(group, IRBotError):
            unread.append(f"A group of VIPs was not read. {in_words(group).what}")
        else:
            found |= {account.id: account for account in group.accounts}
    if any(not account.upn for account in found.values()):
        unread.append(f"VIPs were not read. {in_words(MissingPermission(permissions=['User.Read.All'])).what}")
    people = [account for account in found.values() if account.upn and not account.is_guest]
    return people[:_MOST_PEOPLE], unread


def _changes(owned: Sequence[TenantLicence], people: Sequence[_Person]) -> tuple[tuple[Change, ...], list[Finding]]:
    """Who could get what, as long as units last; and whom Microsoft would refuse."""
    left = {licence.sku_id: licence.free for licence in owned}
    changes: list[Change] = []
    refused: list[Finding] = []
    for person in people:
        free = [licence for licence in owned if left[licence.sku_id] > 0]
        wanted = offers(free, person.lacks(PRODUCTS), person.held)
        if wanted and not person.account.usage_location:
            words = f"{person.account.display_name} {_NO_COUNTRY}"
            refused.append(Finding(f"country:{person.account.id}", Severity.WARNING, words))
            continue
        for offer in wanted:
            left[offer.licence.sku_id] -= 1
            changes.append(_change(person.account, offer))
    return tuple(changes), refused


def _change(account: Account, offer: Offer) -> Change:
    names = " and ".join(product.name for product in offer.products)
    return Change(
        item=f"{account.id}:{offer.licence.sku_id}",
        what=f"{names} for {account.display_name}, by a free licence {offer.licence.part_number} that you own",
        before=LACKS,
        after=HAS,
        data={"without": list(offer.without)},
    )


# -- what is known of each product ---------------------------------------------------------------------------------


async def _of_products(ctx: Context, owned: Sequence[TenantLicence], people: Sequence[_Person]) -> tuple[Finding, ...]:
    ended = await ctx.ended()
    return tuple(_of_product(product, owned, people, ended) for product in PRODUCTS)


def _of_product(
    product: Product, owned: Sequence[TenantLicence], people: Sequence[_Person], ended: Mapping[str, Outcome]
) -> Finding:
    bringing = [licence for licence in owned if licence.works and product.is_in(licence)]
    lacking = [person.account.display_name for person in people if person.lacks([product])]
    shown = missed(product, ended)
    key = f"product:{product.key}"
    if not bringing:
        title = f"{product.name} is not owned"
        reasons = ("IRBot never buys: ask whoever buys your licences", *shown)
        return Finding(key, Severity.WARNING, title, reasons, data={"state": "missing"})
    free = sum(licence.free for licence in bringing)
    names = ", ".join(licence.part_number for licence in bringing)
    if not lacking:
        return Finding(
            key,
            Severity.NOTE,
            f"{product.name} is owned, and those who matter here have it",
            (f"By {names}, {free} free",),
            data={"state": "assigned"},
        )
    reasons = (f"By {names}, {free} free", f"Without it: {', '.join(lacking)}", *shown)
    title = f"{product.name} is owned, and not everybody who matters here has it"
    return Finding(key, Severity.WARNING, title, reasons, data={"state": "unassigned"})


def _settled(
    owned: Sequence[TenantLicence], people: Sequence[_Person], refused: Sequence[Finding], unread: Sequence[str]
) -> Outcome:
    if unread:
        return Outcome(State.NOT_EVALUATED, " ".join(unread))
    if refused:
        return Outcome(State.REFUSED, f"{'. '.join(each.title for each in refused)}.")
    lacking = [product for product in PRODUCTS if any(person.lacks([product]) for person in people)]
    if not lacking:
        return Outcome(State.ALREADY_SO, "This account and the VIPs have both products already.")
    missing = [each.name for each in lacking if not any(each.is_in(licence) for licence in owned if licence.works)]
    words = f"Not owned: {', '.join(missing)}." if missing else "All licences that bring it are in use."
    return Outcome(State.ALREADY_SO, f"No free licence to give. {words} IRBot never buys.")


# -- changing ------------------------------------------------------------------------------------------------------


async def apply(ctx: Context, change: Change) -> None:
    """Gives one licence with only the wanted plans switched on; who has it already keeps it as it is."""
    person, _, sku_id = change.item.partition(":")
    if not await verify(ctx, change):
        await ctx.m365.licences.assign(person, sku_id, change.data["without"])


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the account has the licence."""
    person, _, sku_id = change.item.partition(":")
    return any(each.sku_id == sku_id for each in await ctx.m365.licences.of_account(person))


async def put_back(ctx: Context, change: Change) -> None:
    """Takes the licence back that we gave, and no other; an account that is gone has none."""
    person, _, sku_id = change.item.partition(":")
    try:
        if await verify(ctx, change):
            await ctx.m365.licences.remove(person, sku_id)
    except Gone:
        return


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether the account does not have the licence."""
    try:
        return not await verify(ctx, change)
    except Gone:
        return True


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """What Microsoft does not give or take is refused, with what may be the reason."""
    if isinstance(error, Conflict) and error.data.get("reason") in {"licence-not-given", "licence-not-removed"}:
        words = in_words(error)
        return Outcome(State.REFUSED, f"{words.what} {words.next_step}")
    return None


STEP = Step(
    id="recommend-licences",
    seed=(14, 15),
    phase=Phase.STRENGTHEN,
    title="Recommend licences",
    why="What you own and nobody uses could have shown this earlier.",
    reads=("licences of the tenant", "licences of the account and of VIPs", "how the steps of this incident ended"),
    changes=("assignedLicenses",),
    needs=(
        "User.Read.All",
        "GroupMember.Read.All",
        "LicenseAssignment.Read.All",
        "LicenseAssignment.ReadWrite.All",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: the licences that we gave are taken back, and no other.",
        what="Licences",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
