"""People with the same name can be told apart, and nobody is chosen by accident."""

from __future__ import annotations

from dataclasses import replace

from cards import choice_card, nearest_card
from tests.cards.checks import elements, words
from tools.gallery.cast import LARGE_PERSON
from tools.gallery.samples import CHOICES, JONIS, NEARESTS


def test_each_choice_shows_what_tells_people_apart() -> None:
    (choices,) = elements(choice_card(CHOICES["smallest"]), "Input.ChoiceSet")
    assert choices["id"] == "choice"
    assert choices["style"] == "expanded"
    assert [choice["value"] for choice in choices["choices"]] == ["0", "1"]
    for person, choice in zip(JONIS, choices["choices"], strict=True):
        for part in (person.name, person.upn, person.department, *person.kinds):
            assert part in choice["title"]


def test_nothing_is_chosen_beforehand_and_a_choice_is_required() -> None:
    (choices,) = elements(choice_card(CHOICES["smallest"]), "Input.ChoiceSet")
    assert "value" not in choices
    assert choices["isRequired"] is True
    assert choices["errorMessage"]


def test_choices_that_are_left_out_are_counted() -> None:
    view = replace(CHOICES["smallest"], people=(LARGE_PERSON,) * 60, more=40)
    card = choice_card(view)
    (choices,) = elements(card, "Input.ChoiceSet")
    assert f"and {100 - len(choices['choices'])} more" in words(card)


def test_the_nearest_names_come_with_their_addresses() -> None:
    seen = words(nearest_card(NEARESTS["usual"]))
    assert "joni@contoso.com" in seen
    assert "joni.sherman2@contoso.com" in seen
    assert "Not everything" not in seen


def test_a_search_that_could_not_look_everywhere_says_so() -> None:
    assert "the account may exist" in words(nearest_card(NEARESTS["smallest"]))
