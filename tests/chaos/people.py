"""People who do not give up: they press the button that is there, look again, and press again until it is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from simulator.bench import Bench, BenchError
from tests.chaos.stage import Stage

_COME_BACK_SECONDS = 5.0
_PAUSE_SECONDS = 0.6
_NOT_AGAIN_SECONDS = 8.0


@dataclass(frozen=True)
class Move:
    """A button that somebody presses where they see it. `rarely`: not again within some seconds."""

    title: str
    by: str = "alex"
    where: str = "thread"
    inputs: Mapping[str, str] = field(default_factory=dict)
    rarely: bool = False


class NotReached(AssertionError):
    """People pressed what there was, and it did not come about."""


class People:
    """The people of a round, in the thread of its incident."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._thread: str | None = None
        self._bench = stage.bench()
        self._since = 0.0
        self._pressed: dict[str, float] = {}
        self.presses = 0

    async def write(self, text: str) -> None:
        """Alex writes to the bot: a new thread the first time, the same one from then on."""
        bench = self._fresh()
        with contextlib.suppress(BenchError):
            await bench.say(text, by="alex", where="thread" if self._thread else "channel")
            self._thread = bench.thread

    async def reach(
        self,
        what: str,
        goal: Callable[[], Awaitable[bool]],
        moves: Sequence[Move],
        patience_seconds: float,
        otherwise: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Presses the first of these buttons that is there, over and over, until the goal is reached.

        `otherwise` is what they do now and then where there is nothing to press. Raises NotReached.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + patience_seconds
        idle_since = loop.time() - _COME_BACK_SECONDS
        while not await goal():
            if loop.time() > end:
                raise NotReached(f"{what} did not come about within {patience_seconds:g} s{self._bench.report()}")
            if await self._press(moves):
                idle_since = loop.time()
            elif otherwise is not None and loop.time() - idle_since >= _COME_BACK_SECONDS:
                idle_since = loop.time()
                await otherwise()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bench.teams.conversations.changed(), 2 * _PAUSE_SECONDS)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _press(self, moves: Sequence[Move]) -> bool:
        if self._thread is None:
            return False
        bench, now = self._fresh(), asyncio.get_running_loop().time()
        for move in moves:
            if move.rarely and now - self._pressed.get(move.title, 0.0) < _NOT_AGAIN_SECONDS:
                continue
            try:
                aim = await bench.aim(move.title, by=move.by, where=move.where, inputs=move.inputs, patience=0)
            except BenchError:
                continue
            self._pressed[move.title] = now
            self.presses += 1
            await aim.press(check=False)
            return True
        return False

    def _fresh(self) -> Bench:
        """The bench; a new one now and then, to which every card is new, so that it is refreshed again."""
        now = asyncio.get_running_loop().time()
        if now - self._since >= _COME_BACK_SECONDS:
            self._bench, self._since = self._stage.bench(), now
        self._bench.thread = self._thread
        return self._bench
