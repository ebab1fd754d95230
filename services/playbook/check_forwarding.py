"""Check forwarding: where mail goes by itself, and who is behind the address."""

from __future__ import annotations

from dataclasses import asdict

from services.access import Permission
from services.errors import Ambiguous, Gone, IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import auto_replies, mailboxes, sweep_rules
from services.microsoft365.exchange.auto_replies import AutoReply
from services.microsoft365.exchange.sweep_rules import SweepRule
from services.playbook.gaps import Gap, gap, state_with, words_of
from services.playbook.mail_leaks import reply_reasons, reply_to_json, sweep_reasons
from services.playbook.mailbox_reading import has_no_mailbox, mailbox_of, own_domains
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.together import together


async def plan(ctx: Context) -> Plan:
    """Looks at both forwarding attributes, the automatic reply and the sweep rules."""
    mailbox = await mailbox_of(ctx)
    reply, sweeps, domains = await together(
        auto_replies.read(ctx.m365.exchange, mailbox),
        sweep_rules.list_rules(ctx.m365.exchange, mailbox),
        own_domains(ctx),
    )
    findings: list[Finding] = []
    forwarding = mailbox.forwarding
    kept = "A copy stays in the mailbox" if forwarding.keeps_copy else "Nothing stays in the mailbox"
    if forwarding.smtp_address:
        outside = forwarding.smtp_address.rpartition("@")[2].lower() not in domains
        severity = Severity.ALARM if outside else Severity.WARNING
        where = "Outside your organisation" if outside else "Inside your organisation"
        findings.append(Finding("smtp", severity, f"All mail is forwarded to {forwarding.smtp_address}", (where, kept)))
    gaps: tuple[Gap, ...] = ()
    if forwarding.recipient:
        finding, gaps = await _recipient(ctx, forwarding.recipient, kept)
        findings.append(finding)
    if reply.on:
        findings.append(_reply(reply, domains))
    findings += [_sweep(rule, domains) for rule in sweeps if rule.enabled]
    evidence = {
        "forwarding": asdict(forwarding),
        "automatic reply": reply_to_json(reply),
        "sweep rules": [asdict(rule) for rule in sweeps],
    }
    loud = any(finding.severity is not Severity.NOTE for finding in findings)
    if forwarding.on:
        reason = "Mail is forwarded."
    else:
        reason = f"No mail is forwarded.{' A reply or a sweep rule is worth a look.' if loud else ''}"
    reason = f"{reason} {words_of(gaps)}".strip()
    return Plan(settled=Outcome(state_with(gaps), reason), evidence=evidence, findings=tuple(findings))


async def _recipient(ctx: Context, name: str, kept: str) -> tuple[Finding, tuple[Gap, ...]]:
    """Forwarding through a directory object: a contact may stand for an address outside."""
    title = f"All mail is forwarded to “{name}”"
    try:
        behind = await mailboxes.resolve_recipient(ctx.m365.exchange, name)
    except (Gone, Ambiguous):
        return Finding("recipient", Severity.ALARM, title, ("Nobody could be found behind that name", kept)), ()
    except IRBotError as error:
        unread = gap("Who is behind the forwarding could not be read.", error)
        return Finding("recipient", Severity.ALARM, title, (unread.words, kept)), (unread,)
    where = "A contact outside your organisation" if behind.external else "A colleague"
    severity = Severity.ALARM if behind.external else Severity.WARNING
    title = f"All mail is forwarded to {behind.display_name} ({behind.address})"
    return Finding("recipient", severity, title, (where, kept), data={"address": behind.address}), ()


def _reply(reply: AutoReply, domains: frozenset[str]) -> Finding:
    """Its text is the owner's or the intruder's: people must read it, so it is in the evidence and not on a card."""
    reasons = reply_reasons(reply, domains)
    severity = Severity.WARNING if reasons else Severity.NOTE
    return Finding("automatic-reply", severity, "An automatic reply is on", (*reasons, "Read its text"))


def _sweep(rule: SweepRule, domains: frozenset[str]) -> Finding:
    reasons = sweep_reasons(rule, domains)
    severity = Severity.WARNING if reasons else Severity.NOTE
    return Finding(f"sweep:{rule.rule_id}", severity, f"A sweep rule is on: “{rule.name}”", reasons)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox forwards nothing."""
    if has_no_mailbox(error):
        return Outcome(State.DONE, "The account has no mailbox.")
    return None


STEP = Step(
    id="check-forwarding",
    seed=(3,),
    phase=Phase.SCOPE,
    title="Check forwarding",
    why="Forwarding keeps stealing mail while the account is locked.",
    reads=("mailbox forwarding, both attributes", "automatic replies", "sweep rules", "accepted domains"),
    changes=(),
    needs=(
        "User.Read.All",
        "Exchange: Get-Mailbox",
        "Exchange: Get-Recipient",
        "Exchange: Get-MailboxAutoReplyConfiguration",
        "Exchange: Get-SweepRule",
    ),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=explain,
)
