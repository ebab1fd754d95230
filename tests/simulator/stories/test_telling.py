"""Telling a story, and the two questions afterwards: what is left of the intruder, what of the user's own is gone."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest

from simulator import demo
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.server import Simulator
from simulator.sizes import Size
from simulator.stories import STORIES, Story, Told, apply, evicted, harmed, told
from simulator.world import World
from tests.simulator.stories.cloud import Cloud, lasting, take_away
from tests.thorough import one_in

each_story = pytest.mark.parametrize("story", STORIES.values(), ids=lambda story: story.id)
LOOK_ALIKES = [
    (story, act)
    for story in STORIES.values()
    for act in story.look_alikes
    if act.lasting and not (act.made_anew and story.intruder_actions)
]


@pytest.mark.parametrize(
    ("story", "size"),
    [
        *((story, size) for story in STORIES.values() for size in (Size.SMALL, Size.MEDIUM)),
        *((STORIES["mass-phishing"], size) for size in (Size.LARGE, Size.HUGE)),
    ],
    ids=lambda each: each.id if isinstance(each, Story) else each.value,
)
def test_a_story_fits_into_every_size_of_tenant(story: Story, size: Size) -> None:
    world = World(SimulatorConfig(size=size))
    mine = apply(story, world)
    assert evicted(story, world) == [act.key for act in lasting(story)]
    assert harmed(story, world) == []
    assert {trace.key for trace in mine.traces} == {act.key for act in (*story.intruder_actions, *story.look_alikes)}
    assert all(trace.names for trace in mine.traces)
    assert len(list(world.tenant.users.known())) < 100, "a large tenant makes no more people than the story needs"


@each_story
def test_the_intruder_hides_among_hundreds_of_ordinary_lines(story: Story) -> None:
    world = World(SimulatorConfig())
    mine = apply(story, world)
    sign_ins = world.tenant.records.sign_ins
    own = [row for row in sign_ins if row["userId"] == mine.account_id]
    assert len(sign_ins) > 400
    assert len(own) > 100
    assert all(row["createdDateTime"] <= world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ") for row in sign_ins)
    if world.tenant.users[mine.account_id].mailbox is not None:
        assert len(world.tenant.records.mail[mine.account_id]) > 200
        assert len(exchange_of(world).organisation.traced) > 200
        assert len(exchange_of(world).organisation.audit_records) > 100


@each_story
@pytest.mark.parametrize("days", one_in(4, range(7)))
def test_a_story_may_be_told_on_any_day_of_the_week(story: Story, days: int) -> None:
    world = World(SimulatorConfig(seed=20 + days))
    world.clock.advance(timedelta(days=days, hours=5 * days).total_seconds())
    mine = apply(story, world)
    assert sum(row["userId"] == mine.account_id for row in world.tenant.records.sign_ins) > 100
    assert evicted(story, world) == [act.key for act in lasting(story)]
    assert harmed(story, world) == []
    for act in story.intruder_actions:
        assert mine.trace(act.key).at <= mine.now


@each_story
def test_the_same_seed_tells_the_same(story: Story) -> None:
    first, second = World(SimulatorConfig()), World(SimulatorConfig())
    mine, again = apply(story, first), apply(story, second)
    assert dataclasses.replace(again, now=mine.now, entered=mine.entered, traces=()) == dataclasses.replace(
        mine, traces=()
    )
    assert [trace.names for trace in mine.traces] == [trace.names for trace in again.traces]
    other = World(SimulatorConfig(seed=8))
    assert apply(story, other).account_id != mine.account_id


def test_a_story_told_twice_happens_once() -> None:
    world, story = World(SimulatorConfig()), STORIES["mass-phishing"]
    mine = apply(story, world)
    version, sign_ins = world.tenant.version, len(world.tenant.records.sign_ins)
    assert apply(story, world) is mine
    assert (world.tenant.version, len(world.tenant.records.sign_ins)) == (version, sign_ins)


def test_a_reset_forgets_the_story() -> None:
    world, story = World(SimulatorConfig()), STORIES["mass-phishing"]
    apply(story, world)
    world.reset()
    assert told(world) == {}
    with pytest.raises(KeyError):
        evicted(story, world)


def test_several_stories_stand_beside_each_other() -> None:
    world = World(SimulatorConfig())
    for story in STORIES.values():
        apply(story, world)
    for story in STORIES.values():
        assert evicted(story, world) == [act.key for act in lasting(story)]
        assert harmed(story, world) == []


@each_story
async def test_all_of_the_intruders_can_be_taken_away_and_nothing_else_is_harmed(
    cloud: Cloud, tell: Callable[[str], Told], story: Story
) -> None:
    mine, world = tell(story.id), cloud.sim.world
    waiting = [act.key for act in lasting(story)]
    for act in lasting(story):
        assert act.key in evicted(story, world)
        await take_away(cloud, mine, act)
        waiting = [key for key in waiting if key != act.key]
        assert evicted(story, world) == waiting
    assert evicted(story, world) == []
    assert harmed(story, world) == []


@pytest.mark.parametrize(("story", "act"), LOOK_ALIKES, ids=lambda each: getattr(each, "key", getattr(each, "id", "")))
async def test_taking_away_what_is_the_users_own_is_told(
    cloud: Cloud, tell: Callable[[str], Told], story: Story, act: object
) -> None:
    mine, world = tell(story.id), cloud.sim.world
    assert act in story.look_alikes
    await take_away(cloud, mine, act)  # type: ignore[arg-type]  # narrowed by the line above
    assert harmed(story, world) == [act.key]  # type: ignore[attr-defined]  # likewise
    assert evicted(story, world) == [each.key for each in lasting(story)]


async def test_the_tenant_starts_with_its_stories_and_has_them_again_after_a_reset() -> None:
    async with Simulator(SimulatorConfig(stories=("clean", "guest"))) as sim:
        assert list(told(sim.world)) == ["clean", "guest"]
    with pytest.raises(KeyError):
        Simulator(SimulatorConfig(stories=("no-such-story",)))


def test_the_command_line_knows_the_stories() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "simulator", "--story", "no-such-story"], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 2
    assert all(story_id in asked.stderr for story_id in STORIES)


def test_times_follow_the_simulated_clock() -> None:
    world, story = World(SimulatorConfig()), STORIES["token-replay"]
    world.clock.advance(timedelta(days=40).total_seconds())
    mine = apply(story, world)
    assert world.clock.now() - mine.entered >= story.since
    assert all(trace.at <= mine.now for trace in mine.traces)


def test_the_demo_knows_the_stories(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run(["no-such-story"]) == 1
    said = capsys.readouterr().err
    assert all(story_id in said for story_id in STORIES)
