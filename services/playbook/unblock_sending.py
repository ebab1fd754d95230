"""Unblock sending: off Microsoft's list of restricted senders, after the account has its owner back."""

from __future__ import annotations

from services.access import Permission
from services.errors import Conflict, IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import restricted_senders
from services.microsoft365.exchange.restricted_senders import RestrictedSender
from services.playbook.giving_back import shut
from services.playbook.step import Change, Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step

_LATER = "Microsoft says: usually within an hour, at most a day. It releases an account only a few times."
_COUNTS = (("ExternalRecipientCountToday", "people outside"), ("InternalRecipientCountToday", "people inside"))


async def plan(ctx: Context) -> Plan:
    """One change for a sender on the list, once sign-in is allowed and nothing of the intruder's sends mail."""
    found = await restricted_senders.find(ctx.m365.exchange, _address(ctx))
    if found is None:
        return Plan(settled=Outcome(State.ALREADY_SO, "Microsoft does not restrict this sender."))
    if not ctx.account.account_enabled:
        reason = f"Give the account back first: this is the last step. {_LATER}"
        return Plan(settled=Outcome(State.REFUSED, reason))
    closed = await shut(ctx, mail_only=True)
    if closed is not None:
        return Plan(settled=closed)
    what = f"{found.address}, {_why(found)}. {_LATER}"
    return Plan(changes=(Change("sender", what, "May not send", "May send", later=True),))


def _address(ctx: Context) -> str:
    return ctx.account.mail or ctx.subject.upn


def _why(found: RestrictedSender) -> str:
    """When and for what the service stopped the sender, by its own counts."""
    since = f"restricted since {found.since:%d %b %Y %H:%M} UTC" if found.since else "restricted"
    held = dict(found.reasons)
    counted = [f"{held[name]} {words}" for name, words in _COUNTS if held.get(name)]
    return f"{since} after writing to {' and '.join(counted)} in a day" if counted else since


async def apply(ctx: Context, change: Change) -> None:
    """Asks for the release; one that is off the list is done. Each release counts, so it looks before it asks."""
    if not await verify(ctx, change):
        await restricted_senders.release(ctx.m365.exchange, _address(ctx))


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the list does not show the sender any more."""
    return await restricted_senders.find(ctx.m365.exchange, _address(ctx)) is None


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """Microsoft's own cap: then only its support can."""
    if isinstance(error, Conflict) and error.data.get("reason") == "unblock-limit":
        return Outcome(
            State.REFUSED, "This sender was released too often, so Microsoft keeps it. Ask Microsoft's support."
        )
    return None


STEP = Step(
    id="unblock-sending",
    seed=(6,),
    phase=Phase.RECOVER,
    title="Let the account send mail again",
    why="Microsoft stopped it for spam. The owner cannot write to anybody outside.",
    reads=("restricted senders", "user.accountEnabled"),
    changes=("restricted senders",),
    needs=("Exchange: Get-BlockedSenderAddress", "Exchange: Remove-BlockedSenderAddress"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.SECOND_PERSON,
    undo=NoUndo("Microsoft alone puts senders on its list. To stop the account, lock it again."),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
