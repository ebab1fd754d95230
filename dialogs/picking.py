"""Reading what was picked on a card that offers several things."""

from __future__ import annotations

from cards.people import CHOICE_INPUT
from dialogs.turn import Click
from services.errors import BadInput


def picked(click: Click, count: int) -> int:
    """The position of the choice. Raises BadInput for one that was not offered."""
    position = click.inputs.get(CHOICE_INPUT, "")
    if not position.isascii() or not position.isdigit() or int(position) >= count:
        raise BadInput(reason="unknown-choice")
    return int(position)
