"""The list of incidents shows what each needs, and how many are not listed."""

from __future__ import annotations

from cards import incidents_card
from tests.cards.checks import words
from tools.gallery.samples import LISTS


def test_each_incident_shows_who_how_long_and_what_is_next() -> None:
    seen = words(incidents_card(LISTS["usual"]))
    for line in LISTS["usual"].incidents:
        assert f"{line.number} · {line.subject}" in seen
        assert line.next_step in seen
        assert f"open for {line.age}" in seen


def test_urgency_is_a_symbol_too() -> None:
    seen = words(incidents_card(LISTS["usual"]))
    assert "▲ Adele" in seen
    assert "◆ Reset" in seen
    assert "✓ Nothing" in seen


def test_all_are_counted_though_not_all_are_listed() -> None:
    seen = words(incidents_card(LISTS["largest"]))
    listed = seen.count("open for ")
    assert "Open incidents: 117" in seen
    assert f"and {117 - listed} more" in seen


def test_none_says_how_to_open_one() -> None:
    seen = words(incidents_card(LISTS["smallest"]))
    assert "No open incidents" in seen
    assert "compromise" in seen
