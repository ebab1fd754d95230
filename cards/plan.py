"""The plan card: every item that could be removed or put back, each of them to be chosen or left out."""

from __future__ import annotations

from cards.elements import (
    MAX_DETAIL,
    Card,
    Element,
    buttons,
    card,
    fitted,
    heading,
    plain,
    section,
    small_print,
    spoken,
    text,
)
from cards.parts import person, separated, warnings
from cards.views import PlanCardView, PlanGroup, PlanItem


def plan_card(view: PlanCardView) -> Card:
    """Draws the plan. What does not fit the card is named as such, and is never chosen unseen."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: PlanCardView, limit: int) -> Card:
    body: list[Element] = [
        section(
            [
                text(separated(view.incident_number, "Plan"), bold=True, subtle=True, spacing="none"),
                text(view.title, bold=True, size="large", style="heading", spacing="none"),
                *person(view.subject, size="default"),
            ],
            bleed=True,
        )
    ]
    body += warnings(view.warnings)
    for group in view.groups:
        body += _group(group, limit)
    body.append(text("Rule: ", view.rule, spacing="medium"))
    body += buttons(view.buttons)
    return card(body, says=spoken(f"{view.title}. {view.incident_number}."), wide=True)


def _group(group: PlanGroup, limit: int) -> list[Element]:
    rows: list[Element] = [heading(group.title, separator=True)]
    if group.settled:
        rows.append(text(group.settled, subtle=True, spacing="none"))
    if group.items:
        shown = group.items[:limit]
        rows.append(
            {
                "type": "Input.ChoiceSet",
                "id": group.input_id,
                "label": "Untick what should stay",
                "style": "expanded",
                "isMultiSelect": True,
                "wrap": True,
                "value": ",".join(item.value for item in shown),
                "choices": [{"title": plain(_title(item), limit=MAX_DETAIL), "value": item.value} for item in shown],
            }
        )
        if len(group.items) > len(shown):
            rows.append(text(f"{len(group.items) - len(shown)} more do not fit this card. Choose these first, or all."))
        rows.append(small_print(group.undo))
    return rows


def _title(item: PlanItem) -> str:
    return f"{item.what}: {item.before} → {item.after}"
