"""The few Adaptive Card elements that every card is made of, and the one place where text becomes safe to show.

Text is safe by construction: `text`, `badge` and the others take plain strings and escape every one of them. The
only strings that pass unescaped are `Token`s, which this module alone makes (a time that the reader's client shows
in the reader's own time zone, bold within a line).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cards.views import Button, ButtonStyle, Tone

Element = dict[str, Any]
Card = dict[str, Any]

CARD_VERSION = "1.5"
BUTTON_VERSION = 1
MAX_UTF8_BYTES = 25_000
MAX_UTF16_BYTES = 39_000
MAX_REFRESH_USERS = 60
MAX_TEXT = 300
MAX_NAME = 120
MAX_DETAIL = 160
MAX_WORD = 120
MAX_MARKS = 3
_LARGE_CODE = 16  # characters that still fit a phone at the largest size
# The last resort for a card that does not fit: how long its texts may be then, and which texts those are.
_CUTS = (120, 60, 30)
_WORDS = frozenset({"text", "title", "label", "errorMessage", "fallbackText", "speak"})
LIST_LIMITS = (40, 30, 22, 16, 12, 9, 7, 5, 4, 3, 2, 1)

COLOURS = {Tone.ATTENTION: "attention", Tone.GOOD: "good", Tone.NEUTRAL: "default", Tone.WARNING: "warning"}
STYLES = {Tone.ATTENTION: "attention", Tone.GOOD: "good", Tone.NEUTRAL: "emphasis", Tone.WARNING: "warning"}


class Token(str):
    """Text with a meaning to the client, and so not escaped. Made by `when`, `clock` and `strong` only."""

    __slots__ = ()


Part = str | Token


# --- text -----------------------------------------------------------------------------------------------------------

# An active character becomes its full-width twin: it reads the same, means nothing to any client's Markdown or HTML
# (back-slash escapes are shown as such by the phone clients), and NFKC, which the command parser applies, gives the
# original back when somebody copies it into a message.
_FULL_WIDTH_OFFSET = 0xFEE0
_ALWAYS = {ord(c): chr(ord(c) + _FULL_WIDTH_OFFSET) for c in "*[]{}<>`~"}
_CONDITIONAL = re.compile(
    r"""
      (?<![^\W_])_+ | _+(?![^\W_])       # underscores that are not inside a word
    | &(?=\#?\w*(?:;|$))                # may begin a character reference
    | \\(?![^\W_])                       # would escape what follows
    | :(?=//)                            # a web address that a client would make clickable
    | (?<=\bwww)\.
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BLOCK_START = re.compile(r"^(?:[#+=-]+|\d{1,9}[.)])(?=\s|$)")
# Invisible, though Unicode calls them letters or symbols.
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
_LONG_WORD = re.compile(rf"\S{{{MAX_WORD + 1},}}")


def _widen(match: re.Match[str]) -> str:
    return "".join(c if c.isalnum() else chr(ord(c) + _FULL_WIDTH_OFFSET) for c in match.group())


def _visible(value: str) -> str:
    """Composed, on one line, without control, direction and zero-width characters, without piles of accents."""
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", value):
        category = unicodedata.category(char)
        if char.isspace() or category in {"Zl", "Zp", "Zs"}:
            kept.append(" ")
        elif category[0] == "C" or char in _BLANKS:
            continue
        else:
            marks = marks + 1 if category[0] == "M" else 0
            if marks <= MAX_MARKS:
                kept.append(char)
    return re.sub(r" +", " ", "".join(kept))


def _shorten_word(match: re.Match[str]) -> str:
    word = match.group()
    return f"{word[: MAX_WORD - 20]}…{word[-19:]}"


def shortened(value: str, limit: int) -> str:
    """The beginning, with "…" where something is left out."""
    return value if len(value) <= limit else value[: limit - 1].rstrip() + "…"


@lru_cache(maxsize=4096)  # a card that must fit is drawn several times, with the same texts
def _escape(value: str, limit: int) -> str:
    seen = _LONG_WORD.sub(_shorten_word, _visible(value))
    if value.strip(" ") and not seen.strip():
        return "(blank)"
    return _CONDITIONAL.sub(_widen, shortened(seen, limit).translate(_ALWAYS))


def plain(value: str, limit: int = MAX_TEXT) -> str:
    """Shows a person's or the tenant's text as it is, on one line: no Markdown, HTML, mention or date token can come
    of it. Longer text ends in "…"; text in which nothing can be seen reads "(blank)".
    """
    seen = _escape(value, limit).strip()
    return _BLOCK_START.sub(_widen, seen) if seen or not value else "(blank)"


def join(*parts: Part, limit: int = MAX_TEXT) -> str:
    """One safe line of several parts; strings are escaped, tokens kept."""
    joined = "".join(part if isinstance(part, Token) else _escape(part, limit) for part in parts)
    return _BLOCK_START.sub(_widen, joined.strip())


def _stamp(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a time in a card needs its time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(at: datetime) -> Token:
    """Date and time in the reader's own time zone and habit; whole seconds, as Teams asks."""
    stamp = _stamp(at)
    return Token(f"{{{{DATE({stamp},SHORT)}}}} {{{{TIME({stamp})}}}}")


def clock(at: datetime) -> Token:
    """The time of day alone, in the reader's own time zone."""
    return Token(f"{{{{TIME({_stamp(at)})}}}}")


def strong(value: str, limit: int = MAX_TEXT) -> Token:
    """Bold within a line. The neighbouring parts must begin and end with a space."""
    return Token(f"**{plain(value, limit)}**")


def spoken(*sentences: str) -> str:
    """What a notification or a screen reader says: sentences without markup of any kind."""
    return " ".join(plain(sentence) for sentence in sentences if sentence)


# --- elements -------------------------------------------------------------------------------------------------------


def text(
    *parts: Part,
    size: str | None = None,
    bold: bool = False,
    subtle: bool = False,
    mono: bool = False,
    spacing: str | None = "small",
    limit: int = MAX_TEXT,
    **more: str | bool,
) -> Element:
    """A wrapped TextBlock. `more` are properties as the schema names them (`id`, `isVisible`, `style`, …)."""
    element: Element = {"type": "TextBlock", "text": join(*parts, limit=limit), "wrap": True}
    if size:
        element["size"] = size
    if bold:
        element["weight"] = "bolder"
    if subtle:
        element["isSubtle"] = True
    if mono:
        element["fontType"] = "monospace"
    if spacing:
        element["spacing"] = spacing
    return element | more


def heading(*parts: Part, size: str = "medium", spacing: str = "medium", separator: bool = False) -> Element:
    """The title of a part of the card; screen readers find it as a heading."""
    drawn = text(*parts, bold=True, size=size, spacing=spacing, style="heading")
    return drawn | {"separator": True} if separator else drawn


def small_print(*parts: Part) -> Element:
    """What only somebody who looks for it needs."""
    return text(*parts, size="small", subtle=True, limit=MAX_NAME)


def badge(
    symbol: str,
    word: str,
    tone: Tone,
    *,
    about: str = "",
    bold: bool = True,
    size: str | None = None,
    spacing: str = "small",
) -> Element:
    """A state in one line: a coloured symbol at the left edge, what it is about, and the word.

    Only the symbol is coloured: some clients' warning colour is hard to read, and no meaning may hang on a colour.
    """
    style: Element = {"size": size} if size else {}
    runs: list[Element] = [{"type": "TextRun", "text": f"{plain(symbol)} ", "weight": "bolder"} | style]
    if tone is not Tone.NEUTRAL:
        runs[0]["color"] = COLOURS[tone]
    if about:
        runs.append({"type": "TextRun", "text": f"{plain(about, MAX_NAME)} · "} | style)
    runs.append({"type": "TextRun", "text": plain(word)} | ({"weight": "bolder"} if bold else {}) | style)
    return {"type": "RichTextBlock", "spacing": spacing, "inlines": runs}


def exactly(code: str) -> Element:
    """A code to be typed as it stands. A run of text knows no Markdown, so that no character of it is replaced."""
    size = "extraLarge" if len(code) <= _LARGE_CODE else "default"
    run: Element = {"type": "TextRun", "text": code, "size": size, "weight": "bolder", "fontType": "monospace"}
    return {"type": "RichTextBlock", "spacing": "medium", "inlines": [run]}


def section(items: Sequence[Element], *, tone: Tone | None = None, bleed: bool = False, **more: str | bool) -> Element:
    """A Container; with a tone it gets the matching background."""
    element: Element = {"type": "Container", "items": list(items)}
    if tone is not None:
        element["style"] = STYLES[tone]
    if bleed:
        element["bleed"] = True
    return element | more


def columns(*parts: tuple[str, Sequence[Element]], **more: str | bool | Element) -> Element:
    """Side by side: each part is a width ("auto", "stretch") and its elements."""
    drawn = [{"type": "Column", "width": width, "items": list(items)} for width, items in parts]
    return {"type": "ColumnSet", "spacing": "small", "columns": drawn} | more


def action(button: Button) -> Element:
    """An Action.Execute that carries a version, an id and a nonce, and nothing else."""
    element: Element = {
        "type": "Action.Execute",
        "title": plain(button.title, limit=60),
        "verb": f"{button.verb}",  # plain text, whatever kind of text it was
        "data": {"v": BUTTON_VERSION, "id": button.id, "nonce": button.nonce},
    }
    if button.style is not ButtonStyle.DEFAULT:
        element["style"] = str(button.style.value)
    return element


def buttons(given: Sequence[Button]) -> list[Element]:
    """The buttons, the styled one first (the next right one is the most visible); no element where there are none."""
    if not given:
        return []
    ordered = sorted(given, key=lambda button: button.style is ButtonStyle.DEFAULT)
    return [{"type": "ActionSet", "spacing": "medium", "actions": [action(button) for button in ordered]}]


def text_input(name: str, label: str, *, required: str | None = None) -> Element:
    """A few lines of text from a person. `required` is what is said where it is missing."""
    element: Element = {
        "type": "Input.Text",
        "id": name,
        "label": plain(label),
        "isMultiline": True,
        "maxLength": MAX_TEXT,
    }
    if required is not None:
        element |= {"isRequired": True, "errorMessage": plain(required)}
    return element


def expandable(title: str, items: Sequence[Element], name: str) -> list[Element]:
    """A line that shows and hides its content; hidden at first. `name` must be unique in the card."""
    more, less, content = f"{name}-more", f"{name}-less", f"{name}-content"
    toggle = {
        "type": "Action.ToggleVisibility",
        "title": f"Show or hide: {plain(title)}",
        "targetElements": [more, less, content],
    }
    line = columns(
        ("stretch", [text(title, bold=True, spacing=None)]),
        (
            "auto",
            [
                text("Show ▾", spacing=None, id=more, color="accent"),
                text("Hide ▴", spacing=None, id=less, color="accent", isVisible=False),
            ],
        ),
        selectAction=toggle,
    ) | {"spacing": "medium"}
    return [line, section(items, id=content, isVisible=False, spacing="small")]


def shortlist(items: Sequence[Element], limit: int, already_more: int = 0) -> list[Element]:
    """The first `limit` items, and a line that says how many more there are."""
    rest = max(len(items) - limit, 0) + already_more
    kept = list(items[:limit])
    return [*kept, text(f"and {rest} more", subtle=True)] if rest else kept


# --- the card -------------------------------------------------------------------------------------------------------


def card(
    body: Sequence[Element],
    *,
    says: str,
    wide: bool = False,
    refresh: Button | None = None,
    refresh_for: Sequence[str] = (),
) -> Card:
    """The root. `says` is what stands in for the card where it cannot be drawn, and what a screen reader speaks."""
    root: Card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": CARD_VERSION,
        "fallbackText": says,
        "speak": says,
    }
    if wide:
        root["msteams"] = {"width": "full"}
    root["body"] = list(body)
    if refresh is not None:
        root["refresh"] = {"action": action(refresh), "userIds": list(refresh_for[:MAX_REFRESH_USERS])}
    return root


def size_ok(drawn: Card) -> bool:
    """Whether Teams surely takes the card: its limits count UTF-16, ours UTF-8 too."""
    written = json.dumps(drawn, ensure_ascii=False, separators=(",", ":"))
    return len(written.encode()) <= MAX_UTF8_BYTES and len(written.encode("utf-16-le")) <= MAX_UTF16_BYTES


def fitted(draw: Callable[[int], Card]) -> Card:
    """The card with the longest lists that still fit; `draw` gets how many entries a list may have.

    Where even the shortest lists are too much, every text is cut: a card that says less is better than none.
    """
    for limit in LIST_LIMITS:
        drawn = draw(limit)
        if size_ok(drawn):
            return drawn
    for longest in _CUTS:
        drawn = {name: _cut(part, longest, name) for name, part in drawn.items()}
        if size_ok(drawn):
            break
    return drawn


def _cut(part: Any, longest: int, name: str) -> Any:
    """The part of a card with shorter words. What holds one of our tokens stays whole: half of one is none."""
    if isinstance(part, str):
        ours = "{{" in part or "**" in part
        return shortened(part, longest) if name in _WORDS and not ours else part
    if isinstance(part, list):
        return [_cut(each, longest, name) for each in part]
    return {key: _cut(each, longest, key) for key, each in part.items()} if isinstance(part, dict) else part
