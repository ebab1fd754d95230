"""The form by which anybody reports a message, and an incident as it goes into somebody's message."""

from __future__ import annotations

from cards.elements import (
    Card,
    Element,
    badge,
    card,
    fitted,
    section,
    small_print,
    spoken,
    strong,
    text,
    text_input,
    when,
)
from cards.parts import SEPARATOR, separated
from cards.states import TONE_SYMBOLS
from cards.trigger_views import FoundView, ReportFormView

_KINDS = (
    ("phishing", "The message looks like phishing"),
    ("compromise", "A stranger may be using the sender's account"),
)


def report_form_card(view: ReportFormView) -> Card:
    """Asks what is wrong with the message. In Teams' window a form is sent by Action.Submit, and by nothing else."""
    body: list[Element] = [text("What is wrong with this message?", bold=True, size="large", style="heading")]
    if view.sender:
        body.append(text(strong("From:"), " ", view.sender))
    if not view.checked:
        body.append(small_print("The sender is not surely an account of your organisation."))
    if view.excerpt:
        body.append(section([text(view.excerpt)], spacing="medium"))
    body.append(
        {
            "type": "Input.ChoiceSet",
            "id": view.kind_input,
            "label": "What you think",
            "style": "expanded",
            "wrap": True,
            "value": _KINDS[0][0],
            "isRequired": True,
            "errorMessage": "Choose one.",
            "choices": [{"title": title, "value": value} for value, title in _KINDS],
        }
    )
    body.append(text_input(view.note_input, "Anything that the helpdesk should know"))
    submit = {"type": "Action.Submit", "title": "Report it", "style": "positive", "data": {"v": 1}}
    body.append({"type": "ActionSet", "spacing": "medium", "actions": [submit]})
    return fitted(lambda _: card(body, says=spoken("What is wrong with this message?")))


def found_card(view: FoundView) -> Card:
    """An incident in a few lines, without buttons: who reads it in a chat need not be a responder."""
    line = view.line
    body = [
        text(separated(line.number, line.subject), bold=True, size="medium", style="heading", spacing="none"),
        badge(TONE_SYMBOLS[line.tone], line.next_step, line.tone, bold=False),
        text(line.phase, SEPARATOR, "opened ", when(line.opened_at), size="small", subtle=True),
    ]
    return fitted(lambda _: card(body, says=spoken(f"{line.number}: {line.subject}.", line.next_step)))
