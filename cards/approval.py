"""The approval card that an approver gets in their personal chat."""

from __future__ import annotations

from cards.elements import Card, Element, buttons, card, expandable, fitted, heading, section, small_print, spoken, text
from cards.parts import changes, decided, pending, person, separated, warnings
from cards.states import approval_look
from cards.views import ApprovalView


def approval_card(view: ApprovalView) -> Card:
    """Draws what an approver must know before saying yes: on whom, what exactly, for whom, until when."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: ApprovalView, limit: int) -> Card:
    look, tone = approval_look(view.approval.state)
    waiting = view.approval.state == "waiting"
    body: list[Element] = [
        section(
            [
                text(
                    separated(view.incident_number, "Your decision is needed" if waiting else look.word),
                    bold=True,
                    subtle=True,
                    spacing="none",
                ),
                *(pending(view.approval, size="large") if waiting else [text(*decided(view.approval))]),
            ],
            tone=tone,
            bleed=True,
        ),
        section(person(view.subject), spacing="medium"),
    ]
    body += warnings(view.warnings)
    if view.changes and waiting:
        body += [heading("This will change"), *changes(view.changes, limit)]
    elif view.changes:
        body += expandable(f"What was asked for ({len(view.changes)})", changes(view.changes, limit), "changes")
    if view.notice:
        body.append(text(view.notice, bold=True, spacing="medium"))
    body += buttons(view.buttons)
    body.append(small_print("Object id ", view.subject.object_id))
    return card(
        body,
        says=spoken(
            f"{look.word}: {view.approval.title} ({view.subject.upn}), {view.incident_number}.",
            f"Asked for by {view.approval.requester}.",
        ),
    )
