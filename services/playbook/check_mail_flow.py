"""Check mail flow: rules, connectors, journaling and policies of the whole organisation that carry mail away."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.mail_flow_score import READS, evidence_of, mail_flow_of
from services.playbook.step import (
    Context,
    Finding,
    NoUndo,
    Outcome,
    Plan,
    Risk,
    Rule,
    Severity,
    State,
    Step,
    general_words,
)


async def plan(ctx: Context) -> Plan:
    """Judges every part; with one unread the check is "not evaluated", with what was found all the same."""
    found = await mail_flow_of(ctx)
    findings = tuple(
        Finding(each.item, each.severity, each.what, each.reasons, each.at if each.reasons else None)
        for each in found.parts
        if each.reasons
    )
    loud = sum(each.severity is not Severity.NOTE for each in found.parts)
    reason = f"{len(found.parts)} rules, connectors and policies, {loud} of them suspicious."
    outcome = Outcome(State.DONE, reason)
    if found.unread:
        outcome = Outcome(State.NOT_EVALUATED, f"{reason} Not read: {'; '.join(found.unread)}")
    return Plan(settled=outcome, evidence=evidence_of(found), findings=findings)


STEP = Step(
    id="check-mail-flow",
    seed=(3,),
    phase=Phase.SCOPE,
    title="Check mail flow",
    why="An administrator's account can copy everybody's mail.",
    reads=("mail flow rules", "connectors", "journal rules", "outbound policies", "remote domains", "audit log"),
    changes=(),
    needs=READS,
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=general_words,
)
