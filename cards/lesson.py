"""The one function that lays out every lesson: to be read and answered, answered, and done."""

from __future__ import annotations

from cards.blast_views import LessonView
from cards.elements import Card, Element, badge, buttons, card, heading, plain, section, small_print, spoken, text
from cards.states import TONE_SYMBOLS
from cards.views import Tone

ANSWER_INPUT = "answer"


def lesson_card(view: LessonView) -> Card:
    """Draws a lesson in its reader's language."""
    body = [*lesson_body(view), *buttons([view.button] if view.button else [])]
    return card([*body, small_print(view.genuine)], says=spoken(f"{view.kind}: {view.title}."))


def lesson_body(view: LessonView, *, preview: bool = False) -> list[Element]:
    """The lesson without its button. A preview lists the answers instead of asking for one."""
    body: list[Element] = [
        section(
            [
                text(view.kind, bold=True, subtle=True, spacing="none"),
                text(view.title, bold=True, size="large", style="heading", spacing="none"),
            ],
            tone=Tone.GOOD if view.closing else Tone.NEUTRAL,
            bleed=True,
        )
    ]
    if not view.verdict:
        body.append(text(view.intro, subtle=True, size="small", spacing="medium"))
    body += [text("• ", line) for line in view.lines]
    if view.verdict:
        body += _answered(view)
    elif preview:
        body += [heading(view.question), *(text("○ ", answer.text, spacing="none") for answer in view.answers)]
    else:
        body.append(_question(view))
    return body


def _question(view: LessonView) -> Element:
    return {
        "type": "Input.ChoiceSet",
        "id": ANSWER_INPUT,
        "label": plain(view.question),
        "style": "expanded",
        "wrap": True,
        "isRequired": True,
        "errorMessage": plain(view.pick),
        "choices": [{"title": plain(answer.text), "value": answer.value} for answer in view.answers],
        "spacing": "medium",
    }


def _answered(view: LessonView) -> list[Element]:
    rows: list[Element] = [
        heading(view.question),
        text("○ ", view.picked, spacing="none"),
        badge(TONE_SYMBOLS[view.verdict_tone], view.verdict, view.verdict_tone, spacing="medium"),
        text(view.why, spacing="none"),
    ]
    if view.better:
        rows.append(text(view.better))
    if view.closing:
        rows.append(text(view.closing, bold=True, spacing="medium"))
    return rows
