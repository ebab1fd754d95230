"""Every story from the command to the end of the investigation: all of the intruder's is found, nothing else."""

from __future__ import annotations

import pytest

import app
from benchmarks import recall
from services.microsoft365 import Microsoft365, Tokens
from services.microsoft365.operations import Gate
from services.settings import Settings
from simulator.stories import STORIES
from tests.services.playbook.tenancy import unpaced
from tests.thorough import a_few


@pytest.fixture(autouse=True)
def _without_waiting_for_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated tenant throttles nobody here, so that ten stories need not wait for the reports' budget."""

    async def opened(settings: Settings, tokens: Tokens, gate: Gate) -> Microsoft365:
        return unpaced(settings, tokens, gate)

    monkeypatch.setattr(app, "open_microsoft365", opened)


# One of each kind of account, and the one with the most in it.
_ALWAYS = {"guest", "mass-phishing", "shared-mailbox", "synced-account"}


@pytest.mark.parametrize(
    "story_id", a_few((story.id for story in STORIES.values() if story.truth), _ALWAYS.__contains__)
)
async def test_all_that_the_intruder_did_is_found_and_nothing_else(story_id: str) -> None:
    score = await recall.play(STORIES[story_id], seconds_of_a_query=0)
    assert score.expected > 0
    assert score.missed == ()
    assert score.false_alarms == ()


async def test_a_clean_account_raises_nothing_above_a_note() -> None:
    score = await recall.play(STORIES["clean"], seconds_of_a_query=0)
    assert score.false_alarms == ()
    assert score.blind == ()
