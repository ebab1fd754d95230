"""From rows to views: what the cards of an incident show right now. Decides nothing and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cards.views import (
    ApprovalBox,
    ApprovalView,
    Button,
    ButtonStyle,
    ChangeLine,
    FindingLine,
    IncidentLine,
    IncidentView,
    PersonLine,
    StepLine,
    Tone,
)
from dialogs.parts import Parts
from dialogs.verbs import Verb
from services import approvals
from services.access import Permission
from services.approvals import Approval, ApprovalState, PlanKind, plans_from_json
from services.channel import Actor
from services.incidents import store
from services.incidents.links import linked_to
from services.incidents.met import met_in
from services.incidents.model import Incident, IncidentState, Phase, Subject
from services.incidents.progress import Progress, progress_of
from services.incidents.still_open import GIVE_BACK
from services.microsoft365.accounts import Account
from services.playbook import STEPS
from services.playbook.ledger import Found, Run, RunKind, findings_of, runs_of
from services.playbook.step import NoUndo, Plan, Rule, Severity, State, Step
from services.posts import unreached

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
PHASE_TITLES: Mapping[Phase, str] = {
    Phase.INFORM: "Inform people",
    Phase.RECOVER: "Recover",
    Phase.STRENGTHEN: "Strengthen",
}
_BEGIN: Mapping[Phase, str] = {
    Phase.INFORM: "Warn those who got mail from the intruder, and tell your partner. Press Inform people.",
    Phase.RECOVER: "Give the account back safely. Press Recover.",
    Phase.STRENGTHEN: "Make the next break-in harder, for everybody. Press Strengthen.",
}
_LOCKED = frozenset({State.DONE, State.ALREADY_SO})
_OPEN_PROBLEM = frozenset(
    {State.FAILED, State.UNKNOWN, State.REFUSED, State.NEEDS_ON_PREMISES, State.ACCEPTED, State.NOT_EVALUATED}
)
# An account is locked without it; most organisations do not own the licence.
_LEFT_OUT_BY_MANY = frozenset({("mark-compromised", State.NOT_EVALUATED)})
_BLOCK = "block-sign-in"
_MOST_REFRESHED = 60
_MOST_BUTTONS = 5  # beyond, they fold away


@dataclass(frozen=True)
class Viewer:
    """For whom a card is drawn, and what they may do. Buttons that they may not press are left out."""

    actor: Actor
    permissions: frozenset[Permission]


@dataclass(frozen=True)
class _Facts:
    """All rows that a card of an incident is drawn from, read in one transaction."""

    incident: Incident
    waiting: Approval | None
    newest: Approval | None
    latest: Mapping[str, Run]
    plans: Mapping[str, Plan]
    findings: tuple[Found, ...]
    linked: tuple[str, ...]  # the labels of the incidents that belong together with this one
    unreached: frozenset[str]  # names of approvers whom Teams did not let us ask
    progress: Progress  # of the later phases


async def _facts(parts: Parts, incident_id: str) -> _Facts:
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        waiting = await approvals.waiting_of(connection, incident_id)
        return _Facts(
            incident=incident,
            waiting=waiting,
            newest=await approvals.newest_of(connection, incident_id),
            latest={run.step_id: run for run in await runs_of(connection, incident_id)},
            plans=plans_from_json(incident.plan.get("steps", {})),
            findings=await findings_of(connection, incident_id),
            linked=await linked_to(connection, incident_id),
            unreached=await unreached(connection, waiting.id) if waiting else frozenset(),
            progress=await progress_of(connection, incident, parts.steps),
        )


async def incident_view(
    parts: Parts, incident_id: str, *, viewer: Viewer | None = None, notice: str | None = None, live: bool = True
) -> IncidentView:
    """The headline card. `viewer` None draws it for everybody; `live` False leaves all buttons out."""
    facts = await _facts(parts, incident_id)
    incident, waiting = facts.incident, facts.waiting
    buttons, more = await _buttons(parts, facts, viewer) if live else ((), ())
    lock, lock_tone = _lock(facts)
    next_step, tone = _next(facts)
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
    facts = await _facts(parts, approval.incident_id)
    box = _approval_box(facts, approval)
    if box is None:
        raise LookupError(approval_id)
    return ApprovalView(
        incident_number=facts.incident.label,
        subject=person_of_subject(facts.incident.subject),
        approval=box,
        changes=tuple(_change_lines(parts.steps, approval.plans)),
        warnings=tuple(subject_warnings(facts.incident.subject)),
        buttons=_decision_buttons(approval) if approval.state is ApprovalState.WAITING else (),
        notice=notice,
    )


async def incident_line(parts: Parts, incident: Incident) -> IncidentLine:
    """One line of the list of incidents."""
    next_step, tone = _next(await _facts(parts, incident.id))
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


# -- where it stands, and what is next -------------------------------------------------------------------------------


def _lock(facts: _Facts) -> tuple[str | None, Tone]:
    """Whether the account is locked, in a few words: the answer that everybody looks for first."""
    newest, block = facts.newest, facts.latest.get(_BLOCK)
    at_work = newest is not None and newest.state is ApprovalState.APPROVED
    if at_work and newest is not None and newest.kind in {PlanKind.LOCK, PlanKind.UNDO}:
        return ("Undoing…" if newest.kind is PlanKind.UNDO else "Locking…"), Tone.WARNING
    if block is None:
        planned = facts.plans.get(_BLOCK)
        if planned is None:
            return None, Tone.NEUTRAL
        if planned.settled is not None and planned.settled.state is State.ALREADY_SO:
            return "Partly locked: sign-in is blocked", Tone.WARNING
        return "Not locked", Tone.ATTENTION
    if _given_back(facts):
        return "Given back to its owner", Tone.GOOD
    if block.state is State.UNDONE:
        return "Lock undone", Tone.WARNING
    if block.kind is RunKind.UNDO:
        return "Undo not finished", Tone.ATTENTION
    if block.state not in _LOCKED:
        return "Not locked", Tone.ATTENTION
    if _problems(facts):
        return "Partly locked: sign-in is blocked", Tone.WARNING
    return "Locked", Tone.GOOD


def _next(facts: _Facts) -> tuple[str, Tone]:
    """One sentence: what is next, and for whom."""
    incident, waiting, newest = facts.incident, facts.waiting, facts.newest
    if incident.state is IncidentState.CLOSED:
        return "This incident is closed.", Tone.NEUTRAL
    if newest is not None and newest.state is ApprovalState.APPROVED:
        return "IRBot is at work. You need not do anything.", Tone.NEUTRAL
    if waiting is not None:
        return _who_decides(waiting, facts.unreached)
    kind = incident.plan.get("kind")
    if kind is None:
        return "Checking the account. The plan comes next.", Tone.NEUTRAL
    if kind == PlanKind.FAILED:
        return "The account could not be checked. Press Check again.", Tone.ATTENTION
    block = facts.latest.get(_BLOCK)
    if block is not None:
        return _next_after(block, facts)
    if not _has_changes(facts.plans):
        return "There is nothing that IRBot can lock here. Read the steps below.", Tone.WARNING
    return "Check that this is the right account, then press Lock account.", Tone.ATTENTION


def _next_after(block: Run, facts: _Facts) -> tuple[str, Tone]:
    """What is next once the lock was tried."""
    incident, progress = facts.incident, facts.progress
    if _given_back(facts):
        return _next_later(progress)
    if block.state is State.UNDONE:
        return "Sign-in is allowed again.", Tone.WARNING
    if block.kind is RunKind.UNDO:
        return "The lock could not be undone. Read the steps below.", Tone.ATTENTION
    if block.state not in _LOCKED:
        return "The account is not locked. Read the steps below.", Tone.ATTENTION
    if _problems(facts) and Phase.RECOVER not in progress.opened:
        return "Not everything is done yet. Read the steps below.", Tone.WARNING
    if not incident.investigation.get("done"):
        return "The account is locked. IRBot is looking for what the intruder left.", Tone.GOOD
    if _to_evict(incident) and not progress.evicted:
        return "Look at what IRBot proposes to remove or switch off, and decide.", Tone.ATTENTION
    return _next_later(progress)


def _next_later(progress: Progress) -> tuple[str, Tone]:
    """What is next once the account is locked and cleared of what the intruder left."""
    if not progress.phases:
        return "Keep the account locked until it has been checked.", Tone.GOOD
    for phase in progress.phases:
        if phase not in progress.opened:
            return _BEGIN[phase], Tone.ATTENTION if phase is Phase.INFORM else Tone.NEUTRAL
    left = {phase: sum(each.waits for each in progress.of(phase)) for phase in progress.phases}
    words = ", ".join(f"{count} in {PHASE_TITLES[phase]}" for phase, count in left.items() if count)
    if words:
        return f"Go on in the cards of this thread. Still to do: {words}.", Tone.NEUTRAL
    return "Everything is done or decided. Press Close incident.", Tone.GOOD


def _given_back(facts: _Facts) -> bool:
    """Whether the account was given back to its owner after it was locked."""
    block, back = facts.latest.get(_BLOCK), facts.latest.get(GIVE_BACK)
    if back is None or back.state not in _LOCKED:
        return False
    return block is None or back.started_at > block.started_at


def _to_evict(incident: Incident) -> bool:
    return _has_changes(plans_from_json(incident.eviction.get("steps", {})))


def _problems(facts: _Facts) -> bool:
    """Whether a step of the lock has not ended well."""
    lock = {step.id for step in STEPS if step.phase is Phase.LOCK}
    runs = [run for run in facts.latest.values() if run.step_id in lock and run.kind is not RunKind.READ]
    return any(run.state in _OPEN_PROBLEM and (run.step_id, run.state) not in _LEFT_OUT_BY_MANY for run in runs)


def _who_decides(waiting: Approval, unreached_names: frozenset[str]) -> tuple[str, Tone]:
    asker = waiting.requester.name
    if waiting.rule is Rule.CONFIRM:
        return f"{asker}: check the changes, then press {_confirm_title(waiting)}.", Tone.ATTENTION
    reached = [name for name in waiting.asked if name not in unreached_names]
    if waiting.asked and not reached:
        return (
            "Waiting for an approver. None could be reached in Teams: call one, to decide on this card.",
            Tone.ATTENTION,
        )
    asked = ", ".join(reached[:3])
    more = f" and {len(reached) - 3} more" if len(reached) > 3 else ""
    whom = f" Asked: {asked}{more}." if asked else ""
    missed = ", ".join([name for name in waiting.asked if name in unreached_names][:3])
    not_reached = f" Not reached: {missed}." if missed else ""
    return f"Waiting for an approver to decide.{whom}{not_reached}", Tone.ATTENTION


def _confirm_title(waiting: Approval) -> str:
    return {PlanKind.EVICT: "Remove now", PlanKind.STEPS: "Do it now"}.get(waiting.kind, "Lock now")


def _has_changes(plans: Mapping[str, Plan]) -> bool:
    return any(plan.changes for plan in plans.values())


# -- the parts of the card -----------------------------------------------------------------------------------------


def _step_lines(steps: Iterable[Step], facts: _Facts) -> Iterable[StepLine]:
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


def _other_lines(facts: _Facts) -> Iterable[StepLine]:
    """What came of conversations and of what people did by hand."""
    for standing in facts.progress.standings:
        if standing.run is not None and not isinstance(standing.entry, Step):
            tone = TONES[standing.run.state]
            yield StepLine(
                title=standing.entry.title,
                state=standing.run.state.value,
                tone=tone,
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


def _approval_box(facts: _Facts, approval: Approval | None) -> ApprovalBox | None:
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


def _title(facts: _Facts, approval: Approval) -> str:
    """What is asked, and about whom."""
    name = facts.incident.subject.name
    if approval.kind is not PlanKind.STEPS:
        return f"{_TITLES[approval.kind]} {name}"
    titles = {each.entry.id: each.entry.title for each in facts.progress.standings}
    return f"{', '.join(titles.get(step_id, step_id) for step_id in approval.plans)}: {name}"


def _telling(newest: Approval | None) -> Approval | None:
    """A decided approval is worth a box only where it says something that the steps do not."""
    if newest is None or newest.state in {ApprovalState.CANCELLED}:
        return None
    return newest


async def _buttons(parts: Parts, facts: _Facts, viewer: Viewer | None) -> tuple[tuple[Button, ...], tuple[Button, ...]]:
    """The buttons of the card, and those that fold away so that it stays calm."""
    incident, waiting, newest = facts.incident, facts.waiting, facts.newest
    may = viewer.permissions if viewer else frozenset(Permission)
    if incident.state is IncidentState.CLOSED or (newest is not None and newest.state is ApprovalState.APPROVED):
        return (), ()
    if waiting is not None:
        return _waiting_buttons(waiting, viewer, may), ()
    contain = Permission.ACCOUNT_CONTAIN in may
    undo = contain and incident.plan.get("kind") in {PlanKind.LOCK, PlanKind.NONE}
    can_undo = undo and bool(await parts.runner.undo_plan(incident.id))
    buttons = list(_working_buttons(facts, can_undo=can_undo) if contain else ())
    opened = facts.progress.opened
    for phase in _phases_in_reach(facts) if Permission.INCIDENT_READ in may or contain else ():
        buttons.append(_phase_button(incident, phase))
    if incident.plan and Permission.INCIDENT_OPEN in may:
        buttons.append(Button("Close incident…", Verb.CLOSE_SHOW.value, incident.id, incident.nonce))
    following = _following(facts)
    buttons = [replace(each, style=ButtonStyle.POSITIVE) if each.title == following else each for each in buttons]
    if (contain or Permission.INCIDENT_READ in may) and incident.investigation.get("done"):
        buttons.insert(0, _what_happened(incident, buttons))
    buttons += _about_findings(facts, may)
    known = {PHASE_TITLES[phase] for phase in opened}
    ordered = sorted(buttons, key=lambda each: (each.style is ButtonStyle.DEFAULT, each.title in known))
    return tuple(ordered[:_MOST_BUTTONS]), tuple(ordered[_MOST_BUTTONS:])


def _about_findings(facts: _Facts, may: frozenset[Permission]) -> Iterable[Button]:
    """What can be done with what was found: look at the evidence, and take care of whom the intruder met, too."""
    incident, nonce = facts.incident, str(facts.incident.investigation.get("nonce", ""))
    if facts.findings and Permission.INCIDENT_READ in may and incident.investigation.get("done"):
        yield Button("Show evidence…", Verb.EVIDENCE_SHOW.value, incident.id, nonce)
    if met_in(facts.findings) and Permission.INCIDENT_OPEN in may:
        yield Button("Open another incident…", Verb.LINK_SHOW.value, incident.id, nonce)


def _working_buttons(facts: _Facts, *, can_undo: bool) -> Iterable[Button]:
    """What a responder does about the account itself."""
    incident = facts.incident
    kind, block = incident.plan.get("kind"), facts.latest.get(_BLOCK)
    if kind == PlanKind.LOCK and _has_changes(facts.plans):
        title = "Lock account…" if block is None or _given_back(facts) else "Try again…"
        style = ButtonStyle.DEFAULT if _given_back(facts) else ButtonStyle.POSITIVE
        yield Button(title, Verb.LOCK_ASK.value, incident.id, incident.nonce, style)
    if kind == PlanKind.FAILED:
        yield Button("Check again", Verb.PREPARE_AGAIN.value, incident.id, incident.nonce, ButtonStyle.POSITIVE)
    if incident.investigation.get("done") and _to_evict(incident):
        next_one = block is not None and not facts.progress.evicted
        style = ButtonStyle.POSITIVE if next_one else ButtonStyle.DEFAULT
        yield Button("Remove what they left…", Verb.EVICT_REVIEW.value, incident.id, incident.nonce, style)
    if can_undo:
        yield Button("Undo…", Verb.UNDO_REVIEW.value, incident.id, incident.nonce)
    if incident.investigation.get("done"):
        yield Button("Look again", Verb.LOOK_AGAIN.value, incident.id, incident.investigation["nonce"])


def _phases_in_reach(facts: _Facts) -> Iterable[Phase]:
    """The later phases that can be begun: to inform once the account is locked, the others once it is cleared."""
    block, incident = facts.latest.get(_BLOCK), facts.incident
    planned = facts.plans.get(_BLOCK)
    blocked = planned is not None and planned.settled is not None and planned.settled.state in _LOCKED
    locked = block is not None and block.kind is not RunKind.UNDO and block.state in _LOCKED
    if not (locked or blocked or _given_back(facts) or facts.progress.opened):
        return
    known = bool(incident.investigation.get("done")) and incident.eviction.get("kind") == PlanKind.EVICT
    cleared = facts.progress.evicted or (known and not _to_evict(incident))
    for phase in facts.progress.phases:
        if phase is Phase.INFORM or cleared or phase in facts.progress.opened:
            yield phase


def _phase_button(incident: Incident, phase: Phase) -> Button:
    target = f"{incident.id}/{phase.value}"
    return Button(PHASE_TITLES[phase], Verb.PHASE_SHOW.value, target, incident.nonce)


def _following(facts: _Facts) -> str | None:
    """The title of the button that is next once nothing is left to lock or to remove."""
    if _has_changes(facts.plans) and not _given_back(facts):
        return None
    if _to_evict(facts.incident) and not facts.progress.evicted:
        return None
    reach = list(_phases_in_reach(facts))
    for phase in reach:
        if phase not in facts.progress.opened:
            return PHASE_TITLES[phase]
    if reach and not any(each.waits for each in facts.progress.standings):
        return "Close incident…"
    return None


def _what_happened(incident: Incident, others: Sequence[Button]) -> Button:
    """Of this round, so that each round tells its own verdict. It stands out where nothing else does."""
    alone = all(button.style is ButtonStyle.DEFAULT for button in others)
    style = ButtonStyle.POSITIVE if alone else ButtonStyle.DEFAULT
    nonce = str(incident.investigation["nonce"])
    return Button("What happened?", Verb.VERDICT_SHOW.value, incident.id, nonce, style)


def _waiting_buttons(waiting: Approval, viewer: Viewer | None, may: frozenset[Permission]) -> tuple[Button, ...]:
    is_requester = viewer is None or viewer.actor.object_id == waiting.requester.object_id
    cancel = Button("Cancel", Verb.CANCEL.value, waiting.id, waiting.nonce)
    if waiting.rule is Rule.CONFIRM:
        if not is_requester:
            return ()
        return (
            Button(_confirm_title(waiting), Verb.APPROVE.value, waiting.id, waiting.nonce, ButtonStyle.DESTRUCTIVE),
            cancel,
        )
    buttons: list[Button] = []
    if Permission.APPROVAL_DECIDE in may and (viewer is None or not is_requester):
        buttons.extend(_decision_buttons(waiting))
    if Permission.ACCOUNT_CONTAIN in may:
        buttons.append(cancel)
    return tuple(buttons)


def _decision_buttons(approval: Approval) -> tuple[Button, ...]:
    return (
        Button("Approve", Verb.APPROVE.value, approval.id, approval.nonce, ButtonStyle.DESTRUCTIVE),
        Button("Refuse", Verb.REFUSE.value, approval.id, approval.nonce),
    )


def _concerned(facts: _Facts) -> set[str]:
    """Who sees a card of their own: those who act on this incident."""
    people = {facts.incident.opened_by.object_id}
    for approval in (facts.waiting, facts.newest):
        if approval is not None:
            people.add(approval.requester.object_id)
            if approval.decided_by is not None:
                people.add(approval.decided_by.object_id)
    return people
