"""Which account is meant: the choice among several, and the nearest names where none fits."""

from __future__ import annotations

from cards.elements import (
    Card,
    Element,
    badge,
    buttons,
    card,
    fitted,
    plain,
    section,
    shortlist,
    spoken,
    text,
)
from cards.parts import person, separated
from cards.states import TONE_SYMBOLS
from cards.views import ChoiceView, NearestView, Tone

CHOICE_INPUT = "choice"


def choice_card(view: ChoiceView) -> Card:
    """Asks which of several accounts is meant. Nothing is chosen beforehand."""
    return fitted(lambda limit: _draw_choice(view, limit))


def _draw_choice(view: ChoiceView, limit: int) -> Card:
    more = view.more + max(len(view.people) - limit, 0)
    body: list[Element] = [
        text("Which account?", bold=True, size="large", style="heading"),
        text("Several accounts fit “", view.sought, "”. Nothing has been changed."),
        {
            "type": "Input.ChoiceSet",
            "id": CHOICE_INPUT,
            "label": "Pick the one you mean",
            "style": "expanded",
            "wrap": True,
            "isRequired": True,
            "errorMessage": "Pick one account first.",
            "choices": [
                {
                    "title": plain(
                        separated(line.name, line.upn, line.job_title, line.department, *line.kinds), limit=400
                    ),
                    "value": str(position),
                }
                for position, line in enumerate(view.people[:limit])
            ],
        },
    ]
    if more:
        body.append(text(f"and {more} more that are not listed. Write the full address to name one of them."))
    body += buttons([view.button])
    return card(body, says=spoken(f"Several accounts fit {view.sought}. Pick one."))


def nearest_card(view: NearestView) -> Card:
    """Says that nobody fits, and who comes nearest."""
    return fitted(lambda limit: _draw_nearest(view, limit))


def _draw_nearest(view: NearestView, limit: int) -> Card:
    body: list[Element] = [
        text("No such account", bold=True, size="large", style="heading"),
        text("Nobody is called “", view.sought, "”. Nothing has been changed."),
    ]
    if view.people:
        body.append(text("These come nearest. Write the command again with one of these addresses:", bold=True))
        body += shortlist([section(person(line, size="default"), spacing="small") for line in view.people], limit)
    else:
        body.append(text("No similar name was found either. Check the spelling, or use the full address."))
    if not view.complete:
        body.append(
            badge(
                TONE_SYMBOLS[Tone.WARNING],
                "Not everything could be searched: the account may exist and not be listed here.",
                Tone.WARNING,
                spacing="medium",
            )
        )
    return card(body, says=spoken(f"No account fits {view.sought}."))
