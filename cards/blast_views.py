"""What the cards of warnings and lessons show: to those who send them, and to those who get them.

As in `views.py`: frozen, plain text, times in UTC. The recipients' views hold every word in the recipient's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cards.views import Button, Tone


@dataclass(frozen=True)
class AnswerLine:
    """One answer that can be picked. `value` is its position as text."""

    value: str
    text: str


@dataclass(frozen=True)
class LessonView:
    """A lesson as its reader sees it. With a `verdict` the question is answered; with `closing` all is said."""

    kind: str  # "A lesson in one minute"
    title: str
    intro: str
    lines: tuple[str, ...]
    question: str
    answers: tuple[AnswerLine, ...]
    pick: str  # what is said where no answer was picked
    genuine: str
    picked: str = ""  # the answer that was given
    verdict: str = ""  # "That is right."
    verdict_tone: Tone = Tone.NEUTRAL
    why: str = ""
    better: str = ""  # "Better: …", after another answer
    closing: str = ""
    button: Button | None = None


@dataclass(frozen=True)
class FactLine:
    """A label and what stands behind it."""

    label: str
    value: str


@dataclass(frozen=True)
class WarningView:
    """A warning as its reader sees it. With `after` it is answered."""

    title: str
    what_happened: str
    look_for: str
    facts: tuple[FactLine, ...]
    sent_label: str
    sent: tuple[datetime, ...]  # the first and the last time, or one
    do: tuple[str, ...]
    ask: str
    genuine: str
    question: str
    after_title: str = ""
    after: tuple[str, ...] = ()
    after_tone: Tone = Tone.NEUTRAL
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class Choice:
    """One entry of a list to choose from."""

    value: str
    title: str


@dataclass(frozen=True)
class Field:
    """One input of the composer. `kind` is "choice", "choices", "text", "date" or "time"."""

    id: str
    kind: str
    label: str
    choices: tuple[Choice, ...] = ()
    value: str = ""
    hint: str = ""
    required: str = ""  # what is said where it is missing
    folded: bool = False  # under "More choices"


@dataclass(frozen=True)
class ComposerView:
    """What a warning or a lesson is made of, to be filled in place."""

    about: str  # "IR-0007", or empty
    title: str
    intro: str
    fields: tuple[Field, ...]
    gaps: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What a group of recipients gets: one of the three."""

    title: str
    lesson: LessonView | None = None
    warning: WarningView | None = None
    mail: str = ""


@dataclass(frozen=True)
class CountLine:
    """A number and what it counts."""

    label: str
    number: int
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True)
class DepartmentLine:
    """How a department stands: how many, never who."""

    name: str
    people: int
    done: int


@dataclass(frozen=True)
class BlastView:
    """One warning or lesson to many: drawn up, asked for, under way, done."""

    about: str  # "IR-0007", or empty
    kind: str  # "Warning", "Lesson"
    title: str
    state: str  # in words: "Waits for a second person"
    tone: Tone
    next_step: str
    reach: str  # "214 inside, 37 outside"
    ways: tuple[CountLine, ...]  # how they are reached
    counts: tuple[CountLine, ...] = ()  # what came of it
    percent: int | None = None
    left: str = ""  # "about 4 min left"
    when: str = ""  # "As soon as it is approved", "In working hours"
    starts_at: datetime | None = None
    requester: str = ""
    decided_by: str | None = None
    expires_at: datetime | None = None
    notes: tuple[str, ...] = ()  # left out, not evaluated
    people: tuple[Choice, ...] = ()  # the first of the audience
    may_leave_out: bool = False  # whether they can still be ticked to be left out
    more_people: int = 0
    previews: tuple[Preview, ...] = ()
    departments: tuple[DepartmentLine, ...] = ()
    departments_done: str = ""  # what is counted: "answered"
    problems: tuple[str, ...] = ()  # why some were not reached, with numbers
    buttons: tuple[Button, ...] = ()
    notice: str | None = None
