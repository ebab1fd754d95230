"""Samples of warnings and lessons: what people send, and what the recipients see in each language."""

from __future__ import annotations

from datetime import timedelta

from cards.blast_views import (
    AnswerLine,
    BlastView,
    Choice,
    ComposerView,
    CountLine,
    DepartmentLine,
    FactLine,
    Field,
    LessonView,
    Preview,
    WarningView,
)
from cards.views import ButtonStyle
from dialogs.letters import lesson_view, warning_view
from services.blasts.languages import Language
from services.blasts.lessons import library
from services.blasts.model import AnswerWord, Delivery, Recipient, RecipientState, Via
from services.blasts.warnings import Lure, mail_text
from tools.gallery.cast import HOSTILE, LONG, LONG_NAME, OPENED, A, G, N, W, button, object_id

BLAST_ID, NONCE = object_id(88), "q7Jb0mE4r2uYwXvT9cKd1A"
LURE = Lure(("Invoice ••• overdue", "Updated bank details"), "m•••@contoso.com", OPENED, OPENED + timedelta(hours=3))
ABOUT = {"lure": LURE.to_json(), "bot": "IRBot", "helpdesk": "the helpdesk, extension 4000"}
LESSONS_OF_ALL = library()
QR = LESSONS_OF_ALL["qr-codes"]


def _delivery(answer: AnswerWord, *, understood: bool) -> Delivery:
    person = Recipient(object_id(9), Via.TEAMS, "Lee Gu")
    return Delivery(
        number=1,
        recipient=person,
        state=RecipientState.SENT,
        attempts=1,
        reason=None,
        sent_at=OPENED,
        read_at=OPENED,
        acknowledged_at=OPENED if understood else None,
        answer=answer,
        answered_at=OPENED,
    )


LESSONS: dict[str, LessonView] = {
    **{
        f"{language.value}-{lesson.id}": lesson_view(lesson.texts[language], language, BLAST_ID, NONCE)
        for lesson in (QR, LESSONS_OF_ALL["invoice-fraud"])
        for language in Language
    },
    "right": lesson_view(
        QR.texts[Language.EN],
        Language.EN,
        BLAST_ID,
        NONCE,
        delivery=_delivery(AnswerWord.RIGHT, understood=False),
        picked=1,
    ),
    "not-quite": lesson_view(
        QR.texts[Language.DE],
        Language.DE,
        BLAST_ID,
        NONCE,
        delivery=_delivery(AnswerWord.WRONG, understood=False),
        picked=0,
    ),
    "done": lesson_view(
        QR.texts[Language.FR],
        Language.FR,
        BLAST_ID,
        NONCE,
        delivery=_delivery(AnswerWord.RIGHT, understood=True),
        picked=1,
    ),
    "smallest": LessonView("Lesson", "A", "B", ("C",), "D?", (AnswerLine("0", "E"), AnswerLine("1", "F")), "G", "H"),
    "largest": LessonView(
        *(LONG, LONG, LONG * 3, (LONG * 2,) * 4, LONG),
        tuple(AnswerLine(str(n), LONG) for n in range(4)),
        *(LONG, LONG * 3),
        button=button(LONG, "lesson.answer"),
    ),
    "hostile": LessonView(
        "Lesson", HOSTILE[0], HOSTILE[1], HOSTILE, HOSTILE[2], (AnswerLine("0", HOSTILE[3]),), "G", "H"
    ),
}
WARNINGS: dict[str, WarningView] = {
    **{language.value: warning_view(ABOUT, language, BLAST_ID, NONCE) for language in Language},
    "clicked": warning_view(ABOUT, Language.EN, BLAST_ID, NONCE, AnswerWord.CLICKED),
    "not-clicked": warning_view(ABOUT, Language.ES, BLAST_ID, NONCE, AnswerWord.NOT_CLICKED),
    "smallest": WarningView("A", "B", "C", (), "D", (OPENED,), ("E",), "F", "G", "H?"),
    "largest": WarningView(
        *(LONG, LONG * 3, LONG, tuple(FactLine(LONG, LONG * 3) for _ in range(6)), LONG, (OPENED, OPENED)),
        *((LONG * 2,) * 4, LONG * 2, LONG * 5, LONG),
        buttons=(button(LONG, "warn.clicked"), button(LONG, "warn.not-clicked")),
    ),
    "hostile": WarningView(
        "A", HOSTILE[0], "C", tuple(FactLine("S", each) for each in HOSTILE), "D", (), (), "F", "G", "H"
    ),
}

_PICK = (Choice("ticked", "Those who got the messages that are ticked"), Choice("window", "Everybody: 251 addresses"))
_MESSAGES = (
    Choice("a1", "“Invoice 20931 overdue” to 211 addresses, 14 Mar 02:11 UTC"),
    Choice("b2", "“Updated bank details” to 40 addresses, 14 Mar 03:05 UTC"),
    Choice("c3", "“Lunch on Friday” to 6 addresses, 12 Mar 11:40 UTC"),
)
DRAW_UP = button("Draw it up…", "warn.preview", ButtonStyle.POSITIVE)
COMPOSERS: dict[str, ComposerView] = {
    "smallest": ComposerView("", "Send a lesson", "One minute.", (), buttons=(DRAW_UP,)),
    "warning": ComposerView(
        "IR-0007",
        "Warn those who got the mail",
        "Choose the messages. You see who gets which words before anything is sent.",
        (
            Field("which", "choice", "Whom to warn", _PICK, "ticked", required="Choose whom to warn."),
            Field("messages", "choices", "Messages", _MESSAGES, "a1,b2"),
            Field("add", "text", "Warn these addresses as well", hint="somebody@fabrikam.com", folded=True),
            Field("date", "date", "Not before this day", folded=True),
            Field("time", "time", "Not before this time (Europe/Berlin)", folded=True),
        ),
        ("The message trace was not evaluated completely: 19,873 messages were read, there are more.",),
        (DRAW_UP,),
    ),
    "lesson": ComposerView(
        "",
        "Send a lesson",
        "One card, one minute, one question.",
        (
            Field(
                "lesson", "choice", "Lesson", tuple(Choice(e.id, e.title) for e in LESSONS_OF_ALL.values()), "qr-codes"
            ),
            Field("pick", "choice", "For whom", (Choice("everybody", "Everybody with a licence"),), "everybody"),
            Field("names", "text", "Names, one a line", hint="Finance, Sales"),
        ),
        (),
        (DRAW_UP,),
    ),
    "largest": ComposerView(
        LONG_NAME,
        LONG,
        LONG * 3,
        (
            Field("messages", "choices", LONG, tuple(Choice(str(n), LONG * 3) for n in range(80)), "0,1"),
            *(Field(f"t{n}", "text", LONG, hint=LONG, folded=True) for n in range(4)),
        ),
        (LONG * 3,) * 20,
        (DRAW_UP,),
    ),
}

_REACH = "214 inside, 37 outside"
_WAYS = (CountLine("in Teams", 209), CountLine("colleagues by mail", 5), CountLine("outside by mail", 37))
_PREVIEWS = (
    Preview("English", warning=WARNINGS["en"]),
    Preview("Deutsch", warning=WARNINGS["de"]),
    Preview("English, mail to the outside", mail=mail_text(Language.EN, LURE, outside=True, helpdesk="")),
)
_NOTES = ("3 not warned: the account of another open incident", "The members of Everybody could not be read.")
_PEOPLE = tuple(Choice(str(n), f"Lee Gu {n} · Manufacturing") for n in range(40))
BLASTS: dict[str, BlastView] = {
    "smallest": BlastView(
        "", "Lesson", "A", "Drawn up", N, "B", "1 person", (CountLine("in Teams", 1),), requester="Lee"
    ),
    "draft": BlastView(
        *("IR-0007", "Warning", "Mail from the account of Megan Bowen", "Drawn up", N),
        *("Look at how it reads and who gets it, then ask a second person.", _REACH, _WAYS),
        when="As soon as it is approved",
        requester="Grady Archie",
        notes=_NOTES,
        people=_PEOPLE,
        may_leave_out=True,
        more_people=211,
        previews=_PREVIEWS,
        buttons=(
            button(f"Ask to warn {_REACH}…", "blast.ask", ButtonStyle.POSITIVE),
            button("Leave out who is ticked", "blast.drop"),
            button("Cancel", "blast.cancel"),
        ),
    ),
    "waiting": BlastView(
        *("IR-0007", "Warning", "Mail from the account of Megan Bowen", "Waits for a second person", W),
        *("Somebody else with the Approver role must decide.", _REACH, _WAYS),
        when="First to 10, as soon as it is approved",
        requester="Grady Archie",
        expires_at=OPENED + timedelta(days=1),
        notes=_NOTES,
        people=_PEOPLE[:12],
        more_people=239,
        previews=_PREVIEWS,
        buttons=(
            button(f"Warn {_REACH}", "blast.approve", ButtonStyle.DESTRUCTIVE),
            button("Refuse", "blast.refuse"),
            button("Cancel", "blast.cancel"),
        ),
    ),
    "running": BlastView(
        *("IR-0007", "Warning", "Mail from the account of Megan Bowen", "Being sent", N),
        *("You need not do anything.", _REACH, _WAYS),
        counts=(
            CountLine("sent", 120, G),
            CountLine("to go", 131),
            CountLine("clicked it", 2, A),
            CountLine("did not", 44),
        ),
        percent=47,
        left="about 4 min left",
        when="As soon as it is approved",
        requester="Grady Archie",
        decided_by="Adele Vance",
        buttons=(button("Pause", "blast.pause"), button("Cancel", "blast.cancel")),
    ),
    "done": BlastView(
        *("", "Lesson", "A QR code is a link, too", "Sent", G, "Answers come in as people read it."),
        *("4,812 people", (CountLine("in Teams", 4812),)),
        counts=(
            *(CountLine("sent", 4790, G), CountLine("read", 3911), CountLine("answered right", 2904)),
            *(CountLine("answered otherwise", 310), CountLine("understood", 3100), CountLine("not reached", 20, W)),
            CountLine("outcome unknown", 2, W),
        ),
        when="In everybody's working hours, as soon as it is approved",
        requester="Grady Archie",
        decided_by="Adele Vance",
        problems=(
            "18 not reached: IRBot is not installed for this person.",
            "2 not reached: The person has blocked IRBot.",
        ),
        departments=(
            DepartmentLine("Sales", 1200, 900),
            DepartmentLine("Finance", 310, 290),
            DepartmentLine("", 12, 3),
        ),
        departments_done="have finished it",
        buttons=(
            button("Send again to the 2 unknown", "blast.again"),
            button("Remind who has not answered…", "blast.remind"),
            button("Take back what was sent", "blast.recall"),
        ),
    ),
    "largest": BlastView(
        *(LONG_NAME, "Warning", LONG, LONG, A, LONG * 3, LONG, (CountLine(LONG, 123_456),) * 3),
        counts=(CountLine(LONG, 99_999, A),) * 11,
        percent=99,
        left=LONG,
        when=LONG,
        starts_at=OPENED,
        requester=LONG_NAME,
        decided_by=LONG_NAME,
        expires_at=OPENED,
        notes=(LONG * 3,) * 20,
        people=tuple(Choice(str(n), LONG) for n in range(40)),
        may_leave_out=True,
        more_people=99_000,
        previews=tuple(Preview(LONG, warning=WARNINGS["largest"]) for _ in range(8)),
        departments=tuple(DepartmentLine(LONG_NAME, 99_999, 9_999) for _ in range(30)),
        departments_done=LONG,
        problems=(LONG * 3,) * 10,
        buttons=tuple(button(LONG, "blast.pause") for _ in range(5)),
        notice=LONG,
    ),
}
