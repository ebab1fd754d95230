"""The card of a later phase: every entry with its state, its reason and its button, the next one standing out."""

from __future__ import annotations

from cards.elements import (
    MAX_DETAIL,
    MAX_NAME,
    Card,
    Element,
    Part,
    badge,
    buttons,
    card,
    expandable,
    fitted,
    section,
    shortened,
    shortlist,
    spoken,
    text,
    when,
)
from cards.parts import SEPARATOR, person, separated
from cards.states import step_look
from cards.views import PhaseLine, PhaseView, Tone

_ENDED_WELL = frozenset({"done", "already-so", "skipped"})


def phase_card(view: PhaseView) -> Card:
    """Draws the phase."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: PhaseView, limit: int) -> Card:
    ended = sum(line.state in _ENDED_WELL for line in view.lines)
    count = f"{ended} of {len(view.lines)} done"
    body: list[Element] = [
        section(
            [
                text(separated(view.incident_number, count), bold=True, subtle=True, spacing="none"),
                text(view.title, bold=True, size="large", style="heading", spacing="none"),
                *person(view.subject, size="default"),
            ],
            bleed=True,
        ),
        text(view.purpose, subtle=True),
    ]
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    body += shortlist([_line(line) for line in view.lines], limit)
    if view.folded:
        one_by_one = shortlist([_line(line) for line in view.folded], limit)
        body += expandable(f"One by one ({len(view.folded)})", one_by_one, "folded")
    if view.closed:
        body.append(text("The incident is closed.", bold=True, spacing="medium"))
    return card(body, says=spoken(f"{view.title}. {view.incident_number}. {count}."), wide=True)


def _line(line: PhaseLine) -> Element:
    look = step_look(line.state)
    rows = [badge(look.symbol, look.word, line.tone, about=line.title)]
    detail: list[Part] = []
    who = shortened(line.who, MAX_NAME // 2) if line.who else None
    for part in (line.reason, who, when(line.at) if line.at is not None else None):
        if part:
            detail += [SEPARATOR, part] if detail else [part]
    if detail:
        rows.append(text(*detail, size="small", subtle=True, spacing="none", limit=MAX_DETAIL))
    rows += [each | {"spacing": "small"} for each in buttons(line.buttons)]
    return section(rows, spacing="medium", separator=True)
