"""The headline card tells a tired responder who, whether it is locked, and what is next."""

from __future__ import annotations

from dataclasses import replace

from cards import incident_card
from cards.incident import UNFOLDED_STEPS
from cards.views import StepLine, Tone
from tests.cards.checks import elements, walk, words
from tools.gallery.cast import LARGE_PERSON, OPENED
from tools.gallery.incident_samples import CONFIRM, INCIDENTS, PLAYBOOK

OPEN, CONFIRMING, LOCKED = INCIDENTS["open"], INCIDENTS["confirm"], INCIDENTS["locked"]


def _position(card: dict, needle: str) -> int:
    """Where in the card, read from top to bottom, this text or button first stands."""
    for position, (_, node) in enumerate(walk(card["body"])):
        if isinstance(node, str) and needle in node:
            return position
    raise AssertionError(f"{needle!r} is not on the card")


def _button(card: dict, title: str) -> int:
    """Where in the card this button stands."""
    for position, (_, node) in enumerate(walk(card["body"])):
        if isinstance(node, dict) and node.get("type") == "Action.Execute" and node["title"] == title:
            return position
    raise AssertionError(f"there is no button {title!r}")


def _hidden(card: dict) -> str:
    return "\n".join(words_of(node) for _, node in walk(card["body"]) if _is_hidden(node))


def _is_hidden(node: object) -> bool:
    return isinstance(node, dict) and node.get("type") == "Container" and node.get("isVisible") is False


def words_of(node: object) -> str:
    return "\n".join(value for _, value in walk(node) if isinstance(value, str))


def test_who_locked_and_next_come_before_everything_else() -> None:
    card = incident_card(OPEN)
    headline = card["body"][0]
    seen = words_of(headline)
    assert headline["style"] == "attention"
    for expected in (
        "Megan Bowen",
        "megan@contoso.com",
        "Not locked",
        "Next: Check that this is the right account, then press Lock account.",
        "IR-0007",
        "1 min",
    ):
        assert expected in seen


def test_the_button_follows_the_headline_at_once() -> None:
    card = incident_card(OPEN)
    assert card["body"][1]["type"] == "ActionSet"
    assert card["body"][1]["actions"][0]["title"] == "Lock account…"


def test_warnings_stand_above_the_button() -> None:
    card = incident_card(INCIDENTS["second-person"])
    assert _position(card, "A second person must approve") < _button(card, "Approve")


def test_what_will_change_stands_above_the_button_and_is_never_folded_while_a_decision_is_asked() -> None:
    card = incident_card(CONFIRMING)
    for change in CONFIRMING.changes:
        assert _position(card, f"{change.before} → {change.after}") < _button(card, "Lock now")
        assert change.after not in _hidden(card)
        assert change.undo in words(card)


def test_settled_changes_are_folded() -> None:
    card = incident_card(LOCKED)
    assert "Allowed → Blocked" in _hidden(card)
    assert "Exact changes (3)" in words(card)


def test_who_asks_who_decides_the_rule_and_the_end_are_shown() -> None:
    seen = words(incident_card(INCIDENTS["second-person"]))
    assert "Asked for by Alex Wilber" in seen
    assert "Waiting for Adele Vance, Diego Siciliani" in seen
    assert "A second person with the Approver role" in seen
    assert "valid until {{DATE(2026-03-14T03:12:07Z,SHORT)}}" in seen


def test_an_approval_that_was_given_is_small_print_and_one_that_was_not_is_told() -> None:
    given = incident_card(LOCKED)
    assert _position(given, "approved by Alex Wilber") > _position(given, "Scramble password")
    refused = incident_card(
        replace(OPEN, approval=replace(CONFIRM, state="refused", decided_by="Adele Vance", decided_at=OPENED))
    )
    assert _position(refused, "refused by Adele Vance") < _button(refused, "Lock account…")


def test_each_step_shows_its_state_as_a_word_with_its_reason() -> None:
    seen = words(incident_card(INCIDENTS["trouble"]))
    for expected in (
        *("✗ Block sign-in · Failed", "? Revoke sessions · Outcome unknown", "✓ Take a snapshot · Done"),
        *("○ Scramble password · Planned", "the app lacks the role"),
    ):
        assert expected in seen


def test_who_did_a_step_and_when_is_shown() -> None:
    assert "Alex Wilber · {{TIME(2026-03-14T02:45:07Z)}}" in words(incident_card(LOCKED))


def test_few_steps_are_all_shown_and_many_fold_the_quiet_ones() -> None:
    few = tuple(StepLine(f"Step {n}", "done", Tone.GOOD) for n in range(UNFOLDED_STEPS))
    assert not _hidden(incident_card(replace(OPEN, steps=few, changes=())))
    many = (*few, StepLine("One more", "done", Tone.GOOD), StepLine("Broken", "failed", Tone.ATTENTION))
    card = incident_card(replace(OPEN, steps=many, changes=()))
    assert "Step 1" in _hidden(card)
    assert "Broken" not in _hidden(card)
    assert "Steps: 9 done" in words(card)


def test_the_whole_playbook_fits_uncut() -> None:
    card = incident_card(INCIDENTS["playbook"])
    assert all(title in words(card) for title in PLAYBOOK)
    assert " more" not in words(card)


def test_where_steps_must_be_left_out_the_failures_stay() -> None:
    steps = tuple(StepLine(f"Slow {n}", "running", Tone.NEUTRAL, "x " * 80) for n in range(100))
    card = incident_card(replace(OPEN, steps=(*steps, StepLine("Broken", "failed", Tone.ATTENTION))))
    assert "Broken" in words(card)
    assert "Slow 99" not in words(card)


def test_a_state_that_is_new_to_the_cards_shows_under_its_own_name() -> None:
    card = incident_card(replace(OPEN, steps=(StepLine("New", "quarantined", Tone.WARNING),)))
    assert "? New · quarantined" in words(card)


def test_the_object_id_is_small_and_last() -> None:
    last = elements(incident_card(OPEN), "TextBlock")[-1]
    assert last["text"] == f"Object id {OPEN.subject.object_id}"
    assert last["size"] == "small"


def test_the_kind_of_account_is_shown() -> None:
    seen = words(incident_card(replace(OPEN, subject=LARGE_PERSON)))
    assert all(kind in seen for kind in LARGE_PERSON.kinds)
    assert LARGE_PERSON.upn in seen


def test_the_card_is_wide_and_refreshes_for_those_named() -> None:
    card = incident_card(OPEN)
    assert card["msteams"] == {"width": "full"}
    assert card["refresh"]["userIds"] == list(OPEN.refresh_for)
    assert card["refresh"]["action"]["verb"] == "refresh"
    assert "refresh" not in incident_card(replace(OPEN, refresh=None))


def test_the_notice_stands_right_above_the_buttons() -> None:
    card = incident_card(replace(OPEN, notice="Already asked for."))
    assert "Already asked for." in words_of(card["body"][1])
    assert card["body"][2]["type"] == "ActionSet"


def test_what_is_spoken_names_the_account_the_lock_and_the_next_step() -> None:
    assert incident_card(OPEN)["speak"] == (
        "IR-0007: Megan Bowen, megan@contoso.com. Not locked. "
        "Next: Check that this is the right account, then press Lock account."
    )
