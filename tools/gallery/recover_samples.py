"""Samples of the gate, the pass and the watch."""

from __future__ import annotations

from datetime import timedelta

from cards.views import (
    AccessPassView,
    AlarmView,
    ButtonStyle,
    FindingLine,
    GateLine,
    GateView,
    LookLine,
    WatchView,
)
from tools.gallery.cast import ISAIAH, LARGE_PERSON, LONG, LONG_NAME, MEGAN, OPENED, A, G, N, W, button

_LATER = OPENED + timedelta(hours=25)
_CHECK = button("Check the gate", "gate.check", ButtonStyle.POSITIVE)
_WAIVE = button("Waive this line", "gate.waive")
_GIVE_BACK = button("Give the account back…", "gate.give-back", ButtonStyle.POSITIVE)
_TITLES = (
    ("methods", "No sign-in method of before is left"),
    ("rules", "Inbox rules are clean"),
    ("forwarding", "No mail is forwarded"),
    ("consents", "No suspicious app has consent"),
    ("delegates", "Nobody suspicious is let in"),
    ("devices", "Devices are checked"),
    ("mail-flow", "Mail flow is clean"),
    ("password", "The password is scrambled"),
    ("partner", "The partner has been told"),
)
_GREEN = tuple(GateLine(key, title, "green") for key, title in _TITLES)
_SHUT = (
    *_GREEN[:1],
    GateLine(
        "rules",
        "Inbox rules are clean",
        "shut",
        "Still there: Inbox rule “.” (sends mail to an address outside; deletes what it sends).",
    ),
    *_GREEN[2:5],
    GateLine(
        "devices",
        "Devices are checked",
        "waived",
        "Could not be looked at: 2 devices and phones, 0 suspicious. What is installed was not read.",
        "Adele Vance",
        "The two laptops were looked at by hand, ticket 4711.",
        OPENED,
    ),
    *_GREEN[6:8],
    GateLine("partner", "The partner has been told", "shut", "This has not been done."),
)
GATES = {
    "smallest": GateView(
        "IR-0007",
        MEGAN,
        (),
        "IRBot is looking at everything again. This takes a minute or two.",
        N,
        looking=True,
    ),
    "shut": GateView(
        "IR-0007",
        MEGAN,
        _SHUT,
        "Do what is left, or have an approver waive it. Then check the gate again.",
        W,
        looked_at=_LATER,
        line_input="line",
        reason_input="reason",
        buttons=(_WAIVE, _CHECK),
    ),
    "open": GateView(
        "IR-0008",
        ISAIAH,
        _GREEN,
        "Everything is green or waived. A responder who waived nothing asks for the account.",
        G,
        looked_at=_LATER,
        warnings=("This account is privileged, or may be. A second person must approve.",),
        buttons=(_GIVE_BACK, button("Check the gate", "gate.check")),
        notice="The plan stands in this thread.",
    ),
    "largest": GateView(
        "IR-00007",
        LARGE_PERSON,
        tuple(GateLine(key, LONG * 3, "shut", LONG * 20, LONG_NAME, LONG * 9, OPENED) for key, _ in _TITLES),
        LONG * 3,
        A,
        looked_at=_LATER,
        line_input="line",
        reason_input="reason",
        warnings=(LONG * 3,) * 9,
        buttons=(_GIVE_BACK, _WAIVE, _CHECK),
        notice=LONG * 9,
    ),
}

PASSES = {
    "smallest": AccessPassView("IR-0007", MEGAN, None),
    "shown": AccessPassView("IR-0007", MEGAN, "9k*Qz_7+", 60, OPENED + timedelta(minutes=15)),
    "largest": AccessPassView("IR-00007", LARGE_PERSON, "W" * 48, 43_200, OPENED),
}

_LOOK_NOW = button("Look now", "watch.look")
WATCHES = {
    "smallest": WatchView("IR-0007", MEGAN, None, None, ()),
    "usual": WatchView(
        "IR-0007",
        MEGAN,
        OPENED + timedelta(days=30),
        OPENED + timedelta(days=4),
        (
            LookLine(OPENED + timedelta(hours=72), "Nothing new", G),
            LookLine(_LATER, "1 thing is new", A),
            LookLine(OPENED + timedelta(hours=1), "Nothing new in what could be read", W),
            LookLine(OPENED, "The start: what was known then", N),
        ),
        buttons=(_LOOK_NOW,),
    ),
    "unread": WatchView(
        "IR-0007",
        MEGAN,
        OPENED + timedelta(days=30),
        OPENED + timedelta(days=1),
        (LookLine(OPENED + timedelta(hours=1), "Nothing new in what could be read", W),),
        unread=("Sign-ins: The sign-in log needs Microsoft Entra ID P1.",),
        buttons=(_LOOK_NOW,),
    ),
    "largest": WatchView(
        "IR-00007",
        LARGE_PERSON,
        OPENED,
        OPENED,
        tuple(LookLine(OPENED, LONG * 3, A) for _ in range(400)),
        unread=(LONG * 9,) * 8,
        tone=A,
        buttons=(_LOOK_NOW,),
        notice=LONG * 9,
    ),
}

_EVICT = button("Remove what they left…", "evict.review", ButtonStyle.POSITIVE)
_LOCK = button("Lock account…", "lock.ask", ButtonStyle.POSITIVE)
_AGAIN = button("Look again", "look.again")
ALARMS = {
    "smallest": AlarmView(
        "IR-0007",
        MEGAN,
        _LATER,
        (FindingLine("alarm", A, "New inbox rule: Inbox rule “..”"),),
        "Ask the owner whether it is theirs. If not, remove it.",
        A,
        buttons=(_EVICT, _AGAIN),
    ),
    "several": AlarmView(
        "IR-0007",
        MEGAN,
        _LATER,
        (
            FindingLine("alarm", A, "Sign-in is allowed again, and not by IRBot: perhaps by a directory sync"),
            FindingLine("alarm", A, "New forwarding: All mail is forwarded to drop@evil.example"),
            FindingLine("warning", W, "New sign-in method: Phone number +40 721555019 (mobile), registered just now"),
        ),
        "Lock the account again, then look at what else is new.",
        A,
        unread=("What was done with the account: Microsoft is still searching. Look again later.",),
        buttons=(_LOCK, button("Remove what they left…", "evict.review"), _AGAIN),
    ),
    "closed": AlarmView(
        "IR-0007",
        MEGAN,
        _LATER,
        (FindingLine("warning", W, "New app consent: The app “Mail Backup Pro”"),),
        "Open the incident again: IRBot looks at the account anew.",
        W,
        buttons=(button("Open it again", "watch.reopen", ButtonStyle.POSITIVE),),
    ),
    "largest": AlarmView(
        "IR-00007",
        LARGE_PERSON,
        OPENED,
        tuple(FindingLine("alarm", A, LONG * 9) for _ in range(200)),
        LONG * 3,
        A,
        unread=(LONG * 9,) * 8,
        buttons=(_LOCK, _EVICT, _AGAIN),
        notice=LONG * 9,
    ),
}
