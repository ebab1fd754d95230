"""One view for every way in which a card can look: the smallest, the largest, and the moments that matter.

The gallery draws them and the tests check them; a card function without a sample here fails a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cards
from cards.elements import Card
from cards.views import (
    ButtonStyle,
    ChoiceView,
    CommandLine,
    HelpView,
    IncidentLine,
    IncidentsView,
    NearestView,
    NoticeView,
    PersonLine,
    ProblemView,
    ReportChoice,
    ReportView,
    RoleLine,
    WhoAmIView,
)
from tools.gallery.blast_samples import BLASTS, COMPOSERS, LESSONS, WARNINGS
from tools.gallery.cast import BARE, LARGE_PERSON, LONG, LONG_NAME, OPENED, A, G, W, button, object_id
from tools.gallery.evidence_samples import EVIDENCES, PICKS
from tools.gallery.home_samples import HOMES, WELCOMES
from tools.gallery.incident_samples import APPROVALS, INCIDENTS, PLANS
from tools.gallery.partner_samples import PARTNERS
from tools.gallery.phase_samples import CLOSINGS, LISTS_OF_TASKS, PHASES, TASKS
from tools.gallery.recover_samples import ALARMS, GATES, PASSES, WATCHES
from tools.gallery.setup_samples import SETUP_NEWS, SETUPS
from tools.gallery.trigger_samples import FORMS, FOUND, TRIGGERS
from tools.gallery.verdict_samples import VERDICTS


@dataclass(frozen=True)
class Sample:
    """A named card, ready to draw. `card` is the name of the card function."""

    card: str
    variant: str
    draw: Callable[[], Card]

    @property
    def name(self) -> str:
        return f"{self.card.removesuffix('_card')}-{self.variant}"


JONIS = (
    PersonLine("Joni Sherman", "joni@contoso.com", object_id(21), "Legal", "Paralegal", ("Cloud account",)),
    PersonLine(
        "Joni Sherman",
        "joni.sherman2@contoso.com",
        object_id(22),
        "Sales",
        "Account Manager",
        ("Synced from on-premises",),
    ),
)
PICK = button("Use this account", "choose", ButtonStyle.POSITIVE)
CHOICES = {
    "smallest": ChoiceView("joni sherman", JONIS, 0, PICK),
    "largest": ChoiceView(LONG, (LARGE_PERSON,) * 50, 1234, PICK),
}
NEARESTS = {
    "smallest": NearestView("megn@contoso.com", (), complete=False),
    "usual": NearestView("jony", JONIS, complete=True),
    "largest": NearestView(LONG, (LARGE_PERSON,) * 50, complete=False),
}

COMMANDS = (
    CommandLine("compromise <user>", "Open an incident for an account that may be in a stranger's hands."),
    CommandLine("status [incident]", "Show how an incident stands."),
    CommandLine("incidents", "List the open incidents."),
    CommandLine("whoami", "Show your roles, and why you have them."),
    CommandLine("help", "Show this card."),
)
HELPS = {
    "smallest": HelpView("IRBot", COMMANDS),
    "unknown": HelpView("IRBot", COMMANDS, unknown="compomise megan"),
    "largest": HelpView(LONG_NAME, tuple(CommandLine(LONG, LONG * 3) for _ in range(60)), unknown=LONG * 20),
}

ROLES = (
    RoleLine(
        "Responder", True, "Member of the group “IRBot Responders”.", "Open incidents, lock accounts, investigate."
    ),
    RoleLine("Approver", False, "Not a member of “IRBot Approvers”.", "Approve what others ask for."),
    RoleLine("Communicator", False, "Not a member of “IRBot Communicators”.", "Send warnings and lessons."),
    RoleLine("Administrator", False, "Not a member of “IRBot Administrators”.", "Change how IRBot works."),
)
ALEX = PersonLine("Alex Wilber", "alex@contoso.com", object_id(31), "IT", "Helpdesk", ("Cloud account",))
WHOAMIS = {
    "smallest": WhoAmIView(BARE, (), note="Your roles could not be looked up, so you have none for now."),
    "usual": WhoAmIView(ALEX, ROLES),
    "largest": WhoAmIView(
        LARGE_PERSON, tuple(RoleLine(LONG, bool(n % 2), LONG * 3, LONG * 3) for n in range(50)), note=LONG * 3
    ),
}

LISTS = {
    "smallest": IncidentsView((), 0),
    "usual": IncidentsView(
        (
            IncidentLine(
                "IR-0009",
                "Isaiah Langer",
                "Lock",
                "Adele Vance or Diego Siciliani: approve or refuse.",
                OPENED,
                "3 min",
                A,
            ),
            IncidentLine("IR-0008", "Patti Fernandez", "Lock", "Reset the password on-premises.", OPENED, "2 h", W),
            IncidentLine(
                "IR-0007", "Megan Bowen", "Watch", "Nothing to do until tomorrow's check.", OPENED, "3 days", G
            ),
        ),
        0,
    ),
    "largest": IncidentsView(
        tuple(
            IncidentLine(f"IR-{n:05d}", LONG_NAME, "Strengthen", LONG * 3, OPENED, "29 days 23 h", A) for n in range(80)
        ),
        37,
    ),
}

PROBLEMS = {
    "smallest": ProblemView("You cannot do that", "You do not have the Responder role.", "Ask Alex Wilber."),
    "usual": ProblemView(
        "Entra ID does not answer",
        "IRBot asked three times and got no answer. Nothing was changed.",
        "Try again in a few minutes. If it is urgent, block the account in the Entra admin centre.",
        "c0ffee00-1234-4a5b-9c8d-0123456789ab",
    ),
    "largest": ProblemView(LONG * 5, LONG * 20, LONG * 20, object_id(99)),
}
NOTICES = {
    "smallest": NoticeView("Noted", "Nothing else to do."),
    "offer": NoticeView("Lee Gu clicked it", "They were told what to do.", A, button("Open incident", "warn.linked")),
    "good": NoticeView("Incident closed", "IR-0007 is closed. Its report is kept.", G),
    "largest": NoticeView(LONG * 5, LONG * 20, A),
}

REPORT_CHOICES = (
    ReportChoice("Plain report", "One page for the person.", button("Get plain report", "report.get")),
    ReportChoice("Everything", "Both reports and the evidence.", button("Get everything", "report.get")),
)
REPORTS = {
    "smallest": ReportView("IR-0007", BARE, REPORT_CHOICES),
    "largest": ReportView("IR-00007", LARGE_PERSON, REPORT_CHOICES),
}


def _samples() -> tuple[Sample, ...]:
    return (
        *(Sample("partners_card", n, partial(cards.partners_card, v)) for n, v in PARTNERS.items()),
        *(Sample("incident_card", n, partial(cards.incident_card, v)) for n, v in INCIDENTS.items()),
        *(Sample("approval_card", n, partial(cards.approval_card, v)) for n, v in APPROVALS.items()),
        *(Sample("phase_card", n, partial(cards.phase_card, v)) for n, v in PHASES.items()),
        *(Sample("task_card", n, partial(cards.task_card, v)) for n, v in TASKS.items()),
        *(Sample("tasks_card", n, partial(cards.tasks_card, v)) for n, v in LISTS_OF_TASKS.items()),
        *(Sample("closing_card", n, partial(cards.closing_card, v)) for n, v in CLOSINGS.items()),
        *(Sample("composer_card", n, partial(cards.composer_card, v)) for n, v in COMPOSERS.items()),
        *(Sample("blast_card", n, partial(cards.blast_card, v)) for n, v in BLASTS.items()),
        *(Sample("lesson_card", n, partial(cards.lesson_card, v)) for n, v in LESSONS.items()),
        *(Sample("warning_card", n, partial(cards.warning_card, v)) for n, v in WARNINGS.items()),
        *(Sample("gate_card", n, partial(cards.gate_card, v)) for n, v in GATES.items()),
        *(Sample("access_pass_card", n, partial(cards.access_pass_card, v)) for n, v in PASSES.items()),
        *(Sample("watch_card", n, partial(cards.watch_card, v)) for n, v in WATCHES.items()),
        *(Sample("alarm_card", n, partial(cards.alarm_card, v)) for n, v in ALARMS.items()),
        *(Sample("report_form_card", n, partial(cards.report_form_card, v)) for n, v in FORMS.items()),
        *(Sample("found_card", n, partial(cards.found_card, v)) for n, v in FOUND.items()),
        *(Sample("trigger_card", n, partial(cards.trigger_card, v)) for n, v in TRIGGERS.items()),
        *(Sample("plan_card", n, partial(cards.plan_card, v)) for n, v in PLANS.items()),
        *(Sample("verdict_card", n, partial(cards.verdict_card, v)) for n, v in VERDICTS.items()),
        *(Sample("evidence_card", n, partial(cards.evidence_card, v)) for n, v in EVIDENCES.items()),
        *(Sample("pick_card", n, partial(cards.pick_card, v)) for n, v in PICKS.items()),
        *(Sample("choice_card", n, partial(cards.choice_card, v)) for n, v in CHOICES.items()),
        *(Sample("nearest_card", n, partial(cards.nearest_card, v)) for n, v in NEARESTS.items()),
        *(Sample("help_card", n, partial(cards.help_card, v)) for n, v in HELPS.items()),
        *(Sample("whoami_card", n, partial(cards.whoami_card, v)) for n, v in WHOAMIS.items()),
        *(Sample("home_card", n, partial(cards.home_card, v)) for n, v in HOMES.items()),
        *(Sample("welcome_card", n, partial(cards.welcome_card, v)) for n, v in WELCOMES.items()),
        *(Sample("incidents_card", n, partial(cards.incidents_card, v)) for n, v in LISTS.items()),
        *(Sample("problem_card", n, partial(cards.problem_card, v)) for n, v in PROBLEMS.items()),
        *(Sample("setup_card", n, partial(cards.setup_card, v)) for n, v in SETUPS.items()),
        *(Sample("setup_news_card", n, partial(cards.setup_news_card, v)) for n, v in SETUP_NEWS.items()),
        *(Sample("report_card", n, partial(cards.report_card, v)) for n, v in REPORTS.items()),
        *(Sample("notice_card", n, partial(cards.notice_card, v)) for n, v in NOTICES.items()),
    )


SAMPLES = _samples()
