"""How each state reads: a word and a symbol for every step and approval state, so that colour is never needed."""

from __future__ import annotations

from dataclasses import dataclass

from cards.views import Tone


@dataclass(frozen=True)
class Look:
    """A state in words a helpdesk knows, and a symbol that any font has."""

    symbol: str
    word: str
    quiet: bool = False  # needs nobody's eyes at three in the morning


STEP_STATES: dict[str, Look] = {
    "done": Look("✓", "Done", quiet=True),
    "already-so": Look("✓", "Already so", quiet=True),
    "accepted": Look("◔", "Accepted, not yet visible"),
    "needs-on-premises": Look("⌂", "Must be done on-premises"),
    "not-evaluated": Look("◌", "Not checked"),
    "skipped": Look("↷", "Skipped"),
    "refused": Look("⊘", "Refused"),
    "failed": Look("✗", "Failed"),
    "unknown": Look("?", "Outcome unknown"),
    "undone": Look("↶", "Undone"),
    "running": Look("▶", "Running"),
    "waiting": Look("…", "Waiting"),
    "planned": Look("○", "Planned", quiet=True),
    "planning": Look("▶", "Planning"),
    "ready": Look("◉", "Plan ready"),
    "open": Look("○", "To do"),
    "watching": Look("◔", "Watching", quiet=True),
}

APPROVAL_STATES: dict[str, tuple[Look, Tone]] = {
    "waiting": (Look("…", "Waiting"), Tone.WARNING),
    "approved": (Look("✓", "Approved"), Tone.GOOD),
    "refused": (Look("⊘", "Refused"), Tone.NEUTRAL),
    "expired": (Look("⊖", "Expired"), Tone.NEUTRAL),
    "void": (Look("⊖", "No longer valid"), Tone.NEUTRAL),
    "cancelled": (Look("⊖", "Cancelled"), Tone.NEUTRAL),
}

TONE_SYMBOLS = {Tone.ATTENTION: "▲", Tone.WARNING: "◆", Tone.NEUTRAL: "●", Tone.GOOD: "✓"}


def step_look(state: str) -> Look:
    """A state that this table does not know shows under its own name: a card must never fail to be drawn."""
    return STEP_STATES.get(state) or Look("?", state)


def approval_look(state: str) -> tuple[Look, Tone]:
    """As `step_look`, for approvals."""
    return APPROVAL_STATES.get(state) or (Look("?", state), Tone.WARNING)
