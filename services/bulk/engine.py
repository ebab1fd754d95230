"""Freezing a list, working it off, reading it back, reversing it. See the package for the promises."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from services.bulk.crew import Crew, LeaseLost, look
from services.bulk.model import (
    SETTLED,
    Check,
    Entry,
    Halt,
    Item,
    ItemState,
    Job,
    JobState,
    Progress,
    Result,
    Switches,
    Work,
    reached,
    undo_of,
)
from services.bulk.rows import Rows
from services.database import Database
from services.errors import Conflict, Gone, IRBotError
from services.plain_words import explain

__all__ = ["Bulk", "LeaseLost"]

Tell = Callable[[Progress], Awaitable[None]]
Named = tuple[str, str]  # the kind of a list, and which one of that kind

FEW = 20  # so many items are read one by one; more of them are read with everything else
_TAKEN_OVER = 50
_NEVER_BEGUN = timedelta(days=1)


async def _silent(progress: Progress) -> None:
    """Tells nobody."""


async def _never() -> bool:
    return False


class Bulk:
    """Bulk jobs of one process. Several processes may work on one job: its claims keep them apart.

    `owner` names this process as the list of living ones does. `may_act` is asked before every effect. `stopped` says
    whether the whole organisation's work is stopped.
    """

    def __init__(
        self,
        database: Database,
        *,
        owner: str,
        may_act: Callable[[], bool],
        now: Callable[[], datetime],
        stopped: Callable[[], Awaitable[bool]] = _never,
        keep: timedelta = timedelta(days=180),
    ) -> None:
        self._rows = Rows(database)
        self._owner = owner
        self._may_act = may_act
        self._now = now
        self._stopped = stopped
        self._keep = keep
        self._runs: set[str] = set()

    # -- lists -----------------------------------------------------------------------------------------------------

    async def freeze(self, entries: AsyncIterable[Mapping[Named, Sequence[Entry]]]) -> dict[Named, Job]:
        """Makes one list for each kind and name that the parts give lines for. All of them are of one look around.

        Lists that nobody can use any more are thrown away first.
        """
        now = self._now()
        await self._rows.forget(now - self._keep, now - _NEVER_BEGUN)
        census, ids = str(uuid.uuid4()), dict[Named, str]()
        async for part in entries:
            for name, lines in part.items():
                if name not in ids:
                    ids[name] = str(uuid.uuid4())
                    await self._rows.draft(ids[name], census, name[0], now)
                await self._rows.add(ids[name], lines)
        for job_id in ids.values():
            await self._rows.freeze(job_id)
        return {name: await self.need(job_id) for name, job_id in ids.items()}

    async def need(self, job_id: str, digest: str = "") -> Job:
        """A job, whose list is still the one with that digest. Raises Conflict."""
        job = await self._rows.job(job_id)
        if job is None:
            raise Conflict(reason="list-gone")
        if digest and (digest != job.digest or (await self._rows.fingerprint(job_id))[0] != digest):
            raise Conflict(reason="list-changed")
        return job

    async def samples(self, job_id: str, count: int = 3) -> tuple[str, ...]:
        """A few names from a list."""
        return await self._rows.samples(job_id, count)

    async def reverse(self, job_id: str) -> str | None:
        """The id of the job that puts back what that one changed; the same however often it is asked. None for none."""
        undo_id = undo_of(job_id)
        made = await self._rows.job(undo_id)
        if made is None or made.state is JobState.DRAFT:
            job = await self.need(job_id)
            if not await self._rows.changed(job_id):
                return None
            await self._rows.draft(undo_id, undo_id, job.kind, self._now())
            async for part in self._rows.entries(job_id, changed=True):
                back = [
                    Entry(each.key, each.object_id, each.label, before=each.after, after=each.before) for each in part
                ]
                await self._rows.add(undo_id, back)
            await self._rows.freeze(undo_id)
        return undo_id

    # -- working off -----------------------------------------------------------------------------------------------

    async def run(self, job_id: str, work: Work, tell: Tell = _silent) -> None:
        """Works a list off to its end; safe to call again at any time, by anybody.

        What stops it for good is recorded; it is raised only where nothing was changed before. Raises LeaseLost where
        this process may not act any more: somebody else goes on.
        """
        job = await self.need(job_id)
        if job.state is JobState.DRAFT:
            raise Conflict(reason="list-gone")
        if job.began_at is None:
            await self.need(job_id, job.digest)
            await self._compare(job, work)
        await self._rows.begin(job_id, self._now())
        run = f"{self._owner}/{uuid.uuid4().hex[:12]}"
        self._runs.add(run)
        try:
            crew = Crew(self._rows, job, work, run, self._may_act, self._stopped, tell)
            while True:
                failure = await self._take_over(job_id, work, run) or await crew.work_off()
                counts = await self._rows.counts(job_id)
                if failure is not None or not counts[ItemState.WAITING] + counts[ItemState.CLAIMED]:
                    break
        finally:
            self._runs.discard(run)
        await self._rows.end(job_id, "" if failure is None else explain(failure).what, self._now())
        if failure is not None and not await self._rows.changed(job_id):
            raise failure

    async def progress(self, job_id: str) -> Progress:
        """How far a job is."""
        job, counts = await self.need(job_id), await self._rows.counts(job_id)
        return Progress(sum(counts[state] for state in SETTLED), job.total, paused=job.halt is Halt.PAUSED)

    async def _compare(self, job: Job, work: Work) -> None:
        """Right before the first effect: what stands so already needs none, and undo gets what stands there now."""
        if job.total <= FEW:
            await self._compared(job, {item.key: await _read(work, item) for item in await self._rows.of(job.id)})
            return
        async for page in work.pages():
            await self._compared(job, page)

    async def _compared(self, job: Job, page: Mapping[str, Switches | None]) -> None:
        items = [item for item in await self._rows.of(job.id, page) if item.state is ItemState.WAITING]
        already: list[Result] = []
        found: dict[str, Switches] = {}
        for item in items:
            now = page[item.key]
            if now is None:
                already.append(Result(item.key, ItemState.GONE))
            elif reached(now, item.after):
                already.append(Result(item.key, ItemState.SHOWN))
            elif not reached(now, item.before):
                found[item.key] = {name: now.get(name) for name in item.before}
        await self._rows.settle(job.id, already)
        await self._rows.found(job.id, found)

    async def _take_over(self, job_id: str, work: Work, run: str) -> IRBotError | None:
        """Looks at what the dead had claimed: it may have been done. Returns why it could not."""
        while True:
            owners, living = await self._rows.owners(job_id)
            dead = {owner for owner in owners if not self._lives(owner, living)}
            items = await self._rows.take_over(job_id, dead, run, _TAKEN_OVER) if dead else ()
            if not items:
                return None
            results = []
            for item in items:
                if not self._may_act():
                    raise LeaseLost
                try:
                    seen = await look(work, item)
                except IRBotError as error:
                    return error
                results.append(seen or Result(item.key, ItemState.WAITING, tried=True))
            await self._rows.turn(job_id, run, results, 0)

    def _lives(self, owner: str, living: frozenset[str]) -> bool:
        process = owner.partition("/")[0]
        return owner in self._runs if process == self._owner else process in living

    # -- reading back ----------------------------------------------------------------------------------------------

    async def check(self, job_id: str, work: Work) -> Check | None:
        """Reads everything back and records what shows. None while the job is not over."""
        job = await self._rows.job(job_id)
        if job is None or job.state is not JobState.ENDED:
            return None
        again = new = 0
        if job.total <= FEW:
            items = [item for item in await self._rows.of(job.id) if item.state is not ItemState.WAITING]
            again = await self._seen(job, {item.key: await _read(work, item) for item in items})
        else:
            async for page in work.pages():
                again += await self._seen(job, page)
                open_now = [key for key, switches in page.items() if work.is_open(switches)]
                new += len(open_now) - len(await self._rows.known(job, open_now))
            again += await self._seen_alone(job, work)
        counts = await self._rows.counts(job_id)
        return Check(
            shown=counts[ItemState.SHOWN],
            gone=counts[ItemState.GONE],
            missing=counts[ItemState.SENT] + counts[ItemState.UNKNOWN] + counts[ItemState.CLAIMED],
            again=again,
            left=counts[ItemState.WAITING],
            new=new,
            reason=job.reason,
            failed=await self._rows.failed(job_id),
        )

    async def _seen(self, job: Job, page: Mapping[str, Switches | None]) -> int:
        """Records what a page shows of the job; returns how many had shown and do not any more."""
        settled: list[Result] = []
        again = 0
        for item in await self._rows.of(job.id, page):
            now = page[item.key]
            if item.state not in {ItemState.SENT, ItemState.UNKNOWN, ItemState.SHOWN}:
                continue
            if now is None:
                settled.append(Result(item.key, ItemState.GONE))
            elif not reached(now, item.after):
                again += item.state is ItemState.SHOWN
            elif item.state is not ItemState.SHOWN:
                settled.append(Result(item.key, ItemState.SHOWN, changed=True))
        await self._rows.settle(job.id, settled)
        return again

    async def _seen_alone(self, job: Job, work: Work) -> int:
        """Asks for the few by name that the list of everybody did not show: they may be gone."""
        items = await self._rows.unseen(job.id, FEW)
        return await self._seen(job, {item.key: await _read(work, item) for item in items})


async def _read(work: Work, item: Item) -> Switches | None:
    try:
        return await work.read(item.key)
    except Gone:
        return None
