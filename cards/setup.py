"""What is configured and from where, what can be added here, and the word about each change."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import (
    Card,
    Element,
    badge,
    buttons,
    card,
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
from cards.parts import SEPARATOR
from cards.setup_views import RemovalLine, SetField, SetLine, SetupNewsView, SetupView
from cards.states import TONE_SYMBOLS
from cards.views import Tone

_TITLE = "How IRBot is set up"


def setup_card(view: SetupView) -> Card:
    """Draws what is configured, what is missing first. What does not fit is counted."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: SetupView, limit: int) -> Card:
    body: list[Element] = []
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.WARNING, bleed=True))
    body.append(text(_TITLE, bold=True, size="large", style="heading"))
    if view.missing:
        drawn = [badge(TONE_SYMBOLS[Tone.WARNING], line, Tone.WARNING, bold=False) for line in view.missing]
        body.append(section([heading("Missing", spacing="none"), *shortlist(drawn, limit)], spacing="medium"))
    else:
        body.append(badge(TONE_SYMBOLS[Tone.GOOD], "Nothing is missing.", Tone.GOOD))
    if view.removals:
        body += [heading("Waiting for another administrator")]
        body += shortlist([_removal(line) for line in view.removals], limit)
    body += _part("Settings", view.lines, limit)
    body += _part("Protected people", view.protected, limit, "Nobody is named.")
    body += _part("Roles", view.roles, limit)
    partners = shortlist([text(line, spacing="none") for line in view.partners], limit)
    body += [heading("Partners"), *(partners or [text("None. They stand in IRBOT_PARTNERS_FILE.")])]
    if view.channel is not None:
        body += buttons([view.channel])
    if view.save is not None:
        inputs = [_field(field) for field in view.fields]
        body += expandable("Add people, or change a setting", [*inputs, *buttons([view.save])], "change")
    if view.remove is not None and view.removable:
        body += expandable("Take somebody off a list", _choice(view, limit), "remove")
    return card(body, says=spoken(f"{_TITLE}.", *view.missing[:3]), wide=True)


def _part(title: str, lines: Sequence[SetLine], limit: int, empty: str = "None.") -> list[Element]:
    return [heading(title), *(shortlist([_line(line) for line in lines], limit) or [text(empty)])]


def _line(line: SetLine) -> Element:
    return section(
        [text(strong(f"{line.title}:"), " ", line.value, spacing="none"), small_print(line.source)], spacing="small"
    )


def _removal(line: RemovalLine) -> Element:
    asked = small_print("Asked for by ", line.asked_by, SEPARATOR, "valid until ", when(line.until))
    return section([text(line.what, bold=True, spacing="none"), asked, *buttons(line.buttons)], spacing="small")


def _field(field: SetField) -> Element:
    drawn = text_input(field.id, field.label) | {"isMultiline": field.several}
    return drawn | ({"placeholder": plain(field.hint)} if field.hint else {})


def _choice(view: SetupView, limit: int) -> list[Element]:
    choices = [{"title": plain(each.title), "value": each.value} for each in view.removable[:limit]]
    chosen: Element = {
        "type": "Input.ChoiceSet",
        "id": view.remove_input,
        "label": "Who",
        "style": "compact",
        "wrap": True,
        "choices": choices,
    }
    rest = len(view.removable) - len(choices)
    more = [text(f"and {rest} more", subtle=True)] if rest else []
    hint = text("They stay protected until another administrator agrees.", subtle=True)
    return [hint, chosen, *more, *buttons([view.remove] if view.remove else [])]


def setup_news_card(view: SetupNewsView) -> Card:
    """Tells an administrator of one change, and asks where they may decide it."""
    rows = [
        text(f"{TONE_SYMBOLS[view.tone]} ", view.title, bold=True, size="medium", style="heading"),
        text(view.text),
        small_print(view.by, SEPARATOR, when(view.at)),
    ]
    body = [section(rows, tone=view.tone, bleed=True), *buttons(view.buttons)]
    return fitted(lambda _: card(body, says=spoken(f"{view.title}.", view.text)))
