"""The cards of those who send: the composer with inputs in place, and one card for a blast from draft to results."""

from __future__ import annotations

from collections.abc import Sequence

from cards.blast_views import BlastView, ComposerView, CountLine, Field, Preview
from cards.elements import (
    MAX_DETAIL,
    MAX_NAME,
    Card,
    Element,
    Part,
    badge,
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
from cards.lesson import lesson_body
from cards.parts import SEPARATOR, separated
from cards.states import TONE_SYMBOLS
from cards.views import Tone
from cards.warning import MAX_GENUINE, warning_body

LEAVE_OUT_INPUT = "leave_out"
_MOST_PREVIEWS = 5


# -- the composer ----------------------------------------------------------------------------------------------------


def composer_card(view: ComposerView) -> Card:
    """Draws what can be chosen, with what is usual chosen beforehand."""
    return fitted(lambda limit: _composer(view, limit))


def _composer(view: ComposerView, limit: int) -> Card:
    body: list[Element] = [
        section(
            [
                *([text(view.about, bold=True, subtle=True, spacing="none")] if view.about else []),
                text(view.title, bold=True, size="large", style="heading", spacing="none"),
                text(view.intro, spacing="none"),
            ],
            bleed=True,
        )
    ]
    body += _notes(view.gaps, limit)
    body += [_field(field, limit) for field in view.fields if not field.folded]
    folded = [_field(field, limit) for field in view.fields if field.folded]
    if folded:
        body += expandable("More choices", folded, "more")
    body += buttons(view.buttons)
    return card(body, says=spoken(f"{view.title}.", view.about), wide=True)


def _field(field: Field, limit: int) -> Element:
    if field.kind == "text":
        drawn = text_input(field.id, field.label)
        return drawn | ({"placeholder": plain(field.hint)} if field.hint else {})
    if field.kind in {"date", "time"}:
        kind = "Input.Date" if field.kind == "date" else "Input.Time"
        return {"type": kind, "id": field.id, "label": plain(field.label)}
    many = field.kind == "choices"
    shown = field.choices[: max(limit, 1)] if many else field.choices
    values = [value for value in field.value.split(",") if value in {choice.value for choice in shown}]
    element: Element = {
        "type": "Input.ChoiceSet",
        "id": field.id,
        "label": plain(field.label),
        "style": "expanded" if many or len(shown) <= 4 else "compact",
        "isMultiSelect": many,
        "wrap": True,
        "choices": [{"title": plain(choice.title, limit=MAX_DETAIL), "value": choice.value} for choice in shown],
    }
    if values:
        element["value"] = ",".join(values)
    if field.required:
        element |= {"isRequired": True, "errorMessage": plain(field.required)}
    return element


# -- the blast -------------------------------------------------------------------------------------------------------


def blast_card(view: BlastView) -> Card:
    """Draws how a warning or a lesson stands. What does not fit is counted."""
    return fitted(lambda limit: _blast(view, limit))


def _blast(view: BlastView, limit: int) -> Card:
    body: list[Element] = [
        section(
            [
                text(separated(view.about, view.kind), bold=True, subtle=True, spacing="none"),
                text(view.title, bold=True, size="large", style="heading", spacing="none"),
                badge(TONE_SYMBOLS[view.tone], view.state, view.tone, spacing="none"),
                text(view.next_step, spacing="none"),
            ],
            tone=view.tone,
            bleed=True,
        ),
        heading(view.reach),
        text(SEPARATOR.join(f"{line.number:,} {line.label}" for line in view.ways), spacing="none"),
    ]
    if view.percent is not None:
        body.append(_bar(view.percent, view.left))
    body += _counts(view.counts)
    body += [text(f"{TONE_SYMBOLS[Tone.WARNING]} ", problem, spacing="none") for problem in view.problems[:limit]]
    body += _notes(view.notes, limit)
    body.append(_how(view))
    if view.departments:
        body += expandable("By department", _departments(view, limit), "departments")
    for number, preview in enumerate(view.previews[: min(limit, _MOST_PREVIEWS)]):
        body += expandable(f"As they see it: {preview.title}", _preview(preview), f"preview{number}")
    if view.people:
        body += expandable("Who gets it", _people(view, limit), "people")
    if view.notice:
        body.append(text(view.notice, bold=True, spacing="medium"))
    body += buttons(view.buttons)
    return card(body, says=spoken(f"{view.kind}: {view.title}. {view.state}.", view.reach), wide=True)


def _bar(percent: int, left: str) -> Element:
    """A bar of text: it is the same in every client, and a screen reader reads the number."""
    full = round(percent / 5)
    return text("█" * full + "░" * (20 - full), f" {percent} %", f"{SEPARATOR}{left}" if left else "", mono=True)


def _counts(lines: Sequence[CountLine]) -> list[Element]:
    cells: list[tuple[str, list[Element]]] = [
        (
            "stretch",
            [
                text(f"{line.number:,}", bold=True, size="large", spacing="none"),
                text(
                    f"{TONE_SYMBOLS[line.tone]} " if line.tone is not Tone.NEUTRAL else "", line.label, spacing="none"
                ),
            ],
        )
        for line in lines
    ]
    return [columns(*cells[start : start + 4]) for start in range(0, len(cells), 4)]


def _how(view: BlastView) -> Element:
    line: list[Part] = [view.when]
    if view.starts_at is not None:
        line += [" ", when(view.starts_at)]
    line += [SEPARATOR, "asked for by ", view.requester]
    if view.decided_by:
        line += [SEPARATOR, "decided by ", view.decided_by]
    if view.expires_at is not None:
        line += [SEPARATOR, "valid until ", when(view.expires_at)]
    return text(*line, size="small", subtle=True, spacing="medium", limit=MAX_NAME)


def _notes(notes: Sequence[str], limit: int) -> list[Element]:
    if not notes:
        return []
    drawn = [text(f"{TONE_SYMBOLS[Tone.WARNING]} ", note, spacing="none") for note in notes]
    return [section(shortlist(drawn, min(limit, 6)), tone=Tone.WARNING, spacing="medium")]


def _departments(view: BlastView, limit: int) -> list[Element]:
    drawn = [
        text(
            line.name or "No department", ": ", strong(f"{line.done:,} of {line.people:,}"), f" {view.departments_done}"
        )
        for line in view.departments
    ]
    return shortlist(drawn, limit)


def _preview(preview: Preview) -> list[Element]:
    if preview.lesson is not None:
        return [*lesson_body(preview.lesson, preview=True), small_print(preview.lesson.genuine)]
    if preview.warning is not None:
        words = preview.warning
        answers = SEPARATOR.join(button.title for button in words.buttons)
        return [
            *warning_body(words),
            text("Buttons: ", answers, subtle=True),
            text(words.ask),
            text(words.genuine, size="small", limit=MAX_GENUINE),
        ]
    lines = (f"• {line[2:]}" if line.startswith("- ") else line for line in preview.mail.splitlines() if line.strip())
    return [text(line, limit=MAX_GENUINE) for line in lines]


def _people(view: BlastView, limit: int) -> list[Element]:
    shown = view.people[:limit]
    rest = view.more_people + len(view.people) - len(shown)
    more = [text(f"and {rest:,} more", subtle=True)] if rest else []
    if not view.may_leave_out:
        return [*(text(each.title, spacing="none", limit=MAX_DETAIL) for each in shown), *more]
    rows: list[Element] = [
        {
            "type": "Input.ChoiceSet",
            "id": LEAVE_OUT_INPUT,
            "label": "Tick whom to leave out",
            "style": "expanded",
            "isMultiSelect": True,
            "wrap": True,
            "choices": [{"title": plain(each.title, limit=MAX_DETAIL), "value": each.value} for each in shown],
        }
    ]
    return [*rows, *more]
