"""The buttons of an incident's card: the next right one stands out, and what does not fit folds away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cards.views import (
    Button,
    ButtonStyle,
)
from dialogs.facts import (
    BLOCK,
    LOCKED,
    PHASE_TITLES,
    Facts,
    Viewer,
    cleared,
    given_back,
    has_changes,
    only_precautions,
    phase_at_hand,
    to_evict,
    undecided_removals,
)
from dialogs.next_step import confirm_title
from dialogs.parts import Parts
from dialogs.verbs import Verb
from services.access import Permission
from services.approvals import Approval, ApprovalState, PlanKind
from services.incidents.met import met_in
from services.incidents.model import Incident, IncidentState, Phase
from services.playbook.ledger import RunKind
from services.playbook.step import Rule

_MOST_BUTTONS = 5  # beyond, they fold away


async def headline_buttons(
    parts: Parts, facts: Facts, viewer: Viewer | None
) -> tuple[tuple[Button, ...], tuple[Button, ...]]:
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


def _about_findings(facts: Facts, may: frozenset[Permission]) -> Iterable[Button]:
    """What can be done with what was found: look at the evidence, and take care of whom the intruder met, too."""
    incident, nonce = facts.incident, str(facts.incident.investigation.get("nonce", ""))
    if facts.findings and Permission.INCIDENT_READ in may and incident.investigation.get("done"):
        yield Button("Show evidence…", Verb.EVIDENCE_SHOW.value, incident.id, nonce)
    if met_in(facts.findings) and Permission.INCIDENT_OPEN in may:
        yield Button("Open another incident…", Verb.LINK_SHOW.value, incident.id, nonce)


def _working_buttons(facts: Facts, *, can_undo: bool) -> Iterable[Button]:
    """What a responder does about the account itself."""
    incident = facts.incident
    kind, block = incident.plan.get("kind"), facts.latest.get(BLOCK)
    if kind == PlanKind.LOCK and has_changes(facts.plans):
        title = "Lock account…" if block is None or given_back(facts) else "Try again…"
        style = ButtonStyle.DEFAULT if given_back(facts) else ButtonStyle.POSITIVE
        yield Button(title, Verb.LOCK_ASK.value, incident.id, incident.nonce, style)
    if kind == PlanKind.FAILED:
        yield Button("Check again", Verb.PREPARE_AGAIN.value, incident.id, incident.nonce, ButtonStyle.POSITIVE)
    undecided = undecided_removals(facts)
    if (undecided and block is not None) or (incident.investigation.get("done") and to_evict(incident)):
        next_one = block is not None and undecided and not only_precautions(facts)
        style = ButtonStyle.POSITIVE if next_one else ButtonStyle.DEFAULT
        yield Button("Remove what they left…", Verb.EVICT_REVIEW.value, incident.id, incident.nonce, style)
    if can_undo:
        yield Button("Undo…", Verb.UNDO_REVIEW.value, incident.id, incident.nonce)
    if incident.investigation.get("done"):
        yield Button("Look again", Verb.LOOK_AGAIN.value, incident.id, incident.investigation["nonce"])


def _phases_in_reach(facts: Facts) -> Iterable[Phase]:
    """The later phases that can be begun: to inform once the account is locked, the others once it is cleared."""
    block = facts.latest.get(BLOCK)
    planned = facts.plans.get(BLOCK)
    blocked = planned is not None and planned.settled is not None and planned.settled.state in LOCKED
    locked = block is not None and block.kind is not RunKind.UNDO and block.state in LOCKED
    if not (locked or blocked or given_back(facts) or facts.progress.opened):
        return
    for phase in facts.progress.phases:
        if phase is Phase.INFORM or cleared(facts) or phase in facts.progress.opened:
            yield phase


def _phase_button(incident: Incident, phase: Phase) -> Button:
    target = f"{incident.id}/{phase.value}"
    return Button(PHASE_TITLES[phase], Verb.PHASE_SHOW.value, target, incident.nonce)


def _following(facts: Facts) -> str | None:
    """The title of the button that is next once nothing is left to lock or to remove."""
    if has_changes(facts.plans) and not given_back(facts):
        return None
    if undecided_removals(facts) or (to_evict(facts.incident) and not facts.progress.evicted):
        return None
    reach = list(_phases_in_reach(facts))
    phase = phase_at_hand(facts.progress)
    if phase in reach:
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
            Button(confirm_title(waiting), Verb.APPROVE.value, waiting.id, waiting.nonce, ButtonStyle.DESTRUCTIVE),
            cancel,
        )
    buttons: list[Button] = []
    if Permission.APPROVAL_DECIDE in may and (viewer is None or not is_requester):
        buttons.extend(decision_buttons(waiting))
    if Permission.ACCOUNT_CONTAIN in may:
        buttons.append(cancel)
    return tuple(buttons)


def decision_buttons(approval: Approval) -> tuple[Button, ...]:
    return (
        Button("Approve", Verb.APPROVE.value, approval.id, approval.nonce, ButtonStyle.DESTRUCTIVE),
        Button("Refuse", Verb.REFUSE.value, approval.id, approval.nonce),
    )
