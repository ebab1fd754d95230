"""The help names the commands; "who am I" says which roles and why."""

from __future__ import annotations

from cards import help_card, whoami_card
from tests.cards.checks import words
from tools.gallery.samples import COMMANDS, HELPS, ROLES, WHOAMIS


def test_each_command_is_shown_as_it_is_written() -> None:
    seen = words(help_card(HELPS["smallest"]))
    assert "@IRBot compromise \u2039user\u203a" in seen
    assert "@IRBot status (incident)" in seen
    assert all(command.summary in seen for command in COMMANDS)


def test_an_unknown_command_is_quoted_and_nothing_was_done() -> None:
    card = help_card(HELPS["unknown"])
    first = card["body"][0]["items"][0]["text"]
    assert first == "I do not know “compomise megan”. Nothing has been changed."


def test_each_role_says_yes_or_no_and_why() -> None:
    seen = words(whoami_card(WHOAMIS["usual"]))
    assert "✓ Responder: yes" in seen
    assert "✗ Approver: no" in seen
    assert all(role.why in seen and role.allows in seen for role in ROLES)


def test_no_roles_and_the_reason_are_told() -> None:
    card = whoami_card(WHOAMIS["smallest"])
    assert "could not be looked up" in words(card)
    assert "no roles" in card["speak"]
