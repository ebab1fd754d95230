"""Preserve mail: a litigation hold, so that nothing that anybody deletes from now on is lost as evidence."""

from __future__ import annotations

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import holds
from services.microsoft365.exchange.answers import HOLD_LICENCE
from services.microsoft365.exchange.mailboxes import Hold
from services.playbook.mailbox_reading import has_no_mailbox, mailbox_of
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo

_ITEM = "litigation-hold"


async def plan(ctx: Context) -> Plan:
    """One change, unless the mailbox is on hold already or its licence allows none."""
    mailbox = await mailbox_of(ctx)
    if mailbox.hold.on:
        return Plan(settled=Outcome(State.ALREADY_SO, "The mailbox is on hold already."))
    if not mailbox.may_be_held:
        return Plan(settled=Outcome(State.NOT_EVALUATED, f"A hold needs the licence {HOLD_LICENCE}."))
    data = {"duration": mailbox.hold.duration, "comment": mailbox.hold.comment}
    what = "Litigation hold: deleted mail is kept, unseen by the owner"
    return Plan(changes=(Change(_ITEM, what, "Not on hold", "On hold", data=data),))


async def apply(ctx: Context, change: Change) -> None:
    """Places the hold without a comment, which the owner and so the intruder would see."""
    await holds.place_hold(ctx.m365.exchange, await mailbox_of(ctx))


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the mailbox shows the hold; it may take an hour until it keeps everything."""
    return (await mailbox_of(ctx)).hold.on


async def put_back(ctx: Context, change: Change) -> None:
    """Ends our hold; the mailbox had none before."""
    before = Hold(False, None, "", change.data["duration"], change.data["comment"])
    await holds.restore_hold(ctx.m365.exchange, await mailbox_of(ctx), before)


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether the mailbox is not on hold."""
    return not (await mailbox_of(ctx)).hold.on


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox has no mail to keep."""
    if has_no_mailbox(error):
        return Outcome(State.ALREADY_SO, "The account has no mailbox.")
    return None


STEP = Step(
    id="preserve-mail",
    seed=(),
    phase=Phase.EVICT,
    title="Keep all mail as evidence",
    why="So that nothing that the intruder deletes is lost.",
    reads=("mailbox litigation hold", "mailbox licence"),
    changes=("mailbox litigation hold",),
    needs=("Exchange: Get-Mailbox", "Exchange: Set-Mailbox"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: the hold ends. What it kept may then be deleted for good.",
        what="Litigation hold",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
