from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simulator.channel.wire import faults_of_activity, faults_of_card
from tests.simulator.stub_bot import card, post_of

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
_PROPERTIES = (
    "type version body actions items columns facts inlines choices rows cells card refresh action userIds data verb "
    "title text id label style value attachments contentType content entities mentioned selectAction url"
)
_KINDS = (
    "AdaptiveCard TextBlock ColumnSet Column FactSet Table TableRow ActionSet Input.Text Input.ChoiceSet RichTextBlock "
    "Action.Execute Action.ShowCard 1.5 message mention application/vnd.microsoft.card.adaptive"
)
_NAMES = st.sampled_from(_PROPERTIES.split())
_WORDS = st.sampled_from(_KINDS.split())
_JSON = st.recursive(
    _SCALARS | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=25,
)


@given(_JSON)
def test_any_json_is_judged_without_a_crash(value: Any) -> None:
    assert isinstance(faults_of_activity(value), list)
    assert isinstance(faults_of_activity({"type": "message", "attachments": value, "entities": value}), list)
    assert isinstance(faults_of_card(value), list)
    assert isinstance(
        faults_of_card({"type": "AdaptiveCard", "version": "1.5", "body": [value], "refresh": value}), list
    )


def test_good_activities_have_no_faults() -> None:
    refresh = {"action": {"type": "Action.Execute", "verb": "view", "data": {}}, "userIds": ["29:1abc"]}
    mention = {"type": "mention", "mentioned": {"id": "29:1", "name": "Megan"}, "text": "<at>Megan</at>"}
    for activity in (
        {"type": "typing"},
        {"type": "message", "text": "hello"},
        {"type": "message", "text": "<at>Megan</at> look", "entities": [mention]},
        post_of(card("Approve", refresh=refresh)),
    ):
        assert faults_of_activity(activity) == []


def test_a_card_with_everything_that_irbot_may_use_is_good() -> None:
    text = {"type": "TextBlock", "text": "x", "wrap": True, "size": "large", "color": "attention", "style": "heading"}
    execute = {"type": "Action.Execute", "title": "Go", "verb": "go", "data": {}, "style": "destructive"}
    show = {"type": "Action.ShowCard", "title": "More", "card": {"type": "AdaptiveCard", "body": [text]}}
    toggle = {"type": "Action.ToggleVisibility", "title": "Fold", "targetElements": ["a", {"elementId": "b"}]}
    column = {"type": "Column", "width": "stretch", "items": [text], "selectAction": toggle}
    choices = [{"title": "A", "value": "0"}]
    whole = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "fallbackText": "x",
        "speak": "x",
        "msteams": {"width": "full"},
        "body": [
            text,
            {"type": "ColumnSet", "columns": [column]},
            {"type": "FactSet", "facts": [{"title": "a", "value": "b"}]},
            {"type": "RichTextBlock", "inlines": ["x", {"type": "TextRun", "text": "y", "weight": "bolder"}]},
            {"type": "Container", "style": "good", "bleed": True, "isVisible": False, "items": [text]},
            {"type": "Table", "columns": [{"width": 1}], "rows": [{"type": "TableRow", "cells": [
                {"type": "TableCell", "items": [text]}]}]},
            {"type": "Input.ChoiceSet", "id": "choice", "style": "expanded", "choices": choices, "label": "Pick"},
            {"type": "Input.Text", "id": "why", "isMultiline": True, "maxLength": 200},
            {"type": "Input.Number", "id": "count", "value": 3, "min": 1},
            {"type": "Input.Toggle", "id": "sure", "title": "Sure", "valueOn": "yes"},
            {"type": "ActionSet", "actions": [execute, show, toggle]},
        ],
    }  # fmt: skip
    assert faults_of_card(whole) == []


def test_an_input_id_that_is_there_twice_is_a_fault() -> None:
    body = [{"type": "Input.Text", "id": "why"}, {"type": "Container", "items": [{"type": "Input.Text", "id": "why"}]}]
    [fault] = faults_of_card({"type": "AdaptiveCard", "version": "1.5", "body": body})
    assert fault == "card.body[1].items[0].id: 'why' is there twice"
