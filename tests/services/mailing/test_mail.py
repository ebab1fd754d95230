"""A mail is to one address, under one line, whatever text it is made of."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.errors import BadInput
from services.mailing import Mail
from services.mailing.mail import is_address


@given(st.text(max_size=120))
@settings(max_examples=200, deadline=None)
@example("Locked\r\nBcc: everybody@contoso.com")
@example("a\u2028b\x00c\ud800")
def test_a_subject_is_one_line_without_hidden_letters(subject: str) -> None:
    try:
        mail = Mail("k", "megan@contoso.com", subject, "Hello")
    except BadInput:
        assert not any(letter.isprintable() and not letter.isspace() for letter in subject)
        return
    assert mail.subject.isprintable()
    assert mail.subject == mail.subject.strip()


def test_an_ordinary_subject_stays_as_it_is() -> None:
    assert Mail("k", "megan@contoso.com", "IR-0007: Zoë of Łódź", "x").subject == "IR-0007: Zoë of Łódź"


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "megan",
            "a@b",
            "a@b.c\r\nBcc: d@e.f",
            "a@b.c,d@e.f",
            "a@b.c;d@e.f",
            "<a@b.c>",
            "a\x00@b.c",
            "a\u202e@b.c",
        ),
        *("a@b\u200b.c", "a\x1b@b.c", "a@b.c ", "a" * 320 + "@b.c"),
    ],
)
def test_what_is_more_or_less_than_one_address_is_none(address: str) -> None:
    assert not is_address(address)
    with pytest.raises(BadInput):
        Mail("k", address, "s", "t")
