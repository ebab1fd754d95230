"""Evidence behind a finding, and cards on which one of several things is picked."""

from __future__ import annotations

from cards.views import ButtonStyle, EvidencePiece, EvidenceView, PickView
from tools.gallery.cast import BARE, HOSTILE, LARGE_PERSON, LONG, MEGAN, OPENED, A, N, button

_SHOW = button("Show evidence", "evidence.one", ButtonStyle.POSITIVE)
_OPEN = button("Open an incident", "link.open", ButtonStyle.POSITIVE)
_SUM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EVIDENCES = {
    "smallest": EvidenceView("IR-0001", BARE, "An automatic reply is on", N, "Check forwarding"),
    "usual": EvidenceView(
        "IR-0007",
        MEGAN,
        "Signed in from Lagos, NG (203.0.113.24)",
        A,
        "Review sign-ins",
        ("A country in which the account was never used", "1 by hand, 3 with tokens, 2 failed"),
        OPENED,
        (
            EvidencePiece(
                "sign-ins",
                OPENED,
                _SUM,
                (
                    "app: OfficeHome; city: Lagos; country: NG; ip: 203.0.113.24; succeeded: True",
                    "app: Exchange; city: Lagos; country: NG; ip: 203.0.113.24; succeeded: True",
                ),
            ),
        ),
    ),
    "largest": EvidenceView(
        "IR-99999", LARGE_PERSON, LONG * 3, A, LONG, (LONG,) * 40, OPENED,
        (EvidencePiece(LONG, OPENED, _SUM, (LONG * 2,) * 20),) * 30,
    ),
    "hostile": EvidenceView(
        "IR-0007", MEGAN, HOSTILE[0], A, "Check inbox rules", HOSTILE, OPENED,
        (EvidencePiece("inbox rules", OPENED, _SUM, HOSTILE),),
    ),
}  # fmt: skip
PICKS = {
    "smallest": PickView("IR-0007", "Evidence", "Nothing is changed by looking.", "Which?", (("0", "One"),), _SHOW),
    "usual": PickView(
        "IR-0007",
        "Open another incident",
        "These accounts were used from the same addresses. Opening an incident changes nothing in an account.",
        "About whom?",
        (("0", "joni@contoso.com: from 203.0.113.24"), ("1", "lee@contoso.com: from 203.0.113.24")),
        _OPEN,
    ),
    "largest": PickView(
        "IR-99999", LONG, LONG * 3, LONG, tuple((str(number), LONG * 2) for number in range(90)), _SHOW
    ),
    "hostile": PickView(
        "IR-0007", "Evidence", HOSTILE[1], "Which?", tuple((str(n), each) for n, each in enumerate(HOSTILE)), _SHOW
    ),
}
