"""The list of open incidents."""

from __future__ import annotations

from cards.elements import Card, Element, badge, card, columns, fitted, section, shortlist, spoken, text, when
from cards.parts import SEPARATOR, separated
from cards.states import TONE_SYMBOLS
from cards.views import IncidentLine, IncidentsView


def incidents_card(view: IncidentsView) -> Card:
    """Lists the open incidents as the view orders them."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: IncidentsView, limit: int) -> Card:
    total = len(view.incidents) + view.more
    title = "No open incidents" if total == 0 else f"Open incidents: {total}"
    body: list[Element] = [text(title, bold=True, size="large", style="heading")]
    body += shortlist([_row(line) for line in view.incidents], limit, view.more)
    if total == 0:
        body.append(text("To open one, write “compromise” and the address of the account."))
    return card(body, says=spoken(f"{title}."))


def _row(line: IncidentLine) -> Element:
    return section(
        [
            columns(
                ("stretch", [text(separated(line.number, line.subject), bold=True, spacing="none")]),
                ("auto", [text("open for ", line.age, spacing="none")]),
            ),
            badge(TONE_SYMBOLS[line.tone], line.next_step, line.tone, bold=False, spacing="none"),
            text(line.phase, SEPARATOR, "opened ", when(line.opened_at), size="small", subtle=True, spacing="none"),
        ],
        spacing="medium",
        separator=True,
    )
