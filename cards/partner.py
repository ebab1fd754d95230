"""The card for telling partners: the bank's clock first, then whom to tell, what they get, and who answered."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import (
    COLOURS,
    MAX_DETAIL,
    MAX_NAME,
    Card,
    Element,
    Part,
    buttons,
    card,
    columns,
    expandable,
    fitted,
    heading,
    plain,
    section,
    shortlist,
    small_print,
    spoken,
    strong,
    text,
    text_input,
    when,
)
from cards.parts import SEPARATOR, person, separated
from cards.states import TONE_SYMBOLS
from cards.views import Choice, PartnerLine, PartnersView, RecallBox, Tone


def partners_card(view: PartnersView) -> Card:
    """Draws how telling the partners stands."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: PartnersView, limit: int) -> Card:
    body: list[Element] = [
        section(
            [
                text(separated(view.incident_number, "Partners"), bold=True, subtle=True, spacing="none"),
                text("Tell the partners", bold=True, size="large", style="heading", spacing="none"),
                *person(view.subject, size="default"),
            ],
            bleed=True,
        )
    ]
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    if view.recall is not None:
        body.append(_recall(view.recall))
    if view.how_to:
        body.append(section([text(view.how_to)], tone=Tone.WARNING, spacing="medium"))
    body += shortlist([_line(line) for line in view.lines], limit)
    if view.closed:
        body.append(text("The incident is closed.", bold=True, spacing="medium"))
    else:
        body += _sending(view, limit) + _answering(view)
    body += buttons(view.buttons)
    return card(body, says=spoken(f"Tell the partners. {view.incident_number}."), wide=True)


def _recall(box: RecallBox) -> Element:
    done = box.done_at is not None
    rows = [text("Bank recall", bold=True, style="heading", spacing="none")]
    if done and box.done_at is not None:
        rows.append(text("Called by ", box.done_by or "somebody", SEPARATOR, when(box.done_at), spacing="none"))
    else:
        rows.append(text(box.left, bold=True, size="large", spacing="none"))
        until: list[Part] = ["Most likely to help until ", when(box.until)] if box.until is not None else []
        rows.append(text(*until, ". What to say stands in the task in this thread.", spacing="none"))
    return section(rows, tone=Tone.GOOD if done else Tone.ATTENTION, spacing="medium")


def _line(line: PartnerLine) -> Element:
    rows = [
        text(separated(line.name, line.kind), spacing="none", limit=MAX_DETAIL),
        text(line.state, bold=True, spacing="none", limit=MAX_NAME),
    ]
    if line.phone:
        rows.append(text("Call: ", strong(line.phone, MAX_NAME), spacing="none"))
    detail: list[Part] = [separated(*line.details)] if line.details else []
    if line.at is not None:
        detail += [SEPARATOR, when(line.at)] if detail else [when(line.at)]
    if detail:
        rows.append(text(*detail, size="small", subtle=True, spacing="none", limit=MAX_DETAIL))
    # Unlike a badge, rows of text break words that are longer than the card.
    mark = text(TONE_SYMBOLS[line.tone], bold=True, spacing="none", color=COLOURS[line.tone])
    return section([columns(("auto", [mark]), ("stretch", rows))], spacing="medium", separator=True)


def _sending(view: PartnersView, limit: int) -> list[Element]:
    """What they would get, whom to send it to, and the button that confirms."""
    body: list[Element] = []
    if view.preview:
        written = [text(strong(view.preview_subject)), *(text(each) for each in view.preview)]
        body += expandable("What they get, word by word", shortlist(written, max(limit, 12)), "preview")
        by: list[Part] = ["Prepared by ", view.prepared_by]
        if view.prepared_at is not None:
            by += [SEPARATOR, when(view.prepared_at)]
        body.append(small_print(*by))
    if view.to_send and view.send_buttons:
        body.append(_choices(view.send_input, "Send it to", view.to_send, many=True))
    return body + buttons(view.send_buttons)


def _answering(view: PartnersView) -> list[Element]:
    if not view.who_answered or not view.answer_buttons:
        return []
    return [
        heading("Somebody answered?", separator=True),
        _choices(view.who_input, "Which partner", view.who_answered, many=False),
        text_input(view.name_input, "Name of the person") | {"isMultiline": False, "maxLength": MAX_NAME},
        *buttons(view.answer_buttons),
    ]


def _choices(name: str, label: str, choices: Sequence[Choice], *, many: bool) -> Element:
    element: Element = {
        "type": "Input.ChoiceSet",
        "id": name,
        "label": plain(label),
        "style": "expanded" if many else "compact",
        "isMultiSelect": many,
        "wrap": True,
        "choices": [{"title": plain(each.title, MAX_NAME), "value": each.value} for each in choices],
    }
    if many:
        element["value"] = ",".join(each.value for each in choices)
    return element
