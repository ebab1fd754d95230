"""What holds for every card at every sample, the smallest and the largest among them."""

from __future__ import annotations

import importlib.resources
import inspect
import json
from collections import Counter
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft6Validator

import cards
from cards.elements import MAX_UTF8_BYTES, MAX_UTF16_BYTES
from tests.cards.checks import drawn, elements, markup, shown, walk
from tests.cards.snapshots import FOLDER, path_of, written
from tests.machine import go_without
from tools.gallery.cast import HOSTILE
from tools.gallery.render import CannotDrawError, validate
from tools.gallery.samples import SAMPLES, Sample

every_card = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
PLAIN_TYPES = {str, int, bool, list, dict}


@cache
def _schema() -> Draft6Validator:
    stored = importlib.resources.files("adaptive_cards").joinpath("schemas", "schema-1.5.json")
    return Draft6Validator(json.loads(stored.read_text(encoding="utf-8")))


def _schema_errors(card: dict[str, Any]) -> list[str]:
    without_teams = {key: value for key, value in card.items() if key != "msteams"}
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in _schema().iter_errors(without_teams)]


def test_every_card_function_has_its_smallest_and_its_largest() -> None:
    functions = {name for name, value in vars(cards).items() if inspect.isfunction(value)}
    assert functions == set(cards.__all__)
    for name in functions:
        assert {"smallest", "largest"} <= {sample.variant for sample in SAMPLES if sample.card == name}, name


def test_no_card_function_is_left_out_of_the_package() -> None:
    """A function that takes a view and gives a card must be exported, so that the tests of this file see it."""
    names = ("cards.views", "cards.blast_views", "cards.home_views", "cards.setup_views", "cards.trigger_views")
    modules = map(importlib.import_module, names)
    views = {name for module in modules for name in vars(module) if name.endswith("View")}
    taken = {str(inspect.signature(getattr(cards, name)).parameters["view"].annotation) for name in cards.__all__}
    assert taken == views


@every_card
def test_a_card_is_plain_json(sample: Sample) -> None:
    card = drawn(sample)
    assert {type(node) for _, node in walk(card)} <= PLAIN_TYPES
    assert json.loads(json.dumps(card)) == card


@every_card
def test_a_card_fits_into_a_message(sample: Sample) -> None:
    text = json.dumps(drawn(sample), ensure_ascii=False, separators=(",", ":"))
    assert len(text.encode()) <= MAX_UTF8_BYTES
    assert len(text.encode("utf-16-le")) <= MAX_UTF16_BYTES


@every_card
def test_a_card_keeps_to_the_official_schema(sample: Sample) -> None:
    assert _schema_errors(drawn(sample)) == []


def test_the_schema_check_can_fail() -> None:
    card = SAMPLES[0].draw()
    card["body"].append({"type": "TextBlok", "text": "x"})
    assert _schema_errors(card)


def test_the_parser_of_microsoft_has_no_complaint() -> None:
    every = {sample.name: drawn(sample) for sample in SAMPLES}
    bad = SAMPLES[0].draw()
    bad["body"].append({"type": "TextBlok", "text": "x"})
    try:
        found = validate({**every, "bad": bad})
    except CannotDrawError as missing:
        go_without(str(missing))
    assert found.pop("bad")
    assert {name: complaints for name, complaints in found.items() if complaints} == {}
    assert set(found) == set(every)


@every_card
def test_the_root_says_what_old_clients_and_screen_readers_need(sample: Sample) -> None:
    card = drawn(sample)
    assert card["type"] == "AdaptiveCard"
    assert card["version"] == "1.5"
    assert card["fallbackText"].strip()
    assert card["speak"].strip()


@every_card
def test_every_button_carries_a_version_an_id_and_a_nonce_only(sample: Sample) -> None:
    for button in elements(drawn(sample), "Action.Execute"):
        assert set(button) <= {"type", "title", "verb", "data", "style"}
        assert set(button["data"]) == {"v", "id", "nonce"}
        assert button["data"]["v"] == 1


@every_card
def test_only_known_kinds_of_elements_and_actions_are_used(sample: Sample) -> None:
    """What the Teams clients and the emulator all draw; no Badge, no Action.Submit, no web addresses to open."""
    kinds = {
        # Teams' windows know no Action.Execute: there a form is submitted.
        "Action.Execute" if (sample.card, node["type"]) == ("report_form_card", "Action.Submit") else node["type"]
        for _, node in walk(drawn(sample))
        if isinstance(node, dict) and isinstance(node.get("type"), str)
    }
    assert kinds <= {
        *(
            "AdaptiveCard",
            "Container",
            "ColumnSet",
            "Column",
            "TextBlock",
            "RichTextBlock",
            "TextRun",
            "FactSet",
            "ActionSet",
        ),
        *("Input.ChoiceSet", "Input.Date", "Input.Text", "Input.Time", "Action.Execute", "Action.ToggleVisibility"),
    }


@every_card
def test_ids_are_unique_and_every_toggle_has_its_targets(sample: Sample) -> None:
    card = drawn(sample)
    ids = Counter(
        node["id"] for _, node in walk(card["body"]) if isinstance(node, dict) and "type" in node and "id" in node
    )
    assert {name for name, count in ids.items() if count > 1} == set()
    for toggle in elements(card, "Action.ToggleVisibility"):
        assert set(toggle["targetElements"]) <= set(ids)


@every_card
def test_text_wraps(sample: Sample) -> None:
    assert all(block["wrap"] is True for block in elements(drawn(sample), "TextBlock"))


@every_card
def test_no_text_holds_markup_beyond_our_own_bold(sample: Sample) -> None:
    for text in shown(drawn(sample)):
        assert set(markup(text)) <= {"strong_open", "strong_close"}, text


@every_card
def test_no_hostile_text_comes_through_as_it_was(sample: Sample) -> None:
    seen = "\n".join(shown(drawn(sample)))
    assert not [value for value in HOSTILE if value in seen]
    assert not set(seen) & set("\u202e\u200b\u2060\x00")


@every_card
def test_the_most_visible_button_comes_first_and_styles_are_known(sample: Sample) -> None:
    for row in elements(drawn(sample), "ActionSet"):
        styled = ["style" in button for button in row["actions"]]
        assert styled == sorted(styled, reverse=True)
        assert len(row["actions"]) <= 6
        assert {button.get("style", "default") for button in row["actions"]} <= {"default", "positive", "destructive"}


@every_card
def test_a_card_looks_as_it_did(sample: Sample) -> None:
    """Where the change is meant: python -m tests.cards.snapshots, then look at the gallery."""
    assert written(drawn(sample)) == path_of(sample.name).read_text(encoding="utf-8")


def test_no_stored_card_is_left_behind() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {sample.name for sample in SAMPLES}
