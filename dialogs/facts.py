"""All rows that the cards of an incident are drawn from, and what many of them ask of those rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialogs.parts import Parts
from services import approvals
from services.access import Permission
from services.approvals import Approval, PlanKind, plans_from_json
from services.channel import Actor
from services.incidents import store
from services.incidents.links import linked_to
from services.incidents.model import Incident, Phase
from services.incidents.progress import Progress, Standing, progress_of
from services.incidents.still_open import GIVE_BACK
from services.playbook import STEPS
from services.playbook.ledger import Found, Run, findings_of, runs_of
from services.playbook.step import Plan, Risk, Severity, State
from services.posts import unreached

PHASE_TITLES: Mapping[Phase, str] = {
    Phase.INFORM: "Inform people",
    Phase.RECOVER: "Recover",
    Phase.STRENGTHEN: "Strengthen",
}
LOCKED = frozenset({State.DONE, State.ALREADY_SO})
BLOCK = "block-sign-in"
# What is proposed for nearly every account, so that it is no sign of an intruder.
PRECAUTIONS = frozenset({"clear-recovery-details", "preserve-mail", "switch-off-mail-protocols"})
CHECKS = tuple(step.id for step in STEPS if step.phase is Phase.SCOPE and step.risk is Risk.READ)
_METHODS = "remove-sign-in-methods"
WATCH = "watch-for-return"
_ENDED_BADLY = frozenset({State.FAILED.value, State.REFUSED.value, State.UNKNOWN.value})
# What a phase is about. Until each of these has come to an end, the phase is the one at hand.
HEART: Mapping[Phase, tuple[str, ...]] = {
    Phase.INFORM: ("contact-partner", "warn-colleagues"),
    Phase.RECOVER: ("re-enable",),
}


@dataclass(frozen=True)
class Viewer:
    """For whom a card is drawn, and what they may do. Buttons that they may not press are left out."""

    actor: Actor
    permissions: frozenset[Permission]


@dataclass(frozen=True)
class Facts:
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


async def facts_of(parts: Parts, incident_id: str) -> Facts:
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        waiting = await approvals.waiting_of(connection, incident_id)
        return Facts(
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


def given_back(facts: Facts) -> bool:
    """Whether the account was given back to its owner after it was locked."""
    block, back = facts.latest.get(BLOCK), facts.latest.get(GIVE_BACK)
    if back is None or back.state not in LOCKED:
        return False
    return block is None or back.started_at > block.started_at


def undecided(progress: Progress, phase: Phase) -> tuple[Standing, ...]:
    """What this phase is about and has not come to an end, or to one that must be tried again."""
    heart = [each for each in progress.of(phase) if each.entry.id in HEART.get(phase, ())]
    return tuple(each for each in heart if not each.ended or each.state in _ENDED_BADLY)


def shown_state(entry_id: str, state: str) -> str:
    """The state as people read it: a watch goes on for weeks, and nothing about it is late."""
    return "watching" if (entry_id, state) == (WATCH, State.ACCEPTED.value) else state


def phase_at_hand(progress: Progress) -> Phase | None:
    """The later phase to begin or to go on with; None where all are begun and what they are about has ended.

    Whoever goes on to recover may leave informing as it is. An account that was not given back holds the incident.
    """
    for phase in progress.phases:
        moved_on = phase is Phase.INFORM and Phase.RECOVER in progress.opened
        if phase not in progress.opened or (undecided(progress, phase) and not moved_on):
            return phase
    return None


def removals_of(incident: Incident) -> dict[str, Plan]:
    """What could be removed by what is known so far, by step."""
    plans = plans_from_json(incident.eviction.get("steps", {}))
    return {step_id: plan for step_id, plan in plans.items() if plan.changes}


def to_evict(incident: Incident) -> bool:
    return bool(removals_of(incident))


def only_precautions(facts: Facts) -> bool:
    """Whether nothing suspicious was found, and all that is proposed is proposed for nearly every account.

    A sign-in method counts as one of those only where it is known to be older than the time that was looked at.
    """
    if any(found.resolved_at is None and found.finding.severity is not Severity.NOTE for found in facts.findings):
        return False
    return all(
        step_id in PRECAUTIONS or (step_id == _METHODS and change.data.get("fresh") is False)
        for step_id, plan in removals_of(facts.incident).items()
        for change in plan.changes
    )


def not_ticked(facts: Facts) -> dict[str, dict[str, str]]:
    """The items that nobody should remove without a thought, each with the reason, by step.

    On an account of which nothing suspicious is known that is all there is: the owner's own phone must not go because
    somebody pressed a button.
    """
    clean = only_precautions(facts)
    far = "" if looked(facts.incident) else " so far"
    reasons: dict[str, dict[str, str]] = {}
    for step_id, plan in removals_of(facts.incident).items():
        for change in plan.changes:
            reason = ""
            if change.item in facts.progress.left.get(step_id, ()):
                reason = "it was left out of the plan before."
            elif clean and step_id == _METHODS:
                reason = f"registered long ago, so it may well be the owner's. Nothing suspicious was found{far}."
            elif clean:
                reason = f"a precaution. Nothing suspicious was found{far}."
            if reason:
                reasons.setdefault(step_id, {})[change.item] = reason
    return reasons


def undecided_removals(facts: Facts) -> int:
    """How many items are proposed that nobody has decided about, without those that are not ticked beforehand."""
    skipped, asked = not_ticked(facts), facts.progress.asked
    return sum(
        change.item not in skipped.get(step_id, ()) and change.item not in asked.get(step_id, ())
        for step_id, plan in removals_of(facts.incident).items()
        for change in plan.changes
    )


def looked(incident: Incident) -> bool:
    """Whether a round of the investigation has ended, this one or one before."""
    return bool(incident.investigation.get("done") or incident.investigation.get("looked"))


def cleared(facts: Facts) -> bool:
    """Whether it is decided what to remove, or there is nothing that has to be removed."""
    incident = facts.incident
    if not looked(incident):
        return False
    if facts.progress.evicted:
        return undecided_removals(facts) == 0
    known = bool(incident.investigation.get("done")) and incident.eviction.get("kind") == PlanKind.EVICT
    return known and (not to_evict(incident) or only_precautions(facts))


def checks_left(facts: Facts) -> int:
    """How many checks of this round have not ended."""
    nonce = facts.incident.investigation.get("nonce")
    begun = min((run.started_at for run in facts.latest.values() if run.cause == nonce), default=None)
    checks = [facts.latest.get(check_id) for check_id in CHECKS]
    if begun is None:
        return len(checks)
    return sum(run is None or run.state is State.RUNNING or run.started_at < begun for run in checks)


def all_checked(facts: Facts) -> bool:
    """Whether every check of the investigation was made whole, and everything was read that could be removed."""
    runs = [facts.latest.get(check_id) for check_id in CHECKS]
    plans = plans_from_json(facts.incident.eviction.get("steps", {})).values()
    read = all(not plan.unread and (plan.settled is None or plan.settled.state in LOCKED) for plan in plans)
    return read and all(run is not None and run.state in LOCKED for run in runs)


def has_changes(plans: Mapping[str, Plan]) -> bool:
    return any(plan.changes for plan in plans.values())
