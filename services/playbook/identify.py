"""Identify: exactly one account, and what kind it is."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.step import Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step, general_words


async def plan(ctx: Context) -> Plan:
    """Says what was recognised. What could not be looked up makes it "not evaluated", never "ordinary"."""
    subject = ctx.subject
    kinds = ". ".join(subject.kinds())
    evidence = {"subject": subject.to_json()}
    if subject.unknowns:
        reason = f"{kinds}. Not checked: {'; '.join(subject.unknowns)}"
        return Plan(settled=Outcome(State.NOT_EVALUATED, reason), evidence=evidence)
    return Plan(settled=Outcome(State.DONE, f"{kinds}."), evidence=evidence)


STEP = Step(
    id="identify",
    seed=(),
    phase=Phase.PREPARE,
    title="Identify the account",
    why="The right account, handled as its kind needs.",
    reads=("user", "roleAssignments", "group membership", "mailboxSettings.userPurpose"),
    changes=(),
    needs=(
        "User.Read.All",
        "GroupMember.Read.All",
        "RoleManagement.Read.Directory",
        "RoleEligibilitySchedule.Read.Directory",
        "MailboxSettings.Read",
    ),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=general_words,
)
