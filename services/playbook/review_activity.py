"""Review activity: what was done with the account, by the unified audit log, weighed by where it was done from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import auditing
from services.playbook.activity_score import OPERATIONS, findings_in
from services.playbook.audit_trail import Trail, trail_of
from services.playbook.gaps import Gap, gap, state_with, words_of
from services.playbook.sign_in_score import judgement_or_gaps
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.together import together

_WITHOUT_LOG = "Without the sign-in log it is not known whose deeds these are."


async def plan(ctx: Context) -> Plan:
    """Asks the audit log, waits as long as a check may, and tells what it found so far."""
    trail, (judgement, unjudged), logged = await together(
        trail_of(ctx, OPERATIONS), judgement_or_gaps(ctx, _WITHOUT_LOG), _logged(ctx)
    )
    findings = findings_in(trail.records, judgement)
    evidence = {
        "audit records": [asdict(each) | {"at": each.at.isoformat() if each.at else None} for each in trail.records]
    }
    if trail.running or trail.failed:
        evidence = {}
    return Plan(settled=_outcome(trail, (*logged, *unjudged), findings), evidence=evidence, findings=findings)


def _outcome(trail: Trail, gaps: Sequence[Gap], findings: tuple[Finding, ...]) -> Outcome:
    as_of = f"As of {trail.as_of:%d %b %H:%M} UTC" if trail.as_of else "Now"
    if trail.running:
        return Outcome(State.NOT_EVALUATED, f"Microsoft is still searching ({as_of.lower()}). Look again later.")
    if trail.failed:
        return Outcome(State.NOT_EVALUATED, "Microsoft's search of the audit log failed. Look again.")
    loud = sum(finding.severity is not Severity.NOTE for finding in findings)
    found = f"{as_of}: {len(trail.records)} records, {loud} suspicious findings."
    late = "Records come up to a day late, so look again."
    if not trail.complete:
        gaps = (Gap("There are more records than were read."), *gaps)
    return Outcome(state_with(gaps), f"{words_of(gaps)} {found} {late}".strip())


async def _logged(ctx: Context) -> tuple[Gap, ...]:
    """Why an empty log would prove nothing; nothing where it takes records in."""
    try:
        switches = await auditing.read(ctx.m365.exchange)
    except IRBotError as error:
        return (gap("Whether the audit log is on could not be read.", error),)
    if not switches.unified_log:
        return (Gap("The audit log is switched off in your organisation."),)
    return () if switches.mailbox_logs else (Gap("Mailboxes log nothing in your organisation."),)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """The general words do."""
    return None


STEP = Step(
    id="review-activity",
    seed=(3,),
    phase=Phase.SCOPE,
    title="Review activity",
    why="Shows what the intruder read, took, set up and removed.",
    reads=("unified audit log", "audit switches", "sign-in log"),
    changes=(),
    needs=(
        "AuditLogsQuery.Read.All",
        "AuditLog.Read.All",
        "IdentityRiskEvent.Read.All",
        "Policy.Read.All",
        "Exchange: Get-AdminAuditLogConfig",
        "Exchange: Get-OrganizationConfig",
        "Exchange: Search-UnifiedAuditLog",
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
