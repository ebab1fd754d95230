from __future__ import annotations

from typing import Any

import pytest

from simulator.reading import CannotPress, Shown, press


def shown(*body: dict[str, Any], actions: list[dict[str, Any]] | None = None) -> Shown:
    return Shown({"type": "AdaptiveCard", "version": "1.5", "body": list(body), "actions": actions or []})


def execute(title: str = "Go", **more: Any) -> dict[str, Any]:
    return {"type": "Action.Execute", "title": title, "verb": "go", "data": {"id": "1"}, **more}


def test_columns_are_one_line_and_tables_are_rows() -> None:
    def text(words: str) -> dict[str, Any]:
        return {"type": "TextBlock", "text": words}

    columns = {
        "type": "ColumnSet",
        "columns": [{"type": "Column", "items": [text(word)]} for word in ("Left", "Right")],
    }
    cells = [{"type": "TableCell", "items": [text(word)]} for word in ("a", "b")]
    table = {"type": "Table", "columns": [{"width": 1}, {"width": 1}], "rows": [{"type": "TableRow", "cells": cells}]}

    assert shown(columns, table).lines == ["Left  Right", "a  b"]


def test_marks_are_read_as_their_words() -> None:
    card = shown({"type": "TextBlock", "text": "**Bold** [link](https://x.example) {{TIME(2026-11-25T15:30:00Z)}}"})
    assert card.text == "Bold link 15:30"


def test_runs_are_one_line_with_their_spaces() -> None:
    runs = [{"type": "TextRun", "text": "✓ "}, {"type": "TextRun", "text": "Block sign-in"}, " · Done"]
    assert shown({"type": "RichTextBlock", "inlines": runs}).lines == ["✓ Block sign-in · Done"]


def test_words_are_found_whatever_their_case_spaces_and_forms() -> None:
    card = shown({"type": "TextBlock", "text": "\uff3bReset\uff3d José Müller"})
    assert card.has("[reset] jose\u0301  mu\u0308ller")
    assert not card.has("joseph")


def test_a_title_is_found_with_and_without_its_dots() -> None:
    card = shown(actions=[execute("Lock account…")])
    assert card.choice("lock account").title == card.choice("Lock account...").title == "Lock account…"
    with pytest.raises(CannotPress, match="there are: 'Lock account…'"):
        card.choice("Lock")


def test_a_select_action_and_a_folded_button_can_be_pressed() -> None:
    folded = {"type": "Container", "isVisible": False, "items": [{"type": "ActionSet", "actions": [execute("Deep")]}]}
    tile = {"type": "Container", "items": [], "selectAction": execute("Tile")}
    assert shown(folded, tile).buttons == ["Deep", "Tile"]


def test_a_press_sends_no_more_than_teams_does() -> None:
    card = shown(
        {"type": "Input.ChoiceSet", "id": "choice", "choices": [{"title": "A", "value": "0"}], "value": "0"},
        {"type": "Input.Text", "id": "note"},
        actions=[execute(style="positive"), execute("Alone", associatedInputs="none")],
    )
    sent = {"type": "Action.Execute", "title": "Go", "verb": "go", "data": {"id": "1", "choice": "0"}}
    assert press(card.choice("Go"), {}) == sent
    assert press(card.choice("Alone"), {})["data"] == {"id": "1"}
    assert press(card.choice("Go"), {"note": "x"})["data"]["note"] == "x"


@pytest.mark.parametrize(
    ("element", "value", "reason"),
    [
        ({"type": "Input.ChoiceSet", "choices": [{"title": "A", "value": "0"}]}, "1", "not offered"),
        ({"type": "Input.Text", "regex": "[0-9]+", "errorMessage": "digits only"}, "x", "digits only"),
        ({"type": "Input.Toggle", "title": "Sure", "isRequired": True}, "false", "required"),
    ],
)
def test_an_input_that_teams_would_not_take_keeps_the_press_back(
    element: dict[str, Any], value: str, reason: str
) -> None:
    card = shown({**element, "id": "it"}, actions=[execute()])
    with pytest.raises(CannotPress, match=reason):
        press(card.choice("Go"), {"it": value})


def test_a_greyed_out_button_cannot_be_pressed() -> None:
    with pytest.raises(CannotPress, match="greyed out"):
        press(shown(actions=[execute(isEnabled=False)]).choice("Go"), {})
