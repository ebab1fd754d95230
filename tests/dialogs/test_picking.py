from __future__ import annotations

import pytest

from dialogs.picking import picked
from dialogs.turn import Click
from services.channel import Actor, Conversation, ConversationKind
from services.errors import BadInput

WHO = Actor("0b6e5a3c-91d2-4f0e-8a77-000000000001", "Alex Wilber", "29:alex")


def _click(choice: str) -> Click:
    where = Conversation("19:x@thread.tacv2", ConversationKind.CHANNEL, "http://localhost", "t")
    return Click(WHO, where, "a1", "link.open", 1, "i1", "n1", {"choice": choice})


def test_a_position_that_was_offered_counts() -> None:
    assert picked(_click("1"), 2) == 1


@pytest.mark.parametrize("choice", ["", "2", "-1", "x", "²", "1,0"])
def test_anything_else_is_refused(choice: str) -> None:
    with pytest.raises(BadInput):
        picked(_click(choice), 2)
