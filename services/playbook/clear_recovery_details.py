"""Clear recovery details: the other mail addresses and the mobile phone of the account, which password resets go to."""

from __future__ import annotations

from services.access import Permission
from services.errors import IRBotError, OnPremises
from services.incidents.model import Phase
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo

MAILS, PHONE, NONE = "other-mails", "mobile-phone", "None"


async def plan(ctx: Context) -> Plan:
    """One change for the addresses and one for the number. What a guest has is kept by their home organisation."""
    if ctx.account.is_guest:
        reason = "Nothing to clear. A guest's recovery details belong to their home organisation."
        return Plan(settled=Outcome(State.ALREADY_SO, reason))
    account = await ctx.m365.directory.account(ctx.subject.object_id)
    changes = []
    if account.other_mails:
        mails = list(account.other_mails)
        what = "Other mail addresses, which a password reset can use"
        changes.append(Change(MAILS, what, ", ".join(mails), NONE, data={"mails": mails}))
    if account.mobile_phone:
        phone = account.mobile_phone
        what = "Mobile phone number, which a password reset can use. Ask its owner whether it is theirs"
        changes.append(Change(PHONE, what, phone, NONE, data={"phone": phone}))
    if not changes:
        return Plan(settled=Outcome(State.ALREADY_SO, "No other mail address and no mobile phone is set."))
    return Plan(changes=tuple(changes))


async def apply(ctx: Context, change: Change) -> None:
    """Empties one of the two."""
    if change.item == MAILS:
        await ctx.m365.directory.set_other_mails(ctx.subject.object_id, ())
    else:
        await ctx.m365.directory.set_mobile_phone(ctx.subject.object_id, None)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether it is empty."""
    account = await ctx.m365.directory.account(ctx.subject.object_id)
    return not (account.other_mails if change.item == MAILS else account.mobile_phone)


async def put_back(ctx: Context, change: Change) -> None:
    """Sets what was there."""
    if change.item == MAILS:
        await ctx.m365.directory.set_other_mails(ctx.subject.object_id, tuple(change.data["mails"]))
    else:
        await ctx.m365.directory.set_mobile_phone(ctx.subject.object_id, str(change.data["phone"]))


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether it is as it was."""
    account = await ctx.m365.directory.account(ctx.subject.object_id)
    if change.item == MAILS:
        return set(account.other_mails) == set(change.data["mails"])
    return account.mobile_phone == str(change.data["phone"])


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """What comes from on-premises is cleared there."""
    if isinstance(error, OnPremises):
        name = ctx.account.on_premises_sam or ctx.account.upn
        reason = f"In Active Directory, clear the attribute “mobile” of {name}, then let it synchronise."
        return Outcome(State.NEEDS_ON_PREMISES, reason)
    return None


STEP = Step(
    id="clear-recovery-details",
    seed=(9,),
    phase=Phase.EVICT,
    title="Clear recovery mail and phone",
    why="A password reset must not reach an address or phone of the intruder.",
    reads=("user.otherMails", "user.mobilePhone"),
    changes=("user.otherMails", "user.mobilePhone"),
    needs=("User.Read.All", "User-Mail.ReadWrite.All", "User-Phone.ReadWrite.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: the addresses and the number are set again.",
        what="Recovery details",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
