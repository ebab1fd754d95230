"""The one place where a refusal or a fault becomes a card; and the plain notice beside it."""

from __future__ import annotations

from cards.elements import Card, Element, buttons, card, fitted, section, small_print, spoken, text
from cards.states import TONE_SYMBOLS
from cards.views import NoticeView, ProblemView, Tone

# The whole message of these cards: more room than a line of a list gets.
MAX_STORY = 1000


def problem_card(view: ProblemView) -> Card:
    """Says what does not work and what to do next."""
    symbol = TONE_SYMBOLS[Tone.WARNING]
    body: list[Element] = [
        section(
            [
                text(f"{symbol} ", view.title, bold=True, size="medium", style="heading"),
                text(view.what, limit=MAX_STORY),
            ],
            tone=Tone.WARNING,
            bleed=True,
        ),
        text("Next: ", view.next_step, bold=True, limit=MAX_STORY),
    ]
    if view.correlation_id:
        body.append(small_print("For your administrator: ", view.correlation_id))
    return fitted(lambda _: card(body, says=spoken(f"{view.title}.", view.what, view.next_step)))


def notice_card(view: NoticeView) -> Card:
    """A short word, with at most one thing to do about it."""
    symbol = TONE_SYMBOLS[view.tone]
    rows = [text(f"{symbol} ", view.title, bold=True, size="medium", style="heading"), text(view.text, limit=MAX_STORY)]
    body = [section(rows, tone=view.tone, bleed=True), *buttons([view.button] if view.button else [])]
    return fitted(lambda _: card(body, says=spoken(f"{view.title}.", view.text)))
