"""From rows to views: what the cards of an incident show right now. Decides nothing and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from cards.views import (
    ApprovalBox,
    ApprovalView,
    Button,
    ChangeLine,
    FindingLine,
    IncidentLine,
    IncidentView,
    PersonLine,
    StepLine,
    Tone,
)
from dialogs.facts import Facts, Viewer, facts_of, shown_state
from dialogs.headline_buttons import decision_buttons, headline_buttons
from dialogs.next_step import lock_of, next_of
from dialogs.parts import Parts
from dialogs.verbs import Verb
from services import approvals, brake
from services.approvals import Approval, ApprovalState, PlanKind
from services.incidents.model import Incident, IncidentState, Subject
from services.microsoft365.accounts import Account
from services.plain_words import explain
from services.playbook.ledger import Found, RunKind
from services.playbook.step import NoUndo, Plan, Rule, Severity, State, Step
from services.recovery.gates import UNLOCK

TONES: Mapping[State, Tone] = {
    State.ACCEPTED: Tone.WARNING,
    State.ALREADY_SO: Tone.GOOD,
    State.DONE: Tone.GOOD,
    State.FAILED: Tone.ATTENTION,
    State.NEEDS_ON_PREMISES: Tone.ATTENTION,
    State.NOT_EVALUATED: Tone.WARNING,
    State.REFUSED: Tone.ATTENTION,
    State.RUNNING: Tone.NEUTRAL,
    State.SKIPPED: Tone.NEUTRAL,
    State.UNDONE: Tone.WARNING,
    State.UNKNOWN: Tone.ATTENTION,
}
RULES: Mapping[Rule, str] = {
    Rule.NONE: "No approval needed.",
    Rule.CONFIRM: "The person who asked must confirm.",
    Rule.SECOND_PERSON: "A second person with the Approver role must decide.",
}
WEIGHTS: Mapping[Severity, Tone] = {
    Severity.ALARM: Tone.ATTENTION,
    Severity.NOTE: Tone.NEUTRAL,
    Severity.WARNING: Tone.WARNING,
}
_TITLES: Mapping[PlanKind, str] = {
    PlanKind.EVICT: "Remove what the intruder left in the account of",
    PlanKind.LOCK: "Lock",
    PlanKind.UNDO: "Put back the changes to",
}
_MOST_REFRESHED = 60


async def incident_view(
    parts: Parts, incident_id: str, *, viewer: Viewer | None = None, notice: str | None = None, live: bool = True
) -> IncidentView:
    """The headline card. `viewer` None draws it for everybody; `live` False leaves all buttons out."""
    facts = await facts_of(parts, incident_id)
    incident, waiting = facts.incident, facts.waiting
    buttons, more = await headline_buttons(parts, facts, viewer) if live else ((), ())
    lock, lock_tone = lock_of(facts)
    next_step, tone = next_of(facts)
    if notice is None and incident.state is IncidentState.OPEN:
        async with parts.database.read() as connection:
            stop = await brake.current(connection)
        notice = None if stop is None else explain(stop.error()).what
    refresh_for: tuple[str, ...] = ()
    if live and waiting is not None:
        refresh_for = await parts.people.teams_ids(_concerned(facts))
    return IncidentView(
        number=incident.label,
        phase="Closed" if incident.state is IncidentState.CLOSED else incident.phase.value.capitalize(),
        subject=person_of_subject(incident.subject),
        opened_by=incident.opened_by.name,
        opened_at=incident.opened_at,
        age=age(incident.opened_at, parts.now()),
        lock=lock,
        lock_tone=lock_tone,
        next_step=next_step,
        next_tone=tone,
        steps=(*_step_lines(parts.steps, facts), *_other_lines(facts)),
        changes=tuple(_change_lines(parts.steps, waiting.plans if waiting else facts.plans)),
        warnings=tuple(subject_warnings(incident.subject)),
        findings=tuple(_finding_line(found) for found in facts.findings),
        approval=_approval_box(facts, waiting or _telling(facts.newest)),
        buttons=buttons,
        more_buttons=more,
        linked=facts.linked,
        notice=notice,
        refresh=Button("Refresh", Verb.VIEW.value, incident.id, incident.nonce) if refresh_for else None,
        refresh_for=refresh_for[:_MOST_REFRESHED],
    )


async def approval_view(parts: Parts, approval_id: str, *, notice: str | None = None) -> ApprovalView:
    """The approval card of an approver's personal chat; without buttons once it is decided."""
    async with parts.database.read() as connection:
        approval = await approvals.get(connection, approval_id)
    facts = await facts_of(parts, approval.incident_id)
    box = _approval_box(facts, approval)
    if box is None:
        raise LookupError(approval_id)
    return ApprovalView(
        incident_number=facts.incident.label,
        subject=person_of_subject(facts.incident.subject),
        approval=box,
        changes=tuple(_change_lines(parts.steps, approval.plans)),
        warnings=tuple(subject_warnings(facts.incident.subject)),
        buttons=decision_buttons(approval) if approval.state is ApprovalState.WAITING else (),
        notice=notice,
    )


async def incident_line(parts: Parts, incident: Incident) -> IncidentLine:
    """One line of the list of incidents."""
    next_step, tone = next_of(await facts_of(parts, incident.id))
    return IncidentLine(
        number=incident.label,
        subject=incident.subject.name,
        phase=incident.phase.value.capitalize(),
        next_step=next_step,
        opened_at=incident.opened_at,
        age=age(incident.opened_at, parts.now()),
        tone=tone,
    )


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "under 1 min"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def person_of_subject(subject: Subject) -> PersonLine:
    """The account as a responder must recognise it."""
    return PersonLine(
        name=subject.name,
        upn=subject.upn,
        object_id=subject.object_id,
        department=subject.department,
        job_title=subject.job_title,
        kinds=subject.kinds(),
    )


def person_of_account(account: Account) -> PersonLine:
    """An account of the directory in a list to choose from."""
    kinds = ["Guest" if account.is_guest else "Synced from on-premises" if account.synced else "Cloud account"]
    if not account.account_enabled:
        kinds.append("Sign-in blocked")
    return PersonLine(
        name=account.display_name,
        upn=account.upn,
        object_id=account.id,
        department=account.department,
        job_title=account.job_title,
        kinds=tuple(kinds),
    )


# -- the parts of the card -----------------------------------------------------------------------------------------


def _step_lines(steps: Iterable[Step], facts: Facts) -> Iterable[StepLine]:
    shown = facts.waiting.plans if facts.waiting else facts.plans
    for step in steps:
        run, plan = facts.latest.get(step.id), shown.get(step.id)
        if plan is not None and (facts.waiting is not None or run is None):
            yield _planned_line(step, plan, waiting=facts.waiting is not None)
        elif run is not None:
            yield StepLine(
                title=step.title,
                state=run.state.value,
                tone=TONES[run.state],
                reason=run.reason,
                who=None if run.kind is RunKind.READ else run.actor.name,
                at=run.finished_at or run.started_at,
            )


def _other_lines(facts: Facts) -> Iterable[StepLine]:
    """What came of conversations and of what people did by hand."""
    for standing in facts.progress.standings:
        if standing.run is not None and not isinstance(standing.entry, Step):
            state = shown_state(standing.entry.id, standing.run.state.value)
            yield StepLine(
                title=standing.entry.title,
                state=state,
                tone=Tone.NEUTRAL if state == "watching" else TONES[standing.run.state],
                reason=standing.run.reason,
                who=standing.run.actor.name,
                at=standing.run.finished_at or standing.run.started_at,
            )


def _finding_line(found: Found) -> FindingLine:
    finding = found.finding
    if found.resolved_at is not None:
        return FindingLine("resolved", Tone.GOOD, f"{finding.title}: not there any more", (), found.resolved_at)
    tone = WEIGHTS[finding.severity]
    return FindingLine(finding.severity.value, tone, finding.title, finding.reasons, finding.at)


def _planned_line(step: Step, plan: Plan, *, waiting: bool) -> StepLine:
    if plan.settled is not None:
        return StepLine(step.title, plan.settled.state.value, TONES[plan.settled.state], plan.settled.reason)
    reason = " ".join((step.why, *plan.unread))
    return StepLine(step.title, "waiting" if waiting else "planned", Tone.NEUTRAL, reason)


def _change_lines(steps: Iterable[Step], plans: Mapping[str, Plan]) -> Iterable[ChangeLine]:
    for step in steps:
        for change in plans[step.id].changes if step.id in plans else ():
            yield ChangeLine(step.title, change.what, change.before, change.after, undo_words(step))


def undo_words(step: Step) -> str:
    """Whether a step can be undone, or the honest reason why not."""
    return step.undo.reason if isinstance(step.undo, NoUndo) else step.undo.note


def subject_warnings(subject: Subject) -> Iterable[str]:
    """What makes this account special, in words."""
    if subject.break_glass:
        yield "This is a break-glass account. Make sure that another way into the tenant works before you lock it."
    if subject.privileged:
        yield "This account is privileged, or may be. A second person must approve."
    if subject.vip:
        yield "This account is on the VIP list. A second person must approve."
    if subject.synced:
        yield "This account comes from your on-premises directory. Some changes must be made there too."
    if subject.guest:
        yield "This is a guest. Only the access to your tenant can be blocked; tell their organisation."
    if subject.shared_mailbox:
        yield "This is a shared mailbox. People may keep reading it through their own accounts."
    for unknown in subject.unknowns:
        yield f"Not checked, so handled with care. {unknown}"


def _approval_box(facts: Facts, approval: Approval | None) -> ApprovalBox | None:
    if approval is None:
        return None
    state = ApprovalState.APPROVED if approval.state is ApprovalState.USED else approval.state
    rule = RULES[approval.rule]
    if approval.reason:
        rule = f"{rule} {approval.reason}"
    return ApprovalBox(
        title=_title(facts, approval),
        state=state.value,
        requester=approval.requester.name,
        rule=rule,
        expires_at=approval.expires_at if approval.state is ApprovalState.WAITING else None,
        decided_by=approval.decided_by.name if approval.decided_by else None,
        decided_at=approval.decided_at,
        waiting_for=approval.asked if approval.state is ApprovalState.WAITING else (),
    )


def _title(facts: Facts, approval: Approval) -> str:
    """What is asked, and about whom."""
    name = facts.incident.subject.name
    if approval.kind is not PlanKind.STEPS:
        return f"{_TITLES[approval.kind]} {name}"
    if UNLOCK in approval.plans:
        return f"Give the account of {name} back"
    titles = {each.entry.id: each.entry.title for each in facts.progress.standings}
    return f"{', '.join(titles.get(step_id, step_id) for step_id in approval.plans)}: {name}"


def _telling(newest: Approval | None) -> Approval | None:
    """A decided approval is worth a box only where it says something that the steps do not."""
    if newest is None or newest.state in {ApprovalState.CANCELLED}:
        return None
    return newest


def _concerned(facts: Facts) -> set[str]:
    """Who sees a card of their own: those who act on this incident."""
    people = {facts.incident.opened_by.object_id}
    for approval in (facts.waiting, facts.newest):
        if approval is not None:
            people.add(approval.requester.object_id)
            if approval.decided_by is not None:
                people.add(approval.decided_by.object_id)
    return people
