"""Every lesson in every language is fit to be sent, and a file that is not says what to change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.blasts.languages import Language
from services.blasts.lessons import FOLDER, LURE, Lesson, LessonError, library, read

LESSONS = library()
every_lesson = pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
every_language = pytest.mark.parametrize("language", Language)

# One word of each language that no other of the five has, to catch a text that stands in the wrong place.
_TELLING = {
    Language.DE: {"und", "die", "der", "nicht", "sie", "den", "das"},
    Language.EN: {"the", "and", "you", "your", "it"},
    Language.ES: {"el", "los", "una", "usted", "y", "lo"},
    Language.FR: {"vous", "les", "le", "et", "votre", "je"},
}
_SHAME = ("stupid", "dumm", "tonto", "idiot", "глуп", "fault", "schuld", "culpa", "faute", "вина", "careless")


def test_there_are_at_least_ten_lessons_about_what_the_intruders_do() -> None:
    assert len(LESSONS) >= 11
    assert {
        *("phishing-links", "invoice-fraud", "mfa-fatigue", "device-codes", "app-consent", "password-reuse"),
        *("hidden-rules", "shared-files", "qr-codes", "call-backs", "reporting-mail", LURE),
    } <= set(LESSONS)
    assert list(LESSONS)[-1] == LURE


@every_lesson
@every_language
def test_a_lesson_is_whole_in_every_language(lesson: Lesson, language: Language) -> None:
    text = lesson.texts[language]
    assert 3 <= len(text.text) <= 4
    assert sum(choice.right for choice in text.choices) == 1
    assert text.question.endswith("?")
    assert all(choice.why for choice in text.choices)


@every_lesson
def test_the_answers_mean_the_same_in_all_languages(lesson: Lesson) -> None:
    assert len({(len(text.choices), text.right) for text in lesson.texts.values()}) == 1


@every_lesson
@every_language
def test_a_text_is_in_its_own_language(lesson: Lesson, language: Language) -> None:
    text = lesson.texts[language]
    said = " ".join((text.title, *text.text, text.question)).casefold()
    cyrillic = sum("\u0430" <= char <= "\u044f" for char in said)
    if language is Language.RU:
        assert cyrillic > len(said) / 2
        return
    assert not cyrillic
    words = set("".join(char if char.isalpha() else " " for char in said).split())
    counts = {each: len(words & telling) for each, telling in _TELLING.items()}
    assert max(counts, key=lambda each: counts[each]) is language, counts


@every_lesson
@every_language
def test_nobody_is_shamed_and_nobody_is_sent_to_a_page(lesson: Lesson, language: Language) -> None:
    text = lesson.texts[language]
    said = " ".join(
        (text.title, *text.text, text.question, *(f"{each.text} {each.why}" for each in text.choices))
    ).casefold()
    assert not [word for word in (*_SHAME, "http", "www.", "@") if word in said]


def test_the_right_answer_is_not_always_the_same_length_as_place() -> None:
    """Somebody who always takes the longest answer must not be right every time."""
    longest = [
        max(range(len(text.choices)), key=lambda n: len(text.choices[n].text)) == text.right
        for lesson in LESSONS.values()
        for text in lesson.texts.values()
    ]
    assert 0.1 < sum(longest) / len(longest) < 0.8


def test_what_fills_a_blank_is_data() -> None:
    blanks = {"day": "1 March", "sender": "f•••@fabrikam.com", "subject": "“{sender} **now**”"}
    filled = LESSONS[LURE].filled(dict.fromkeys(Language, blanks))
    said = filled.texts[Language.EN].text[0]
    assert said == "On 1 March a false mail reached people here. Its subject was like “{sender} **now**”."


# -- a file that is not right ----------------------------------------------------------------------------------------


def _file(folder: Path, change: Callable[[dict[str, Any]], None], name: str = "my-lesson.yml") -> Path:
    content = yaml.safe_load((FOLDER / "qr-codes.yml").read_text(encoding="utf-8"))
    change(content)
    path = folder / name
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")  # JSON is YAML, too
    return path


def test_a_good_file_of_somebody_else_is_read(tmp_path: Path) -> None:
    assert read(_file(tmp_path, lambda _: None)).texts == LESSONS["qr-codes"].texts
    assert set(library(tmp_path)) == {"my-lesson"}


def _drop_french(content: dict[str, Any]) -> None:
    del content["fr"]


def _no_question(content: dict[str, Any]) -> None:
    del content["de"]["question"]


def _typo(content: dict[str, Any]) -> None:
    content["es"]["titel"] = "Hola"


def _two_right(content: dict[str, Any]) -> None:
    content["en"]["answers"][0]["right"] = "true"


def _other_order(content: dict[str, Any]) -> None:
    content["ru"]["answers"].reverse()
    content["ru"]["answers"] = content["ru"]["answers"][1:] + content["ru"]["answers"][:1]


def _link(content: dict[str, Any]) -> None:
    content["en"]["text"][0] = "Sign in at https://login.example to be safe."


def _address(content: dict[str, Any]) -> None:
    content["en"]["text"][0] = "Write to helpdesk@contoso.com when in doubt."


def _blank(content: dict[str, Any]) -> None:
    content["en"]["title"] = "Hello {name}"


def _half_a_brace(content: dict[str, Any]) -> None:
    content["en"]["title"] = "Hello {"


def _too_long(content: dict[str, Any]) -> None:
    content["fr"]["title"] = "Très " * 20


def _many_lines(content: dict[str, Any]) -> None:
    content["de"]["text"] *= 2


def _long_in_all(content: dict[str, Any]) -> None:
    content["de"]["text"] = ["Sehr lang ist dieser Satz. " * 4 + str(n) for n in range(4)]
    content["de"]["question"] = "Lang " * 21 + "?"
    for number, answer in enumerate(content["de"]["answers"]):
        answer["text"] = "Lang " * 12 + str(number)


def _same_twice(content: dict[str, Any]) -> None:
    content["en"]["answers"][2]["text"] = content["en"]["answers"][1]["text"].upper()


def _one_answer(content: dict[str, Any]) -> None:
    content["en"]["answers"] = content["en"]["answers"][:1]


def _odd_right(content: dict[str, Any]) -> None:
    content["en"]["answers"][0]["right"] = "maybe"


def _empty(content: dict[str, Any]) -> None:
    content["en"]["acknowledge"] = "  "


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_drop_french, "my-lesson.yml: the language “fr” is missing"),
        (_no_question, "my-lesson.yml, de: the entry “question” is missing"),
        (_typo, "my-lesson.yml, es: “titel” is not known here"),
        (_two_right, "my-lesson.yml, en: exactly one answer must have “right: true”"),
        (_other_order, "my-lesson.yml, ru: the answers must stand in the same order"),
        (_link, "my-lesson.yml, en: lessons hold no links"),
        (_address, "my-lesson.yml, en: lessons hold no links"),
        (_blank, "my-lesson.yml, en: what stands in braces"),
        (_half_a_brace, "my-lesson.yml, en: what stands in braces"),
        (_too_long, "my-lesson.yml, fr: a line of “title” has 99 characters, at most 60 fit"),
        (_many_lines, "my-lesson.yml, de: “text” is a list of 3 to 4 entries"),
        (_long_in_all, "are more than a minute"),
        (_same_twice, "my-lesson.yml, en: two answers are the same"),
        (_one_answer, "my-lesson.yml, en: “answers” is a list of 2 to 4 entries"),
        (_odd_right, "my-lesson.yml, en, answer 1: “right” is true or left out"),
        (_empty, "my-lesson.yml, en: “acknowledge” is empty"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_complaint_names_the_file_the_language_and_what_to_change(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    with pytest.raises(LessonError) as caught:
        read(_file(tmp_path, change))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("en:\n  title: One: two\n", "line 2: mapping values are not allowed here"),
        ("en:\n  title: a\n  title: b\n", "line 3: “title” stands twice"),
        ("", "begin with a language"),
        ("- en\n", "begin with a language"),
        ("en: Hello\n", "the language “de” is missing"),
    ],
)
def test_a_file_that_is_no_lesson_at_all_is_explained(tmp_path: Path, written: str, words: str) -> None:
    path = tmp_path / "my-lesson.yml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(LessonError) as caught:
        read(path)
    assert words in str(caught.value)


def test_a_file_in_another_encoding_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "my-lesson.yml"
    path.write_bytes("en: Café".encode("latin-1"))
    with pytest.raises(LessonError, match="UTF-8"):
        read(path)


@pytest.mark.parametrize("name", ["My Lesson.yml", "lesson.yaml"])
def test_a_file_of_another_name_is_not_passed_over_in_silence(tmp_path: Path, name: str) -> None:
    _file(tmp_path, lambda _: None, name)
    with pytest.raises(LessonError, match="name the file in small letters"):
        library(tmp_path)


def test_words_that_yaml_takes_for_something_else_stay_words(tmp_path: Path) -> None:
    def no(content: dict[str, Any]) -> None:
        content["en"]["acknowledge"] = "PLACEHOLDER"

    path = _file(tmp_path, no)
    path.write_text(path.read_text(encoding="utf-8").replace('"PLACEHOLDER"', "No"), encoding="utf-8")
    assert read(path).texts[Language.EN].acknowledge == "No"


def test_the_lesson_about_the_lure_must_say_where_the_mail_is_described(tmp_path: Path) -> None:
    content = (FOLDER / f"{LURE}.yml").read_text(encoding="utf-8").replace("{subject}", "something")
    path = tmp_path / f"{LURE}.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LessonError, match=r"say where \{subject\} is to stand"):
        read(path)
