"""The press of a card's button, read from the client input that it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dialogs.turn import Click
from services.channel import Actor, Conversation
from services.errors import BadInput

_LONGEST_WORD = 200
_LONGEST_INPUT = 4000
_MOST_INPUTS = 50
_OURS = frozenset({"v", "id", "nonce"})


def read_click(value: object, actor: Actor, conversation: Conversation, activity_id: str) -> Click:
    """The click. Raises BadInput with a reason where the card's data is not what our cards send."""
    action = value.get("action") if isinstance(value, Mapping) else None
    if not isinstance(action, Mapping):
        raise BadInput(reason="no-action")
    if action.get("type") != "Action.Execute":
        raise BadInput(reason="action-type")
    data = action.get("data")
    if not isinstance(data, Mapping):
        raise BadInput(reason="no-data")
    version = data.get("v")
    if type(version) is not int:
        raise BadInput(reason="bad-version")
    return Click(
        actor=actor,
        conversation=conversation,
        activity_id=activity_id,
        verb=_word(action, "verb"),
        version=version,
        id=_word(data, "id", may_be_empty=True),
        nonce=_word(data, "nonce", may_be_empty=True),
        inputs=_inputs(data),
    )


def _word(source: Mapping[str, Any], name: str, *, may_be_empty: bool = False) -> str:
    value = source.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST_WORD or not value.isprintable():
        raise BadInput(reason=f"bad-{name}")
    if not value and not may_be_empty:
        raise BadInput(reason=f"no-{name}")
    return value


def _inputs(data: Mapping[str, Any]) -> dict[str, str]:
    """What the person typed: every other value of the card's data. Line breaks are theirs to type."""
    typed = {name: value for name, value in data.items() if name not in _OURS and value is not None}
    if len(typed) > _MOST_INPUTS:
        raise BadInput(reason="too-many-inputs")
    inputs: dict[str, str] = {}
    for name, value in typed.items():
        if not isinstance(value, str) or len(name) > _LONGEST_WORD or not name.isprintable():
            raise BadInput(reason="bad-input-value")
        if len(value) > _LONGEST_INPUT:
            raise BadInput(reason="input-too-long")
        inputs[name] = "".join(letter for letter in value if letter.isprintable() or letter in "\n\t")
    return inputs
