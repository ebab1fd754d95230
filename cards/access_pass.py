"""A Temporary Access Pass, shown once to one person, and the card that takes its place."""

from __future__ import annotations

from cards.elements import Card, Element, card, exactly, fitted, section, spoken, text, when
from cards.parts import person, separated
from cards.views import AccessPassView, Tone


def access_pass_card(view: AccessPassView) -> Card:
    """Draws the pass, or that it was shown. The code is in the card's body alone: never in what is spoken."""
    return fitted(lambda _limit: _draw(view))


def _draw(view: AccessPassView) -> Card:
    shown = view.code is not None
    title = "Temporary Access Pass" if shown else "The pass is not shown any more"
    body: list[Element] = [
        section(
            [
                text(separated(view.incident_number, "For you alone"), bold=True, subtle=True, spacing="none"),
                text(title, bold=True, size="large", style="heading", spacing="none"),
                *person(view.subject, size="default"),
            ],
            tone=Tone.WARNING if shown else Tone.NEUTRAL,
            bleed=True,
        )
    ]
    if view.code is None:
        body.append(text("It was shown here once. If it got lost, ask for a new one on the incident's card."))
    else:
        body += [
            exactly(view.code),
            text(f"For one sign-in, within {view.minutes} minutes from now."),
            text(
                "Tell it to the owner in person, or on a phone number that you know. Never by mail or chat: the "
                "intruder may read there. They sign in with it at aka.ms/mysecurityinfo and register a new method."
            ),
        ]
        if view.until is not None:
            body.append(text("This message hides it at ", when(view.until), ".", subtle=True))
    return card(body, says=spoken(f"{title}.", f"{view.subject.name}, {view.incident_number}."))
