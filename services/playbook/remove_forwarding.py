"""Remove forwarding: both attributes with the flag, automatic replies, and sweep rules that carry mail out of sight."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict

from services.access import Permission
from services.errors import Gone, IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import auto_replies, mailboxes, sweep_rules
from services.microsoft365.exchange.mailboxes import Forwarding
from services.microsoft365.exchange.sweep_rules import SweepRule
from services.playbook.mail_leaks import reply_from_json, reply_reasons, reply_to_json, sweep_reasons
from services.playbook.mailbox_reading import has_no_mailbox, mailbox_of, own_domains
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo
from services.together import together

_FORWARDING, _REPLY, _SWEEP = "forwarding", "automatic-reply", "sweep:"


async def plan(ctx: Context) -> Plan:
    """One change for all forwarding, and one for each reply and sweep rule that could be the intruder's."""
    mailbox = await mailbox_of(ctx)
    reply, sweeps, domains = await together(
        auto_replies.read(ctx.m365.exchange, mailbox),
        sweep_rules.list_rules(ctx.m365.exchange, mailbox),
        own_domains(ctx),
    )
    changes: list[Change] = []
    if mailbox.forwarding.on:
        target = mailbox.forwarding.smtp_address or mailbox.forwarding.recipient
        if mailbox.forwarding.smtp_address and mailbox.forwarding.recipient:
            target = f"{mailbox.forwarding.recipient} and {mailbox.forwarding.smtp_address}"
        copy = ", a copy stays" if mailbox.forwarding.keeps_copy else ", nothing stays in the mailbox"
        changes.append(
            Change(_FORWARDING, f"All mail is forwarded{copy}", f"To {target}", "Off", data=asdict(mailbox.forwarding))
        )
    if reply.on and (reasons := reply_reasons(reply, domains)):
        before = "On" if reply.state == "Enabled" else reply.state
        what = f"Automatic reply ({'; '.join(reasons).lower()})"
        changes.append(Change(_REPLY, what, before, "Off", data=reply_to_json(reply)))
    for rule in sweeps:
        if rule.enabled and (reasons := sweep_reasons(rule, domains)):
            what = f"Sweep rule “{rule.name}” ({'; '.join(reasons).lower()})"
            changes.append(Change(f"{_SWEEP}{rule.rule_id}", what, "On", "Off", data=asdict(rule)))
    if not changes:
        return Plan(settled=Outcome(State.ALREADY_SO, "Nothing is forwarded, and no reply or sweep is suspicious."))
    return Plan(changes=tuple(changes))


async def apply(ctx: Context, change: Change) -> None:
    """Turns one of them off; what is off or gone is done."""
    mailbox = await mailbox_of(ctx)
    if change.item == _FORWARDING:
        await mailboxes.clear_forwarding(ctx.m365.exchange, mailbox)
    elif change.item == _REPLY:
        await auto_replies.switch_off(ctx.m365.exchange, mailbox)
    else:
        with suppress(Gone):
            await sweep_rules.disable_rule(ctx.m365.exchange, mailbox, change.item.removeprefix(_SWEEP))


async def verify(ctx: Context, change: Change) -> bool:
    """Whether it is off in the mailbox itself."""
    mailbox = await mailbox_of(ctx)
    if change.item == _FORWARDING:
        return not mailbox.forwarding.on
    if change.item == _REPLY:
        return not (await auto_replies.read(ctx.m365.exchange, mailbox)).on
    rules = await sweep_rules.list_rules(ctx.m365.exchange, mailbox)
    return all(not rule.enabled for rule in rules if rule.rule_id == change.item.removeprefix(_SWEEP))


async def put_back(ctx: Context, change: Change) -> None:
    """Puts the recorded setting back."""
    mailbox = await mailbox_of(ctx)
    if change.item == _FORWARDING:
        await mailboxes.restore_forwarding(ctx.m365.exchange, mailbox, Forwarding(**change.data))
    elif change.item == _REPLY:
        await auto_replies.restore(ctx.m365.exchange, mailbox, reply_from_json(change.data))
    else:
        await sweep_rules.enable_rule(ctx.m365.exchange, mailbox, SweepRule(**change.data).rule_id)


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether the recorded setting stands there again."""
    mailbox = await mailbox_of(ctx)
    if change.item == _FORWARDING:
        return mailbox.forwarding == Forwarding(**change.data)
    if change.item == _REPLY:
        return (await auto_replies.read(ctx.m365.exchange, mailbox)).state == reply_from_json(change.data).state
    rules = await sweep_rules.list_rules(ctx.m365.exchange, mailbox)
    return any(rule.enabled for rule in rules if rule.rule_id == change.item.removeprefix(_SWEEP))


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox forwards nothing."""
    if has_no_mailbox(error):
        return Outcome(State.ALREADY_SO, "The account has no mailbox.")
    return None


STEP = Step(
    id="remove-forwarding",
    seed=(3,),
    phase=Phase.EVICT,
    title="Remove forwarding",
    why="So that no copy of the mail leaves any more.",
    reads=("mailbox forwarding, both attributes", "automatic replies", "sweep rules", "accepted domains"),
    changes=("mailbox forwarding, both attributes", "automatic replies", "sweep rules"),
    needs=(
        "User.Read.All",
        "Exchange: Get-Mailbox",
        "Exchange: Set-Mailbox",
        "Exchange: Get-MailboxAutoReplyConfiguration",
        "Exchange: Set-MailboxAutoReplyConfiguration",
        "Exchange: Get-SweepRule",
        "Exchange: Disable-SweepRule",
        "Exchange: Enable-SweepRule",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: the setting is put back as it was.",
        what="Forwarding",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
