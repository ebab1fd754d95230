"""Kinds of buttons: what each is about, where it stands, and when it may be pressed again."""

from __future__ import annotations

from dialogs.verbs import Verb
from services.playbook import GUIDED

ABOUT_INCIDENT = frozenset(
    {
        Verb.CLOSE_SHOW,
        Verb.EVICT_REVIEW,
        Verb.EVIDENCE_SHOW,
        Verb.LINK_SHOW,
        Verb.LOCK_ASK,
        Verb.LOOK_AGAIN,
        Verb.PHASE_SHOW,
        Verb.PREPARE_AGAIN,
        Verb.UNDO_REVIEW,
        Verb.VERDICT_SHOW,
    }
)
WITH_INPUTS = frozenset(
    {
        Verb.CHOOSE,
        Verb.CLOSE_CONFIRM,
        Verb.EVICT_ASK,
        Verb.EVIDENCE_ONE,
        Verb.LINK_OPEN,
        Verb.GATE_ASK,
        Verb.GATE_WAIVE,
        Verb.PARTNERS_ANSWERED,
        Verb.PARTNERS_SEND,
        Verb.SETUP_REMOVE,
        Verb.SETUP_SAVE,
        Verb.STEP_ASK,
        Verb.TASK_DONE,
        Verb.TASK_WAIVE,
        Verb.TRIGGER_DISMISS,
        Verb.UNDO_ASK,
        Verb.BLAST_DROP,
        Verb.LESSON_ANSWER,
        Verb.LESSON_PREVIEW,
        Verb.WARN_PREVIEW,
    }
)
ON_THE_GATE = frozenset({Verb.GATE_CHECK, Verb.GATE_GIVE_BACK, Verb.GATE_WAIVE})
ON_PARTNERS = frozenset({Verb.PARTNERS_ANEW, Verb.PARTNERS_ANSWERED, Verb.PARTNERS_MONEY, Verb.PARTNERS_SEND})
ABOUT_APPROVAL = frozenset({Verb.APPROVE, Verb.CANCEL, Verb.REFUSE})
ABOUT_TASK = frozenset({Verb.TASK_CHECK, Verb.TASK_DONE, Verb.TASK_TAKE, Verb.TASK_WAIVE})
ON_A_PHASE = frozenset(
    {Verb.STEP_CHECK, Verb.STEP_PAUSE, Verb.STEP_PLAN, Verb.STEP_RESUME, Verb.STEP_STOP, Verb.TASK_SHOW}
)
ON_A_TRIGGER = frozenset({Verb.TRIGGER_DISMISS, Verb.TRIGGER_OPEN})
# On the card of a blast; what they answer with is drawn by themselves.
ON_A_BLAST = frozenset(
    {
        Verb.BLAST_AGAIN,
        Verb.BLAST_APPROVE,
        Verb.BLAST_ASK,
        Verb.BLAST_CANCEL,
        Verb.BLAST_DROP,
        Verb.BLAST_EXPORT,
        Verb.BLAST_MAIL,
        Verb.BLAST_PAUSE,
        Verb.BLAST_RECALL,
        Verb.BLAST_REFUSE,
        Verb.BLAST_REMIND,
        Verb.BLAST_RESUME,
    }
)
# What shows an incident or an approval: pressed again later, the card is drawn as it is by then.
SHOWN_AFRESH = (
    ABOUT_APPROVAL
    | ON_A_PHASE
    | ON_A_TRIGGER
    | {Verb.CLOSE_SHOW, Verb.LOCK_ASK, Verb.LOOK_AGAIN, Verb.PHASE_SHOW, Verb.PREPARE_AGAIN, Verb.VERDICT_SHOW}
)
# What may be begun again with the same button, once the first time is surely over.
BEGINS = frozenset(entry.opens for entry in GUIDED)
AGAIN = (
    frozenset(
        {
            Verb.TASK_CHECK.value,
            Verb.HOME_OPEN.value,
            Verb.HOME_SHOW.value,
            Verb.REPORT_SHOW.value,
            Verb.SETUP_SHOW.value,
            Verb.BLAST_EXPORT.value,
            Verb.LESSON_PREVIEW.value,
            Verb.WARN_PREVIEW.value,
        }
    )
    | BEGINS
)
AGAIN_AFTER_SECONDS = 15.0
# What a closed incident still answers: it is read only.
WHEN_CLOSED = frozenset(
    {
        Verb.CHOOSE,
        Verb.EVIDENCE_ONE,
        Verb.EVIDENCE_SHOW,
        Verb.REPORT_GET,
        Verb.REPORT_SHOW,
        Verb.VERDICT_SHOW,
        Verb.WATCH_REOPEN,
        Verb.WATCH_SHOW,
    }
)
