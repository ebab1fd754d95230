"""Check inbox rules: every rule with a score and its reasons, the hidden ones included."""

from __future__ import annotations

from dataclasses import asdict

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.playbook.mailbox_reading import has_no_mailbox, rules_of
from services.playbook.rule_score import score
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step

_CLEAN = "It cannot be proven that no rule escapes every listing."


async def plan(ctx: Context) -> Plan:
    """Judges each rule; a listing that is not whole is never called clean."""
    read = await rules_of(ctx)
    findings: list[Finding] = []
    for rule in read.to_judge:
        judged = score(rule, read)
        if judged.severity is Severity.NOTE and not judged.reasons:
            continue
        state = "" if rule.enabled else " (off)"
        findings.append(
            Finding(
                key=rule.rule_id,
                severity=judged.severity,
                title=f"Inbox rule “{rule.name.strip() or '(no name)'}”{state}",
                reasons=judged.reasons,
                data={"rule_id": rule.rule_id, "outside": list(judged.outside), "hidden": rule.hidden},
            )
        )
    evidence = {"inbox rules": [asdict(rule) for rule in read.rules.rules]}
    loud = [finding for finding in findings if finding.severity is not Severity.NOTE]
    total = len(read.to_judge)
    if not read.rules.complete:
        reason = f"{total} rules were read, and not all could be. {len(loud)} are suspicious."
        return Plan(settled=Outcome(State.NOT_EVALUATED, reason), evidence=evidence, findings=tuple(findings))
    reason = f"{total} rules, {len(loud)} of them suspicious. {_CLEAN}"
    return Plan(settled=Outcome(State.DONE, reason), evidence=evidence, findings=tuple(findings))


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox has no rules."""
    if has_no_mailbox(error):
        return Outcome(State.DONE, "The account has no mailbox.")
    return None


STEP = Step(
    id="check-inbox-rules",
    seed=(3,),
    phase=Phase.SCOPE,
    title="Check inbox rules",
    why="Intruders hide answers and steal mail with rules.",
    reads=("mailbox inbox rules, hidden ones included", "mail folders", "accepted domains"),
    changes=(),
    needs=(
        "User.Read.All",
        "Exchange: Get-Mailbox",
        "Exchange: Get-InboxRule",
        "Exchange: Get-MailboxFolderStatistics",
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
