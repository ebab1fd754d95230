"""The report of an incident: what there is to take, and what it is good for."""

from __future__ import annotations

from cards.elements import Card, Element, buttons, card, section, small_print, spoken, text
from cards.views import ReportView


def report_card(view: ReportView) -> Card:
    """Says what each file holds, with a button for each."""
    body: list[Element] = [
        text(f"Report of {view.incident_number}", bold=True, size="large", style="heading"),
        text("Account: ", view.subject.name, ", ", view.subject.upn),
    ]
    body += [
        section([text(choice.title, bold=True, spacing="none"), text(choice.holds, spacing="none")], spacing="medium")
        for choice in view.choices
    ]
    body += buttons(tuple(choice.button for choice in view.choices))
    body.append(small_print("You are asked in your personal chat. On your yes the file goes to your own OneDrive."))
    return card(body, says=spoken(f"Report of {view.incident_number}: choose what you need."))
