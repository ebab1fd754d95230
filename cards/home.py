"""What waits for one person, in their own chat, and the word to a team that the bot has joined."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import (
    MAX_DETAIL,
    Card,
    Element,
    Part,
    badge,
    buttons,
    card,
    expandable,
    fitted,
    heading,
    section,
    shortlist,
    spoken,
    text,
    when,
)
from cards.help import command_rows
from cards.home_views import HomeLine, HomeView, WelcomeView
from cards.parts import SEPARATOR
from cards.states import TONE_SYMBOLS
from cards.views import CommandLine, Tone

_PURPOSE = (
    "I help when a Microsoft 365 account is in a stranger's hands: lock it, find out what happened, clean up, "
    "warn people, and give it back."
)
_FIRST = (
    CommandLine("compromise <user>", "Open an incident about an account, in a thread of its own."),
    CommandLine("help", "Show what you can ask for."),
)


def home_card(view: HomeView) -> Card:
    """Draws a person's home: decisions first, then tasks, then the open incidents. What does not fit is counted."""
    return fitted(lambda limit: _draw(view, limit))


def _draw(view: HomeView, limit: int) -> Card:
    body: list[Element] = []
    if view.unknown is not None:
        said = text("I do not know “", view.unknown, "”. Nothing has been changed.", bold=True)
        body.append(section([said], tone=Tone.WARNING, bleed=True))
    title = f"Hello, I am {view.bot_name}" if view.hello else _title(view)
    body.append(text(title, bold=True, size="large", style="heading"))
    if view.hello:
        body.append(text(_PURPOSE))
    if view.note:
        body.append(section([text(view.note, bold=True)], tone=Tone.WARNING, spacing="medium"))
    if view.stopped:
        body.append(section([text(f"{TONE_SYMBOLS[Tone.WARNING]} ", view.stopped, bold=True)], tone=Tone.WARNING))
    body += _part(f"Your decision is needed ({len(view.decisions)})", view.decisions, limit)
    body += _part(f"Your tasks ({len(view.tasks)})", view.tasks, limit)
    if view.untaken:
        more = "1 task that nobody has taken" if view.untaken == 1 else f"{view.untaken} tasks that nobody has taken"
        body.append(text(more, ": write “tasks”.", subtle=True))
    body += _part(
        f"Open incidents ({len(view.incidents) + view.more_incidents})", view.incidents, limit, view.more_incidents
    )
    if view.missing:
        drawn = [badge(TONE_SYMBOLS[Tone.WARNING], line, Tone.WARNING, bold=False) for line in view.missing]
        body += [heading("Not set up yet", separator=True), *shortlist(drawn, limit)]
    if view.roles:
        body += [heading("What you may do", separator=True), *shortlist([text(line) for line in view.roles], limit)]
    if view.commands:
        rows = shortlist(command_rows(view.bot_name, view.commands), limit)
        body += expandable("What you can write to me", rows, "commands")
    body += buttons(view.buttons)
    return card(body, says=spoken(f"{title}.", view.note or "", view.stopped or ""))


def _title(view: HomeView) -> str:
    if view.note or not view.roles:
        return f"Your home in {view.bot_name}"
    waiting = len(view.decisions) + len(view.tasks)
    if not waiting:
        return "Nothing waits for you"
    return "1 thing waits for you" if waiting == 1 else f"{waiting} things wait for you"


def _part(title: str, lines: Sequence[HomeLine], limit: int, more: int = 0) -> list[Element]:
    if not lines:
        return []
    return [heading(title, separator=True), *shortlist([_line(line) for line in lines], limit, more)]


def _line(line: HomeLine) -> Element:
    rows = [badge(TONE_SYMBOLS[line.tone], line.title, line.tone)]
    detail: list[Part] = [line.about] if line.about else []
    if line.at is not None:
        detail += [SEPARATOR] if detail else []
        detail += [f"{line.time_word} ", when(line.at)]
    if detail:
        rows.append(text(*detail, size="small", subtle=True, spacing="none", limit=MAX_DETAIL))
    rows += [each | {"spacing": "small"} for each in buttons(line.buttons)]
    return section(rows, spacing="medium")


def welcome_card(view: WelcomeView) -> Card:
    """Tells a team who has joined it, what to write, and whether an administrator has something to do."""
    title = f"Hello, I am {view.bot_name}"
    body: list[Element] = [
        text(title, bold=True, size="large", style="heading"),
        text(_PURPOSE),
        *command_rows(view.bot_name, _FIRST),
        text("Only people with a role can do something here.", subtle=True, spacing="medium"),
    ]
    if not view.ready:
        words = "An administrator still has to set me up."
        body.append(badge(TONE_SYMBOLS[Tone.WARNING], words, Tone.WARNING, spacing="medium"))
    body += buttons(view.buttons)
    return fitted(lambda _: card(body, says=spoken(f"{title}.", _PURPOSE)))
