"""The verdict card: what happened, in the order in which people ask, and what each sentence rests on.

It is posted once for each round of the investigation and does not change, so that it says as of when it is true.
"""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import (
    COLOURS,
    MAX_DETAIL,
    MAX_NAME,
    Card,
    Element,
    Part,
    card,
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
from cards.parts import SEPARATOR, person, separated
from cards.states import TONE_SYMBOLS, step_look
from cards.views import ClaimGroup, ClaimLine, EventLine, GapLine, Tone, VerdictView

UNFOLDED_EVENTS = 5
UNFOLDED_GAPS = 3
_LINES_OF_GROUP = 4


def verdict_card(view: VerdictView) -> Card:
    """Draws the verdict."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: VerdictView, limit: int) -> Card:
    body: list[Element] = [_headline(view)]
    body += _still_open(view.still_open, limit)
    for group in view.groups:
        body += _group(group, min(limit, _LINES_OF_GROUP))
    body += _events(view.events, limit)
    body += _gaps(view.gaps, limit)
    body.append(section([small_print("As of ", when(view.as_of))], spacing="medium", separator=True))
    return card(body, says=spoken(f"{view.incident_number}: what happened.", view.summary.text), wide=True)


def _headline(view: VerdictView) -> Element:
    rows = [
        text(separated(view.incident_number, "What happened"), bold=True, subtle=True, spacing="none"),
        text(view.summary.text, bold=True, size="large", style="heading", spacing="none"),
        *person(view.subject, size="default"),
        text("Confidence: ", view.confidence, SEPARATOR, view.confidence_why, spacing="medium"),
    ]
    return section(rows, tone=view.tone, bleed=True)


def _claim(line: ClaimLine, *, symbol: str = "", alone: bool = True) -> Element:
    """`alone` False leaves what was not checked to the group."""
    said: list[Part] = [f"{symbol} " if symbol else "", line.text]
    if line.at is not None:
        said += [": ", when(line.at)]
    rows = [text(*said, spacing="none")]
    if line.why:
        rows.append(text(separated(*line.why), size="small", subtle=True, spacing="none", limit=MAX_DETAIL))
    sources = separated(
        f"From: {', '.join(line.by)}" if line.by else None,
        f"Not checked: {', '.join(line.not_checked)}" if alone and line.not_checked else None,
    )
    if sources:
        rows.append(text(sources, size="small", subtle=True, spacing="none", limit=MAX_DETAIL))
    return section(rows, spacing="small")


def _still_open(lines: Sequence[ClaimLine], limit: int) -> list[Element]:
    """What somebody has yet to do stands above the story."""
    if not lines:
        return []
    drawn = [_claim(line, symbol=TONE_SYMBOLS[Tone.WARNING]) for line in lines]
    rows = [heading("Still open", spacing="none"), *shortlist(drawn, limit)]
    return [section(rows, tone=Tone.WARNING, spacing="medium")]


def _group(group: ClaimGroup, limit: int) -> list[Element]:
    drawn = shortlist([_claim(line, alone=False) for line in group.lines], limit)
    missing = dict.fromkeys(title for line in group.lines for title in line.not_checked)
    if missing:
        look = step_look("not-evaluated")
        drawn.append(small_print(f"{look.symbol} {look.word}: {', '.join(missing)}"))
    return [heading(group.title, separator=True), *drawn]


def _marked(symbol: str, tone: Tone, rows: Sequence[Element]) -> Element:
    """Rows with a coloured symbol beside them. Unlike a badge, they break words that are longer than the card."""
    mark = text(symbol, bold=True, spacing="none", color=COLOURS[tone])
    return columns(("auto", [mark]), ("stretch", rows))


def _event(line: EventLine) -> Element:
    rows = [
        text(line.text, bold=line.tone is Tone.ATTENTION, spacing="none"),
        text(when(line.at), SEPARATOR, separated(*line.by), size="small", subtle=True, spacing="none", limit=MAX_NAME),
    ]
    return _marked(TONE_SYMBOLS[line.tone], line.tone, rows)


def _events(lines: Sequence[EventLine], limit: int) -> list[Element]:
    """The first ones say how it began; the others fold away."""
    if not lines:
        return []
    first = min(limit, UNFOLDED_EVENTS)
    body = [heading("Likely course", separator=True), *(_event(line) for line in lines[:first])]
    later = [_event(line) for line in lines[first:]]
    return body + (expandable(f"Later ({len(later)})", shortlist(later, limit), "events") if later else [])


def _gap(line: GapLine) -> Element:
    rows = [
        text(line.title, spacing="none", limit=MAX_NAME),
        text(line.reason, size="small", subtle=True, spacing="none", limit=MAX_DETAIL),
    ]
    return _marked(step_look("not-evaluated").symbol, Tone.WARNING, rows)


def _gaps(lines: Sequence[GapLine], limit: int) -> list[Element]:
    """What nobody looked at is never left out without a word, and does not push the story off the screen."""
    if not lines:
        return []
    drawn = [_gap(line) for line in lines]
    if len(drawn) <= UNFOLDED_GAPS:
        return [heading("Not checked, or not wholly", separator=True), *shortlist(drawn, limit)]
    return expandable(f"Not checked, or not wholly ({len(drawn)})", shortlist(drawn, limit), "gaps")
