"""Pure functions: a frozen view in, an Adaptive Card 1.5 (plain JSON types) out. No clock, no I/O."""

from cards.access_pass import access_pass_card
from cards.approval import approval_card
from cards.blast import blast_card, composer_card
from cards.closing import closing_card
from cards.evidence import evidence_card, pick_card
from cards.gate import gate_card
from cards.help import help_card, whoami_card
from cards.home import home_card, welcome_card
from cards.incident import incident_card
from cards.incidents import incidents_card
from cards.lesson import lesson_card
from cards.partner import partners_card
from cards.people import choice_card, nearest_card
from cards.phase import phase_card
from cards.plan import plan_card
from cards.problems import notice_card, problem_card
from cards.report import report_card
from cards.reporting import found_card, report_form_card
from cards.setup import setup_card, setup_news_card
from cards.task import task_card, tasks_card
from cards.trigger import trigger_card
from cards.verdict import verdict_card
from cards.warning import warning_card
from cards.watch import alarm_card, watch_card

__all__ = [
    "access_pass_card",
    "alarm_card",
    "approval_card",
    "blast_card",
    "choice_card",
    "closing_card",
    "composer_card",
    "evidence_card",
    "found_card",
    "gate_card",
    "help_card",
    "home_card",
    "incident_card",
    "incidents_card",
    "lesson_card",
    "nearest_card",
    "notice_card",
    "partners_card",
    "phase_card",
    "pick_card",
    "plan_card",
    "problem_card",
    "report_card",
    "report_form_card",
    "setup_card",
    "setup_news_card",
    "task_card",
    "tasks_card",
    "trigger_card",
    "verdict_card",
    "warning_card",
    "watch_card",
    "welcome_card",
    "whoami_card",
]
