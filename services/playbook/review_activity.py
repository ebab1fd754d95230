"""Review activity: what was done with the account, by the unified audit log, weighed by where it was done from."""

from __future__ import annotations

from dataclasses import asdict

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import auditing
from services.playbook.activity_score import OPERATIONS, findings_in
from services.playbook.audit_trail import Trail, trail_of
from services.playbook.sign_in_score import Judgement, judgement_of
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.together import together


async def plan(ctx: Context) -> Plan:
    """Asks the audit log, waits as long as a check may, and tells what it found so far."""
    trail, judgement, logged = await together(trail_of(ctx, OPERATIONS), _judgement(ctx), _logged(ctx))
    findings = findings_in(trail.records, judgement)
    evidence = {
        "audit records": [asdict(each) | {"at": each.at.isoformat() if each.at else None} for each in trail.records]
    }
    if trail.running or trail.failed:
        evidence = {}
    return Plan(settled=_outcome(trail, judgement, logged, findings), evidence=evidence, findings=findings)


def _outcome(trail: Trail, judgement: Judgement | None, logged: str, findings: tuple[Finding, ...]) -> Outcome:
    as_of = f"As of {trail.as_of:%d %b %H:%M} UTC" if trail.as_of else "Now"
    if trail.running:
        return Outcome(State.NOT_EVALUATED, f"Microsoft is still searching ({as_of.lower()}). Look again later.")
    if trail.failed:
        return Outcome(State.NOT_EVALUATED, "Microsoft's search of the audit log failed. Look again.")
    loud = sum(finding.severity is not Severity.NOTE for finding in findings)
    found = f"{as_of}: {len(trail.records)} records, {loud} suspicious findings."
    late = "Records come up to a day late, so look again."
    if logged:
        return Outcome(State.NOT_EVALUATED, f"{logged} {found}")
    if not trail.complete:
        return Outcome(State.NOT_EVALUATED, f"There are more records than were read. {found} {late}")
    if judgement is None:
        return Outcome(
            State.NOT_EVALUATED, f"Without the sign-in log it is not known whose deeds these are. {found} {late}"
        )
    return Outcome(State.DONE, f"{found} {late}")


async def _judgement(ctx: Context) -> Judgement | None:
    try:
        return await judgement_of(ctx)
    except IRBotError:
        return None


async def _logged(ctx: Context) -> str:
    """Why an empty log would prove nothing; empty where it takes records in, or where that cannot be read."""
    try:
        switches = await auditing.read(ctx.m365.exchange)
    except IRBotError:
        return ""
    if not switches.unified_log:
        return "The audit log is switched off in your organisation."
    return "" if switches.mailbox_logs else "Mailboxes log nothing in your organisation."


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
