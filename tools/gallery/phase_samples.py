"""How the cards of the later phases, of tasks and of the closing can look."""

from __future__ import annotations

from datetime import timedelta

from cards.views import (
    BalanceLine,
    ButtonStyle,
    ClosingView,
    PhaseLine,
    PhaseView,
    TaskGroup,
    TaskLine,
    TasksView,
    TaskView,
)
from tools.gallery.cast import BARE, HOSTILE, LARGE_PERSON, LONG, LONG_NAME, MEGAN, OPENED, PATTI, A, G, N, W, button

_CHECK = button("Check", "step.check", ButtonStyle.POSITIVE)
_CHECK_AGAIN = button("Check again", "step.check")
_PLAN = button("Plan…", "step.plan")
_PLAN_NEXT = button("Plan…", "step.plan", ButtonStyle.POSITIVE)
_TASK = button("Open task…", "task.show")
_START = button("Start…", "educate.open")
_DONE = button("Done", "task.done", ButtonStyle.POSITIVE)
_JUST_DONE = button("Done", "task.done")
_LATER = OPENED + timedelta(hours=3)

_RECOVER = (
    PhaseLine(
        "Check updates",
        "done",
        G,
        "Windows and Office are up to date on both devices.",
        at=_LATER,
        buttons=(_CHECK_AGAIN,),
    ),
    PhaseLine("Check the firewall", "running", N, ""),
    PhaseLine("Look at the private PC", "open", N, "IRBot cannot see it.", buttons=(_TASK,)),
    PhaseLine(
        "Restore roles", "ready", A, "2 changes, to be asked for.", at=_LATER, buttons=(button("Plan again…", "p"),)
    ),
    PhaseLine("Unlock sign-in", "open", N, "The owner can work again.", buttons=(_PLAN_NEXT,)),
    PhaseLine("Let the account send again", "planning", N, ""),
)
PHASES = {
    "smallest": PhaseView("IR-0007", "Strengthen", "Make the next break-in harder.", BARE, ()),
    "recover": PhaseView("IR-0007", "Recover", "Give the account back safely, and watch it.", MEGAN, _RECOVER),
    "folded": PhaseView(
        "IR-0007", "Recover", "Give the account back safely, and watch it.", MEGAN, _RECOVER[:1], folded=_RECOVER[1:]
    ),
    "strengthen": PhaseView(
        "IR-0007",
        "Strengthen",
        "Make the next break-in harder, for everybody.",
        MEGAN,
        (
            PhaseLine(
                "Ask everybody for a second factor", "waiting", W, "Decide on the incident's card.", who="Alex Wilber"
            ),
            PhaseLine(
                "Switch IMAP off for everybody",
                "not-evaluated",
                W,
                "IRBot's app lacks the permission AuditLog.Read.All. Ask an Entra administrator to grant it.",
                at=_LATER,
                buttons=(button("Plan again…", "step.plan"),),
            ),
            PhaseLine(
                "Teach the lesson", "open", N, "People who know the trick do not fall for it.", buttons=(_START,)
            ),
            PhaseLine("Recommended licences", "open", N, "What would have shown more.", buttons=(_CHECK,)),
        ),
        notice="The task “Look at the private PC” stands in this thread.",
    ),
    "closed": PhaseView(
        "IR-0007",
        "Recover",
        "Give the account back safely, and watch it for a while.",
        MEGAN,
        (PhaseLine("Unlock sign-in", "done", G, "Checked. Sign-in: Allowed.", "Alex Wilber", _LATER),),
        closed=True,
    ),
    "hostile": PhaseView(
        "IR-0007",
        "Recover",
        "Give the account back safely.",
        MEGAN,
        tuple(PhaseLine("Unlock sign-in", "failed", A, each, each, _LATER, (_PLAN,)) for each in HOSTILE),
    ),
    "largest": PhaseView(
        "IR-12345",
        LONG_NAME,
        LONG * 3,
        LARGE_PERSON,
        tuple(PhaseLine(LONG * 3, "unknown", A, LONG * 5, LONG_NAME, _LATER, (_PLAN,)) for _ in range(60)),
        closed=True,
        notice=LONG * 3,
    ),
}

_BY_HAND = (
    "Start the PC without the network.",
    "Run a full scan with Microsoft Defender, offline.",
    "Install all updates, then tell us what was found.",
)
_TAKE, _WAIVE = button("I take it", "task.take"), button("Waive", "task.waive")
TASKS = {
    "smallest": TaskView("Call the bank", "IR-0007 · Megan Bowen", ("Ask for a recall.",), "open"),
    "open": TaskView(
        "Look at the private PC",
        "IR-0007 · Megan Bowen",
        _BY_HAND,
        "open",
        due_at=_LATER,
        note_input="note",
        buttons=(_DONE, _TAKE, _WAIVE),
    ),
    "on-premises": TaskView(
        "Scramble password: on-premises",
        "IR-0008 · Patti Fernandez",
        (
            "The password lives in your on-premises directory. Reset it for CONTOSO\\patti in Active Directory, twice.",
            "When it is done and synchronised, press Check again.",
        ),
        "open",
        assignee="Diego Siciliani",
        due_at=_LATER,
        reminder=True,
        checked="It does not show in Microsoft 365 yet. The next sync may bring it.",
        note_input="note",
        buttons=(button("Check again", "task.check", ButtonStyle.POSITIVE), _JUST_DONE, _WAIVE),
    ),
    "done": TaskView(
        "Look at the private PC",
        "IR-0007 · Megan Bowen",
        _BY_HAND,
        "done",
        done_by="Alex Wilber",
        done_at=_LATER,
        note="Two old programs removed.",
    ),
    "waived": TaskView(
        "Look at the private PC",
        "IR-0007 · Megan Bowen",
        _BY_HAND,
        "waived",
        done_by="Adele Vance",
        done_at=_LATER,
        note="There is no private PC.",
    ),
    "largest": TaskView(
        LONG * 3,
        LONG * 3,
        tuple(LONG * 3 for _ in range(80)),
        "open",
        assignee=LONG_NAME,
        due_at=_LATER,
        reminder=True,
        checked=LONG * 3,
        note_input="note",
        buttons=(_DONE, _JUST_DONE, _TAKE, _WAIVE),
        notice=LONG * 3,
    ),
}

_TICK = button("Done", "task.done")
LISTS_OF_TASKS = {
    "smallest": TasksView(()),
    "usual": TasksView(
        (
            TaskGroup(
                "IR-0007 · Megan Bowen",
                (
                    TaskLine("Look at the private PC", None, OPENED, overdue=True, buttons=(_TICK,)),
                    TaskLine("Call the bank", "Diego Siciliani", _LATER, overdue=False, buttons=(_TICK,)),
                ),
            ),
            TaskGroup("IR-0008 · Patti Fernandez", (TaskLine("Reset the password", "Adele Vance", _LATER, False),)),
        ),
        notice="Somebody has ended this task already.",
    ),
    "largest": TasksView(
        tuple(
            TaskGroup(LONG_NAME, tuple(TaskLine(LONG * 3, LONG_NAME, _LATER, True, (_TICK,)) for _ in range(9)))
            for _ in range(9)
        ),
        more=123,
        notice=LONG * 3,
    ),
}

_ENDED = (
    BalanceLine("Block sign-in", "Checked. Sign-in: Blocked.", "Alex Wilber"),
    BalanceLine("Remove inbox rules", "All 3 changes show.", "Adele Vance"),
    BalanceLine("Unlock sign-in", "Checked. Sign-in: Allowed.", "Adele Vance"),
)
_GAPS = (BalanceLine("Mark as compromised", "This organisation has no licence for Entra ID P2."),)
_LESSONS = (
    "A false sign-in page took the session. Passkeys and security keys do not work on such pages.",
    "The account was locked 4 minutes after the incident was opened.",
    "1 check could not be made. Most often a licence or a permission is missing: see to it before the next incident.",
)
_REPORT, _TEACH = button("Final report…", "report.show"), button("Teach the lesson…", "educate.open")
CLOSINGS = {
    "smallest": ClosingView("IR-0007", BARE, (), (), (), (), ()),
    "ready": ClosingView(
        "IR-0007",
        MEGAN,
        _ENDED,
        _GAPS,
        (BalanceLine("Look at the private PC", "Waived. There is none.", "Adele Vance"),),
        (),
        _LESSONS,
        buttons=(button("Close incident", "close.confirm", ButtonStyle.POSITIVE), _TEACH, _REPORT),
    ),
    "open": ClosingView(
        "IR-0008",
        PATTI,
        _ENDED[:1],
        _GAPS,
        (),
        (
            BalanceLine("To do by hand: Scramble password: on-premises"),
            BalanceLine("Strengthen: not begun", "Switch IMAP off for everybody, Teach the lesson"),
        ),
        _LESSONS,
        reason_input="reason",
        buttons=(button("Close all the same", "close.confirm", ButtonStyle.DESTRUCTIVE), _TEACH, _REPORT),
    ),
    "closed": ClosingView(
        "IR-0008",
        PATTI,
        _ENDED[:1],
        _GAPS,
        (),
        (BalanceLine("Strengthen: not begun", "Switch IMAP off for everybody, Teach the lesson"),),
        _LESSONS,
        closed_by="Alex Wilber",
        closed_at=_LATER,
        reason="Tracked in the yearly plan.",
        buttons=(_REPORT,),
    ),
    "hostile": ClosingView(
        "IR-0007",
        MEGAN,
        tuple(BalanceLine(each, each, each) for each in HOSTILE),
        tuple(BalanceLine(each, each, each) for each in HOSTILE),
        (),
        tuple(BalanceLine(each, each, each) for each in HOSTILE),
        HOSTILE,
        closed_by=HOSTILE[0],
        closed_at=_LATER,
        reason=HOSTILE[1],
    ),
    "largest": ClosingView(
        "IR-12345",
        LARGE_PERSON,
        *(tuple(BalanceLine(LONG * 3, LONG * 5, LONG_NAME) for _ in range(60)) for _ in range(4)),
        lessons=tuple(LONG * 3 for _ in range(9)),
        reason_input="reason",
        buttons=(button("Close all the same", "close.confirm", ButtonStyle.DESTRUCTIVE), _TEACH, _REPORT),
        notice=LONG * 3,
    ),
}
