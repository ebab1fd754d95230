"""The library of lessons: files that people edit, read and checked as a whole before anything is sent.

A file that is not right stops the start, and the complaint says which file, which language and what to change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from services.blasts.languages import LANGUAGES, Language

FOLDER = Path(__file__).resolve().parents[2] / "cards" / "lessons"
LURE = "the-lure-that-hit-us"
LURE_BLANKS = frozenset({"day", "sender", "subject"})

_ENTRIES = ("title", "text", "question", "answers", "acknowledge")
_LONGEST = {"title": 60, "text": 130, "question": 110, "answer": 70, "why": 120, "acknowledge": 30}
_LONGEST_IN_ALL = 750  # a minute's reading
_LINES = range(3, 5)
_ANSWERS = range(2, 5)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LINK = re.compile(
    r"https?:|www\.|mailto:|\w@\w|\]\(|<a\b|\b[\w-]+\.(?:com|net|org|io|eu|de|es|fr|ru|ms)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Choice:
    """One answer, and what is said of it afterwards."""

    text: str
    why: str
    right: bool


@dataclass(frozen=True)
class LessonText:
    """A lesson in one language."""

    title: str
    text: tuple[str, ...]
    question: str
    choices: tuple[Choice, ...]
    acknowledge: str

    @property
    def right(self) -> int:
        """The position of the right answer."""
        return next(position for position, choice in enumerate(self.choices) if choice.right)


@dataclass(frozen=True)
class Lesson:
    """A lesson in every language. The answers stand in the same order in all of them."""

    id: str
    texts: Mapping[Language, LessonText]

    @property
    def title(self) -> str:
        """The English title, for the people who choose."""
        return self.texts[Language.EN].title

    def filled(self, blanks: Mapping[Language, Mapping[str, str]]) -> Lesson:
        """The lesson with its blanks filled in, as data: what is put in is never read for further blanks."""
        return Lesson(self.id, {each: _filled(text, blanks[each]) for each, text in self.texts.items()})


class LessonError(ValueError):
    """A lesson's file is not right. The text says which, where, and what to change."""


@cache
def library(folder: Path = FOLDER) -> Mapping[str, Lesson]:
    """All lessons by their names, in the order of their titles, the one about the lure last. Raises LessonError."""
    found = {path.stem: read(path) for path in sorted(folder.glob("*.y*ml"))}
    return dict(sorted(found.items(), key=lambda item: (item[0] == LURE, item[1].title)))


def read(path: Path) -> Lesson:
    """One lesson from its file. Raises LessonError."""
    if not _NAME.fullmatch(path.stem) or path.suffix != ".yml":
        raise LessonError(f"{path.name}: name the file in small letters, digits and hyphens, ending in .yml")
    try:
        content = _plain(yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader))
    except UnicodeDecodeError:
        raise LessonError(f"{path.name}: save the file as UTF-8") from None
    except yaml.YAMLError as error:
        raise LessonError(f"{path.name}: {_yaml_words(error)}") from None
    except _TwiceError as error:
        raise LessonError(f"{path.name}: {error}") from None
    if not isinstance(content, dict):
        raise LessonError(f"{path.name}: begin with a language, such as “en:”")
    _same(path.name, content, LANGUAGES, "language")
    blanks = LURE_BLANKS if path.stem == LURE else frozenset()
    texts = {each: _text(f"{path.name}, {each.value}", content[each.value], blanks) for each in Language}
    _same_answers(path.name, texts)
    return Lesson(path.stem, texts)


class _TwiceError(Exception):
    """An entry stands twice. YAML itself would keep the last one in silence."""

    def __init__(self, name: str, line: int) -> None:
        super().__init__(f"line {line}: “{name}” stands twice")


def _plain(node: Any) -> Any:
    """Mappings, lists and texts. YAML's guesses are left out: a no, a date or a number in a lesson is a text."""
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key, value in node.value:
            if str(key.value) in made:
                raise _TwiceError(str(key.value), key.start_mark.line + 1)
            made[str(key.value)] = _plain(value)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value) for value in node.value]
    return "" if node is None or node.tag == "tag:yaml.org,2002:null" else str(node.value)


def _yaml_words(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    what = getattr(error, "problem", None) or "cannot be read"
    return f'{where}{what}. A text with a colon in it, or with a quotation mark or a brace first, belongs into "…"'


def _text(where: str, content: Any, blanks: frozenset[str]) -> LessonText:
    _same(where, content, _ENTRIES, "entry")
    lines = _list(where, content, "text", _LINES)
    answers = _list(where, content, "answers", _ANSWERS)
    made = LessonText(
        title=_line(where, "title", content["title"], blanks),
        text=tuple(_line(where, "text", line, blanks) for line in lines),
        question=_line(where, "question", content["question"], blanks),
        choices=tuple(_choice(f"{where}, answer {number}", each, blanks) for number, each in enumerate(answers, 1)),
        acknowledge=_line(where, "acknowledge", content["acknowledge"], frozenset()),
    )
    if sum(choice.right for choice in made.choices) != 1:
        raise LessonError(f"{where}: exactly one answer must have “right: true”")
    if len({choice.text.casefold() for choice in made.choices}) != len(made.choices):
        raise LessonError(f"{where}: two answers are the same")
    length = sum(map(len, (made.title, *made.text, made.question, *(choice.text for choice in made.choices))))
    if length > _LONGEST_IN_ALL:
        raise LessonError(f"{where}: {length} characters are more than a minute; shorten it to {_LONGEST_IN_ALL}")
    unused = blanks - _blanks_in(" ".join((made.title, *made.text, made.question)))
    if unused:
        raise LessonError(f"{where}: say where {{{sorted(unused)[0]}}} is to stand")
    return made


def _choice(where: str, content: Any, blanks: frozenset[str]) -> Choice:
    _same(where, content, ("text", "why"), "entry", may=("right",))
    right = content.get("right", "false")
    if right not in {"true", "false"}:
        raise LessonError(f"{where}: “right” is true or left out")
    return Choice(
        text=_line(where, "answer", content["text"], blanks),
        why=_line(where, "why", content["why"], blanks),
        right=right == "true",
    )


def _same(where: str, content: Any, wanted: Iterable[str], what: str, may: tuple[str, ...] = ()) -> None:
    if not isinstance(content, dict):
        raise LessonError(f"{where}: write its entries below it, indented: {', '.join(wanted)}")
    for name in wanted:
        if name not in content:
            raise LessonError(f"{where}: the {what} “{name}” is missing")
    for name in content:
        if name not in {*wanted, *may}:
            raise LessonError(f"{where}: “{name}” is not known here; known are {', '.join((*wanted, *may))}")


def _list(where: str, content: Mapping[str, Any], name: str, sizes: range) -> list[Any]:
    value = content[name]
    if not isinstance(value, list) or len(value) not in sizes:
        raise LessonError(
            f"{where}: “{name}” is a list of {sizes[0]} to {sizes[-1]} entries, each with a hyphen before it"
        )
    return value


def _line(where: str, name: str, value: Any, blanks: frozenset[str]) -> str:
    if not isinstance(value, str) or not value.strip():
        raise LessonError(f'{where}: “{name}” is empty, or is not a text; put it into "…"')
    line = " ".join(value.split())
    if len(line) > _LONGEST[name]:
        raise LessonError(
            f"{where}: a line of “{name}” has {len(line)} characters, at most {_LONGEST[name]} fit: {line}"
        )
    if _LINK.search(line):
        raise LessonError(f"{where}: lessons hold no links and no addresses: {line}")
    if _blanks_in(line) - blanks:
        allowed = " ".join(f"{{{name}}}" for name in sorted(blanks)) or "none"
        raise LessonError(f"{where}: what stands in braces is filled in, and here may be {allowed}: {line}")
    return line


def _blanks_in(line: str) -> frozenset[str]:
    """The names in braces; a brace without a partner counts as a name that nobody knows."""
    try:
        return frozenset(name for _, name, _, _ in Formatter().parse(line) if name is not None)
    except ValueError:
        return frozenset({"?"})


def _same_answers(name: str, texts: Mapping[Language, LessonText]) -> None:
    english = texts[Language.EN]
    for language, text in texts.items():
        if len(text.choices) != len(english.choices) or text.right != english.right:
            raise LessonError(
                f"{name}, {language.value}: the answers must stand in the same order as in English, "
                f"with answer {english.right + 1} of {len(english.choices)} right"
            )


def _filled(text: LessonText, blanks: Mapping[str, str]) -> LessonText:
    return LessonText(
        title=text.title.format_map(blanks),
        text=tuple(line.format_map(blanks) for line in text.text),
        question=text.question.format_map(blanks),
        choices=tuple(
            Choice(choice.text.format_map(blanks), choice.why.format_map(blanks), choice.right)
            for choice in text.choices
        ),
        acknowledge=text.acknowledge,
    )
