"""The verdicts: of a quiet account, of a plain case, of one with everything, and of one in hostile words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cards.views import ClaimGroup, ClaimLine, EventLine, GapLine, PersonLine, Tone, VerdictView
from tools.gallery.cast import BARE, HOSTILE, LARGE_PERSON, LONG, LONG_NAME, MEGAN, OPENED, A, N, W, object_id

_IN = OPENED - timedelta(hours=41)
SMALLEST = VerdictView(
    incident_number="IR-0001",
    subject=BARE,
    summary=ClaimLine("Nothing alarming was found. That does not prove that nobody was there."),
    tone=N,
    confidence="Cannot tell",
    confidence_why="No check found more than notes.",
    as_of=OPENED,
)
USUAL = VerdictView(
    incident_number="IR-0007",
    subject=MEGAN,
    summary=ClaimLine("Somebody else was in the account of Megan Bowen.", ("Review sign-ins",)),
    tone=A,
    confidence="High",
    confidence_why="3 checks raise an alarm: Review sign-ins, Trace sent mail, Check inbox rules.",
    as_of=OPENED + timedelta(minutes=8),
    groups=(
        ClaimGroup(
            "Since when",
            (
                ClaimLine(
                    "They were in since, or earlier",
                    ("Review sign-ins",),
                    ("Signed in from Lagos, NG (203.0.113.24)",),
                    _IN,
                ),
            ),
        ),
        ClaimGroup(
            "How they got in",
            (
                ClaimLine(
                    "Most likely by guessing the password from Lagos, NG.",
                    ("Review sign-ins",),
                    (
                        "A country where this person never was: NG",
                        "14 wrong passwords, then a sign-in that worked",
                    ),
                ),
            ),
        ),
        ClaimGroup(
            "What they read, took or changed",
            (
                ClaimLine(
                    "Inbox rule “.”",
                    ("Check inbox rules",),
                    ("Looks for words about money", "Moves mail to RSS Feeds"),
                    not_checked=("Assess exposure",),
                ),
                ClaimLine("Mail was read 120 times", ("Review activity",), ("From Lagos, NG (203.0.113.24)",)),
            ),
        ),
        ClaimGroup(
            "What was sent",
            (
                ClaimLine(
                    "Mail that looks like the intruder's went to 214 people, 30 inside and 184 outside your "
                    "organisation.",
                    ("Trace sent mail",),
                ),
            ),
        ),
    ),
    still_open=(
        ClaimLine("Remove inbox rules: 1 item proposed and not removed"),
        ClaimLine("Look at these accounts, too: joni@contoso.com", ("Review sign-ins",)),
    ),
    events=(
        EventLine(_IN, "Signed in from Lagos, NG (203.0.113.24)", ("Review sign-ins",), A),
        EventLine(_IN + timedelta(minutes=9), "Mail was read 120 times", ("Review activity",), W),
        EventLine(
            _IN + timedelta(hours=7),
            "“Shared document” went to 214 recipients",
            ("Trace sent mail", "Review activity"),
            A,
        ),
        EventLine(OPENED + timedelta(minutes=4), "IRBot blocked the sign-in", ("Block sign-in",), N),
    ),
    gaps=(GapLine("Assess exposure", "Microsoft 365 did not answer in time."),),
)
_LONG_CLAIM = ClaimLine(LONG * 3, (LONG_NAME,) * 12, (LONG,) * 9, OPENED, (LONG_NAME,) * 12)
VERDICTS = {
    "smallest": SMALLEST,
    "blind": replace(
        SMALLEST,
        subject=MEGAN,
        tone=Tone.WARNING,
        summary=ClaimLine(
            "Nothing alarming was found where IRBot could look. Some checks could not be made.",
            not_checked=("Review sign-ins", "Trace sent mail"),
        ),
        confidence_why="No check found more than notes. 2 checks were not, or not wholly, made.",
        groups=(
            ClaimGroup(
                "What was sent",
                (
                    ClaimLine(
                        "It is not known whether somebody else sent mail.",
                        not_checked=("Trace sent mail",),
                    ),
                ),
            ),
        ),
        gaps=(
            GapLine("Review sign-ins", "The sign-in log needs Microsoft Entra ID P1."),
            GapLine("Trace sent mail", "IRBot may not read the message trace. Ask your administrator."),
        ),
    ),
    "usual": USUAL,
    "largest": replace(
        USUAL,
        incident_number="IR-99999",
        subject=LARGE_PERSON,
        summary=_LONG_CLAIM,
        confidence_why=LONG * 3,
        groups=tuple(ClaimGroup(group.title, (_LONG_CLAIM,) * 30) for group in USUAL.groups),
        still_open=(_LONG_CLAIM,) * 40,
        events=tuple(
            EventLine(OPENED + timedelta(minutes=n), f"{n} {LONG * 2}", (LONG_NAME,) * 5, (A, W, N)[n % 3])
            for n in range(150)
        ),
        gaps=tuple(GapLine(LONG_NAME, LONG * 3) for _ in range(20)),
    ),
    "hostile": replace(
        USUAL,
        subject=PersonLine(HOSTILE[0], HOSTILE[7], object_id(9), HOSTILE[1], HOSTILE[2], (HOSTILE[3], HOSTILE[4])),
        summary=ClaimLine(HOSTILE[5]),
        confidence_why=HOSTILE[2],
        groups=(ClaimGroup(HOSTILE[1], tuple(ClaimLine(text, (text,), (text,), OPENED, (text,)) for text in HOSTILE)),),
        still_open=tuple(ClaimLine(text, (text,), (text,)) for text in HOSTILE),
        events=tuple(EventLine(OPENED, text, (text,), A) for text in HOSTILE),
        gaps=tuple(GapLine(text, text) for text in HOSTILE),
    ),
}
