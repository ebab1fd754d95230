"""The watch for a return: how it stands, and the alarm when something came back."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import (
    MAX_DETAIL,
    Card,
    Element,
    Part,
    badge,
    buttons,
    card,
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
from cards.views import AlarmView, FindingLine, LookLine, PersonLine, Tone, WatchView

_UNFOLDED = 5


def watch_card(view: WatchView) -> Card:
    """Draws how the watch stands."""
    return fitted(lambda limit: _watch(view, limit))


def _watch(view: WatchView, limit: int) -> Card:
    over = view.next_at is None
    title = "The watch is over" if over and view.looks else "Watching for a return"
    body: list[Element] = [_head(view.incident_number, "Watch", title, view.subject, view.tone)]
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    if view.next_at is not None:
        body.append(text("Next look: ", when(view.next_at), bold=True, spacing="medium"))
    if view.until is not None:
        body.append(text("Until ", when(view.until), subtle=True))
    body += _unread(view.unread, limit)
    drawn = [_look(line) for line in view.looks]
    if drawn:
        body += [heading("Looks", separator=True), *drawn[: min(limit, _UNFOLDED)]]
    if len(drawn) > _UNFOLDED:
        older = drawn[_UNFOLDED:]
        body += expandable(f"Older looks ({len(older)})", shortlist(older, limit), "looks")
    body += buttons(view.buttons)
    return card(body, says=spoken(f"{title}. {view.incident_number}."), wide=True)


def alarm_card(view: AlarmView) -> Card:
    """Draws what came back, and what to do about it."""
    return fitted(lambda limit: _alarm(view, limit))


def _alarm(view: AlarmView, limit: int) -> Card:
    title = view.news[0].title if view.news else "Something is new"
    head = _head(view.incident_number, "Something is new", title, view.subject, view.tone)
    body: list[Element] = [head, text("Next: ", view.next_step, bold=True, spacing="medium")]
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    body += buttons(view.buttons)
    if len(view.news) > 1:
        drawn = [_news(line) for line in view.news]
        body += [heading(f"All that is new ({len(view.news)})", separator=True), *shortlist(drawn, limit)]
    body += _unread(view.unread, limit)
    body.append(small_print("Seen ", when(view.at)))
    return card(body, says=spoken(f"{view.incident_number}: {title}.", f"Next: {view.next_step}"), wide=True)


def _head(number: str, what: str, title: str, subject: PersonLine, tone: Tone) -> Element:
    rows = [
        text(separated(number, what), bold=True, subtle=True, spacing="none"),
        text(title, bold=True, size="large", style="heading", spacing="none"),
        *person(subject, size="default"),
    ]
    return section(rows, tone=tone, bleed=True)


def _look(line: LookLine) -> Element:
    rows = [badge(TONE_SYMBOLS[line.tone], line.text, line.tone, bold=line.tone is Tone.ATTENTION)]
    rows.append(text(when(line.at), size="small", subtle=True, spacing="none"))
    return section(rows, spacing="small")


def _news(line: FindingLine) -> Element:
    return badge(TONE_SYMBOLS[line.tone], line.title, line.tone)


def _unread(lines: Sequence[str], limit: int) -> list[Element]:
    """What could not be read is never left out: it may hide what is new."""
    if not lines:
        return []
    look = step_look("not-evaluated")
    drawn: list[Element] = []
    for line in lines:
        parts: list[Part] = [f"{look.symbol} ", look.word, SEPARATOR, line]
        drawn.append(text(*parts, size="small", spacing="none", limit=MAX_DETAIL))
    return [section(shortlist(drawn, limit), tone=Tone.WARNING, spacing="medium")]
