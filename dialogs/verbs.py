"""The verbs of all buttons, alphabetised. The table that gives each its handler is in `turns.py`."""

from __future__ import annotations

from enum import StrEnum


class Verb(StrEnum):
    """What a press of a button asks for. A card carries it as plain text."""

    APPROVE = "approve"
    CANCEL = "cancel"
    CHOOSE = "choose"
    CLOSE_CONFIRM = "close.confirm"
    CLOSE_SHOW = "close.show"
    EVICT_ASK = "evict.ask"
    EVICT_ASK_ALL = "evict.ask-all"
    EVICT_REVIEW = "evict.review"
    LOCK_ASK = "lock.ask"
    LOOK_AGAIN = "look.again"
    PHASE_SHOW = "phase.show"
    PREPARE_AGAIN = "prepare.again"
    REFUSE = "refuse"
    REPORT_GET = "report.get"
    REPORT_SHOW = "report.show"
    STEP_ASK = "step.ask"
    STEP_ASK_ALL = "step.ask-all"
    STEP_CHECK = "step.check"
    STEP_PLAN = "step.plan"
    TASK_CHECK = "task.check"
    TASK_DONE = "task.done"
    TASK_SHOW = "task.show"
    TASK_TAKE = "task.take"
    TASK_WAIVE = "task.waive"
    UNDO_ASK = "undo.ask"
    UNDO_REVIEW = "undo.review"
    VERDICT_SHOW = "verdict.show"
    VIEW = "view"
