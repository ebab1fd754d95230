"""The card that ends an incident: its balance, what was learnt, and the button that makes it read only."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import (
    MAX_DETAIL,
    MAX_NAME,
    Card,
    Element,
    Part,
    buttons,
    card,
    expandable,
    fitted,
    heading,
    section,
    shortened,
    shortlist,
    spoken,
    strong,
    text,
    text_input,
    when,
)
from cards.parts import SEPARATOR, person, separated
from cards.states import TONE_SYMBOLS
from cards.views import BalanceLine, ClosingView, Tone


def closing_card(view: ClosingView) -> Card:
    """Draws the balance. What is still open is never folded away."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: ClosingView, limit: int) -> Card:
    word = "Closed" if view.closed_at else "Close the incident"
    body: list[Element] = [
        section(
            [
                text(separated(view.incident_number, word), bold=True, subtle=True, spacing="none"),
                *person(view.subject),
                text(_summary(view), bold=True, spacing="medium"),
            ],
            tone=Tone.NEUTRAL if view.closed_at else Tone.WARNING if view.still_open else Tone.GOOD,
            bleed=True,
        )
    ]
    if view.closed_at is not None:
        body.append(text(*_ended(view), spacing="medium"))
    if view.still_open:
        title = f"Still open ({len(view.still_open)})"
        body += [heading(title), *shortlist(_lines(view.still_open, Tone.ATTENTION), limit)]
    if view.lessons:
        body += [heading("What we learnt"), *shortlist([text("• ", each) for each in view.lessons], limit)]
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    if view.reason_input and view.closed_at is None:
        label = "Why do you close it with something still open?"
        body.append(text_input(view.reason_input, label, required="Write the reason first."))
    body += buttons(view.buttons)
    for title, lines, tone, name in (
        ("Not checked", view.not_evaluated, Tone.WARNING, "gaps"),
        ("Waived", view.waived, Tone.NEUTRAL, "waived"),
        ("Done", view.done, Tone.GOOD, "done"),
    ):
        if lines:
            body += expandable(f"{title} ({len(lines)})", shortlist(_lines(lines, tone), limit), name)
    return card(body, says=spoken(f"{word}: {view.incident_number}, {view.subject.name}.", _summary(view)), wide=True)


def _summary(view: ClosingView) -> str:
    counts = ((view.done, "done"), (view.not_evaluated, "not checked"), (view.waived, "waived"))
    words = [f"{len(lines)} {word}" for lines, word in counts if lines]
    return ", ".join([*words, f"{len(view.still_open) or 'nothing'} still open"]).capitalize() + "."


def _ended(view: ClosingView) -> list[Part]:
    line: list[Part] = ["Closed"]
    if view.closed_by:
        line += [" by ", shortened(view.closed_by, MAX_NAME)]
    if view.closed_at is not None:
        line += [SEPARATOR, when(view.closed_at)]
    return [*line, SEPARATOR, view.reason] if view.reason else line


def _lines(lines: Sequence[BalanceLine], tone: Tone) -> list[Element]:
    return [_line(each, tone) for each in lines]


def _line(line: BalanceLine, tone: Tone) -> Element:
    parts: list[Part] = [f"{TONE_SYMBOLS[tone]} ", strong(line.title, MAX_NAME)]
    for part in (line.reason, shortened(line.who, MAX_NAME // 2) if line.who else None):
        if part:
            parts += [SEPARATOR, part]
    return text(*parts, limit=MAX_DETAIL)
