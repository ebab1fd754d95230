"""A problem says what, what next, and what to tell the administrator."""

from __future__ import annotations

from cards import notice_card, problem_card
from tests.cards.checks import elements, words
from tools.gallery.samples import NOTICES, PROBLEMS


def test_a_problem_says_what_and_what_next() -> None:
    seen = words(problem_card(PROBLEMS["usual"]))
    assert "Entra ID does not answer" in seen
    assert "Nothing was changed" in seen
    assert "Next: Try again in a few minutes" in seen


def test_the_correlation_id_is_small_and_only_where_there_is_one() -> None:
    last = elements(problem_card(PROBLEMS["usual"]), "TextBlock")[-1]
    assert "c0ffee00-1234-4a5b-9c8d-0123456789ab" in last["text"]
    assert last["size"] == "small"
    assert "administrator" not in words(problem_card(PROBLEMS["smallest"]))


def test_a_notice_says_its_word() -> None:
    seen = words(notice_card(NOTICES["good"]))
    assert "✓ Incident closed" in seen
    assert "IR-0007 is closed" in seen
