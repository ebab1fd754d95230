"""What the record's stable words mean to people: states as on the cards, events as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.approvals import ApprovalState, PlanKind
from services.incidents.model import Phase
from services.incidents.report.case import NOT_RUN, PLANNED, Case
from services.incidents.report.page import when
from services.incidents.still_open import GIVE_BACK
from services.incidents.timeline import AuditTag, Entry
from services.incidents.verdict import Level
from services.incidents.verdict_case import Claim, Topic
from services.playbook import BY_ID, ENTRY_BY_ID
from services.playbook.ledger import EffectState
from services.playbook.step import Rule, Severity, State

STATES: Mapping[str, str] = {
    State.ACCEPTED: "Accepted, not yet visible",
    State.ALREADY_SO: "Already so",
    State.DONE: "Done",
    State.FAILED: "Failed",
    State.NEEDS_ON_PREMISES: "Must be done on-premises",
    State.NOT_EVALUATED: "Not checked",
    State.REFUSED: "Refused",
    State.RUNNING: "Running",
    State.SKIPPED: "Skipped",
    State.UNDONE: "Undone",
    State.UNKNOWN: "Outcome unknown",
    PLANNED: "Planned",
    NOT_RUN: "Not run",
}
SEVERITIES: Mapping[Severity, str] = {
    Severity.ALARM: "Alarm",
    Severity.NOTE: "Note",
    Severity.WARNING: "Warning",
}
RULES: Mapping[Rule, str] = {
    Rule.CONFIRM: "The person who asked must confirm",
    Rule.NONE: "No approval needed",
    Rule.SECOND_PERSON: "A second person with the Approver role must decide",
}
DECISIONS: Mapping[ApprovalState, str] = {
    ApprovalState.APPROVED: "Approved",
    ApprovalState.CANCELLED: "Cancelled",
    ApprovalState.EXPIRED: "Expired",
    ApprovalState.REFUSED: "Refused",
    ApprovalState.USED: "Approved and carried out",
    ApprovalState.VOID: "No longer valid",
    ApprovalState.WAITING: "Waiting",
}
EFFECTS: Mapping[EffectState, str] = {
    EffectState.FAILED: "Failed",
    EffectState.INTENDED: "Meant, and not known to be sent",
    EffectState.SENT: "Sent, not yet seen",
    EffectState.SHOWN: "Done, and read back",
    EffectState.UNKNOWN: "Outcome unknown",
}
LEVELS: Mapping[Level, str] = {
    Level.HIGH: "High",
    Level.LOW: "Low",
    Level.MEDIUM: "Medium",
    Level.NONE: "Cannot tell",
}
TOPICS: Mapping[Topic, str] = {
    Topic.SINCE: "Since when",
    Topic.ENTRY: "How they got in",
    Topic.DID: "What they read, took or changed",
    Topic.SENT: "What was sent",
    Topic.FOUND: "What else was found",
}
_KINDS: Mapping[str, str] = {
    PlanKind.EVICT: "Remove what the intruder left",
    PlanKind.LOCK: "Lock the account",
    PlanKind.STEPS: "Recover or strengthen",
    PlanKind.UNDO: "Put changes back",
}
_BLOCK = "block-sign-in"
_EVERY_LOCK = frozenset({_BLOCK, "revoke-sessions", "scramble-password"})
_LOCK = frozenset(each.id for each in BY_ID.values() if each.phase is Phase.LOCK)
_SETTLED = frozenset({State.DONE.value, State.ALREADY_SO.value})
_NOT_PART = frozenset({NOT_RUN, State.SKIPPED.value})


def kind(value: object) -> str:
    """What an approval or a proposal is about."""
    return _KINDS.get(str(value), str(value))


def step(value: object) -> str:
    """A step's title; its id where the playbook does not have it any more."""
    known = ENTRY_BY_ID.get(str(value))
    return known.title if known else str(value)


def state(value: object) -> str:
    """A step's state."""
    return STATES.get(str(value), str(value))


def _step_and(word: str, detail: str = "") -> Callable[[Mapping[str, Any]], str]:
    def words(data: Mapping[str, Any]) -> str:
        more = str(data.get(detail) or "") if detail else ""
        return f"{step(data.get('step'))}: {word}{f': {more}' if more else ''}"

    return words


def _task(word: str) -> Callable[[Mapping[str, Any]], str]:
    def words(data: Mapping[str, Any]) -> str:
        note = str(data.get("note") or "")
        return f"By hand: {data.get('title')}: {word}{f'. {note}' if note else ''}"

    return words


def _plain(words: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda data: f"{words} {data['reason']}" if data.get("reason") else words


def _ended(data: Mapping[str, Any]) -> str:
    return f"{step(data.get('step'))}: {state(data.get('state'))}. {data.get('reason') or ''}".strip()


def _asked(data: Mapping[str, Any]) -> str:
    return f"Approval asked for: {kind(data.get('kind'))}"


def _blast(data: Mapping[str, Any]) -> str:
    return f"Message to {data.get('people')} people, {data.get('title')}: {data.get('event')}"


def _taken(data: Mapping[str, Any]) -> str:
    return f"Took the report: {data.get('kind')} (SHA-256 {short(str(data.get('sha256')))})"


def _kept(data: Mapping[str, Any]) -> str:
    return f"Evidence kept: {step(data.get('step'))}, {data.get('name')} ({data.get('bytes')} bytes)"


def _opened(data: Mapping[str, Any]) -> str:
    return f"Incident opened about {data.get('upn')}"


def _waived(data: Mapping[str, Any]) -> str:
    return f"The gate: “{data.get('title') or data.get('line')}” was waived. {data.get('reason') or ''}".strip()


def _watched(data: Mapping[str, Any]) -> str:
    found = data.get("found")
    return f"Watch for a return: {'; '.join(map(str, found))}" if found else "Watch for a return: nothing new."


def _seen(data: Mapping[str, Any]) -> str:
    return f"Seen meanwhile: {'; '.join(map(str, data.get('signs') or ()))}"


def _stopped(data: Mapping[str, Any]) -> str:
    why = f" Why: {data['reason']}" if data.get("reason") else ""
    return f"All work was stopped by {data.get('by') or 'an administrator'}.{why}"


def _proposed(data: Mapping[str, Any]) -> str:
    return f"Plan drawn up: {kind(data.get('kind'))}" if data.get("kind") else "Plan drawn up"


_EVENTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    AuditTag.APPROVAL_APPROVED: _plain("Approved."),
    AuditTag.APPROVAL_ASKED: _asked,
    AuditTag.APPROVAL_CANCELLED: _plain("The question was taken back."),
    AuditTag.APPROVAL_EXPIRED: _plain("Nobody decided in time."),
    AuditTag.APPROVAL_REFUSED: _plain("Refused."),
    AuditTag.APPROVAL_USED: _plain("The approved work ended."),
    AuditTag.APPROVAL_VOIDED: _plain("The approval is no longer valid."),
    AuditTag.BLAST_CHANGED: _blast,
    AuditTag.EFFECT_ATTEMPTED: _step_and("about to change", "item"),
    AuditTag.EFFECT_FAILED: _step_and("failed", "item"),
    AuditTag.EFFECT_FOUND: _step_and("read back", "item"),
    AuditTag.EFFECT_SUCCEEDED: _step_and("sent", "item"),
    AuditTag.EFFECT_UNKNOWN: _step_and("no answer", "item"),
    AuditTag.EVIDENCE_KEPT: _kept,
    AuditTag.GATE_CHECKED: _plain("The gate was checked."),
    AuditTag.GATE_WAIVED: _waived,
    AuditTag.INCIDENT_CLOSED: _plain("Incident closed."),
    AuditTag.INCIDENT_LINKED: lambda data: f"Belongs together with {data.get('incident') or 'another incident'}.",
    AuditTag.INCIDENT_OPENED: _opened,
    AuditTag.INCIDENT_REOPENED: _plain("Incident opened again."),
    AuditTag.PARTNER_ANSWERED: lambda data: f"Partner answered: {data.get('name')}",
    AuditTag.PARTNER_TOLD: lambda data: f"Partner told: {data.get('name')}",
    AuditTag.PASS_SHOWN: _plain("A Temporary Access Pass was shown once."),
    AuditTag.PASS_WITHDRAWN: _plain("The Temporary Access Pass was deleted."),
    AuditTag.PHASE_OPENED: lambda data: f"Phase begun: {str(data.get('phase') or '').capitalize()}",
    AuditTag.PLAN_ASKED: _step_and("looked at on request"),
    AuditTag.PLAN_PROPOSED: _proposed,
    AuditTag.REPORT_TAKEN: _taken,
    AuditTag.RULE_HELD: lambda data: f"The rule {data.get('rule')} did not lock the account: {data.get('reason')}",
    AuditTag.RULE_LOCKED: lambda data: f"The rule {data.get('rule')} approved the lock, as an administrator set it.",
    AuditTag.SIGN_SEEN: _seen,
    AuditTag.STEP_ENDED: _ended,
    AuditTag.STEP_PAUSED: _step_and("paused"),
    AuditTag.STEP_RESUMED: _step_and("went on after a pause"),
    AuditTag.STEP_STARTED: _step_and("started"),
    AuditTag.STEP_STOPPED: _step_and("stopped before its end"),
    AuditTag.SUBJECT_RECOGNISED: _plain("Account recognised."),
    AuditTag.TASK_ASKED: _task("asked for"),
    AuditTag.TASK_DONE: _task("done"),
    AuditTag.TASK_REMINDED: _task("people were reminded"),
    AuditTag.TASK_TAKEN: _task("taken"),
    AuditTag.TASK_WAIVED: _task("waived"),
    AuditTag.WATCH_ALARMED: _watched,
    AuditTag.WATCH_LOOKED: _watched,
    AuditTag.WATCH_STARTED: _plain("The watch for a return began."),
    AuditTag.WORK_RESUMED: lambda data: f"All work goes on. Said by {data.get('by') or 'an administrator'}.",
    AuditTag.WORK_STOPPED: _stopped,
}


def event(entry: Entry) -> str:
    """A line of the timeline as a sentence; an event that has no words yet shows under its own name."""
    words = _EVENTS.get(entry.event)
    return words(entry.data) if words else entry.event


def sentence(claim: Claim) -> str:
    """A claim of the verdict with its time, where it ends in one."""
    return claim.text if claim.at is None else f"{claim.text}: {when(claim.at)}"


def short(digest: str) -> str:
    """Enough of a hash to tell two apart on paper."""
    return digest[:12]


def count(number: int, one: str, many: str = "") -> str:
    """`1 alarm`, `2 alarms`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def lock(case: Case) -> tuple[str, str]:
    """Whether the account is locked, by the steps that lock it, and the tone of that sentence."""
    standings = case.standings()
    locking = [each for each in standings if each.step_id in _LOCK]
    back = next((each for each in standings if each.step_id == GIVE_BACK and each.state in _SETTLED), None)
    block = next((each for each in locking if each.step_id == _BLOCK), None)
    if back is not None and back.at and (block is None or block.at is None or back.at > block.at):
        return "The account was given back to its owner.", "good"
    if not any(each.step_id == _BLOCK and each.state in _SETTLED for each in locking):
        return "The account is not known to be locked.", "alarm"
    open_ends = [
        each.title
        for each in locking
        if each.state not in _SETTLED and (each.step_id in _EVERY_LOCK or each.state not in _NOT_PART)
    ]
    if open_ends:
        return f"Sign-in is blocked. Not complete: {', '.join(open_ends)}.", "warning"
    return "The account is locked.", "good"
