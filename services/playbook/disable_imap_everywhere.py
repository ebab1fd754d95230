"""Disable IMAP everywhere: IMAP, POP and SMTP AUTH off for all mailboxes, for new ones, and for the organisation."""

from __future__ import annotations

from services.access import Permission
from services.bulk import Check, Progress
from services.incidents.model import Phase
from services.microsoft365.exchange import protocols
from services.microsoft365.exchange.protocols import Plan as CasPlan
from services.playbook.legacy_mail import (
    KINDS,
    SMTP_AUTH,
    MailboxSwitches,
    Usage,
    as_approved,
    bulk_of,
    kind_of,
    listed,
    usage_of,
)
from services.playbook.step import (
    Change,
    Context,
    Finding,
    Outcome,
    Plan,
    Risk,
    Rule,
    Severity,
    State,
    Step,
    Undo,
    general_words,
)
from services.together import together

_ORGANISATION, _PLAN = "organisation", "plan"
_MOST_FINDINGS = 50


async def plan(ctx: Context) -> Plan:
    """What is quickly done comes first, so that new mailboxes are closed while the long lists are worked off."""
    if ctx.approved is not None:
        lists, usage = await as_approved(ctx), Usage({})
    else:
        usage = await usage_of(ctx)
        lists = await listed(ctx, usage)
    plans, smtp_auth = await together(
        protocols.list_plans(ctx.m365.exchange), protocols.read_organisation_smtp_auth(ctx.m365.exchange)
    )
    changes = [_for_new(each) for each in plans if each.imap or each.pop]
    if smtp_auth:
        changes.append(_for_the_organisation(ctx, usage))
    changes += lists
    findings = tuple(
        Finding(f"uses:{use.object_id}", Severity.NOTE, f"{use.upn} uses {use.words}", at=use.last)
        for use in list(usage.people.values())[:_MOST_FINDINGS]
    )
    if not changes:
        words = " ".join(("IMAP, POP and SMTP AUTH are off for everybody.", *usage.unread))
        return Plan(settled=Outcome(State.ALREADY_SO, words), findings=findings)
    return Plan(changes=tuple(changes), findings=findings, unread=usage.unread)


def _for_new(each: CasPlan) -> Change:
    on = " and ".join(name for name, is_on in (("IMAP", each.imap), ("POP", each.pop)) if is_on)
    name = each.display_name or each.identity
    data = {"imap": each.imap, "pop": each.pop, "name": each.display_name}
    return Change(f"{_PLAN}:{each.identity}", f"New mailboxes with {name}", f"{on} on", "Off", data=data)


def _for_the_organisation(ctx: Context, usage: Usage) -> Change:
    """Who uses it is part of what is approved, so an approved change stays as it was."""
    for change in ctx.approved.changes if ctx.approved is not None else ():
        if change.item == _ORGANISATION:
            return change
    users = sorted(use.upn for use in usage.of(SMTP_AUTH).values())
    more = f" and {len(users) - 3} more" if len(users) > 3 else ""
    used = f", used today by {', '.join(users[:3])}{more}" if users else ""
    return Change(_ORGANISATION, f"SMTP AUTH of the organisation{used}", "On", "Off")


async def apply(ctx: Context, change: Change) -> None:
    """Switches off a plan, the organisation's switch, or every mailbox of a list."""
    exchange = ctx.m365.exchange
    if change.item == _ORGANISATION:
        await protocols.set_organisation_smtp_auth(exchange, on=False)
    elif kind_of(change) is None:
        await protocols.set_plan(exchange, _cas_plan(change, imap=False, pop=False))
    else:
        await _run(ctx, change, change.data["job"])


async def verify(ctx: Context, change: Change) -> bool:
    """Whether it shows: a list by reading everybody again. Tells what was not done, is on again, or is new."""
    kind = kind_of(change)
    if kind is None:
        return await _stands(ctx, change, on=False)
    check = await bulk_of(ctx).check(change.data["job"], MailboxSwitches(ctx.m365.exchange, kind))
    if check is None:
        return False
    _tell(ctx, change, check)
    if check.new:
        ctx.report.notes[f"new:{kind}"] = (
            f"{KINDS[kind]}: {check.new:,} on in mailboxes that are new or were off before. Plan again to close them."
        )
    return check.whole


async def put_back(ctx: Context, change: Change) -> None:
    """Sets back what IRBot changed, and nothing else."""
    exchange = ctx.m365.exchange
    if change.item == _ORGANISATION:
        await protocols.set_organisation_smtp_auth(exchange, on=True)
    elif kind_of(change) is None:
        await protocols.set_plan(exchange, _cas_plan(change, imap=change.data["imap"], pop=change.data["pop"]))
    elif (undo := await bulk_of(ctx).reverse(change.data["job"])) is not None:
        await _run(ctx, change, undo)


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether it stands as it was."""
    kind = kind_of(change)
    if kind is None:
        return await _stands(ctx, change, on=True)
    undo = await bulk_of(ctx).reverse(change.data["job"])
    if undo is None:
        return True
    check = await bulk_of(ctx).check(undo, MailboxSwitches(ctx.m365.exchange, kind))
    if check is None:
        return False
    _tell(ctx, change, check)
    return check.whole


async def _run(ctx: Context, change: Change, job_id: str) -> None:
    kind = kind_of(change)
    assert kind is not None

    async def tell(progress: Progress) -> None:
        await ctx.report.progress(f"{KINDS[kind]}: {progress.words}")

    await bulk_of(ctx).run(job_id, MailboxSwitches(ctx.m365.exchange, kind), tell)


async def _stands(ctx: Context, change: Change, *, on: bool) -> bool:
    """Whether the organisation's switch or a plan stands so; a plan that is gone stands as anybody wants."""
    exchange = ctx.m365.exchange
    if change.item == _ORGANISATION:
        return await protocols.read_organisation_smtp_auth(exchange) is on
    wanted = (change.data["imap"], change.data["pop"]) if on else (False, False)
    plans = {each.identity: (each.imap, each.pop) for each in await protocols.list_plans(exchange)}
    return plans.get(_identity(change), wanted) == wanted


def _tell(ctx: Context, change: Change, check: Check) -> None:
    """What was not done, in words, beside what shows."""
    reasons = [f"{count:,} not done. {reason}" for reason, count in check.failed.items()]
    if check.left:
        reasons.append(f"{check.left:,} left. {check.reason}".strip())
    if reasons:
        ctx.report.shortfalls[change.item] = " ".join((f"{change.what}: {check.shown:,} show.", *reasons))
    if check.again:
        ctx.report.notes[f"again:{change.item}"] = f"{change.what}: {check.again:,} are not so any more."


def _identity(change: Change) -> str:
    return change.item.partition(":")[2]


def _cas_plan(change: Change, *, imap: bool, pop: bool) -> CasPlan:
    return CasPlan(_identity(change), change.data["name"], imap=imap, pop=pop)


STEP = Step(
    id="disable-imap-everywhere",
    seed=(11,),
    phase=Phase.STRENGTHEN,
    title="Switch off IMAP, POP and SMTP AUTH for all",
    why="Old mail programs sign in without a second factor, and intruders use them.",
    reads=("mailbox protocols of everybody", "plans for new mailboxes", "SMTP AUTH", "sign-in log"),
    changes=("IMAP, POP and SMTP AUTH of everybody", "plans for new mailboxes", "SMTP AUTH of the organisation"),
    needs=(
        "AuditLog.Read.All",
        "Exchange: Get-CASMailbox",
        "Exchange: Set-CASMailbox",
        "Exchange: Get-CASMailboxPlan",
        "Exchange: Set-CASMailboxPlan",
        "Exchange: Get-TransportConfig",
        "Exchange: Set-TransportConfig",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: what IRBot changed is set back as it was, mailbox by mailbox.",
        what="Old mail protocols",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=general_words,
    plan_seconds=1800.0,
)
