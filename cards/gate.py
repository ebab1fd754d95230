"""The gate before an account is given back: every line with its state, and who answers for what is not green."""

from __future__ import annotations

from cards.elements import (
    MAX_DETAIL,
    MAX_NAME,
    Card,
    Element,
    badge,
    buttons,
    card,
    fitted,
    plain,
    section,
    shortened,
    small_print,
    spoken,
    text,
    text_input,
    when,
)
from cards.parts import SEPARATOR, person, separated, warnings
from cards.views import GateLine, GateView, Tone

_LOOKS: dict[str, tuple[str, str, Tone]] = {
    "green": ("✓", "Green", Tone.GOOD),
    "shut": ("⊘", "Not green", Tone.ATTENTION),
    "waived": ("↷", "Waived", Tone.WARNING),
}


def gate_card(view: GateView) -> Card:
    """Draws the gate."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: GateView, limit: int) -> Card:
    good = sum(line.state != "shut" for line in view.lines)
    count = f"{good} of {len(view.lines)} green or waived" if view.lines else "Not checked yet"
    body: list[Element] = [
        section(
            [
                text(separated(view.incident_number, count), bold=True, subtle=True, spacing="none"),
                text("Give the account back?", bold=True, size="large", style="heading", spacing="none"),
                *person(view.subject, size="default"),
                text("Next: ", view.next_step, bold=True, spacing="medium"),
            ],
            tone=view.tone,
            bleed=True,
        )
    ]
    body += warnings(view.warnings)
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    detail = MAX_DETAIL if limit > len(view.lines) else MAX_DETAIL // 2
    body += [_line(line, detail) for line in view.lines]
    body += _waiver(view)
    body += buttons(view.buttons)
    if view.looked_at is not None:
        body.append(small_print("Looked at ", when(view.looked_at)))
    return card(body, says=spoken(f"The gate of {view.incident_number}: {count}.", view.next_step), wide=True)


def _line(line: GateLine, detail: int) -> Element:
    symbol, word, tone = _LOOKS.get(line.state, ("?", line.state, Tone.WARNING))
    rows = [badge(symbol, word, tone, about=line.title, bold=line.state != "green")]
    if line.reason:
        rows.append(text(line.reason, size="small", subtle=True, spacing="none", limit=detail))
    if line.waived_by:
        who = shortened(line.waived_by, MAX_NAME // 2)
        parts = ["Waived by ", who, SEPARATOR, line.waived_why]
        if line.waived_at is not None:
            parts += [SEPARATOR, when(line.waived_at)]
        rows.append(text(*parts, size="small", spacing="none", limit=detail))
    return section(rows, spacing="small")


def _waiver(view: GateView) -> list[Element]:
    """The inputs with which an approver answers for a line."""
    shut = [line for line in view.lines if line.state == "shut"]
    if view.line_input is None or view.reason_input is None or not shut:
        return []
    choice: Element = {
        "type": "Input.ChoiceSet",
        "id": view.line_input,
        "label": "An approver may waive",
        "style": "compact",
        "wrap": True,
        "value": shut[0].key,
        "choices": [{"title": plain(line.title, limit=MAX_DETAIL), "value": line.key} for line in shut],
        "separator": True,
        "spacing": "medium",
    }
    return [choice, text_input(view.reason_input, "Why it may stay as it is")]
