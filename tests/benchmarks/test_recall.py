"""What `make score` says, and when it fails."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import sqlalchemy as sa

from benchmarks import recall
from benchmarks.recall import MOST_SECONDS, StoryScore
from services.database import tables
from simulator.config import SimulatorConfig
from simulator.stories import Story

GOOD = StoryScore("guest", 2, (), (), (), seconds=12.0, least=10.0, lasting=2)


def _run(monkeypatch: pytest.MonkeyPatch, score: StoryScore) -> int:
    async def play(story: Story, *, realistic: bool) -> StoryScore:
        assert realistic
        return replace(score, story_id=story.id)

    monkeypatch.setattr(recall, "play", play)
    return recall.run(["guest"])


def test_all_found_all_removed_and_in_time_ends_with_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, GOOD) == 0
    said = capsys.readouterr().out
    assert "Recall of findings 100.0 % (2 of 2), of evictions 100.0 % (2 of 2)." in said
    assert "False alarms 0, of the owner's own removed 0." in said
    assert "Slowest: 1.20 times the least time of its calls (guest; at most 1.25)." in said


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (replace(GOOD, missed=("review-activity does not show “files”",)), "Recall of findings 50.0 % (1 of 2)"),
        (replace(GOOD, false_alarms=("review-sign-ins: Signed in from home",)), "False alarms 1"),
        (replace(GOOD, stayed=("“rule” still works",)), "of evictions 50.0 % (1 of 2)"),
        (replace(GOOD, harmed=("“phone” was the owner's own",)), "of the owner's own removed 1"),
        (replace(GOOD, least=9.0), "1.33 times the least"),
        (replace(GOOD, seconds=MOST_SECONDS, least=MOST_SECONDS), "Longest: 60.0 s"),
    ],
    ids=["missed", "alarm", "stayed", "harmed", "slow", "long"],
)
def test_each_limit_that_is_missed_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], score: StoryScore, words: str
) -> None:
    assert _run(monkeypatch, score) == 1
    assert words in capsys.readouterr().out


def test_the_figures_are_those_of_all_stories_and_of_the_worst() -> None:
    scores = [GOOD, replace(GOOD, missed=("a", "b"), stayed=("c",)), replace(GOOD, seconds=30.0, least=29.0)]
    told = {row.name: row for row in recall.rows(scores)}
    assert [told[name].figure for name in (recall.MISSED, recall.STAYED, recall.ALARMS, recall.HARMED)] == [2, 1, 0, 0]
    assert told[recall.SLOWEST].ratio == pytest.approx(1.2)
    assert told[recall.LONGEST].figure == 30.0
    assert [name for name, row in told.items() if row.over] == [recall.MISSED, recall.STAYED]


def test_an_unknown_story_ends_with_2() -> None:
    assert recall.run(["no-such-story"]) == 2


async def test_a_bot_that_is_measured_runs_apart_and_its_incident_is_read_beside_it() -> None:
    async with recall._staged(SimulatorConfig(), None, apart=True) as (bench, database):
        assert bench.bot.pid != os.getpid()
        await bench.say("compromise megan@contoso.com", by="alex")
        incident = await bench.until(lambda: recall._incident(database), 30.0, "the incident")
        assert incident.subject.upn == "megan@contoso.com"
        assert await recall._round(database) == incident.investigation["nonce"]
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            async with database.write() as connection:
                await connection.execute(sa.delete(tables.incidents))
