"""What recipients read: warnings and lessons as cards and mails, in every language, before and after their answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from cards import lesson_card, notice_card, warning_card
from cards.blast_views import AnswerLine, FactLine, LessonView, WarningView
from cards.views import Button, ButtonStyle, NoticeView, Tone
from dialogs.verbs import Verb
from services.blasts.audience import OUTSIDE
from services.blasts.languages import Language
from services.blasts.lesson_words import WORDS as LESSON_WORDS
from services.blasts.lessons import Choice, Lesson, LessonText
from services.blasts.model import AnswerWord, BlastKind, Content, Delivery, MailText, TeamsText
from services.blasts.warning_words import WORDS as WARNING_WORDS
from services.blasts.warnings import Lure, filled, lure_from_json, mail_text
from services.channel import Card
from services.settings import Settings


def warning_content(lure: Lure, settings: Settings, only: Language | None, blast_id: str, nonce: str) -> Content:
    """The warning for everybody: Teams and mail inside, mail outside. `only` writes to all in one language."""
    about = {"lure": lure.to_json(), "bot": settings.bot_name, "helpdesk": settings.helpdesk}
    teams: dict[str, TeamsText] = {}
    mail: dict[str, MailText] = {}
    for language in Language:
        read = only or language
        title = WARNING_WORDS[read].title
        view = warning_view(about, read, blast_id, nonce)
        teams[language.value] = TeamsText(warning_card(view), title)
        for outside in (False, True):
            words = mail_text(read, lure, outside=outside, helpdesk=settings.helpdesk)
            mail[f"{language.value}{OUTSIDE if outside else ''}"] = MailText(title, words)
    return Content(teams, mail, about | {"only": only.value if only else None})


def lesson_content(lesson: Lesson, only: Language | None, blast_id: str, nonce: str) -> Content:
    """The lesson for everybody. Its texts are kept with it: what was answered stays clear when the file changes."""
    teams = {}
    for language in Language:
        read = only or language
        words = lesson.texts[read]
        teams[language.value] = TeamsText(lesson_card(lesson_view(words, read, blast_id, nonce)), words.title)
    texts = {language.value: asdict(text) for language, text in lesson.texts.items()}
    return Content(teams, {}, {"lesson": lesson.id, "texts": texts, "only": only.value if only else None})


def anew(kind: BlastKind, content: Content, settings: Settings, blast_id: str, nonce: str) -> Content:
    """The same words on the cards of another blast."""
    only = Language(content.about["only"]) if content.about.get("only") else None
    if kind is BlastKind.WARN:
        return warning_content(lure_from_json(content.about["lure"]), settings, only, blast_id, nonce)
    texts = {language: lesson_text(content, language) for language in Language}
    return lesson_content(Lesson(content.about["lesson"], texts), only, blast_id, nonce)


def language_read(content: Content, delivery_language: str) -> Language:
    """The language in which this recipient got it."""
    code = content.about.get("only") or delivery_language.removesuffix(OUTSIDE)
    return Language(code) if code in set(Language) else Language.EN


# -- the warning -----------------------------------------------------------------------------------------------------


def warning_view(
    about: Mapping[str, Any], language: Language, blast_id: str, nonce: str, answer: AnswerWord | None = None
) -> WarningView:
    """The warning before the answer, or after it."""
    words, lure = WARNING_WORDS[language], lure_from_json(about["lure"])
    after: dict[str, Any] = {}

    def say(sentence: str) -> str:
        return filled(sentence, language, about["bot"], about["helpdesk"])

    if answer is AnswerWord.CLICKED:
        after = {"after_title": words.after_click_title, "after": _said(say, words.after_click)}
        after |= {"after_tone": Tone.ATTENTION}
    elif answer is AnswerWord.NOT_CLICKED:
        after = {"after_title": words.after_no_click_title, "after": _said(say, (words.after_no_click,))}
        after |= {"after_tone": Tone.GOOD}
    else:
        after = {
            "buttons": (
                # Alike, so that no answer is the easy one.
                Button(words.clicked, Verb.WARN_CLICKED, blast_id, nonce),
                Button(words.not_clicked, Verb.WARN_NOT_CLICKED, blast_id, nonce),
            )
        }
    return WarningView(
        title=words.title,
        what_happened=words.what_happened,
        look_for=words.look_for,
        facts=(
            *(FactLine(words.subject, subject) for subject in lure.subjects),
            FactLine(words.sender, lure.sender),
        ),
        sent_label=words.sent,
        sent=(lure.first, lure.last),
        do=words.do,
        ask=say(words.ask),
        genuine=say(words.genuine),
        question=words.question,
        **after,
    )


def _said(say: Callable[[str], str], sentences: Iterable[str]) -> tuple[str, ...]:
    return tuple(say(sentence) for sentence in sentences)


# -- the lesson ------------------------------------------------------------------------------------------------------


def lesson_text(content: Content, language: Language) -> LessonText:
    """The lesson as it was sent."""
    kept = content.about["texts"][language.value]
    return LessonText(
        title=kept["title"],
        text=tuple(kept["text"]),
        question=kept["question"],
        choices=tuple(Choice(**choice) for choice in kept["choices"]),
        acknowledge=kept["acknowledge"],
    )


def lesson_view(
    text: LessonText,
    language: Language,
    blast_id: str,
    nonce: str,
    *,
    delivery: Delivery | None = None,
    picked: int | None = None,
) -> LessonView:
    """The lesson before the answer, after it, and when all is said. `picked` is this moment's answer."""
    words = LESSON_WORDS[language]
    view: dict[str, Any] = {"button": Button(words.send, Verb.LESSON_ANSWER, blast_id, nonce, ButtonStyle.POSITIVE)}
    if delivery is not None and delivery.answer is not None:
        view = _after(text, language, delivery, picked)
        if delivery.acknowledged_at is None:
            style = ButtonStyle.POSITIVE
            view["button"] = Button(text.acknowledge, Verb.LESSON_UNDERSTOOD, blast_id, nonce, style)
        else:
            view["closing"] = words.thanks
    return LessonView(
        kind=words.kind,
        title=text.title,
        intro=words.intro,
        lines=text.text,
        question=text.question,
        answers=tuple(AnswerLine(str(number), choice.text) for number, choice in enumerate(text.choices)),
        pick=words.pick,
        genuine=words.genuine,
        **view,
    )


def _after(text: LessonText, language: Language, delivery: Delivery, picked: int | None) -> dict[str, Any]:
    words, best = LESSON_WORDS[language], text.choices[text.right]
    right = delivery.answer is AnswerWord.RIGHT
    # Only the first answer counts, and of a wrong one only that it was wrong is kept.
    fits = picked is not None and text.choices[picked].right is right
    said = text.choices[picked] if fits and picked is not None else best
    shown = {"verdict": words.right if right else words.not_quite, "verdict_tone": Tone.GOOD if right else Tone.WARNING}
    if right or fits:
        shown |= {"picked": said.text, "why": said.why}
    else:
        shown |= {"picked": "…", "why": best.why}
    return shown if right else shown | {"better": f"{words.better}: {best.text}"}


def over_card(language: Language) -> Card:
    """What stands in the place of a message that was taken back."""
    words = LESSON_WORDS[language]
    return notice_card(NoticeView(title=words.over_title, text=words.over))
