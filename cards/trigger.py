"""A risk, an alert or a report about an account: what was seen, and the two ways to go on."""

from __future__ import annotations

from cards.elements import (
    MAX_DETAIL,
    Card,
    Element,
    Part,
    buttons,
    card,
    expandable,
    fitted,
    heading,
    section,
    shortlist,
    small_print,
    spoken,
    strong,
    text,
    text_input,
    when,
)
from cards.parts import SEPARATOR, person, warnings
from cards.trigger_views import SignLine, TriggerView
from cards.views import Tone


def trigger_card(view: TriggerView) -> Card:
    """Draws what was seen about whom, and what can be done or was done about it."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: TriggerView, limit: int) -> Card:
    head = [
        text(view.what, bold=True, subtle=True, spacing="none"),
        text(view.title, bold=True, size="large", style="heading", spacing="none"),
    ]
    if view.person is not None:
        head += person(view.person, size="default")
    body: list[Element] = [section(head, tone=view.tone, bleed=True)]
    body.append(text("Next: ", view.next_step, bold=True, spacing="medium"))
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    body += warnings(view.warnings)
    if view.signs:
        body += [heading("What was seen"), *shortlist([_sign(line) for line in view.signs], limit)]
    if view.excerpt:
        body.append(text(strong("The message:"), " ", view.excerpt))
    body += shortlist([text(strong("Note:"), " ", note) for note in view.notes], limit)
    if view.rule_note:
        body.append(text(view.rule_note, spacing="medium"))
    body += buttons([view.open_button] if view.open_button else [])
    if view.dismiss_button is not None:
        reason = text_input(view.reason_input, "Why it is no compromise")
        body += expandable("Not a compromise…", [reason, *buttons([view.dismiss_button])], "dismiss")
    if view.hint:
        body.append(small_print(view.hint))
    return card(body, says=spoken(f"{view.what}: {view.title}.", f"Next: {view.next_step}"), wide=True)


def _sign(line: SignLine) -> Element:
    parts: list[Part] = [line.text]
    if line.at is not None:
        parts += [SEPARATOR, when(line.at)]
    return text("• ", *parts, spacing="small", limit=MAX_DETAIL * 2)
