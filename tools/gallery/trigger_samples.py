"""Samples of what starts by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cards.trigger_views import FoundView, ReportFormView, SignLine, TriggerView
from cards.views import ButtonStyle, IncidentLine
from tools.gallery.cast import HOSTILE, LARGE_PERSON, LONG, MEGAN, OPENED, A, N, W, button

_OPEN = button("Open an incident", "trigger.open", ButtonStyle.POSITIVE)
_DISMISS = button("Not a compromise", "trigger.dismiss")
_RISK = TriggerView(
    title="Contain Megan Bowen?",
    what="High risk, seen by Microsoft",
    tone=A,
    next_step="Open an incident, or say why it is no compromise. Nothing is locked until somebody decides.",
    person=MEGAN,
    signs=(
        SignLine("A sign-in token behaved oddly, as a stolen one does (Lagos, NG · 203.0.113.7)", OPENED),
        SignLine("Alert of Defender for Office 365: Suspicious sending", OPENED - timedelta(minutes=9)),
        SignLine("A sign-in was unlike the account's others (Lagos, NG · 203.0.113.7)", OPENED - timedelta(hours=1)),
    ),
    open_button=_OPEN,
    dismiss_button=_DISMISS,
    reason_input="reason",
    hint="Microsoft goes on counting the account as risky until somebody dismisses the risk in Entra.",
)
TRIGGERS = {
    "smallest": TriggerView("Contain svc?", "High risk, seen by Microsoft", W, "Open an incident."),
    "risk": _RISK,
    "rule": replace(
        _RISK,
        title="IR-0007: Megan Bowen",
        tone=N,
        next_step="Go on with the card of IR-0007, opened by the rule risk:high.",
        rule_note="The rule risk:high approved the lock, as an administrator set it.",
        open_button=None,
        dismiss_button=None,
        hint="",
    ),
    "dismissed": replace(
        _RISK,
        title="Not a compromise: Megan Bowen",
        tone=N,
        next_step="Nothing. Alex Wilber looked at it: She is at the fair in Lagos, I called her.",
        open_button=None,
        dismiss_button=None,
        hint="",
    ),
    "report": TriggerView(
        title="Contain Megan Bowen?",
        what="Reported as phishing",
        tone=W,
        next_step="Open an incident, or say why it is no compromise. Nothing is locked until somebody decides.",
        person=MEGAN,
        signs=(SignLine("Reported by Patti Fernandez, Grady Archie"), SignLine("Sent by Megan Bowen", OPENED)),
        excerpt="Please look at the invoice before noon",
        notes=("She never writes like this.",),
        open_button=_OPEN,
        dismiss_button=_DISMISS,
        reason_input="reason",
    ),
    "largest": replace(
        _RISK,
        title=LONG * 3,
        next_step=LONG * 3,
        person=LARGE_PERSON,
        signs=tuple(SignLine(LONG * 4, OPENED) for _ in range(50)),
        warnings=(LONG,) * 9,
        excerpt=LONG * 4,
        notes=(LONG * 4,) * 20,
        rule_note=LONG,
        notice=LONG,
    ),
    "hostile": replace(
        _RISK,
        title=HOSTILE[0],
        signs=tuple(SignLine(value, OPENED) for value in HOSTILE),
        excerpt=HOSTILE[1],
        notes=HOSTILE,
        rule_note=HOSTILE[2],
        notice=HOSTILE[3],
    ),
}
FORMS = {
    "smallest": ReportFormView("", checked=False, excerpt="", kind_input="kind", note_input="note"),
    "megan": ReportFormView("Megan Bowen (megan@contoso.com)", True, "Please look at the invoice", "kind", "note"),
    "largest": ReportFormView(LONG * 4, checked=True, excerpt=LONG * 4, kind_input="kind", note_input="note"),
    "hostile": ReportFormView(HOSTILE[0], checked=False, excerpt=HOSTILE[2], kind_input="kind", note_input="note"),
}
FOUND = {
    "smallest": FoundView(IncidentLine("IR-0007", "Megan Bowen", "Lock", "Press Lock account.", OPENED, "12 min", A)),
    "largest": FoundView(IncidentLine("IR-0007", LONG * 4, "Closed", LONG * 4, OPENED, "12 min", N)),
    "hostile": FoundView(IncidentLine("IR-0007", HOSTILE[0], "Lock", HOSTILE[1], OPENED, "12 min", N)),
}
