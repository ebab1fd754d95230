"""A card as a person reads it in Teams: its words in reading order, its buttons, and what they may fill in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]
_MOMENT = re.compile(r"\{\{(DATE|TIME)\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)(?:, ?(?:SHORT|LONG|COMPACT))?\)\}\}")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_LINK = re.compile(r"\[([^\]]+)\]\((\S+?)\)")
_INNER = ("items", "columns", "rows", "cells", "body")


class CannotPress(Exception):
    """Teams would not send this press: the text says why and what there is."""


@dataclass(frozen=True)
class Choice:
    """A button, with the inputs whose values go with it."""

    title: str
    action: Json
    inputs: tuple[Json, ...]


class Shown:
    """A card as one person sees it. Compare by `text` and `buttons`; `json` is the card itself."""

    def __init__(self, card: Json, *, conversation_id: str = "", activity_id: str = "", changed: int = 0) -> None:
        self.json = card
        self.conversation_id = conversation_id
        self.activity_id = activity_id
        self.changed = changed

    @property
    def lines(self) -> list[str]:
        """What can be read without opening anything, line by line."""
        return [line for line in _lines(self.json, hidden=False) if line]

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    @property
    def full_text(self) -> str:
        """With what is folded away."""
        return "\n".join(line for line in _lines(self.json, hidden=True) if line)

    @property
    def choices(self) -> list[Choice]:
        """The buttons that can be pressed, those inside ShowCards included."""
        return list(_choices(self.json, ()))

    @property
    def buttons(self) -> list[str]:
        """The titles of the buttons."""
        return [choice.title for choice in self.choices]

    @property
    def inputs(self) -> dict[str, Json]:
        """What can be filled in, by id."""
        return {str(element["id"]): element for element in _inputs(self.json)}

    def has(self, words: str) -> bool:
        """Whether these words can be read; case, spaces and look-alike forms of characters do not matter."""
        return _plain(words) in _plain(self.text)

    def choice(self, title: str) -> Choice:
        """The button of that title; "…" at the end of `title` is not needed. Raises CannotPress."""
        wanted = _title(title)
        found = [choice for choice in self.choices if _title(choice.title) == wanted]
        if not found:
            raise CannotPress(f"no button {title!r}; there are: {', '.join(map(repr, self.buttons)) or 'none'}")
        return found[0]

    def __repr__(self) -> str:
        return f"<Shown {self.activity_id} buttons={self.buttons}\n{self.text}>"


def press(choice: Choice, inputs: Mapping[str, str]) -> Json:
    """The action that Teams sends for a press: what the person typed, and the defaults of the rest, in its data.

    Raises CannotPress where Teams would keep the press back because of an input, and for anything but Action.Execute.
    """
    action = choice.action
    if action["type"] != "Action.Execute":
        raise CannotPress(f"{choice.title!r} is an {action['type']}, and sends nothing to the bot")
    if action.get("isEnabled") is False:
        raise CannotPress(f"{choice.title!r} is greyed out")
    taken: dict[str, Any] = {}
    known = {str(element["id"]): element for element in choice.inputs}
    if action.get("associatedInputs", "auto").lower() == "none":
        known = {}
    unknown = sorted(set(inputs) - set(known))
    if unknown:
        raise CannotPress(f"no input {unknown} goes with {choice.title!r}; there are: {sorted(known)}")
    for name, element in known.items():
        value = inputs.get(name, _default(element))
        fault = _fault(element, value)
        if fault:
            raise CannotPress(f"input {name!r}: {fault}")
        if value is not None:
            taken[name] = value
    data = action.get("data") or {}
    sent = {key: value for key, value in action.items() if key in {"id", "title", "type", "verb"}}
    return {**sent, "data": {**data, **taken} if isinstance(data, dict) else data}


def _default(element: Json) -> str | None:
    if element["type"] == "Input.Toggle":
        return str(element.get("value", element.get("valueOff", "false")))
    value = element.get("value")
    return None if value is None else str(value)


def _fault(element: Json, value: str | None) -> str:
    off = element.get("valueOff", "false") if element["type"] == "Input.Toggle" else ""
    if element.get("isRequired") and (value or "") in {"", off}:
        return str(element.get("errorMessage") or "required")
    if value is None:
        return ""
    if element["type"] == "Input.ChoiceSet":
        offered = {str(choice["value"]) for choice in element["choices"]}
        picked = value.split(",") if element.get("isMultiSelect") else [value]
        if value and not offered.issuperset(picked):
            return f"{value!r} is not offered; there are: {sorted(offered)}"
    if element["type"] == "Input.Text":
        if "maxLength" in element and len(value) > element["maxLength"]:
            return f"longer than {element['maxLength']}"
        if value and "regex" in element and not re.fullmatch(element["regex"], value):
            return str(element.get("errorMessage") or "does not fit the pattern")
    return ""


# --- walking --------------------------------------------------------------------------------------------------------


def _children(element: Json) -> Iterator[Json]:
    for name in _INNER:
        if element.get("type") == "Table" and name == "columns":
            continue
        inner = element.get(name)
        if isinstance(inner, list):
            yield from (child for child in inner if isinstance(child, dict))


def _lines(element: Json, *, hidden: bool) -> Iterator[str]:
    if element.get("isVisible") is False and not hidden:
        return
    kind = element.get("type")
    if kind == "TextBlock":
        yield _readable(str(element.get("text", "")))
    elif kind == "RichTextBlock":
        runs = element.get("inlines", [])
        yield _readable("".join(run if isinstance(run, str) else str(run.get("text", "")) for run in runs))
    elif kind == "FactSet":
        for fact in element.get("facts", []):
            yield f"{_readable(fact['title'])}: {_readable(fact['value'])}"
    elif kind in {"ColumnSet", "TableRow"}:
        cells = [" ".join(_lines(child, hidden=hidden)) for child in _children(element)]
        yield "  ".join(cell for cell in cells if cell)
    elif kind is not None and kind.startswith("Input."):
        yield from _input_lines(element)
    else:
        for child in _children(element):
            yield from _lines(child, hidden=hidden)
    if hidden:
        for action in _actions(element):
            if action.get("type") == "Action.ShowCard":
                yield from _lines(action["card"], hidden=True)


def _input_lines(element: Json) -> Iterator[str]:
    label = _readable(str(element.get("label") or element.get("title") or element.get("placeholder") or ""))
    yield f"[{label}]" if label else ""
    for choice in element.get("choices", []):
        yield f"( ) {_readable(choice['title'])}"


def _actions(element: Json) -> list[Json]:
    return [action for action in element.get("actions", []) if isinstance(action, dict)]


def _inputs(element: Json) -> Iterator[Json]:
    """Every input, those of ShowCards too."""
    if str(element.get("type", "")).startswith("Input."):
        yield element
    for child in _children(element):
        yield from _inputs(child)
    for action in _actions(element):
        if action.get("type") == "Action.ShowCard":
            yield from _inputs(action["card"])


def _own_inputs(element: Json) -> Iterator[Json]:
    """The inputs of a card without those of its ShowCards."""
    if str(element.get("type", "")).startswith("Input."):
        yield element
    for child in _children(element):
        yield from _own_inputs(child)


def _choices(card: Json, outer: tuple[Json, ...]) -> Iterator[Choice]:
    """A ShowCard's buttons take the inputs of the cards around it along."""
    scope = (*outer, *_own_inputs(card))
    for action in _actions_in(card):
        if action.get("type") == "Action.ShowCard":
            yield from _choices(action["card"], scope)
        elif action.get("type") in {"Action.Execute", "Action.Submit", "Action.OpenUrl"}:
            yield Choice(str(action.get("title", "")), action, scope)


def _actions_in(element: Json) -> Iterator[Json]:
    """Every action; those in folded parts too, since a person can unfold them."""
    for child in _children(element):
        yield from _actions_in(child)
    yield from _actions(element)
    for name in ("selectAction", "inlineAction"):
        if isinstance(element.get(name), dict):
            yield element[name]


# --- words ----------------------------------------------------------------------------------------------------------


def _readable(text: str) -> str:
    """Without marks: dates and times in UTC, bold and links as their words."""
    shown = _MOMENT.sub(_moment, text)
    return _LINK.sub(r"\1", _BOLD.sub(r"\1", shown)).strip()


def _moment(found: re.Match[str]) -> str:
    at = datetime.fromisoformat(found[2].replace("Z", "+00:00"))
    return at.strftime("%Y-%m-%d" if found[1] == "DATE" else "%H:%M")


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _title(text: str) -> str:
    return _plain(text).removesuffix("...").rstrip()
