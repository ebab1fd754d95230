"""Take the mail off phones: the account alone leaves a phone that the intruder paired. A phone is never erased."""

from __future__ import annotations

from services.access import Permission
from services.errors import Gone, IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import mobile_devices
from services.microsoft365.exchange.mobile_devices import MobileDevice
from services.playbook.mailbox_reading import has_no_mailbox, mailbox_of
from services.playbook.step import Change, Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step

_WIPED = ("Wipe", "wipe")


async def plan(ctx: Context) -> Plan:
    """One change for each phone that was paired within the time we look at and can lose the account alone.

    Blocking a phone is another step's work; one that could only be erased whole is left to that.
    """
    phones = await mobile_devices.list_devices(ctx.m365.exchange, await mailbox_of(ctx))
    fresh = [phone for phone in phones if phone.first_sync is not None and phone.first_sync >= ctx.since]
    changes = tuple(_change(phone) for phone in fresh if phone.may_be_wiped and not _is_asked(phone))
    if changes:
        return Plan(changes=changes)
    whole = [phone.name or phone.model or phone.device_type for phone in fresh if not phone.may_be_wiped]
    if whole:
        reason = f"Only blocked, as its mail could not be taken without erasing the phone: {', '.join(whole)}."
        return Plan(settled=Outcome(State.ALREADY_SO, reason))
    return Plan(settled=Outcome(State.ALREADY_SO, "No new phone holds mail of this mailbox."))


def _change(phone: MobileDevice) -> Change:
    named = phone.name or phone.model or phone.device_type
    when = f"paired {phone.first_sync:%d %b %Y %H:%M} UTC" if phone.first_sync else "paired lately"
    facts = "; ".join(fact for fact in (phone.system, when) if fact)
    return Change(
        item=phone.guid,
        what=f"Phone or tablet {named}: {facts}; only this account leaves it",
        before="Holds mail of this mailbox",
        after="Told to drop this account",
        data={"device_id": phone.device_id},
    )


def _is_asked(phone: MobileDevice) -> bool:
    """Whether the phone has been told already, whether or not it has answered."""
    return any(word in phone.status for word in _WIPED)


async def apply(ctx: Context, change: Change) -> None:
    """Tells the phone to drop the account; a partnership that is gone is done."""
    mailbox = await mailbox_of(ctx)
    phone = await _phone(ctx, change)
    if phone is None or _is_asked(phone):
        return
    try:
        await mobile_devices.wipe_account(ctx.m365.exchange, mailbox, phone)
    except Gone:
        return


async def verify(ctx: Context, change: Change) -> bool:
    """Whether Exchange keeps the order for the phone; the phone carries it out when it next calls."""
    phone = await _phone(ctx, change)
    return phone is None or _is_asked(phone)


async def _phone(ctx: Context, change: Change) -> MobileDevice | None:
    phones = await mobile_devices.list_devices(ctx.m365.exchange, await mailbox_of(ctx))
    return next((phone for phone in phones if phone.guid == change.item), None)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox has no phones that sync it."""
    if has_no_mailbox(error):
        return Outcome(State.ALREADY_SO, "The account has no mailbox.")
    return None


STEP = Step(
    id="remove-mobile-partnerships",
    seed=(),
    phase=Phase.EVICT,
    title="Take the mail off new phones",
    why="So that the intruder's phone does not keep what it has synced.",
    reads=("mobile device partnerships",),
    changes=("mobile device partnerships: the account on the phone",),
    needs=(
        "Exchange: Get-Mailbox",
        "Exchange: Get-MobileDevice",
        "Exchange: Get-MobileDeviceStatistics",
        "Exchange: Clear-MobileDevice",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DESTRUCTIVE,
    approval=Rule.SECOND_PERSON,
    undo=NoUndo("Mail that left a phone comes back only when its user sets the account up again."),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
