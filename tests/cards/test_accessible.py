"""What a person needs who hears a card, sees no colours, or reads it in the dark or on a phone, at every sample."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cards.checks import drawn, elements, walk
from tools.gallery.samples import SAMPLES, Sample

Card = dict[str, Any]

_MOST_IN_A_ROW = 6
_MOST_STYLED = 2  # what stands out must stand out
_MOST_BESIDE = 40  # characters of what stands beside something else
_OWN_COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|rgba?\(", re.IGNORECASE)
_TONES = {"attention", "good", "warning"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_everybody_can_use_a_card(sample: Sample) -> None:
    card = drawn(sample)
    assert [*_of_inputs(card), *_of_names(card), *_of_colours(card), *_of_room(card)] == []


def test_what_is_missing_would_be_found() -> None:
    bad: Card = {
        "type": "AdaptiveCard",
        "body": [
            {"type": "Input.Text", "id": "a"},
            {"type": "Input.ChoiceSet", "id": "b", "label": "B", "isRequired": True},
            {"type": "Image", "url": "data:,"},
            {"type": "Container", "style": "attention", "items": [{"type": "TextBlock", "text": "●"}]},
            {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "✗", "color": "attention"}]},
            {"type": "TextBlock", "text": "Red", "color": "attention"},
            {"type": "Container", "backgroundColor": "#fff", "items": []},
            {"type": "ColumnSet", "columns": [{"width": "auto", "items": [{"type": "TextBlock", "text": "W" * 60}]}]},
            {"type": "ActionSet", "actions": [{"type": "Action.Execute", "title": "●", "style": "positive"}] * 7},
        ],
    }
    assert len([*_of_inputs(bad), *_of_names(bad), *_of_colours(bad), *_of_room(bad)]) == 18


def _of_inputs(card: Card) -> Iterator[str]:
    """A label on each input, words for what is missing, and choices that are never cut."""
    for _, node in walk(card):
        if not isinstance(node, dict) or not str(node.get("type", "")).startswith("Input."):
            continue
        if not node.get("label", "").strip():
            yield f"no label: {node['id']}"
        if node.get("isRequired") and not node.get("errorMessage", "").strip():
            yield f"no word for what is missing: {node['id']}"
        if node["type"] == "Input.ChoiceSet" and node.get("wrap") is not True:
            yield f"choices that may be cut: {node['id']}"


def _of_names(card: Card) -> Iterator[str]:
    """A name for every button, fold and picture."""
    for kind in ("Action.Execute", "Action.Submit", "Action.ToggleVisibility"):
        yield from (f"no name: {each}" for each in elements(card, kind) if not _words({"text": each.get("title", "")}))
    yield from (f"no words for a picture: {each}" for each in elements(card, "Image") if not each.get("altText"))


def _of_colours(card: Card) -> Iterator[str]:
    """No colour of our own, which could vanish in the dark, and no meaning by a colour alone."""
    for path, value in walk(card):
        key = path.rpartition("/")[2]
        if key in {"backgroundImage", "backgroundColor", "iconUrl"}:
            yield f"a colour or picture of our own: {path}"
        if key in {"color", "style"} and _OWN_COLOUR.search(str(value)):
            yield f"a colour of our own: {path}"
    for line in elements(card, "RichTextBlock"):
        if any(run.get("color") in _TONES for run in line["inlines"]) and not _words(line):
            yield f"a colour without a word: {line}"
    yield from (
        f"coloured words: {block}"
        for block in elements(card, "TextBlock")
        if block.get("color") in _TONES and _words(block)
    )
    yield from (
        f"a colour without a word: {box}"
        for box in elements(card, "Container")
        if box.get("style") in _TONES and not _words(box)
    )


def _of_room(card: Card) -> Iterator[str]:
    """What stands side by side fits a phone, and little stands out."""
    for row in elements(card, "ActionSet"):
        if len(row["actions"]) > _MOST_IN_A_ROW:
            yield f"{len(row['actions'])} buttons in a row"
        if sum("style" in action for action in row["actions"]) > _MOST_STYLED:
            yield "too much stands out"
    for row in elements(card, "ColumnSet"):
        for column in row["columns"]:
            longest = max((len(block["text"]) for block in elements(column, "TextBlock")), default=0)
            if column["width"] == "auto" and longest > _MOST_BESIDE:
                yield f"too wide beside something else: {longest} characters"


def _words(node: Any) -> str:
    """The words within an element, without symbols."""
    found = [part["text"] for _, part in walk(node) if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "".join(re.findall(r"\w+", " ".join(found)))
