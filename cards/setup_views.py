"""What the setup card and the word about a change show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cards.views import Button, Tone


@dataclass(frozen=True)
class SetLine:
    """One thing that is configured: what, and from where."""

    title: str
    value: str
    source: str


@dataclass(frozen=True)
class SetField:
    """One line to write into. `hint` shows an example."""

    id: str
    label: str
    hint: str = ""
    several: bool = False  # room for many names


@dataclass(frozen=True)
class Removable:
    """Somebody who was added from Teams and can be taken off a list again."""

    value: str
    title: str


@dataclass(frozen=True)
class RemovalLine:
    """A removal that waits for another administrator."""

    what: str
    asked_by: str
    until: datetime
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class SetupView:
    """Everything that is configured, and what can be added here."""

    missing: tuple[str, ...] = ()
    lines: tuple[SetLine, ...] = ()
    protected: tuple[SetLine, ...] = ()
    removals: tuple[RemovalLine, ...] = ()
    roles: tuple[SetLine, ...] = ()
    partners: tuple[str, ...] = ()
    fields: tuple[SetField, ...] = ()
    save: Button | None = None
    channel: Button | None = None
    removable: tuple[Removable, ...] = ()
    remove: Button | None = None
    remove_input: str = ""
    notice: str | None = None


@dataclass(frozen=True)
class SetupNewsView:
    """The word to an administrator about one change; with buttons where they may decide."""

    title: str
    text: str
    by: str
    at: datetime
    tone: Tone = Tone.NEUTRAL
    buttons: tuple[Button, ...] = ()
