"""How the card about partners can look."""

from __future__ import annotations

from datetime import timedelta

from cards.views import ButtonStyle, Choice, PartnerLine, PartnersView, RecallBox
from tools.gallery.cast import BARE, HOSTILE, LARGE_PERSON, LONG, LONG_NAME, MEGAN, OPENED, A, G, N, W, button

_LATER = OPENED + timedelta(hours=2)
_SEND = (button("Send now", "partners.send", ButtonStyle.POSITIVE), button("Write it anew", "partners.anew"))
_ANSWER = (button("Note the answer", "partners.answered"),)
_MONEY = (button("Money may have moved", "partners.money"),)
_PREVIEW = (
    "We are working on a security incident (IR-0007): an account of ours was taken over.",
    "Account: m…@contoso.com",
    "Somebody in Lagos used the account for 25 minutes.",
    "What we know so far:",
    "• “…” went to 220 recipients",
    "Please confirm that you have this, and say who takes care of it. It was sent by Alex Wilber.",
)
_NORTHWIND = PartnerLine("Northwind IT", "IT provider (MSP)", "Ready to be sent", N, "+1 425 555 0100")
_PROSEWARE = PartnerLine("Proseware Insurance", "Insurer", "Ready to be sent", N)
_WOODGROVE = PartnerLine("Woodgrove Bank", "Bank", "To be called", W, "+1 425 555 0177")
_WHO = (Choice("northwind", "Northwind IT"), Choice("woodgrove", "Woodgrove Bank"), Choice("other", "Somebody else"))
_RECALL = RecallBox("61 hours left", OPENED + timedelta(hours=72))

PARTNERS = {
    "smallest": PartnersView("IR-0007", BARE, (), closed=True),
    "nobody": PartnersView(
        "IR-0007",
        MEGAN,
        (),
        how_to="No partners are configured. Call them by hand: the task stands in this thread.",
        who_input="partner",
        name_input="name",
        who_answered=(Choice("other", "Somebody else"),),
        answer_buttons=_ANSWER,
        buttons=_MONEY,
    ),
    "prepared": PartnersView(
        "IR-0007",
        MEGAN,
        (_NORTHWIND, _PROSEWARE, _WOODGROVE),
        preview_subject="IR-0007: security incident, please confirm",
        preview=_PREVIEW,
        prepared_by="Alex Wilber",
        prepared_at=_LATER,
        send_input="partners",
        to_send=(
            Choice("northwind", "Northwind IT: soc@northwind.example and webhook"),
            Choice("proseware", "Proseware Insurance: claims@proseware.example"),
        ),
        send_buttons=_SEND,
        who_input="partner",
        name_input="name",
        who_answered=_WHO,
        answer_buttons=_ANSWER,
        buttons=_MONEY,
    ),
    "told": PartnersView(
        "IR-0007",
        MEGAN,
        (
            PartnerLine(
                "Northwind IT",
                "IT provider (MSP)",
                "Answered: Kim Abercrombie",
                G,
                "+1 425 555 0100",
                ("Mail sent", "Webhook taken", "Confirmed by Alex Wilber"),
                _LATER,
            ),
            PartnerLine(
                "Proseware Insurance",
                "Insurer",
                "Not reached: call them",
                A,
                details=("Mail came back: There is no such address (5.1.1).", "Confirmed by Alex Wilber"),
                at=_LATER,
            ),
            _WOODGROVE,
        ),
        recall=_RECALL,
        preview_subject="IR-0007: security incident, please confirm",
        preview=_PREVIEW,
        prepared_by="Alex Wilber",
        prepared_at=_LATER,
        send_buttons=_SEND[1:],
        who_input="partner",
        name_input="name",
        who_answered=_WHO[1:],
        answer_buttons=_ANSWER,
    ),
    "bank-called": PartnersView(
        "IR-0007",
        MEGAN,
        (_WOODGROVE,),
        recall=RecallBox("60 hours left", OPENED + timedelta(hours=72), "Alex Wilber", _LATER),
        closed=True,
    ),
    "hostile": PartnersView(
        "IR-0007",
        MEGAN,
        tuple(PartnerLine(text, text, text, A, text, (text,), _LATER) for text in HOSTILE),
        preview_subject=HOSTILE[0],
        preview=HOSTILE,
        prepared_by=HOSTILE[1],
        send_input="partners",
        to_send=tuple(Choice(str(number), text) for number, text in enumerate(HOSTILE)),
        send_buttons=_SEND,
        notice=HOSTILE[2],
    ),
    "largest": PartnersView(
        "IR-00007",
        LARGE_PERSON,
        tuple(PartnerLine(LONG_NAME, LONG, LONG, A, LONG, (LONG * 2,) * 3, _LATER) for _ in range(20)),
        recall=RecallBox(LONG, _LATER),
        preview_subject=LONG * 2,
        preview=(LONG * 4,) * 60,
        prepared_by=LONG_NAME,
        prepared_at=_LATER,
        send_input="partners",
        to_send=tuple(Choice(f"contact-{number}", LONG_NAME) for number in range(20)),
        send_buttons=_SEND,
        who_input="partner",
        name_input="name",
        who_answered=tuple(Choice(f"contact-{number}", LONG_NAME) for number in range(21)),
        answer_buttons=_ANSWER,
        buttons=_MONEY,
        notice=LONG * 3,
    ),
}
