"""What a person's home card and the welcome to a team are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cards.views import Button, CommandLine, Tone


@dataclass(frozen=True)
class HomeLine:
    """One thing that waits: what, about what, since or until when, and what can be done about it."""

    title: str
    about: str = ""
    time_word: str = ""  # "due", "valid until"
    at: datetime | None = None
    tone: Tone = Tone.NEUTRAL
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class HomeView:
    """What waits for one person, and what they may do. Nothing in it that this person may not see."""

    bot_name: str
    hello: bool = False  # the first word in this chat
    unknown: str | None = None  # what was typed, where it was no command
    note: str | None = None  # why there is nothing here
    stopped: str | None = None
    decisions: tuple[HomeLine, ...] = ()
    tasks: tuple[HomeLine, ...] = ()
    untaken: int = 0  # tasks that nobody has taken and this person may do
    incidents: tuple[HomeLine, ...] = ()
    more_incidents: int = 0
    missing: tuple[str, ...] = ()  # what an administrator has not set up
    roles: tuple[str, ...] = ()
    commands: tuple[CommandLine, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class WelcomeView:
    """What a team is told when the bot joins it."""

    bot_name: str
    ready: bool = True  # whether an administrator has set it up; what is missing is for administrators alone
    buttons: tuple[Button, ...] = ()
