"""The verbs of all buttons, alphabetised. The table that gives each its handler is in `turns.py`."""

from __future__ import annotations

from enum import StrEnum


class Verb(StrEnum):
    """What a press of a button asks for. A card carries it as plain text."""

    APPROVE = "approve"
    CANCEL = "cancel"
    CHOOSE = "choose"
    EVICT_ASK = "evict.ask"
    EVICT_ASK_ALL = "evict.ask-all"
    EVICT_REVIEW = "evict.review"
    LOCK_ASK = "lock.ask"
    LOOK_AGAIN = "look.again"
    PREPARE_AGAIN = "prepare.again"
    REFUSE = "refuse"
    UNDO_ASK = "undo.ask"
    UNDO_REVIEW = "undo.review"
    VERDICT_SHOW = "verdict.show"
    VIEW = "view"
