"""The warning that a colleague gets in Teams: what to look for, what to do, whom to ask, and one question."""

from __future__ import annotations

from cards.blast_views import WarningView
from cards.elements import Card, Element, Part, buttons, card, heading, section, spoken, strong, text, when
from cards.states import TONE_SYMBOLS
from cards.views import Tone

MAX_GENUINE = 500


def warning_card(view: WarningView) -> Card:
    """Draws a warning in its reader's language."""
    body = [*warning_body(view), *buttons(view.buttons)]
    return card(
        [*body, text(view.ask, spacing="medium"), text(view.genuine, size="small", subtle=True, limit=MAX_GENUINE)],
        says=spoken(f"{view.title}."),
    )


def warning_body(view: WarningView) -> list[Element]:
    """The warning without its buttons."""
    answered = bool(view.after_title)
    body: list[Element] = [
        section(
            [
                text(f"{TONE_SYMBOLS[Tone.ATTENTION]} ", view.title, bold=True, size="large", style="heading"),
                text(view.what_happened, spacing="none", limit=MAX_GENUINE),
            ],
            tone=Tone.NEUTRAL if answered else Tone.WARNING,
            bleed=True,
        )
    ]
    if answered:
        lines = [text(line) for line in view.after]
        body.append(
            section([heading(view.after_title, spacing="none"), *lines], tone=view.after_tone, spacing="medium")
        )
    body += [heading(view.look_for), *(_fact(fact.label, fact.value) for fact in view.facts)]
    if view.sent:
        body.append(text(strong(f"{view.sent_label}:"), " ", *_span(view), spacing="none"))
    body += [text("• ", line) for line in view.do]
    if not answered:
        body.append(heading(view.question, separator=True))
    return body


def _fact(label: str, value: str) -> Element:
    return text(strong(f"{label}:"), " ", value, spacing="none")


def _span(view: WarningView) -> list[Part]:
    first, last = view.sent[0], view.sent[-1]
    return [when(first)] if first == last else [when(first), " … ", when(last)]
