"""The working off of one job by one process: a feeder that claims and records, and workers that change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.bulk.model import SETTLED, Halt, Item, ItemState, Job, Progress, Result, Work, reached
from services.bulk.rows import Rows
from services.errors import (
    AuthBroken,
    Conflict,
    Gone,
    IRBotError,
    MissingLicence,
    MissingPermission,
    MissingRole,
    Stopped,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.plain_words import explain

WORKERS = 10  # the pace of the service decides how many of them have something to do
_CLAIMED_AHEAD = 8 * WORKERS
_HUNGRY_AT = 4 * WORKERS  # early enough that nobody waits for the database
_RECORDED_EVERY_SECONDS = 0.5
_TELL_EVERY_SECONDS = 20.0
_HALTED_SECONDS = 1.0
_STALLED_SECONDS = 900.0
_LONGEST_PAUSE_SECONDS = 30.0
_ATTEMPTS = 5
_FAILURES_IN_A_ROW = 25

# What no other item will get past either.
_FOR_ALL = (AuthBroken, MissingLicence, MissingPermission, MissingRole)


class LeaseLost(Exception):
    """This process may not act any more. Not an error of the job: whoever took over goes on with it."""


async def look(work: Work, item: Item) -> Result | None:
    """What became of an item whose change may have been made; None where it does not show."""
    try:
        shows = reached(await work.read(item.key), item.after)
    except Gone:
        return Result(item.key, ItemState.GONE)
    return Result(item.key, ItemState.SHOWN, changed=True) if shows else None


class Crew:
    """Keeps the workers busy until nothing waits. What is claimed and not sent fits in a small queue."""

    def __init__(
        self,
        rows: Rows,
        job: Job,
        work: Work,
        run: str,
        may_act: Callable[[], bool],
        stopped: Callable[[], Awaitable[bool]],
        tell: Callable[[Progress], Awaitable[None]],
    ) -> None:
        self._rows = rows
        self._job = job
        self._work = work
        self._run = run
        self._may_act = may_act
        self._stopped = stopped
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue()
        self._results: list[Result] = []
        self._hungry = asyncio.Event()
        self._under_way = 0
        self._lost = False
        self._broken = False  # by a fault of our own, which whoever waits for the workers gets
        self._failure: IRBotError | None = None
        self._trouble: IRBotError | None = None
        self._failed_in_a_row = 0
        self._troubles = 0
        self._moved_at = self._loop.time()
        self._began: tuple[float, int] | None = None
        self._told_at = -_TELL_EVERY_SECONDS

    async def work_off(self) -> IRBotError | None:
        """Returns when nothing is left that this process may take, with what stopped it. Raises LeaseLost."""
        workers = [asyncio.create_task(self._worker()) for _ in range(WORKERS)]
        try:
            await self._feed()
            for _ in workers:
                self._queue.put_nowait(None)
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return self._failure

    # -- the feeder ------------------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        while True:
            self._hungry.clear()  # whoever gets hungry from here on is not overlooked
            if self._broken:
                return
            if self._lost or not self._may_act():
                raise LeaseLost
            stopped = await self._stopped()
            if self._failure is not None:
                self._put_back()
            want = 0 if stopped or self._failure else _CLAIMED_AHEAD - self._queue.qsize()
            results, self._results = self._results, []
            items, halt = await self._rows.turn(self._job.id, self._run, results, want)
            for item in items:
                self._queue.put_nowait(item)
            await self._tell_sometimes(paused=halt is Halt.PAUSED)
            self._stop_where_asked(stopped or halt is Halt.STOPPED)
            if not items and self._idle and await self._over(halt):
                return
            try:
                await asyncio.wait_for(self._hungry.wait(), _RECORDED_EVERY_SECONDS)
            except TimeoutError:
                continue

    @property
    def _idle(self) -> bool:
        return self._queue.empty() and not self._under_way and not self._results

    async def _over(self, halt: Halt) -> bool:
        """Whether an idle crew goes home; else it waits for a pause to end, or for what others have claimed."""
        if self._failure is not None:
            return True
        if halt is Halt.PAUSED:
            self._moved_at = self._loop.time()
            await asyncio.sleep(_HALTED_SECONDS)
            return False
        counts = await self._rows.counts(self._job.id)
        if counts[ItemState.WAITING]:
            return False
        if counts[ItemState.CLAIMED]:
            await asyncio.sleep(_HALTED_SECONDS)
        return True

    def _stop_where_asked(self, stopped: bool) -> None:
        stalled = self._trouble is not None and self._loop.time() - self._moved_at > _STALLED_SECONDS
        if self._failure is None and stopped:
            self._failure = Conflict(reason="work-stopped")
        elif self._failure is None and stalled:
            self._failure = self._trouble

    def _put_back(self) -> None:
        """What is claimed and not sent waits again."""
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if item is not None:
                self._results.append(Result(item.key, ItemState.WAITING))

    async def _tell_sometimes(self, *, paused: bool) -> None:
        now = self._loop.time()
        if now - self._told_at < _TELL_EVERY_SECONDS:
            return
        self._told_at = now
        counts = await self._rows.counts(self._job.id)
        done = sum(counts[state] for state in SETTLED)
        if self._began is None:
            self._began = (now, done)
        since, already = self._began
        pace = (done - already) / (now - since) if now > since else 0.0
        left = (self._job.total - done) / pace if pace > 0 else None
        await self._tell(Progress(done, self._job.total, left, paused))

    # -- the workers -----------------------------------------------------------------------------------------------

    async def _worker(self) -> None:
        while True:
            if self._queue.qsize() <= _HUNGRY_AT:
                self._hungry.set()
            item = await self._queue.get()
            if item is None:
                return
            self._under_way += 1
            try:
                if not self._may_act():
                    self._lost = True
                    self._hungry.set()
                    return
                if self._failure is not None:
                    self._results.append(Result(item.key, ItemState.WAITING))
                    continue
                result = await self._changed(item)
                self._results.append(result)  # looked up only now: the feeder takes the list away in between
            except BaseException:
                self._broken = True
                self._hungry.set()
                raise
            finally:
                self._under_way -= 1

    async def _changed(self, item: Item) -> Result:
        """Makes one change; whatever happens is a result, except a fault of our own."""
        try:
            changed = await self._work.change(item.key, item.after)
        except Stopped:  # after it was claimed: it waits, and no more are claimed until work goes on
            return Result(item.key, ItemState.WAITING)
        except (Throttled, UpstreamDown) as error:
            return await self._not_now(item, error)
        except UnknownOutcome as error:
            return await self._unanswered(item, error)
        except Gone:
            return self._moved(Result(item.key, ItemState.GONE))
        except _FOR_ALL as error:
            self._failure = self._failure or error
            return Result(item.key, ItemState.WAITING)
        except IRBotError as error:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= _FAILURES_IN_A_ROW:
                self._failure = self._failure or error
            return Result(item.key, ItemState.FAILED, reason=explain(error).what)
        self._failed_in_a_row = 0
        if changed or item.attempts:
            return self._moved(Result(item.key, ItemState.SENT, changed=True))
        return self._moved(Result(item.key, ItemState.SHOWN))

    async def _not_now(self, item: Item, error: IRBotError) -> Result:
        """Surely not done: it waits again. The pace of the service holds everybody back after a refusal."""
        self._trouble = error
        if isinstance(error, UpstreamDown):
            self._troubles += 1
            await asyncio.sleep(min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(self._troubles, 6)))
        return Result(item.key, ItemState.WAITING)

    async def _unanswered(self, item: Item, error: IRBotError) -> Result:
        """Perhaps done: looked at before it is sent again, and left to a person after a few attempts."""
        self._trouble = error
        try:
            seen = await look(self._work, item)
        except IRBotError:
            seen = None
        if seen is not None:
            return self._moved(seen)
        if item.attempts + 1 < _ATTEMPTS:
            return Result(item.key, ItemState.WAITING, tried=True)
        return Result(item.key, ItemState.UNKNOWN, tried=True, reason=explain(error).what)

    def _moved(self, result: Result) -> Result:
        self._moved_at, self._trouble, self._troubles = self._loop.time(), None, 0
        return result
