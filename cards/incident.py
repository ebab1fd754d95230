"""The headline card of an incident: one per incident, edited in place, read by tired people.

From top to bottom: who, whether the account is locked, what is next, what to beware of, what is being decided, the
buttons, how each step stands, the exact changes, the small print.
"""

from __future__ import annotations

from collections import Counter

from cards.elements import (
    MAX_DETAIL,
    MAX_NAME,
    Card,
    Element,
    Part,
    badge,
    buttons,
    card,
    clock,
    columns,
    expandable,
    fitted,
    heading,
    section,
    shortened,
    shortlist,
    small_print,
    spoken,
    text,
    when,
)
from cards.parts import SEPARATOR, changes, decided, pending, person, separated, warnings
from cards.states import TONE_SYMBOLS, step_look
from cards.views import FindingLine, IncidentView, StepLine, Tone

# Up to here every step is shown; beyond, those that need nobody's eyes fold away.
UNFOLDED_FINDINGS = 6
UNFOLDED_STEPS = 8
# Where not all can be shown, these come first.
URGENCY = (Tone.ATTENTION, Tone.WARNING, Tone.NEUTRAL, Tone.GOOD)


def incident_card(view: IncidentView) -> Card:
    """Draws the headline card."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: IncidentView, limit: int) -> Card:
    body: list[Element] = [_headline(view)]
    body += warnings(view.warnings)
    body += _decision(view, limit)
    if view.linked:
        body.append(text("Belongs together with ", ", ".join(view.linked), spacing="medium"))
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    body += buttons(view.buttons)
    if view.more_buttons:
        body += expandable("More", buttons(view.more_buttons), "more")
    body += _findings(view, limit)
    body += _steps(view, limit)
    if view.changes and not _deciding(view):
        body += expandable(f"Exact changes ({len(view.changes)})", changes(view.changes, limit), "changes")
    body += _small_print(view)
    return card(
        body,
        says=spoken(
            f"{view.number}: {view.subject.name}, {view.subject.upn}.",
            f"{view.lock}." if view.lock else "",
            f"Next: {view.next_step}",
        ),
        wide=True,
        refresh=view.refresh,
        refresh_for=view.refresh_for,
    )


def _headline(view: IncidentView) -> Element:
    """Two seconds' worth: who, is it locked, what next."""
    rows = [
        columns(
            ("stretch", [text(separated(view.number, view.phase), bold=True, subtle=True, spacing="none")]),
            ("auto", [text("open for ", view.age, subtle=True, spacing="none")]),
        ),
        *person(view.subject),
    ]
    if view.lock:
        rows.append(badge(TONE_SYMBOLS[view.lock_tone], view.lock, Tone.NEUTRAL, size="large", spacing="medium"))
    rows.append(text("Next: ", view.next_step, bold=True, spacing="medium"))
    return section(rows, tone=view.next_tone, bleed=True)


def _deciding(view: IncidentView) -> bool:
    return view.approval is not None and view.approval.state == "waiting"


def _decision(view: IncidentView, limit: int) -> list[Element]:
    """While something waits for a yes, exactly what it would change stands above the button, never folded away."""
    if view.approval is None:
        return []
    if not _deciding(view):
        # An approval that was given is history; one that was not given explains why nothing happened.
        return [] if view.approval.state == "approved" else [text(*decided(view.approval), spacing="medium")]
    rows = pending(view.approval)
    if view.changes:
        rows += [heading("This will change"), *changes(view.changes, limit)]
    return [section(rows, spacing="medium")]


def _finding(line: FindingLine) -> Element:
    rows = [badge(TONE_SYMBOLS[line.tone], line.title, line.tone, bold=line.tone in {Tone.ATTENTION, Tone.WARNING})]
    detail: list[Part] = [separated(*line.reasons)] if line.reasons else []
    if line.at is not None:
        detail += [SEPARATOR, when(line.at)] if detail else [when(line.at)]
    if detail:
        rows.append(text(*detail, size="small", subtle=True, spacing="none", limit=MAX_DETAIL))
    return section(rows, spacing="small")


def _findings(view: IncidentView, limit: int) -> list[Element]:
    """What the intruder did, worst first; what is only worth knowing folds away. Folded whole while one decides."""
    if not view.findings:
        return []
    loud = [line for line in view.findings if line.tone in {Tone.ATTENTION, Tone.WARNING}]
    quiet = [line for line in view.findings if line not in loud]
    if _deciding(view):
        every = [_finding(line) for line in view.findings]
        return expandable(f"Findings ({len(every)})", shortlist(every, limit), "findings")
    body: list[Element] = []
    if loud:
        kept = min(limit, UNFOLDED_FINDINGS)
        body = [heading("Findings", separator=True), *shortlist([_finding(line) for line in loud[:kept]], kept)]
        quiet = loud[kept:] + quiet
    if quiet:
        title = f"More findings ({len(quiet)})" if loud else f"Findings ({len(quiet)}), none that needs eyes"
        body += expandable(title, shortlist([_finding(line) for line in quiet], limit), "findings")
    return body


def _step(line: StepLine) -> Element:
    look = step_look(line.state)
    rows = [badge(look.symbol, look.word, line.tone, about=line.title)]
    detail: list[Part] = []
    who = shortened(line.who, MAX_NAME // 2) if line.who else None
    for part in (line.reason, who, clock(line.at) if line.at is not None else None):
        if part:
            detail += [SEPARATOR, part] if detail else [part]
    if detail:
        rows.append(text(*detail, size="small", subtle=True, spacing="none", limit=MAX_DETAIL))
    return section(rows, spacing="small")


def _step_in_a_line(line: StepLine) -> Element:
    look = step_look(line.state)
    return badge(look.symbol, look.word, line.tone, about=line.title)


def _steps(view: IncidentView, limit: int) -> list[Element]:
    """All steps where they are few; where they are many, or a decision is asked, only those that need eyes."""
    lines = view.steps
    if not lines:
        return []
    title = heading("Steps", separator=True)
    if len(lines) <= UNFOLDED_STEPS and not _deciding(view):
        return [title, *shortlist([_step(line) for line in lines], limit)]
    folded = [line for line in lines if step_look(line.state).quiet or (_deciding(view) and line.state == "waiting")]
    shown = [line for line in lines if line not in folded]
    if len(shown) > limit:
        shown.sort(key=lambda line: URGENCY.index(line.tone))
    counts = Counter(step_look(line.state).word.lower() for line in folded)
    body = [title, *shortlist([_step(line) for line in shown], limit)]
    if folded:
        summary = ", ".join(f"{count} {word}" for word, count in counts.items())
        body += expandable(
            f"Steps: {summary}", shortlist([_step_in_a_line(line) for line in folded], 2 * limit), "steps"
        )
    return body if shown else body[1:]


def _small_print(view: IncidentView) -> list[Element]:
    rows = [small_print("Opened by ", view.opened_by, SEPARATOR, when(view.opened_at))]
    if view.approval is not None and view.approval.state == "approved":
        rows.insert(0, small_print(*decided(view.approval)))
    rows.append(small_print("Object id ", view.subject.object_id))
    return [section(rows, spacing="medium", separator=True)]
