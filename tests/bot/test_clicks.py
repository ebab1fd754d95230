"""Card data is client input: whatever it is, it becomes a click of plain texts or a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clicks import read_click
from dialogs.turn import Click
from services.channel import Actor, Conversation, ConversationKind
from services.errors import BadInput

ALEX = Actor("33333333-3333-4333-8333-333333333333", "Alex Wilber", "29:alex")
WHERE = Conversation("a:1", ConversationKind.PERSONAL, "https://smba.trafficmanager.net/", "t")


def _click(data: Any, verb: Any = "approve") -> Click:
    return read_click({"action": {"type": "Action.Execute", "verb": verb, "data": data}}, ALEX, WHERE, "1")


def test_what_the_card_carried_and_what_the_person_typed_are_kept_apart() -> None:
    click = _click({"v": 1, "id": "i", "nonce": "n", "choice": "0", "why": "line one\nline two\t\u0000\u202e!"})
    assert (click.version, click.id, click.nonce) == (1, "i", "n")
    assert click.inputs == {"choice": "0", "why": "line one\nline two\t!"}


def test_who_and_where_never_come_from_the_card() -> None:
    data = {"v": 1, "id": "i", "nonce": "n", "actor": "29:mallory", "conversation": "19:elsewhere", "verb": "lock"}
    click = _click(data)
    assert (click.actor, click.conversation, click.verb) == (ALEX, WHERE, "approve")


def test_an_input_left_empty_is_absent() -> None:
    assert _click({"v": 1, "id": "i", "nonce": "n", "why": None, "note": ""}).inputs == {"note": ""}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"v": 1.0, "id": "i", "nonce": "n"}, "bad-version"),
        ({"v": 1, "id": "i" * 201, "nonce": "n"}, "bad-id"),
        ({"v": 1, "id": "i", "nonce": None}, "bad-nonce"),
        ({"v": 1, "id": "i", "nonce": "n", "x": 7}, "bad-input-value"),
        ({"v": 1, "id": "i", "nonce": "n", "x": ["7"]}, "bad-input-value"),
        ({"v": 1, "id": "i", "nonce": "n", "x" * 201: "7"}, "bad-input-value"),
        ({"v": 1, "id": "i", "nonce": "n", "x": "y" * 4001}, "input-too-long"),
        ({"v": 1, "id": "i", "nonce": "n", **{f"x{number}": "" for number in range(51)}}, "too-many-inputs"),
    ],
)
def test_a_refusal_says_why(data: Any, reason: str) -> None:
    with pytest.raises(BadInput) as refusal:
        _click(data)
    assert refusal.value.data["reason"] == reason


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["action", "type", "verb", "data", "v", "id", "nonce"]) | st.text(max_size=6), inner
        )
    ),
    max_leaves=12,
)
actions = st.fixed_dictionaries(
    {"type": st.just("Action.Execute"), "verb": st.just("approve") | json_values, "data": json_values}
)


@given(json_values | st.fixed_dictionaries({"action": actions}))
@settings(max_examples=400, deadline=None)
def test_any_value_is_a_click_or_a_refusal(value: Any) -> None:
    try:
        click = read_click(value, ALEX, WHERE, "1")
    except BadInput:
        return
    assert click.actor is ALEX
    assert all(type(text) is str for text in (click.verb, click.id, click.nonce, *click.inputs.values()))
