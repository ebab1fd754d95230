"""What recipients read: every lesson and warning in every language, before and after each answer, fit to be sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cards import lesson_card, warning_card
from cards.elements import size_ok
from dialogs.letters import (
    anew,
    language_read,
    lesson_content,
    lesson_text,
    lesson_view,
    over_card,
    warning_content,
    warning_view,
)
from services.blasts.languages import Language
from services.blasts.lesson_words import WORDS
from services.blasts.lessons import library
from services.blasts.model import AnswerWord, BlastKind, Content, Delivery, Recipient, RecipientState, Via
from services.blasts.warnings import Lure
from tests.cards.checks import elements
from tests.services.fakes import settings

AT = datetime(2026, 3, 14, 2, 41, tzinfo=UTC)
LURE = Lure(("Invoice ••• overdue",), "m•••@contoso.com", AT, AT)
BLAST, NONCE = "0b6e5a3c-91d2-4f0e-8a77-000000000001", "n" * 32
every_lesson = pytest.mark.parametrize("lesson_id", library())
every_language = pytest.mark.parametrize("language", Language)


def delivery(answer: AnswerWord | None = None, *, understood: bool = False) -> Delivery:
    person = Recipient("ann", Via.TEAMS, "Ann")
    return Delivery(
        *(1, person, RecipientState.SENT, 1, None, AT, AT, AT if understood else None),
        *(answer, AT if answer else None),
    )


def written(card: Mapping[str, Any]) -> str:
    return json.dumps(card, ensure_ascii=False)


@every_lesson
@every_language
def test_every_lesson_fits_a_message_in_every_language_and_leads_nowhere(lesson_id: str, language: Language) -> None:
    content = lesson_content(library()[lesson_id], None, BLAST, NONCE)
    card = content.card_in(language.value).card
    assert size_ok(card)
    assert not re.search(r"http(?!://adaptivecards)|www\.|Action\.OpenUrl", written(card))
    (button,) = elements(card, "Action.Execute")
    assert button["data"] == {"v": 1, "id": BLAST, "nonce": NONCE}
    (question,) = elements(card, "Input.ChoiceSet")
    assert len(question["choices"]) == len(library()[lesson_id].texts[language].choices)
    assert "value" not in question, "nothing is picked beforehand"


@every_lesson
@every_language
@pytest.mark.parametrize("position", range(3))
def test_every_answer_is_explained_and_then_there_is_one_thing_to_press(
    lesson_id: str, language: Language, position: int
) -> None:
    text = library()[lesson_id].texts[language]
    right = position == text.right
    answered = delivery(AnswerWord.RIGHT if right else AnswerWord.WRONG)
    card = lesson_card(lesson_view(text, language, BLAST, NONCE, delivery=answered, picked=position))
    shown = written(card)
    assert (WORDS[language].right in shown) is right
    assert (WORDS[language].better in shown) is not right
    assert [button["verb"] for button in elements(card, "Action.Execute")] == ["lesson.understood"]
    assert not elements(card, "Input.ChoiceSet")


@every_language
def test_what_was_answered_before_is_shown_without_the_new_pick(language: Language) -> None:
    """Only that the first answer was wrong is kept; another answer now must not look like it."""
    text = library()["qr-codes"].texts[language]
    wrong = delivery(AnswerWord.WRONG)
    view = lesson_view(text, language, BLAST, NONCE, delivery=wrong, picked=text.right)
    assert view.verdict == WORDS[language].not_quite
    assert view.picked == "…"
    assert view.why == text.choices[text.right].why


@every_language
def test_after_the_acknowledgement_there_is_nothing_to_press(language: Language) -> None:
    text = library()["qr-codes"].texts[language]
    done = delivery(AnswerWord.RIGHT, understood=True)
    card = lesson_card(lesson_view(text, language, BLAST, NONCE, delivery=done))
    assert elements(card, "Action.Execute") == []
    assert WORDS[language].thanks in written(card)


def test_a_lesson_is_understood_as_it_was_sent_whatever_becomes_of_its_file() -> None:
    lesson = library()["qr-codes"]
    content = Content.from_json(json.loads(json.dumps(lesson_content(lesson, None, BLAST, NONCE).to_json())))
    assert {language: lesson_text(content, language) for language in Language} == dict(lesson.texts)


@every_language
def test_a_warning_is_whole_in_every_language_for_teams_and_for_mail(language: Language) -> None:
    content = warning_content(LURE, settings(), None, BLAST, NONCE)
    card = content.card_in(language.value).card
    assert size_ok(card)
    assert [button["verb"] for button in elements(card, "Action.Execute")] == ["warn.clicked", "warn.not-clicked"]
    assert "Invoice ••• overdue" in written(card)
    inside, outside = content.mail_in(language.value), content.mail_in(f"{language.value}-x-out")
    assert inside.subject == outside.subject
    assert inside.text != outside.text


@every_language
@pytest.mark.parametrize("answer", [AnswerWord.CLICKED, AnswerWord.NOT_CLICKED])
def test_an_answered_warning_says_what_to_do_and_asks_no_more(language: Language, answer: AnswerWord) -> None:
    about = warning_content(LURE, settings(), None, BLAST, NONCE).about
    card = warning_card(warning_view(about, language, BLAST, NONCE, answer))
    assert elements(card, "Action.Execute") == []
    assert size_ok(card)


def test_one_language_for_all_is_for_all() -> None:
    content = warning_content(LURE, settings(), Language.FR, BLAST, NONCE)
    assert {content.card_in(language.value).summary for language in Language} == {content.card_in("fr").summary}
    assert language_read(content, "de") is Language.FR
    lesson = lesson_content(library()["qr-codes"], Language.RU, BLAST, NONCE)
    assert {text.summary for text in lesson.teams.values()} == {library()["qr-codes"].texts[Language.RU].title}


@pytest.mark.parametrize(
    ("kept", "read"), [("de", Language.DE), ("es-x-out", Language.ES), ("xx", Language.EN), ("", Language.EN)]
)
def test_the_language_of_a_row_is_understood(kept: str, read: Language) -> None:
    assert language_read(warning_content(LURE, settings(), None, BLAST, NONCE), kept) is read


@pytest.mark.parametrize("kind", [BlastKind.WARN, BlastKind.EDUCATE])
def test_a_reminder_has_the_same_words_on_cards_of_its_own(kind: BlastKind) -> None:
    first = (
        warning_content(LURE, settings(), Language.DE, BLAST, NONCE)
        if kind is BlastKind.WARN
        else lesson_content(library()["qr-codes"], None, BLAST, NONCE)
    )
    second = anew(kind, first, settings(), "another", "m" * 32)
    assert written(second.about) == written(first.about)
    swapped = written(first.to_json()).replace(BLAST, "another").replace(NONCE, "m" * 32)
    assert swapped == written(second.to_json())


@every_language
def test_what_was_taken_back_says_so_in_the_readers_language(language: Language) -> None:
    assert WORDS[language].over_title in written(over_card(language))
