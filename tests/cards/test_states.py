"""Every state of the playbook and of approvals has its word and its symbol."""

from __future__ import annotations

from cards.states import APPROVAL_STATES, STEP_STATES, approval_look, step_look
from tools.gallery.incident_samples import STATES


def test_every_state_has_a_word_of_its_own_and_a_symbol() -> None:
    assert set(STEP_STATES) == set(STATES)
    words = [look.word for look in STEP_STATES.values()]
    assert len(set(words)) == len(words)
    assert all(look.symbol for look in STEP_STATES.values())


def test_what_was_not_looked_at_never_reads_as_done() -> None:
    for state in ("not-evaluated", "unknown", "accepted", "skipped"):
        assert step_look(state).symbol != step_look("done").symbol
        assert not step_look(state).quiet


def test_every_approval_state_has_a_word() -> None:
    assert set(APPROVAL_STATES) == {"waiting", "approved", "refused", "expired", "void", "cancelled"}


def test_an_unknown_state_keeps_its_name() -> None:
    assert step_look("quarantined").word == "quarantined"
    assert approval_look("withdrawn")[0].word == "withdrawn"
