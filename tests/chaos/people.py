"""People who do not give up: they press the button that is there, look again, and press again until it is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from simulator.bench import Bench, BenchError
from tests.chaos.books import Books
from tests.chaos.patience import Patience
from tests.chaos.stage import Stage

_COME_BACK_SECONDS = 5.0
_PAUSE_SECONDS = 0.6
_NOT_AGAIN_SECONDS = 8.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Move:
    """A button that somebody presses where they see it. `rarely`: not again within some seconds, more each time.

    A title that ends in "*" is the beginning of one: some buttons say how many people they are about.
    """

    title: str
    by: str = "alex"
    where: str = "thread"
    inputs: Mapping[str, str] = field(default_factory=dict, hash=False)
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
        self._pressed: dict[Move, tuple[int, float]] = {}  # how often, and when last
        self.presses = 0

    async def write(self, text: str, by: str = "alex") -> None:
        """Somebody writes to the bot: a new thread the first time, the same one from then on."""
        bench = self._fresh()
        with contextlib.suppress(BenchError):
            await bench.say(text, by=by, where="thread" if self._thread else "channel")
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

        `otherwise` is what they do now and then where there is nothing to press. Raises NotReached where nothing new
        was written down for as long as their patience lasts; what is merely slow is not given up.
        """
        loop = asyncio.get_running_loop()
        patience = Patience(patience_seconds)
        self._pressed.clear()
        idle_since = loop.time() - _COME_BACK_SECONDS
        while not await goal():
            if patience.is_over(await self._written()):
                raise NotReached(f"{what} did not come about in {patience.waited():.0f} s{self._bench.report()}")
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
            times, last = self._pressed.get(move, (0, 0.0))
            # A look that takes longer than the pause would be begun anew for ever, and never be answered.
            pause = min(_LONGEST_PAUSE_SECONDS, _NOT_AGAIN_SECONDS * 2 ** (times - 1))
            if move.rarely and times and now - last < pause:
                continue
            try:
                title = _title_on(bench, move)
                aim = await bench.aim(title, by=move.by, where=move.where, inputs=move.inputs, patience=0)
            except BenchError:
                continue
            self._pressed[move] = times + 1, now
            self.presses += 1
            await aim.press(check=False)
            return True
        return False

    async def _written(self) -> object:
        """What the bot has written down of the incident and of messages: it changes while something moves."""
        try:
            books = await asyncio.to_thread(
                Books.read, self._stage.database_url, self._stage.data_key, "timeline", "blast_recipients"
            )
        except sa.exc.SQLAlchemyError:
            return None
        return len(books["timeline"]), [row["state"] for row in books["blast_recipients"]]

    def _fresh(self) -> Bench:
        """The bench; a new one now and then, to which every card is new, so that it is refreshed again."""
        now = asyncio.get_running_loop().time()
        if now - self._since >= _COME_BACK_SECONDS:
            self._bench, self._since = self._stage.bench(), now
        self._bench.thread = self._thread
        return self._bench


def _title_on(bench: Bench, move: Move) -> str:
    """The whole title of the button on the cards that somebody sees. Raises BenchError where there is none."""
    beginning = move.title.removesuffix("*")
    if beginning == move.title:
        return move.title
    for shown in bench.cards(by=move.by, where=move.where):
        for title in shown.buttons:
            if title.startswith(beginning):
                return title
    raise BenchError(f"no button begins with {beginning!r}")
