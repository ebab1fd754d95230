"""From rows to the card of a blast: how far it is, whom it reaches, how it looks, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cards.blast_views import BlastView, Choice, CountLine, DepartmentLine, Preview
from cards.views import Button, ButtonStyle, Tone
from dialogs.letters import language_read, lesson_text, lesson_view, warning_view
from dialogs.parts import Parts
from dialogs.verbs import Verb
from services.blasts import receipts, rows
from services.blasts.audience import OUTSIDE
from services.blasts.languages import NAMES
from services.blasts.model import Blast, BlastEvent, BlastKind, BlastState, Counts, PauseReason, Progress
from services.blasts.reach import Reach, first_of, is_outside, reach_of, why_not_reached
from services.blasts.sending import REASONS
from services.incidents import store

_MOST_PEOPLE = 40
_MOST_DEPARTMENTS = 30
_KINDS = {BlastKind.WARN: "Warning", BlastKind.EDUCATE: "Lesson", BlastKind.CUSTOM: "Message"}
_STATES: Mapping[BlastState, tuple[str, Tone, str]] = {
    BlastState.CANCELLED: ("Cancelled", Tone.NEUTRAL, "Nothing more is sent."),
    BlastState.DONE: ("Sent", Tone.GOOD, "Answers come in as people read it."),
    BlastState.DRAFT: ("Drawn up", Tone.NEUTRAL, "Look at how it reads and who gets it, then ask a second person."),
    BlastState.EXPIRED: ("Expired", Tone.NEUTRAL, "Nobody decided in time. Nothing was sent."),
    BlastState.PAUSED: ("Paused", Tone.WARNING, ""),
    BlastState.RECALLED: ("Taken back", Tone.NEUTRAL, "What was sent in Teams is gone from the chats."),
    BlastState.RECALLING: ("Being taken back", Tone.WARNING, "The messages are taken away one by one."),
    BlastState.REFUSED: ("Refused", Tone.NEUTRAL, "Nothing was sent."),
    BlastState.RUNNING: ("Being sent", Tone.NEUTRAL, "You need not do anything."),
    BlastState.SCHEDULED: ("Approved", Tone.GOOD, "It is sent by itself."),
    BlastState.WAITING: (
        "Waits for a second person",
        Tone.WARNING,
        "Somebody else with the Approver role must decide.",
    ),
}
_SENT_IN_PART = ("Sent, but not to all", Tone.WARNING, "Look at who was not reached, and warn them another way.")
_PAUSES: Mapping[str, str] = {
    PauseReason.BRAKE: "An administrator stopped all work. It goes on when they write “resume”.",
    PauseReason.CANARY: "The first ones have it. Look how it went, then go on with the others.",
    PauseReason.CHANGED: "What would be sent is not what was approved. Cancel it and draw it up anew.",
    PauseReason.FAILURES: "Too many could not be reached. Look at the reasons before you go on.",
    PauseReason.LATE: "Its time passed while IRBot was not running. Decide whether it is still wanted.",
    PauseReason.PERSON: "Somebody paused it.",
    PauseReason.STOPPED: "It was stopped. Check that the people who asked and approved still may.",
}
_MOVING = frozenset({BlastState.RUNNING, BlastState.PAUSED, BlastState.SCHEDULED, BlastState.RECALLING})
_UNDECIDED = frozenset({BlastState.DRAFT, BlastState.WAITING})
_BEGUN = frozenset(
    {
        BlastState.RUNNING,
        BlastState.PAUSED,
        BlastState.DONE,
        BlastState.CANCELLED,
        BlastState.RECALLING,
        BlastState.RECALLED,
    }
)


def target_of(blast: Blast) -> str:
    """What a button about this blast carries as its id: each run has buttons of its own."""
    return f"{blast.id}/{blast.run}"


def said_reach(kind: BlastKind, reach: Reach) -> str:
    """Whom it reaches, in the words of the buttons: "214 inside, 37 outside"."""
    if kind is BlastKind.WARN:
        parts = [f"{reach.inside:,} inside"] if reach.inside or not reach.outside else []
        return ", ".join([*parts, *([f"{reach.outside:,} outside"] if reach.outside else [])])
    people = reach.inside + reach.outside
    return "1 person" if people == 1 else f"{people:,} people"


async def blast_view(parts: Parts, blast_id: str, *, personal: bool = False, notice: str | None = None) -> BlastView:
    """The card in the channel; `personal` is an approver's, with nothing but the decision."""
    async with parts.database.read() as connection:
        blast = await rows.get(connection, blast_id)
        reach = await reach_of(connection, blast_id)
        progress = await receipts.progress(connection, blast, parts.now())
        about = "" if blast.incident_id is None else (await store.get(connection, blast.incident_id)).label
        undecided = blast.state in _UNDECIDED
        people = await first_of(connection, blast_id, _MOST_PEOPLE) if undecided else ()
        departments = await receipts.by_department(connection, blast_id) if blast.state in _BEGUN else {}
        failed = await why_not_reached(connection, blast_id) if blast.state in _BEGUN else {}
        notes = [
            note
            for _, event, _, data in await rows.events_of(connection, blast_id)
            if event == BlastEvent.EDITED.value
            for note in data.get("notes", ())
        ]
    state, tone, next_step = _STATES[blast.state]
    if blast.state is BlastState.DONE and (progress.counts.failed or progress.counts.unknown):
        state, tone, next_step = _SENT_IN_PART
    if blast.state is BlastState.PAUSED:
        next_step = _PAUSES.get(blast.reason or "", _PAUSES[PauseReason.PERSON])
    choose = blast.state is BlastState.DRAFT and not personal
    return BlastView(
        about=about,
        kind=_KINDS[blast.kind],
        title=blast.title,
        state=state,
        tone=tone,
        next_step=next_step,
        reach=said_reach(blast.kind, reach),
        ways=_ways(reach),
        counts=_counts(blast, progress.counts) if blast.state in _BEGUN else (),
        percent=_percent(progress.counts) if blast.state in _MOVING else None,
        left=_left(blast, progress),
        when=_when(blast),
        starts_at=blast.scheduled_at,
        requester=blast.requester.name,
        decided_by=blast.decided_by.name if blast.decided_by else None,
        expires_at=blast.expires_at if blast.state is BlastState.WAITING else None,
        notes=tuple(dict.fromkeys(notes)),
        people=tuple(
            Choice(str(each.number), " · ".join(filter(None, (each.name or each.address, each.department))))
            for each in people
        ),
        may_leave_out=choose,
        more_people=max(0, blast.people - len(people)) if undecided else 0,
        previews=tuple(_previews(blast, reach)) if undecided or blast.state is BlastState.SCHEDULED else (),
        departments=tuple(_departments(blast.kind, departments)),
        departments_done="answered" if blast.kind is BlastKind.WARN else "have finished it",
        problems=tuple(
            f"{number:,} not reached: {REASONS.get(why, 'It could not be sent.')}" for why, number in failed.items()
        ),
        buttons=tuple(_buttons(blast, reach, progress.counts, personal=personal)),
        notice=notice,
    )


def _ways(reach: Reach) -> tuple[CountLine, ...]:
    lines = (
        CountLine("in Teams", reach.teams),
        CountLine("colleagues by mail", reach.mail_inside),
        CountLine("outside by mail", reach.outside),
    )
    return tuple(line for line in lines if line.number) or (CountLine("in Teams", 0),)


def _counts(blast: Blast, counts: Counts) -> tuple[CountLine, ...]:
    lines = [CountLine("sent", counts.sent, Tone.GOOD)]
    if counts.left and blast.state in _MOVING:
        lines.append(CountLine("to go", counts.left))
    if counts.read:
        lines.append(CountLine("read", counts.read))
    if blast.kind is BlastKind.WARN:
        lines += [
            CountLine("clicked it", counts.clicked, Tone.ATTENTION if counts.clicked else Tone.NEUTRAL),
            CountLine("did not", counts.not_clicked),
        ]
    else:
        lines += [
            CountLine("answered right", counts.right),
            CountLine("answered otherwise", counts.wrong),
            CountLine("understood", counts.acknowledged),
        ]
    troubles = (
        CountLine("not reached", counts.failed, Tone.WARNING),
        CountLine("outcome unknown", counts.unknown, Tone.WARNING),
        CountLine("taken back", counts.recalled),
        CountLine("not sent any more", counts.cancelled),
    )
    return (*lines, *(line for line in troubles if line.number))


def _percent(counts: Counts) -> int:
    return 100 * (counts.people - counts.left) // counts.people if counts.people else 0


def _left(blast: Blast, progress: Progress) -> str:
    """How long it still takes. Mail goes a few at a time, because a mailbox may send only so many in a minute."""
    seconds = progress.seconds_left
    if seconds is None and progress.waits_until is None:
        return ""
    if seconds is None:
        return "a few mails every minute" if blast.plan.hours is None else "waits for working hours"
    return "under a minute left" if seconds < 60 else f"about {round(seconds / 60)} min left"


def _when(blast: Blast) -> str:
    start = "Not before" if blast.scheduled_at is not None else "As soon as it is approved"
    extras = [start]
    if blast.plan.hours is not None:
        extras.insert(0, "In everybody's working hours")
    if blast.plan.canary:
        extras.insert(0, f"First to {blast.plan.canary:,}")
    return ", ".join(extras[:1] + [each[:1].lower() + each[1:] for each in extras[1:]])


def _departments(kind: BlastKind, found: Mapping[str, Counts]) -> Iterable[DepartmentLine]:
    def done(counts: Counts) -> int:
        return counts.clicked + counts.not_clicked if kind is BlastKind.WARN else counts.acknowledged

    ordered = sorted(found.items(), key=lambda item: (-item[1].people, item[0]))
    for name, counts in ordered[:_MOST_DEPARTMENTS]:
        yield DepartmentLine(name, counts.people, done(counts))


def _previews(blast: Blast, reach: Reach) -> Iterable[Preview]:
    """Once for each way in which it reads differently, the most read first."""
    seen: set[tuple[str, bool, bool]] = set()
    for code in reach.languages:
        outside, in_teams = is_outside(code), code in reach.in_teams
        language = language_read(blast.content, code)
        if (language.value, outside, in_teams) in seen:
            continue
        seen.add((language.value, outside, in_teams))
        name = NAMES[language]
        if not in_teams:
            words = blast.content.mail_in(f"{language.value}{OUTSIDE}" if outside else language.value)
            title = f"{name}, mail to {'the outside' if outside else 'colleagues'}"
            yield Preview(title, mail=f"{words.subject}\n{words.text}")
        elif blast.kind is BlastKind.WARN:
            yield Preview(name, warning=warning_view(blast.content.about, language, blast.id, ""))
        else:
            yield Preview(name, lesson=lesson_view(lesson_text(blast.content, language), language, blast.id, ""))


def _buttons(blast: Blast, reach: Reach, counts: Counts, *, personal: bool) -> Iterable[Button]:
    def button(title: str, verb: Verb, style: ButtonStyle = ButtonStyle.DEFAULT) -> Button:
        return Button(title, verb, target_of(blast), blast.decision_nonce, style)

    what = "Warn" if blast.kind is BlastKind.WARN else "Send to"
    whom, state = said_reach(blast.kind, reach), blast.state
    if state is BlastState.WAITING:
        yield button(f"{what} {whom}", Verb.BLAST_APPROVE, ButtonStyle.DESTRUCTIVE)
        yield button("Refuse", Verb.BLAST_REFUSE)
    if personal:
        return
    if state is BlastState.DRAFT:
        yield button(f"Ask to {what.lower()} {whom}…", Verb.BLAST_ASK, ButtonStyle.POSITIVE)
        yield button("Leave out who is ticked", Verb.BLAST_DROP)
    if state is BlastState.PAUSED and blast.reason != PauseReason.CHANGED:
        others = f" with the other {counts.left:,}" if blast.reason == PauseReason.CANARY else ""
        yield button(f"Go on{others}", Verb.BLAST_RESUME, ButtonStyle.POSITIVE)
    if state in {BlastState.RUNNING, BlastState.SCHEDULED}:
        yield button("Pause", Verb.BLAST_PAUSE)
    if state in {BlastState.DONE, BlastState.PAUSED} and counts.unknown:
        yield button(f"Send again to the {counts.unknown:,} unknown", Verb.BLAST_AGAIN)
    if state is BlastState.DONE:
        waiting = counts.sent - max(counts.acknowledged, counts.clicked + counts.not_clicked)
        if reach.teams and waiting > 0:
            yield button("Remind who has not answered…", Verb.BLAST_REMIND)
        if blast.kind is BlastKind.WARN and counts.failed and reach.teams:
            yield button("Mail whom Teams did not reach…", Verb.BLAST_MAIL)
    if state in {BlastState.DONE, BlastState.PAUSED, BlastState.CANCELLED} and counts.sent and reach.teams:
        yield button("Take back what was sent", Verb.BLAST_RECALL)
    if state in {BlastState.DONE, BlastState.CANCELLED, BlastState.RECALLED}:
        yield button("Get the table", Verb.BLAST_EXPORT)
    if state in _UNDECIDED | {BlastState.RUNNING, BlastState.SCHEDULED, BlastState.PAUSED}:
        yield button("Cancel", Verb.BLAST_CANCEL)
