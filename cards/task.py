"""The card of one task that a person does by hand, and the list of those that are open."""

from __future__ import annotations

from datetime import datetime

from cards.elements import (
    MAX_DETAIL,
    MAX_NAME,
    Card,
    Element,
    Part,
    badge,
    buttons,
    card,
    fitted,
    heading,
    section,
    shortened,
    shortlist,
    small_print,
    spoken,
    strong,
    text,
    text_input,
    when,
)
from cards.parts import SEPARATOR
from cards.states import TONE_SYMBOLS
from cards.views import TaskGroup, TaskLine, TasksView, TaskView, Tone

_WORDS = {"open": "To do by hand", "done": "Done", "waived": "Waived"}
_TONES = {"open": Tone.ATTENTION, "done": Tone.GOOD, "waived": Tone.NEUTRAL}


def task_card(view: TaskView) -> Card:
    """Draws what is to be done, or who did it."""
    return fitted(lambda limit: _task(view, limit))


def _task(view: TaskView, limit: int) -> Card:
    waits = view.state == "open"
    word = "Still to do: this is due" if waits and view.reminder else _WORDS.get(view.state, view.state)
    body: list[Element] = [
        section(
            [
                text(word, bold=True, subtle=True, spacing="none"),
                text(view.title, bold=True, size="large", style="heading", spacing="none"),
                text(view.about, spacing="none"),
            ],
            tone=_TONES.get(view.state, Tone.NEUTRAL),
            bleed=True,
        )
    ]
    if len(view.instructions) == 1:
        body.append(text(view.instructions[0], spacing="medium"))
    else:
        steps = [text(strong(f"{number} ·"), " ", each) for number, each in enumerate(view.instructions, start=1)]
        body += shortlist(steps, limit)
    if view.checked:
        body.append(text(strong("Last check:"), " ", view.checked))
    if waits:
        body += _who_and_when(view.assignee, view.due_at)
    else:
        body.append(text(*_ended(view), spacing="medium"))
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    if waits and view.note_input and view.buttons:
        body.append(text_input(view.note_input, "Note, or the reason why it is not needed"))
    body += buttons(view.buttons)
    return card(body, says=spoken(f"{word}: {view.title}.", view.about), wide=True)


def _ended(view: TaskView) -> list[Part]:
    line: list[Part] = [_WORDS.get(view.state, view.state)]
    if view.done_by:
        line += [" by ", shortened(view.done_by, MAX_NAME)]
    if view.done_at is not None:
        line += [SEPARATOR, when(view.done_at)]
    if view.note:
        line += [SEPARATOR, view.note]
    return line


def _who_and_when(assignee: str | None, due_at: datetime | None) -> list[Element]:
    line: list[Part] = ["For ", shortened(assignee, MAX_NAME)] if assignee else ["Nobody has taken it yet"]
    if due_at is not None:
        line += [SEPARATOR, "due ", when(due_at)]
    return [small_print(*line)]


def tasks_card(view: TasksView) -> Card:
    """Draws the open tasks, incident by incident."""
    return fitted(lambda limit: _tasks(view, limit))


def _tasks(view: TasksView, limit: int) -> Card:
    total = sum(len(group.lines) for group in view.groups) + view.more
    title = "No open tasks" if total == 0 else "1 open task" if total == 1 else f"{total} open tasks"
    body: list[Element] = [text(title, bold=True, size="large", style="heading")]
    if view.notice:
        body.append(section([text(view.notice, bold=True)], tone=Tone.NEUTRAL, spacing="medium"))
    left = limit
    for group in view.groups:
        if left > 0:
            body += _group(group, left)
        left -= len(group.lines)
    hidden = max(-left, 0) + view.more
    if hidden:
        body.append(text(f"and {hidden} more", subtle=True))
    return card(body, says=spoken(f"{title}."), wide=True)


def _group(group: TaskGroup, limit: int) -> list[Element]:
    return [heading(group.title, separator=True), *(_line(line) for line in group.lines[:limit])]


def _line(line: TaskLine) -> Element:
    tone = Tone.ATTENTION if line.overdue else Tone.NEUTRAL
    rows = [badge(TONE_SYMBOLS[tone], line.title, tone, bold=line.overdue)]
    detail: list[Part] = ["For ", shortened(line.assignee, MAX_NAME)] if line.assignee else ["Nobody has taken it yet"]
    if line.due_at is not None:
        detail += [SEPARATOR, "overdue since " if line.overdue else "due ", when(line.due_at)]
    rows.append(text(*detail, size="small", subtle=True, spacing="none", limit=MAX_DETAIL))
    rows += [each | {"spacing": "small"} for each in buttons(line.buttons)]
    return section(rows, spacing="medium")
