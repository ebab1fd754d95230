"""The plan card: every item that could be removed or put back, each of them to be chosen or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

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
    shortlist,
    small_print,
    spoken,
    text,
)
from cards.parts import person, separated, warnings
from cards.views import PlanCardView, PlanGroup, PlanItem


def plan_card(view: PlanCardView) -> Card:
    """Draws the plan. What does not fit the card is named as such, and is never chosen unseen."""
    return fitted(lambda limit: _draw(view, limit))


def shown_on(plan: Card) -> dict[str, frozenset[str]]:
    """The values of the items that fit a drawn card, by the id of their input."""
    inputs = [each for each in plan["body"] if each["type"] == "Input.ChoiceSet"]
    return {each["id"]: frozenset(choice["value"] for choice in each["choices"]) for each in inputs}


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
    rows += shortlist(list(_left_out(group.items)), limit)
    if group.items:
        shown = group.items[:limit]
        ticked = [item.value for item in shown if not item.left_out]
        rows.append(
            {
                "type": "Input.ChoiceSet",
                "id": group.input_id,
                "label": "Untick what should stay as it is" if ticked else "Tick what should change",
                "style": "expanded",
                "isMultiSelect": True,
                "wrap": True,
                "value": ",".join(ticked),
                "choices": [{"title": plain(_title(item), limit=MAX_DETAIL), "value": item.value} for item in shown],
            }
        )
        if len(group.items) > len(shown):
            rows.append(text(f"{len(group.items) - len(shown)} more do not fit this card. Choose these first, or all."))
        rows.append(small_print(group.undo))
    return rows


def _title(item: PlanItem) -> str:
    return f"{item.what}: {item.before} → {item.after}"


def _left_out(items: Sequence[PlanItem]) -> Iterable[Element]:
    """Why items are not ticked, each reason once; an item's own line may be too long to end in it."""
    reasons = Counter(item.left_out for item in items if item.left_out)
    for reason, count in reasons.items():
        which = "" if count == len(items) else f" {count} of {len(items)}"
        yield text(f"Not ticked{which}: {reason}", subtle=True, spacing="none")
