"""Whether the account is locked, and what is next: the two answers that everybody looks for first."""

from __future__ import annotations

from collections.abc import Mapping

from cards.views import (
    Tone,
)
from dialogs.facts import (
    BLOCK,
    LOCKED,
    PHASE_TITLES,
    Facts,
    all_checked,
    checks_left,
    given_back,
    has_changes,
    only_precautions,
    phase_at_hand,
    to_evict,
    undecided,
    undecided_removals,
)
from services.approvals import Approval, ApprovalState, PlanKind
from services.incidents.model import IncidentState, Phase
from services.incidents.progress import Progress
from services.playbook import STEPS
from services.playbook.ledger import Run, RunKind
from services.playbook.step import Rule, State

_BEGIN: Mapping[Phase, str] = {
    Phase.INFORM: "Warn those who got mail from the intruder, and tell your partner. Press Inform people.",
    Phase.RECOVER: "Give the account back safely. Press Recover.",
    Phase.STRENGTHEN: "Make the next break-in harder, for everybody. Press Strengthen.",
}
_OPEN_PROBLEM = frozenset(
    {State.FAILED, State.UNKNOWN, State.REFUSED, State.NEEDS_ON_PREMISES, State.ACCEPTED, State.NOT_EVALUATED}
)
# An account is locked without it; most organisations do not own the licence.
_LEFT_OUT_BY_MANY = frozenset({("mark-compromised", State.NOT_EVALUATED)})


def lock_of(facts: Facts) -> tuple[str | None, Tone]:
    """Whether the account is locked, in a few words: the answer that everybody looks for first."""
    newest, block = facts.newest, facts.latest.get(BLOCK)
    at_work = newest is not None and newest.state is ApprovalState.APPROVED
    if at_work and newest is not None and newest.kind in {PlanKind.LOCK, PlanKind.UNDO}:
        return ("Undoing…" if newest.kind is PlanKind.UNDO else "Locking…"), Tone.WARNING
    if block is None:
        planned = facts.plans.get(BLOCK)
        if planned is None:
            return None, Tone.NEUTRAL
        if planned.settled is not None and planned.settled.state is State.ALREADY_SO:
            return "Partly locked: sign-in is blocked", Tone.WARNING
        return "Not locked", Tone.ATTENTION
    if given_back(facts):
        return "Given back to its owner", Tone.GOOD
    if block.state is State.UNDONE:
        return "Lock undone", Tone.WARNING
    if block.kind is RunKind.UNDO:
        return "Undo not finished", Tone.ATTENTION
    if block.state not in LOCKED:
        return "Not locked", Tone.ATTENTION
    if _problems(facts):
        return "Partly locked: sign-in is blocked", Tone.WARNING
    return "Locked", Tone.GOOD


def next_of(facts: Facts) -> tuple[str, Tone]:
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
    block = facts.latest.get(BLOCK)
    if block is not None:
        return _next_after(block, facts)
    if not has_changes(facts.plans):
        return "There is nothing that IRBot can lock here. Read the steps below.", Tone.WARNING
    return "Check that this is the right account, then press Lock account.", Tone.ATTENTION


def _next_after(block: Run, facts: Facts) -> tuple[str, Tone]:
    """What is next once the lock was tried."""
    incident, progress = facts.incident, facts.progress
    if given_back(facts):
        return _next_later(progress)
    if block.state is State.UNDONE:
        return "Sign-in is allowed again.", Tone.WARNING
    if block.kind is RunKind.UNDO:
        return "The lock could not be undone. Read the steps below.", Tone.ATTENTION
    if block.state not in LOCKED:
        return "The account is not locked. Read the steps below.", Tone.ATTENTION
    if _problems(facts) and Phase.RECOVER not in progress.opened:
        return "Not everything is done yet. Read the steps below.", Tone.WARNING
    count = undecided_removals(facts)
    if not incident.investigation.get("done"):
        return _next_while_looking(facts, count)
    if to_evict(incident) and not progress.evicted and only_precautions(facts):
        found = "Nothing suspicious was found" + ("." if all_checked(facts) else " in what could be checked.")
        return f"{found} Look at the precautions that IRBot offers, or close the incident.", Tone.NEUTRAL
    if count and progress.evicted:
        return f"{_things(count)} found. Press Remove what they left, and decide.", Tone.ATTENTION
    if to_evict(incident) and not progress.evicted:
        return "Look at what IRBot proposes to remove or switch off, and decide.", Tone.ATTENTION
    return _next_later(progress)


def _next_while_looking(facts: Facts, count: int) -> tuple[str, Tone]:
    """What a responder can do before everything was looked at."""
    left = checks_left(facts)
    looking = f"IRBot is still looking at {left} more." if left else "IRBot is still looking."
    if count and facts.progress.evicted:
        return f"{_things(count)} found, and can be removed. {looking}", Tone.ATTENTION
    if count:
        things = "1 thing" if count == 1 else f"{count} things"
        return f"{things} can already be removed: press Remove what they left. {looking}", Tone.ATTENTION
    if facts.progress.evicted:
        return f"What was found so far is decided. {looking}", Tone.GOOD
    return "The account is locked. IRBot is looking for what the intruder left.", Tone.GOOD


def _things(count: int) -> str:
    return "1 more thing was" if count == 1 else f"{count} more things were"


def _next_later(progress: Progress) -> tuple[str, Tone]:
    """What is next once the account is locked and cleared of what the intruder left."""
    if not progress.phases:
        return "Keep the account locked until it has been checked.", Tone.GOOD
    phase = phase_at_hand(progress)
    if phase is not None and phase not in progress.opened:
        return _BEGIN[phase], Tone.ATTENTION if phase is Phase.INFORM else Tone.NEUTRAL
    if phase is Phase.RECOVER:
        return "In the card Recover press Check the gate, then give the account back.", Tone.NEUTRAL
    if phase is not None:
        titles = [f"{each.entry.title[0].lower()}{each.entry.title[1:]}" for each in undecided(progress, phase)]
        return f"In the card {PHASE_TITLES[phase]}: {', '.join(titles)}. Then press Recover.", Tone.ATTENTION
    left = {phase: sum(each.waits for each in progress.of(phase)) for phase in progress.phases}
    words = ", ".join(f"{count} in {PHASE_TITLES[phase]}" for phase, count in left.items() if count)
    if words:
        return f"Go on in the cards of this thread. Still to do: {words}.", Tone.NEUTRAL
    return "Everything is done or decided. Press Close incident.", Tone.GOOD


def _problems(facts: Facts) -> bool:
    """Whether a step of the lock has not ended well."""
    lock = {step.id for step in STEPS if step.phase is Phase.LOCK}
    runs = [run for run in facts.latest.values() if run.step_id in lock and run.kind is not RunKind.READ]
    return any(run.state in _OPEN_PROBLEM and (run.step_id, run.state) not in _LEFT_OUT_BY_MANY for run in runs)


def _who_decides(waiting: Approval, unreached_names: frozenset[str]) -> tuple[str, Tone]:
    asker = waiting.requester.name
    if waiting.rule is Rule.CONFIRM:
        return f"{asker}: check the changes, then press {confirm_title(waiting)}.", Tone.ATTENTION
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


def confirm_title(waiting: Approval) -> str:
    return {PlanKind.EVICT: "Remove now", PlanKind.STEPS: "Do it now"}.get(waiting.kind, "Lock now")
