"""Check delegates: who else may open the mailbox, send in its name, or read its folders, and since when."""

from __future__ import annotations

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.playbook.delegate_reading import delegation_of
from services.playbook.delegate_score import judge
from services.playbook.mailbox_reading import has_no_mailbox
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step

READS = (
    "Exchange: Get-Mailbox",
    "Exchange: Get-MailboxPermission",
    "Exchange: Get-RecipientPermission",
    "Exchange: Get-Recipient",
    "Exchange: Get-MailboxFolderStatistics",
    "Exchange: Get-MailboxFolderPermission",
    "Exchange: Get-MailboxCalendarFolder",
    "Exchange: Search-UnifiedAuditLog",
)


async def plan(ctx: Context) -> Plan:
    """Judges every entry; with a part unread the check is "not evaluated", with what was found all the same."""
    found = await delegation_of(ctx)
    grants = judge(found)
    findings = tuple(
        Finding(
            key=grant.item,
            severity=grant.severity,
            title=grant.what,
            reasons=grant.reasons,
            at=grant.given.at if grant.given else None,
            data={"kind": grant.kind},
        )
        for grant in grants
    )
    evidence = {
        "delegates": [{"item": grant.item, "what": grant.what, "rights": grant.before} for grant in grants],
        "not read": list(found.unread),
    }
    loud = sum(grant.severity is not Severity.NOTE for grant in grants)
    reason = f"{len(grants)} ways into the mailbox for others, {loud} of them suspicious."
    if found.unread:
        outcome = Outcome(State.NOT_EVALUATED, f"{reason} Not read: {'; '.join(found.unread)}")
    else:
        outcome = Outcome(State.DONE, reason)
    return Plan(settled=outcome, evidence=evidence, findings=findings)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox lets nobody in."""
    if has_no_mailbox(error):
        return Outcome(State.DONE, "The account has no mailbox.")
    return None


STEP = Step(
    id="check-delegates",
    seed=(3,),
    phase=Phase.SCOPE,
    title="Check delegates",
    why="Whoever was let in keeps reading after the password changed.",
    reads=(
        "mailbox permissions",
        "send-as",
        "send-on-behalf",
        "folder permissions",
        "published calendars",
        "audit log",
    ),
    changes=(),
    needs=READS,
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=explain,
)
