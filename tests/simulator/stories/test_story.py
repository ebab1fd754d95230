"""The stories as data: each says the whole truth about itself."""

from __future__ import annotations

import pytest

from simulator.stories import STORIES, Story
from simulator.stories.acts.signing_in import KnowsPassword
from simulator.stories.story import Action, Origin

STEPS = {
    "check-delegates",
    "check-devices",
    "check-forwarding",
    "check-inbox-rules",
    "check-mail-flow",
    "disable-devices",
    "disable-mail-flow",
    "remove-delegates",
    "remove-forwarding",
    "remove-inbox-rules",
    "remove-sign-in-methods",
    "review-activity",
    "review-sign-ins",
    "revoke-app-consents",
    "revoke-sessions",
    "scramble-password",
    "trace-sent-mail",
    "unblock-sending",
}
each_story = pytest.mark.parametrize("story", STORIES.values(), ids=lambda story: story.id)


def test_there_are_nine_compromises_and_a_clean_account() -> None:
    clean = [story for story in STORIES.values() if not story.intruder_actions]
    assert [story.id for story in clean] == ["clean"]
    assert len(STORIES) - len(clean) >= 9


@each_story
def test_keys_are_unique_within_a_story(story: Story) -> None:
    keys = [act.key for act in (*story.intruder_actions, *story.look_alikes)]
    assert len(keys) == len(set(keys))


@each_story
def test_the_truth_names_steps_of_the_playbook_and_deeds_of_the_story(story: Story) -> None:
    keys = {act.key for act in story.intruder_actions}
    for expected in story.truth:
        assert expected.item in keys
        assert {expected.step, expected.evicted_by or expected.step} <= STEPS


@each_story
def test_whatever_lasts_is_in_the_truth_with_the_step_that_takes_it_away(story: Story) -> None:
    evicted = {expected.item for expected in story.truth if expected.evicted_by}
    assert evicted == {act.key for act in story.intruder_actions if act.lasting}


@each_story
def test_every_account_has_look_alikes(story: Story) -> None:
    assert story.look_alikes


def test_stories_do_not_share_the_addresses_of_intruders() -> None:
    addresses = [story.intruder.ip for story in STORIES.values() if story.intruder_actions]
    assert len(addresses) == len(set(addresses))


def test_a_lasting_deed_must_say_what_remains() -> None:
    class Forgets(Action):
        lasting = True

        def happen(self, scene: object, by: Origin) -> frozenset[str]:
            raise NotImplementedError

    with pytest.raises(AssertionError, match="Forgets does not say what remains"):
        Forgets(key="x").remains(None)  # type: ignore[arg-type]  # never gets as far as the scene
    assert KnowsPassword.remains is not Action.remains
