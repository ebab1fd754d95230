"""What each card shows: frozen views, filled by the dialogs, drawn by the card functions.

Times are datetimes in UTC. Every string that comes from the tenant or a person is plain text here; the card
functions escape it. A card function never reads a clock: what depends on now (an age) is in the view.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Tone(StrEnum):
    """How a line should look; never the only bearer of a meaning."""

    ATTENTION = "attention"
    GOOD = "good"
    NEUTRAL = "neutral"
    WARNING = "warning"


class ButtonStyle(StrEnum):
    """Adaptive Card action styles."""

    DEFAULT = "default"
    DESTRUCTIVE = "destructive"
    POSITIVE = "positive"


@dataclass(frozen=True)
class Button:
    """One Action.Execute. It carries only a version, `id` and `nonce`; the server knows the rest."""

    title: str
    verb: str
    id: str
    nonce: str
    style: ButtonStyle = ButtonStyle.DEFAULT


@dataclass(frozen=True)
class PersonLine:
    """An account as a responder must recognise it."""

    name: str
    upn: str
    object_id: str
    department: str | None = None
    job_title: str | None = None
    kinds: tuple[str, ...] = ()  # "Cloud account", "Privileged: Global Administrator", "VIP", …


@dataclass(frozen=True)
class StepLine:
    """One playbook step. `state` is one of the playbook's states or "running", "waiting", "planned"."""

    title: str
    state: str
    tone: Tone
    reason: str = ""
    who: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class ChangeLine:
    """One exact change: what, from what, to what."""

    step_title: str
    what: str
    before: str
    after: str
    undo: str  # "Can be undone." or the honest reason why not


@dataclass(frozen=True)
class FindingLine:
    """One finding of the investigation. `weight` is a word: "alarm", "warning", "note", or "resolved"."""

    weight: str
    tone: Tone
    title: str
    reasons: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True)
class ApprovalBox:
    """The approval that is being waited for, or was last decided."""

    title: str  # "Lock Megan Bowen"
    state: str  # "waiting", "approved", "refused", "expired", "void", "cancelled"
    requester: str
    rule: str  # plain words: "The person who asked must confirm." …
    expires_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    waiting_for: tuple[str, ...] = ()  # names of who may decide, shortest useful list


@dataclass(frozen=True)
class IncidentView:
    """The headline card: one per incident, edited in place."""

    number: str  # "IR-0007"
    phase: str  # "Prepare", "Lock", …, "Closed"
    subject: PersonLine
    opened_by: str
    opened_at: datetime
    age: str  # "12 min"
    next_step: str  # one sentence: what is next, and for whom
    next_tone: Tone
    steps: tuple[StepLine, ...] = ()
    changes: tuple[ChangeLine, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: tuple[FindingLine, ...] = ()  # worst first
    approval: ApprovalBox | None = None
    buttons: tuple[Button, ...] = ()
    more_buttons: tuple[Button, ...] = ()  # folded away
    linked: tuple[str, ...] = ()  # the numbers of incidents that belong together with this one
    notice: str | None = None  # one line for the person who clicked
    refresh: Button | None = None  # sent as the card's refresh action
    refresh_for: tuple[str, ...] = ()  # Teams user ids, at most 60
    lock: str | None = None  # whether the account is locked, in a few words: "Not locked", "Locked", "Partly locked: …"
    lock_tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True)
class ApprovalView:
    """The approval card in an approver's personal chat."""

    incident_number: str
    subject: PersonLine
    approval: ApprovalBox
    changes: tuple[ChangeLine, ...]
    warnings: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    notice: str | None = None


@dataclass(frozen=True)
class ChoiceView:
    """Several accounts fit: pick one. The input's id is `choice`, its value the position as text, from "0"."""

    sought: str
    people: tuple[PersonLine, ...]
    more: int  # how many more fit that are not listed
    button: Button


@dataclass(frozen=True)
class NearestView:
    """Nobody fits; these come nearest."""

    sought: str
    people: tuple[PersonLine, ...]
    complete: bool  # False where the search could not look everywhere


@dataclass(frozen=True)
class CommandLine:
    """One command in the help."""

    usage: str
    summary: str


@dataclass(frozen=True)
class HelpView:
    """The commands, and what to do first."""

    bot_name: str
    commands: tuple[CommandLine, ...]
    unknown: str | None = None  # what was typed, where it was no command


@dataclass(frozen=True)
class RoleLine:
    """One role and why the person has it, or has it not."""

    role: str
    held: bool
    why: str
    allows: str


@dataclass(frozen=True)
class WhoAmIView:
    """Who I am to IRBot, and what I may do."""

    person: PersonLine
    roles: tuple[RoleLine, ...]
    note: str | None = None  # "You are the subject of an open incident…"


@dataclass(frozen=True)
class IncidentLine:
    """One incident in a list."""

    number: str
    subject: str
    phase: str
    next_step: str
    opened_at: datetime
    age: str
    tone: Tone


@dataclass(frozen=True)
class IncidentsView:
    """The open incidents, newest first."""

    incidents: tuple[IncidentLine, ...]
    more: int


@dataclass(frozen=True)
class ProblemView:
    """Something is refused or did not work: what, and what to do next."""

    title: str
    what: str
    next_step: str
    correlation_id: str | None = None


@dataclass(frozen=True)
class NoticeView:
    """A short word to whoever reads: nothing is wrong and nothing is asked."""

    title: str
    text: str
    tone: Tone = Tone.NEUTRAL
    button: Button | None = None  # what follows from it, where something does


@dataclass(frozen=True)
class ReportChoice:
    """One file that can be taken: its name, what it holds, and the button for it."""

    title: str
    holds: str
    button: Button


@dataclass(frozen=True)
class ReportView:
    """The report of one incident in its forms."""

    incident_number: str
    subject: PersonLine
    choices: tuple[ReportChoice, ...]


@dataclass(frozen=True)
class PlanItem:
    """One item that can be chosen. `value` is its position as text. `left_out` says why it is not ticked beforehand."""

    value: str
    what: str
    before: str
    after: str
    left_out: str = ""


@dataclass(frozen=True)
class PlanGroup:
    """One step of a plan. Its input's id is `input_id`; the chosen values come back with commas between them."""

    input_id: str
    title: str
    undo: str
    items: tuple[PlanItem, ...] = ()
    settled: str | None = None  # why there is nothing to choose, or what could not be looked at


@dataclass(frozen=True)
class PlanCardView:
    """What could be removed, or put back, item by item, each ticked beforehand unless it says why not."""

    incident_number: str
    title: str
    subject: PersonLine
    groups: tuple[PlanGroup, ...]
    rule: str
    warnings: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class PickView:
    """One of several things is to be picked. Each choice is its value and its title."""

    incident_number: str
    title: str
    text: str
    label: str
    choices: tuple[tuple[str, str], ...]
    button: Button


@dataclass(frozen=True)
class EvidencePiece:
    """One piece of what was kept, with a masked excerpt."""

    name: str
    at: datetime
    sha256: str
    excerpt: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvidenceView:
    """One finding and what lies behind it."""

    incident_number: str
    subject: PersonLine
    title: str
    tone: Tone
    check: str
    reasons: tuple[str, ...] = ()
    at: datetime | None = None
    pieces: tuple[EvidencePiece, ...] = ()


@dataclass(frozen=True)
class ClaimLine:
    """One sentence of a verdict, the checks that it comes from, and those that it lacks."""

    text: str
    by: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    at: datetime | None = None
    not_checked: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClaimGroup:
    """The sentences that answer one question: "How they got in"."""

    title: str
    lines: tuple[ClaimLine, ...]


@dataclass(frozen=True)
class EventLine:
    """Something that happened at a time, and the checks that say so."""

    at: datetime
    text: str
    by: tuple[str, ...]
    tone: Tone


@dataclass(frozen=True)
class GapLine:
    """A check that was not wholly made, and why."""

    title: str
    reason: str


@dataclass(frozen=True)
class VerdictView:
    """What happened, as far as it is known, in plain words."""

    incident_number: str
    subject: PersonLine
    summary: ClaimLine
    tone: Tone
    confidence: str  # "High", "Medium", "Low", "Cannot tell"
    confidence_why: str
    as_of: datetime
    groups: tuple[ClaimGroup, ...] = ()
    still_open: tuple[ClaimLine, ...] = ()
    events: tuple[EventLine, ...] = ()  # in the order in which they happened
    gaps: tuple[GapLine, ...] = ()


@dataclass(frozen=True)
class PhaseLine:
    """One entry of a phase. `state` is one of the playbook's states or "open", "planning", "ready", "waiting"."""

    title: str
    state: str
    tone: Tone
    reason: str
    who: str | None = None
    at: datetime | None = None
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class PhaseView:
    """The card of one later phase: what there is to do, how it stands, and a button for each."""

    incident_number: str
    title: str  # "Inform people", "Recover", "Strengthen"
    purpose: str  # one sentence: what this phase is for
    subject: PersonLine
    lines: tuple[PhaseLine, ...]
    folded: tuple[PhaseLine, ...] = ()  # what one of the lines does along with it
    closed: bool = False
    notice: str | None = None


@dataclass(frozen=True)
class TaskView:
    """What a person does by hand: the exact instructions, and the tick."""

    title: str
    about: str  # "IR-0007 · Megan Bowen", or the organisation
    instructions: tuple[str, ...]
    state: str  # "open", "done", "waived"
    assignee: str | None = None
    due_at: datetime | None = None
    reminder: bool = False  # posted because it is due
    done_by: str | None = None
    done_at: datetime | None = None
    note: str = ""  # what was noted, or why it was waived
    checked: str = ""  # what the last check found
    note_input: str | None = None  # the id of the input for a note or a reason
    buttons: tuple[Button, ...] = ()
    notice: str | None = None


@dataclass(frozen=True)
class TaskLine:
    """One open task in a list."""

    title: str
    assignee: str | None
    due_at: datetime | None
    overdue: bool
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class TaskGroup:
    """The open tasks of one incident, or those of nobody's incident."""

    title: str
    lines: tuple[TaskLine, ...]


@dataclass(frozen=True)
class TasksView:
    """The open tasks by incident; what is due first comes first."""

    groups: tuple[TaskGroup, ...]
    more: int = 0
    notice: str | None = None


@dataclass(frozen=True)
class BalanceLine:
    """One thing on the balance of an incident."""

    title: str
    reason: str = ""
    who: str | None = None


@dataclass(frozen=True)
class ClosingView:
    """What an incident leaves: done, not checked, waived, still open, and what was learnt."""

    incident_number: str
    subject: PersonLine
    done: tuple[BalanceLine, ...]
    not_evaluated: tuple[BalanceLine, ...]
    waived: tuple[BalanceLine, ...]
    still_open: tuple[BalanceLine, ...]
    lessons: tuple[str, ...]
    reason_input: str | None = None  # the id of the input for the reason, where one is asked for
    closed_by: str | None = None
    closed_at: datetime | None = None
    reason: str = ""
    buttons: tuple[Button, ...] = ()
    notice: str | None = None


@dataclass(frozen=True)
class GateLine:
    """One line of the gate. `state` is "green", "shut" or "waived"; `key` is what an input names it by."""

    key: str
    title: str
    state: str
    reason: str = ""
    waived_by: str | None = None
    waived_why: str = ""
    waived_at: datetime | None = None


@dataclass(frozen=True)
class GateView:
    """What must be green before an account is given back. The inputs belong to the waiver."""

    incident_number: str
    subject: PersonLine
    lines: tuple[GateLine, ...]
    next_step: str
    tone: Tone
    looking: bool = False
    looked_at: datetime | None = None
    line_input: str | None = None  # the ids of the inputs; None where nobody can waive anything now
    reason_input: str | None = None
    warnings: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    notice: str | None = None


@dataclass(frozen=True)
class AccessPassView:
    """A Temporary Access Pass in the personal chat of one person; without a code once it has had its time."""

    incident_number: str
    subject: PersonLine
    code: str | None
    minutes: int = 0
    until: datetime | None = None


@dataclass(frozen=True)
class LookLine:
    """One look of the watch: when, and how it ended in words."""

    at: datetime
    text: str
    tone: Tone


@dataclass(frozen=True)
class WatchView:
    """The watch for the intruder's return: until when, what is next, what the last looks found."""

    incident_number: str
    subject: PersonLine
    until: datetime | None
    next_at: datetime | None
    looks: tuple[LookLine, ...]  # newest first
    unread: tuple[str, ...] = ()  # what the last look could not read, and why
    tone: Tone = Tone.NEUTRAL
    buttons: tuple[Button, ...] = ()
    notice: str | None = None


@dataclass(frozen=True)
class AlarmView:
    """Something came back, or is new: in the incident's thread, with what to do about it."""

    incident_number: str
    subject: PersonLine
    at: datetime
    news: tuple[FindingLine, ...]  # worst first
    next_step: str
    tone: Tone
    unread: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    notice: str | None = None


@dataclass(frozen=True)
class PartnerLine:
    """One partner: what they are to us, how to reach them, and how telling them stands."""

    name: str
    kind: str  # "Provider (MSP)"
    state: str  # a word: "Ready", "Told", "Answered"
    tone: Tone
    phone: str = ""
    details: tuple[str, ...] = ()  # what became of the mail and of the webhook
    at: datetime | None = None


@dataclass(frozen=True)
class Choice:
    """One entry to choose. `value` is what comes back."""

    value: str
    title: str


@dataclass(frozen=True)
class RecallBox:
    """The bank recall: how long it is likely to help, and whether somebody has called."""

    left: str
    until: datetime | None
    done_by: str | None = None
    done_at: datetime | None = None


@dataclass(frozen=True)
class PartnersView:
    """Telling the partners: what they would get, whom to choose, and who answered."""

    incident_number: str
    subject: PersonLine
    lines: tuple[PartnerLine, ...]
    how_to: str = ""  # how contacts are configured, where there are none
    recall: RecallBox | None = None
    preview_subject: str = ""
    preview: tuple[str, ...] = ()  # the paragraphs of the text, exactly as it is sent
    prepared_by: str = ""
    prepared_at: datetime | None = None
    send_input: str = ""
    to_send: tuple[Choice, ...] = ()
    send_buttons: tuple[Button, ...] = ()
    who_input: str = ""
    name_input: str = ""
    who_answered: tuple[Choice, ...] = ()
    answer_buttons: tuple[Button, ...] = ()
    buttons: tuple[Button, ...] = ()
    closed: bool = False
    notice: str | None = None
