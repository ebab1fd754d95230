"""What lies behind a finding, and the card on which one of several things is picked."""

from __future__ import annotations

from cards.elements import Card, Element, buttons, card, fitted, heading, plain, section, shortlist, spoken, text, when
from cards.parts import person, separated
from cards.people import CHOICE_INPUT
from cards.states import TONE_SYMBOLS
from cards.views import EvidencePiece, EvidenceView, PickView


def pick_card(view: PickView) -> Card:
    """Asks which one is meant. Nothing is chosen beforehand."""
    return fitted(lambda limit: _draw_pick(view, limit))


def _draw_pick(view: PickView, limit: int) -> Card:
    body: list[Element] = [
        text(separated(view.incident_number, view.title), bold=True, size="large", style="heading"),
        text(view.text),
        {
            "type": "Input.ChoiceSet",
            "id": CHOICE_INPUT,
            "label": plain(view.label),
            "style": "expanded",
            "wrap": True,
            "isRequired": True,
            "errorMessage": "Pick one first.",
            "choices": [{"title": plain(title, limit=200), "value": value} for value, title in view.choices[:limit]],
        },
    ]
    if len(view.choices) > limit:
        body.append(text(f"and {len(view.choices) - limit} more that do not fit this card. The report has them all."))
    body += buttons([view.button])
    return card(body, says=spoken(f"{view.incident_number}: {view.title}."))


def evidence_card(view: EvidenceView) -> Card:
    """Shows one finding with its reasons, the check, and what was kept: name, moment, SHA-256, a masked excerpt."""
    return fitted(lambda limit: _draw_evidence(view, limit))


def _draw_evidence(view: EvidenceView, limit: int) -> Card:
    body: list[Element] = [
        section(
            [
                text(separated(view.incident_number, "Evidence"), bold=True, subtle=True, spacing="none"),
                text(TONE_SYMBOLS[view.tone], " ", view.title, bold=True, size="large", style="heading"),
                *person(view.subject, size="default"),
            ],
            bleed=True,
        ),
        text("Found by: ", view.check, spacing="medium"),
    ]
    if view.at is not None:
        body.append(text("It happened: ", when(view.at), spacing="none"))
    if view.reasons:
        body += [heading("Why it counts"), *shortlist([text(reason) for reason in view.reasons], limit)]
    body.append(heading("What was kept", separator=True))
    if not view.pieces:
        body.append(text("Nothing is kept any more, or this check keeps nothing. The timeline has the hash."))
    for piece in view.pieces[:limit]:
        body += _piece(piece, limit)
    body.append(text("Mail texts and passwords are never shown here. The report's zip holds the whole evidence."))
    return card(body, says=spoken(f"{view.incident_number}: evidence for {view.title}."), wide=True)


def _piece(piece: EvidencePiece, limit: int) -> list[Element]:
    rows: list[Element] = [
        text(piece.name, bold=True, spacing="small"),
        text("Kept ", when(piece.at), size="small", subtle=True, spacing="none"),
        text("SHA-256 ", piece.sha256, size="small", subtle=True, spacing="none"),
    ]
    return [*rows, *shortlist([text(line, size="small") for line in piece.excerpt], limit)]
