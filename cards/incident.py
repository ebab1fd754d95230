"""The headline card of an incident: one per incident, edited in place, read by tired people.

From top to bottom: who, whether the account is locked, what is next, what to beware of, what is being decided, the
buttons, how each step stands, the exact changes, the small print.
"""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import (
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
    shortlist,
    small_print,
    spoken,
    text,
    when,
)
from cards.parts import SEPARATOR, changes, decided, pending, person, separated, titled, warnings
from cards.states import TONE_SYMBOLS, step_look
from cards.views import IncidentView, StepLine, Tone

# Up to here every step is shown; beyond, those that need nobody's eyes fold away.
UNFOLDED_STEPS = 8


def incident_card(view: IncidentView) -> Card:
    """Draws the headline card."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: IncidentView, limit: int) -> Card:
    body: list[Element] = [_headline(view)]
    body += warnings(view.warnings, limit)
    body += _decision(view, limit)
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    body += buttons(view.buttons)
    body += _steps(view.steps, limit)
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
        return [section(decided(view.approval), spacing="medium")]
    rows = pending(view.approval)
    if view.changes:
        rows += [heading("This will change"), *changes(view.changes, limit)]
    return [section(rows, spacing="medium")]


def _step(line: StepLine) -> Element:
    rows = [titled(text(line.title, spacing="none"), step_look(line.state), line.tone)]
    detail: list[Part] = []
    for part in (line.reason, line.who, clock(line.at) if line.at is not None else None):
        if part:
            detail += [SEPARATOR, part] if detail else [part]
    if detail:
        rows.append(text(*detail, size="small", subtle=True, spacing="none", limit=200))
    return section(rows, spacing="small")


def _steps(lines: Sequence[StepLine], limit: int) -> list[Element]:
    if not lines:
        return []
    title = heading("Steps", separator=True)
    if len(lines) <= UNFOLDED_STEPS:
        return [title, *shortlist([_step(line) for line in lines], limit)]
    shown = [line for line in lines if not step_look(line.state).quiet]
    folded = [line for line in lines if step_look(line.state).quiet]
    body = [title, *shortlist([_step(line) for line in shown], limit)]
    if folded:
        counts: dict[str, int] = {}
        for line in folded:
            word = step_look(line.state).word.lower()
            counts[word] = counts.get(word, 0) + 1
        summary = ", ".join(f"{count} {word}" for word, count in counts.items())
        body += expandable(f"Other steps: {summary}", shortlist([_step(line) for line in folded], limit), "steps")
    return body


def _small_print(view: IncidentView) -> list[Element]:
    opened = small_print("Opened by ", view.opened_by, SEPARATOR, when(view.opened_at))
    return [opened | {"separator": True, "spacing": "medium"}, small_print("Object id ", view.subject.object_id)]
