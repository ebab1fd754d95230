"""What of an incident is still open: the lock, what waits to be removed, and what nobody removes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.approvals import plans_from_json
from services.incidents.entry import SIGN_INS
from services.incidents.model import LATER, Phase
from services.incidents.verdict_case import BLOCK, FEW, GOOD_ENDS, LASTING, Case, Claim, Topic
from services.playbook import ENTRY_BY_ID
from services.playbook.ledger import EffectState, RunKind
from services.playbook.step import Guided, State
from services.tasks import TaskState

GIVE_BACK = "unlock-sign-in"
_GOES_ON = frozenset({State.ACCEPTED, State.RUNNING})
_BAD_ENDS = frozenset(
    {
        State.ACCEPTED,
        State.FAILED,
        State.NEEDS_ON_PREMISES,
        State.REFUSED,
        State.RUNNING,
        State.UNDONE,
        State.UNKNOWN,
    }
)

_COLLEAGUE = "other:"  # the beginning of the key of a finding about somebody else's account
_UNSURE = frozenset({EffectState.INTENDED, EffectState.SENT, EffectState.UNKNOWN})
# What removes what a check finds.
_REMOVERS: Mapping[str, str] = {
    "check-delegates": "remove-delegates",
    "check-devices": "disable-devices",
    "check-forwarding": "remove-forwarding",
    "check-inbox-rules": "remove-inbox-rules",
}


def still_open(case: Case) -> Iterable[Claim]:
    """What a responder has yet to do or to decide, in the order in which it presses."""
    if not _given_back(case):
        yield from _open_lock(case)
    yield from _open_removals(case)
    for found in case.of(*LASTING):
        if found.resolved_at is None and not _is_handled(case, found.step_id):
            yield case.claim(Topic.OPEN, f"Still there: {found.finding.title}", [found])
    colleagues = [each for each in case.of(SIGN_INS) if each.finding.key.startswith(_COLLEAGUE)]
    if colleagues:
        names = [str(each.finding.data.get("upn") or each.finding.title) for each in colleagues]
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        text = f"Look at these accounts, too: {', '.join(names[:FEW])}{more}"
        yield Claim(Topic.OPEN, text, case.titles(colleagues), colleagues[0].finding.reasons)
    if case.lacks(*LASTING):
        text = "Something that lets them in again may have been missed."
        yield Claim(Topic.OPEN, text, not_evaluated=case.lacks(*LASTING))
    yield from _open_later(case)


def _given_back(case: Case) -> bool:
    """Whether the account was given back to its owner after it was locked."""
    block, back = case.latest.get(BLOCK), case.latest.get(GIVE_BACK)
    if back is None or back.state not in GOOD_ENDS:
        return False
    return block is None or back.started_at > block.started_at


def _open_later(case: Case) -> Iterable[Claim]:
    """What was begun to inform, recover or strengthen and has not ended well, and what waits to be done by hand."""
    for run in case.latest.values():
        entry = case.steps.get(run.step_id) or ENTRY_BY_ID.get(run.step_id)
        if entry is None or entry.phase not in LATER or run.state not in _BAD_ENDS:
            continue
        if not (isinstance(entry, Guided) and run.state in _GOES_ON):  # a watch goes on by itself
            yield Claim(Topic.OPEN, f"{entry.title}: {run.reason or 'under way'}", (entry.title,))
    for task in case.tasks:
        if task.state is TaskState.OPEN:
            yield Claim(Topic.OPEN, f"To do by hand: {task.title}")


def _open_lock(case: Case) -> Iterable[Claim]:
    block = case.latest.get(BLOCK)
    planned = plans_from_json(case.incident.plan.get("steps", {})).get(BLOCK)
    already = planned is not None and planned.settled is not None and planned.settled.state is State.ALREADY_SO
    if block is None and not already:
        yield Claim(Topic.OPEN, "The account is not locked.")
    elif block is not None and block.state is State.UNDONE:
        yield Claim(Topic.OPEN, "The lock was undone: the account can be used again.", (case.title(BLOCK),))
    for run, _ in case.applied:
        step = case.steps.get(run.step_id)
        if step is not None and step.phase is Phase.LOCK and run.state not in {*GOOD_ENDS, State.UNDONE}:
            text = f"{step.title}: {run.reason or 'under way'}"
            yield Claim(Topic.OPEN, text)


def _open_removals(case: Case) -> Iterable[Claim]:
    """What was proposed and not removed, and removals whose end is bad or not known."""
    if not case.incident.eviction.get("steps") and case.incident.investigation.get("done"):
        yield Claim(Topic.OPEN, "What there is to remove could not be worked out. Look again.")
    applied = {run.step_id: (run, effects) for run, effects in case.applied}
    for step_id, plan in case.proposed.items():
        title = case.title(step_id)
        run, effects = applied.get(step_id, (None, ()))
        proposed = {change.item for change in plan.changes}
        removing = run is not None and run.kind is RunKind.APPLY
        state = {each.item: each.state for each in effects if removing and each.item in proposed}
        unsure = sum(state.get(item) in _UNSURE for item in proposed)
        failed = sum(state.get(item) is EffectState.FAILED for item in proposed)
        waiting = sum(item not in state for item in proposed)
        if waiting:
            yield Claim(Topic.OPEN, f"{title}: {_items(waiting)} proposed and not removed")
        if unsure:
            yield Claim(Topic.OPEN, f"{title}: of {_items(unsure)} it is not known whether it worked")
        if failed:
            yield Claim(Topic.OPEN, f"{title}: {_items(failed)} could not be removed")


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _is_handled(case: Case, check_id: str) -> bool:
    """Whether the step that removes what this check finds has something to remove, or has done so."""
    remover = _REMOVERS.get(check_id, "")
    plan = case.proposed.get(remover)
    made = any(run.step_id == remover and run.kind is RunKind.APPLY and effects for run, effects in case.applied)
    return made or bool(plan and plan.changes)
