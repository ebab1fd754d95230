"""Plays one round and judges it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import sqlalchemy as sa

from tests.chaos.books import Books
from tests.chaos.bot import ForkedBot, Forks
from tests.chaos.harms import Round, Scene, drawn
from tests.chaos.inflicting import Inflicting
from tests.chaos.invariants import After, broken
from tests.chaos.patience import Patience
from tests.chaos.people import NotReached
from tests.chaos.secrets import Overheard
from tests.chaos.stage import MakeBot, Stage, staged
from tests.chaos.story import Story

_REST_SECONDS = 120.0
_LOOK_SECONDS = 0.5
_MEET_SECONDS = 10.0


@dataclass
class Result:
    """How a round went. `broken` is what should have held and did not, in words; empty where all is well."""

    seed: int
    words: str
    story: str
    harms: list[str] = field(default_factory=list)
    at_once: bool = False
    unmet: int = 0  # faults whose call was never made
    seconds: float = 0.0
    recovery_seconds: float = 0.0  # from the end of all harm until the bot said that it is ready
    rest_seconds: float = 0.0  # from the end of the story until nothing was left to do
    starts: int = 0
    presses: int = 0
    scenes: dict[str, float] = field(default_factory=dict)  # seconds of each
    broken: list[str] = field(default_factory=list)


async def play(played: Round, make_bot: MakeBot, keep_in: Path | None = None) -> Result:
    """Plays it to its end. What the bot wrote is kept in a folder where something was broken."""
    result = Result(played.seed, str(played), played.story, [harm.name for harm in played.harms])
    result.at_once = played.at_once
    begun = time.monotonic()
    async with staged(played, make_bot) as stage:
        keeper = asyncio.create_task(stage.keep())
        try:
            if not await stage.until_ready():
                result.broken.append(f"the bot did not start: {await stage.bot.last_words()}")
                return result
            overheard = Overheard(stage.sim.world)
            story, inflicting = Story(stage), Inflicting(stage)
            after = After(stage, story, overheard)
            try:
                await _play_scenes(played.scenes, story, inflicting, stage, result)
            except NotReached as problem:
                result.broken.append(str(problem))
            result.rest_seconds = await _rest(stage, result)
            if not await stage.until_ready():
                result.broken.append("the bot was not ready in the end")
            result.broken += await asyncio.to_thread(broken, after)
            result.starts, result.presses = stage.starts, story.presses
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
            await stage.bot.stop()
            if result.broken and keep_in is not None:
                await asyncio.to_thread(_keep, stage, keep_in, result)
    result.seconds = time.monotonic() - begun
    return result


async def _play_scenes(
    scenes: Sequence[Scene], story: Story, inflicting: Inflicting, stage: Stage, result: Result
) -> None:
    """All scenes with their harm; what harm is left after the last one ends, and the end must hold all the same."""
    for scene in scenes:
        begun = time.monotonic()
        inflicting.begin(scene)
        if scene is scenes[-1]:
            ending = asyncio.create_task(_end_harm(inflicting, stage, result))
            try:
                await story.play(scene)
            finally:
                await ending
        else:
            await story.play(scene)
        result.scenes[scene] = round(time.monotonic() - begun, 1)
    await story.play(scenes[-1])


async def _end_harm(inflicting: Inflicting, stage: Stage, result: Result) -> None:
    # Faults that wait for a call get some time to meet one; then whatever has met none goes.
    end = time.monotonic() + _MEET_SECONDS
    while stage.sim.world.faults.waiting() and time.monotonic() < end:  # noqa: ASYNC110  # a fault sets no event
        await asyncio.sleep(_LOOK_SECONDS)
    result.unmet = await inflicting.over()
    ended = time.monotonic()
    if not await stage.until_ready():
        result.broken.append("the bot was not ready again after all harm was over")
    result.recovery_seconds = time.monotonic() - ended


async def _rest(stage: Stage, result: Result) -> float:
    """Waits until nothing is left to do; how long that took."""
    left, patience = ["the database could not be read"], Patience(_REST_SECONDS)
    while not patience.is_over(left):
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            left = (await asyncio.to_thread(Books.read, stage.database_url, stage.data_key)).unfinished()
            if not left:
                return patience.waited()
        await asyncio.sleep(_LOOK_SECONDS)
    result.broken += [f"never came to rest: {each}" for each in left]
    return patience.waited()


def _keep(stage: Stage, folder: Path, result: Result) -> None:
    """What is needed to find out why."""
    home = folder / str(stage.round.seed)
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(stage.bot.log, home)
    (home / "result.json").write_text(json.dumps(asdict(result), indent=1))
    journal = [entry.to_json() for entry in stage.sim.world.journal]
    (home / "journal.json").write_text(json.dumps(journal, indent=1, default=str))
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        books = Books.read(stage.database_url, stage.data_key)
        rows = {name: [dict(row) for row in books[name]] for name in books.tables}
        (home / "books.json").write_text(json.dumps(rows, indent=1, default=str))


def play_and_tell(seed: int, story: str, keep_in: str, told: Connection) -> None:
    """Plays the round of a seed, in a process of its own, and sends what `Result` holds."""
    forks = Forks()
    try:
        result = asyncio.run(
            play(drawn(seed, story=story), partial(ForkedBot, forks), Path(keep_in) if keep_in else None)
        )
        told.send(asdict(result))
    finally:
        forks.close()
        told.close()
