"""What the cards show that nobody asked for: a risk, an alert or a report. See `views.py` for the rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cards.views import Button, IncidentLine, PersonLine, Tone


@dataclass(frozen=True)
class SignLine:
    """One thing that was seen, in plain words."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True)
class ReportFormView:
    """The form by which anybody reports a message. `checked` is whether the sender was looked up."""

    sender: str
    checked: bool
    excerpt: str
    kind_input: str
    note_input: str


@dataclass(frozen=True)
class FoundView:
    """One incident as it goes into a message, for those who read it there: no buttons."""

    line: IncidentLine


@dataclass(frozen=True)
class TriggerView:
    """The card "Contain …?". Without `open_button` it only tells what became of it."""

    title: str
    what: str  # above the title: "High risk, seen by Microsoft"
    tone: Tone
    next_step: str
    person: PersonLine | None = None
    signs: tuple[SignLine, ...] = ()
    warnings: tuple[str, ...] = ()
    excerpt: str = ""
    notes: tuple[str, ...] = ()
    rule_note: str = ""
    open_button: Button | None = None
    dismiss_button: Button | None = None
    reason_input: str = ""
    hint: str = ""  # what a dismissal does not do
    notice: str | None = None
