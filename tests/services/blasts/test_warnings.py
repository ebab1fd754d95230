"""The warning's words are whole in every language, and nothing in it tells whose account it was."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from string import Formatter

import pytest

from services.blasts.languages import Language
from services.blasts.warning_words import WORDS, Words
from services.blasts.warnings import (
    Lure,
    filled,
    lure_from_json,
    lure_of,
    mail_text,
    masked_address,
    masked_subject,
    span,
)

AT = datetime(2026, 3, 14, 2, 41, tzinfo=UTC)
LURE = Lure(("Invoice ••• overdue", "Hello"), "m•••@contoso.com", AT, AT + timedelta(hours=3))
_LINKS = re.compile(r"https?:|www\.|\w@\w|\.com\b", re.IGNORECASE)


def _sentences(words: Words) -> list[str]:
    values = [getattr(words, each.name) for each in fields(words)]
    return [line for value in values for line in ([value] if isinstance(value, str) else value)]


@pytest.mark.parametrize("language", Language)
def test_every_language_says_everything_without_links(language: Language) -> None:
    sentences = _sentences(WORDS[language])
    assert all(sentence.strip() for sentence in sentences)
    assert not [sentence for sentence in sentences if _LINKS.search(sentence)]
    assert all(len(sentence) <= 400 for sentence in sentences)
    blanks = {name for sentence in sentences for _, name, _, _ in Formatter().parse(sentence) if name is not None}
    assert blanks == {"bot", "helpdesk"}


def test_the_languages_have_the_same_parts() -> None:
    shapes = {
        tuple(len(getattr(words, each.name)) for each in fields(words) if isinstance(getattr(words, each.name), tuple))
        for words in WORDS.values()
    }
    assert len(shapes) == 1
    assert set(WORDS) == set(Language)


def test_whom_to_ask_is_what_the_settings_say_or_said_in_general() -> None:
    sentence = WORDS[Language.DE].ask
    assert (
        filled(sentence, Language.DE, "IRBot", "Service {bot}, 4000") == "Fragen? Ansprechpartner: Service {bot}, 4000."
    )
    assert "Ihr IT-Helpdesk" in filled(sentence, Language.DE, "IRBot", "")


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("outside", [False, True])
def test_a_mail_holds_what_to_look_for_what_to_do_and_whom_to_ask(language: Language, *, outside: bool) -> None:
    text = mail_text(language, LURE, outside=outside, helpdesk="Helpdesk, 4000")
    for part in ("Invoice ••• overdue", "Hello", "m•••@contoso.com", "2026-03-14 02:41", "2026-03-14 05:41 UTC"):
        assert part in text
    assert ("Helpdesk, 4000" in text) is not outside, "nobody outside calls our helpdesk"
    assert "{" not in text
    assert not re.search(r"https?:|www\.", text)


def test_a_single_time_is_said_once() -> None:
    assert span(Lure(("a",), "b", AT, AT)) == "2026-03-14 02:41 UTC"


@pytest.mark.parametrize(
    ("subject", "masked"),
    [
        ("Invoice 20931 overdue", "Invoice ••• overdue"),
        ("Pay 1,250.00 or 3 000 now", "Pay ••• or ••• now"),
        ("Write to anna@fabrikam.com today", "Write to ••• today"),
        ("See https://evil.example/x and www.evil.example", "See ••• and •••"),
        ("Megan Bowen shared a file", "••• shared a file"),
        ("from megan, BOWEN, and Meganova", "from •••, •••, and Meganova"),
        ("two\nlines\u202e\u200b", "two lines"),
        ("x" * 90, "x" * 59 + "…"),
        ("", ""),
    ],
)
def test_a_subject_is_masked(subject: str, masked: str) -> None:
    assert masked_subject(subject, ("Megan Bowen",)) == masked


@pytest.mark.parametrize(
    ("address", "masked"), [("megan@contoso.com", "m•••@contoso.com"), ("nonsense", "•••"), ("@contoso.com", "•••")]
)
def test_an_address_is_masked(address: str, masked: str) -> None:
    assert masked_address(address) == masked


def test_the_lure_tells_the_most_frequent_subjects_and_the_whole_time() -> None:
    sent = [("Invoice 1", AT), ("Invoice 2", AT + timedelta(hours=1)), ("Hello Megan", None), ("", AT)]
    lure = lure_of("megan@contoso.com", ("Megan Bowen",), sent, AT + timedelta(days=1))
    assert lure.subjects == ("Invoice •••", "Hello •••", "•••")
    assert (lure.first, lure.last) == (AT, AT + timedelta(hours=1))
    assert lure_from_json(lure.to_json()) == lure


def test_a_warning_about_no_mail_is_refused() -> None:
    with pytest.raises(ValueError, match="no mail"):
        lure_of("megan@contoso.com", (), [], AT)
