"""An approver sees on whom, what exactly, for whom and until when, before any button."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cards import approval_card
from tests.cards.checks import elements, words
from tools.gallery.incident_samples import APPROVALS, CHANGES

WAITING = APPROVALS["waiting"]


def test_everything_that_an_approver_must_know_is_there() -> None:
    seen = words(approval_card(WAITING))
    for expected in (
        *("Lock Isaiah Langer", "isaiah@contoso.com", "Privileged: Global Administrator", "IR-0007"),
        *("Asked for by Alex Wilber", "second person", "A second person must approve", WAITING.subject.object_id),
        *(f"{change.before} → {change.after}" for change in CHANGES),
        *(change.undo for change in CHANGES),
    ):
        assert expected in seen


def test_nothing_of_it_is_folded() -> None:
    assert elements(approval_card(WAITING), "Action.ToggleVisibility") == []


def test_approve_is_the_first_button() -> None:
    assert [button["title"] for button in elements(approval_card(WAITING), "Action.Execute")] == ["Approve", "Refuse"]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("approved", "approved by Adele Vance"),
        ("refused", "refused by Adele Vance"),
        ("cancelled", "cancelled by Adele Vance"),
        ("expired", "expired"),
        ("void", "no longer valid"),
    ],
)
def test_a_decision_is_told_in_words(state: str, word: str) -> None:
    by = "Adele Vance" if "by" in word else None
    view = replace(WAITING, approval=replace(WAITING.approval, state=state, decided_by=by), buttons=())
    seen = words(approval_card(view))
    assert word in seen
    assert "Your decision is needed" not in seen
    assert "This will change" not in seen
