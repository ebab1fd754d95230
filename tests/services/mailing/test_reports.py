"""What a mail server's report says in plain words."""

from __future__ import annotations

import pytest

from services.mailing.reports import marks_in, reason_of
from services.microsoft365.messages import Report

MARK = "0f0f0f0f-1111-2222-3333-444444444444"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Remote server returned '550 5.1.1 user unknown'", "There is no such address (5.1.1)."),
        ("552 5.2.2 over quota", "The mailbox is full (5.2.2)."),
        ("5.2.99 something", "The mailbox does not take mail (5.2.99)."),
        ("554 5.7.606 banned", "The other side does not accept mail from us (5.7.606)."),
        ("5.9.9", "A mail server refused it (5.9.9)."),
        ("451 4.4.7 Message expired", "The other mail server could not be reached (4.4.7)."),
        ("451 4.3.2 try later", None),
        ("The host 5.1.1.1 of version 15.5.1.1 did not like it", "A mail server reported that it was not delivered."),
        ("first 4.3.2, in the end 5.1.10", "There is no such address (5.1.10)."),
    ],
)
def test_the_reason_is_told_from_the_status(text: str, reason: str | None) -> None:
    assert reason_of(Report(None, (), text)) == reason


def test_the_mark_of_our_mail_is_found_in_the_quoted_header() -> None:
    text = f"Original Message Headers\nSubject: x\nX-IRBot-Message: {MARK.upper()}\nx-irbot-message: {MARK}\n"
    assert marks_in(Report(None, (), text)) == (MARK,)
    assert marks_in(Report(None, (), "x-irbot-message: none")) == ()
