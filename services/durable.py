"""Durable jobs: the only module that imports the durable engine (DBOS).

A job is a name and a key. Its function is resumable: it reads its truth from our own tables, so running it again
after a kill at any instant finishes what is left and repeats no effect. The engine gives a job an owner, remembers
that it is unfinished, and hands it to a living process when its owner has died. No secret is ever in a key.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import socket
import sqlite3
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import dbos
import dbos._serialization
import dbos._sys_db
import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID

from services import metrics
from services.database import Database, is_sqlite, sync_url, tables
from services.errors import Conflict
from services.settings import Settings

log = logging.getLogger(__name__)

OLDEST_SQLITE = (3, 42)
ENGINE_FILE, LOCK_FILE = "engine.sqlite", "lock.sqlite"

Job = Callable[[str], Awaitable[None]]
Pending = Callable[[], Awaitable[Sequence[str]]]
GiveUp = Callable[[str, str], Awaitable[None]]

_HEARTBEAT_SECONDS = 1.0
_LEASE_SECONDS = 6.0
_SWEEP_SECONDS = 5.0
_ATTEMPTS = 8
# The engine's pool also serves `asyncio.to_thread`; with few threads an outage of its database would block ours.
_ENGINE_THREADS = 64
# A start is some work for the engine's threads, which take the processor from the event loop: very many at once would
# hold up the answers.
_STARTS_AT_ONCE = 4
_JOBS_AT_ONCE = 1_000


@dataclass(frozen=True)
class _Registered:
    run: Job
    pending: Pending
    give_up: GiveUp
    places: asyncio.Semaphore


class Durable:
    """Starts jobs, resumes those of dead processes, and knows whether this process still holds its lease."""

    def __init__(
        self,
        database: Database,
        engine_url: str,
        lock_file: Path | None,
        lock: sqlite3.Connection | None = None,
    ) -> None:
        """`lock_file` guards an SQLite database, which belongs to one process; None on PostgreSQL.

        `lock` is that of `take_lock`, where it is held already; it is given back at the end.
        """
        self._database = database
        self._engine_url = engine_url
        self._lock_file = lock_file
        self._lock = lock
        self._jobs: dict[str, _Registered] = {}
        self._running: set[str] = set()
        self._starting: Counter[str] = Counter()
        self._starts = asyncio.Semaphore(_STARTS_AT_ONCE)
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._closed = False
        self._lease_until = 0.0
        self._life = 0
        self._heard: dict[str, tuple[datetime, float]] = {}  # the last heartbeat of each other process, and since when
        self.executor_id = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"[-36:]

    def register(self, name: str, run: Job, *, pending: Pending, give_up: GiveUp, at_once: int = _JOBS_AT_ONCE) -> None:
        """Declares a job before `launch`.

        `pending` gives the keys whose rows are unfinished (they are started again if nobody runs them);
        `give_up(key, correlation_id)` settles the row of a job that failed for good, which is always our fault.
        `at_once` is how many of them one process runs at a time; none may wait for another of its own kind.
        """
        self._jobs[name] = _Registered(run, pending, give_up, asyncio.Semaphore(at_once))

    async def launch(self) -> None:
        """Starts the engine on this event loop, and takes over what dead processes left.

        Raises Conflict when another process holds the SQLite database.
        """
        global _current  # noqa: PLW0603  # the engine registers workflows per process, not per object
        if self._lock is None and self._lock_file is not None:
            self._lock = await asyncio.to_thread(take_lock, self._lock_file)
        _harden_engine()
        if self._engine_url.startswith("sqlite"):
            await asyncio.to_thread(prepare_file, self._engine_url)
        config: DBOSConfig = {
            "name": "irbot",
            "system_database_url": sync_url(self._engine_url),
            "application_version": "1",  # our tables carry the truth, so any version of the code may resume a job
            "executor_id": self.executor_id,
            "serializer": dbos.DBOSPortableJSONSerializer(),
            "max_executor_threads": _ENGINE_THREADS,
            "log_level": "WARNING",
            "notification_listener_polling_interval_sec": 1.0,
        }
        _current = self
        DBOS(config=config)
        # Called on the loop's own thread, though it blocks for a moment: launched from elsewhere, the engine would run
        # resumed jobs on a loop of its own, where our connections do not work.
        self.loop = asyncio.get_running_loop()
        DBOS.launch()
        await self._beat()
        await self._take_over(everybody_else=self._lock is not None)
        await self._sweep()
        self._supervisor = asyncio.create_task(self._supervise(), name="durable-supervisor")

    async def close(self, patience_seconds: float = 5.0) -> None:
        """Lets running jobs end for a while; what is still running is resumed by the next process."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
        with suppress(TimeoutError):
            await asyncio.wait_for(self.idle(), patience_seconds)
        self._closed = True
        await asyncio.to_thread(DBOS.destroy)
        # The engine had put its own thread pool in the loop's place, and has just shut it down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="irbot"))
        # Who left something behind stays in the list: whoever takes over finds the jobs by it.
        if not self._running:
            with suppress(sa.exc.SQLAlchemyError):
                async with self._database.write() as connection:
                    mine = tables.executors.c.id == self.executor_id
                    await connection.execute(sa.delete(tables.executors).where(mine))
        if self._lock is not None:
            self._lock.close()

    async def start(self, name: str, key: str) -> None:
        """Starts a job unless it was started before; returns as soon as it is recorded."""
        if name not in self._jobs:
            raise KeyError(name)
        job = f"{name}:{key}"
        self._starting[job] += 1
        try:
            async with self._starts:
                # In a context of its own: the engine would take a job that is started by another for its child, and
                # would give a resumed parent the children of its first life, whatever it asks for.
                await asyncio.create_task(_start(name, key), context=contextvars.Context())
        finally:
            self._starting[job] -= 1
            if not self._starting[job]:
                del self._starting[job]

    async def idle(self) -> None:
        """Returns when no job runs in this process."""
        await self._quiet.wait()

    def holds_lease(self) -> bool:
        """False when this process may have been declared dead: it must not cause effects any more.

        Who holds the lock of an SQLite database is declared dead by nobody, however slow the machine is.
        """
        mine = _life_of_job.get(self._life) == self._life
        return mine and (self._lock is not None or self.is_punctual())

    def is_punctual(self) -> bool:
        """Whether the last heartbeat could be written, and is not too old."""
        return asyncio.get_running_loop().time() < self._lease_until

    async def run(self, name: str, key: str) -> None:
        """Runs a job until it is finished: retries, and gives up after a bounded number of failures of our own."""
        _life_of_job.set(self._life)
        self._running.add(f"{name}:{key}")
        self._quiet.clear()
        try:
            attempt = 1
            while not await self._attempt(name, key, attempt):
                if self._closed:
                    # What it fails at is the end of this process: tried again for ever, it would hold up the loop.
                    raise asyncio.CancelledError
                await asyncio.sleep(_pause_seconds(attempt))
                attempt += self.holds_lease()  # without it, a job can only fail
                if self._life != _life_of_job.get():
                    log.warning("job %s %s belongs to another process now", name, key)
                    return
        finally:
            self._running.discard(f"{name}:{key}")
            if not self._running:
                self._quiet.set()

    async def _attempt(self, name: str, key: str, attempt: int) -> bool:
        """Whether the job is settled. After too many failures it is given up; a row that cannot even say so waits."""
        registered, correlation_id = self._jobs[name], uuid.uuid4().hex[:12]
        try:
            async with registered.places:
                await registered.run(key)
        except Exception:
            metrics.job_failed(name)
            log.exception("job %s %s failed (attempt %d, correlation %s)", name, key, attempt, correlation_id)
        else:
            return True
        if attempt < _ATTEMPTS or not self.holds_lease():
            return False
        try:
            await registered.give_up(key, correlation_id)
        except Exception:
            log.exception("job %s %s could not be given up", name, key)
            return False
        return True

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        next_sweep = loop.time() + _SWEEP_SECONDS
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            try:
                await self._beat()
                if loop.time() >= next_sweep:
                    next_sweep = loop.time() + _SWEEP_SECONDS
                    await self._take_over(everybody_else=False)
                    await self._sweep()
            except Exception:
                log.exception("the supervisor could not do its round; it goes on")

    async def _beat(self) -> None:
        began = asyncio.get_running_loop().time()
        now = datetime.now(UTC)
        mine = tables.executors.c.id == self.executor_id
        async with self._database.write() as connection:
            changed = await connection.execute(sa.update(tables.executors).where(mine).values(heartbeat_at=now))
            if changed.rowcount == 0:
                self._life += 1  # declared dead: what ran here until now has been handed to others
                await connection.execute(
                    sa.insert(tables.executors).values(id=self.executor_id, started_at=now, heartbeat_at=now)
                )
        self._lease_until = began + _LEASE_SECONDS

    async def _take_over(self, *, everybody_else: bool) -> None:
        """Hands the unfinished jobs of dead processes to the living. Their row goes last, so a kill here loses none."""
        executors = tables.executors.c
        dead = executors.id != self.executor_id
        if not everybody_else:
            silent = await self._silent()
            if not silent:
                return
            same = (sa.and_(executors.id == name, executors.heartbeat_at == last) for name, last in silent.items())
            dead = sa.or_(*same)
        async with self._database.write() as connection:
            rows = await connection.execute(sa.select(executors.id).where(dead).with_for_update(skip_locked=True))
            ids = list(rows.scalars())
            if not ids:
                return
            unfinished = await DBOS.list_workflows_async(
                status="PENDING", executor_id=ids, load_input=False, load_output=False
            )
            if unfinished:
                log.warning("taking over %d unfinished jobs of %d dead processes", len(unfinished), len(ids))
                await DBOS.resume_workflows_async([workflow.workflow_id for workflow in unfinished])
            await connection.execute(sa.delete(tables.executors).where(executors.id.in_(ids)))

    async def _silent(self) -> dict[str, datetime]:
        """Processes that have been silent for twice the lease, with their last heartbeat.

        Whoever is this late has stopped causing effects long ago. It is measured by how long the same heartbeat has
        been seen here: what two clocks say cannot be compared, and one may have been set back.
        """
        executors = tables.executors.c
        query = sa.select(executors.id, executors.heartbeat_at).where(executors.id != self.executor_id)
        async with self._database.read() as connection:
            rows = list(await connection.execute(query))
        now = asyncio.get_running_loop().time()
        heard = {row.id: (row.heartbeat_at, now) for row in rows}
        for name, last in self._heard.items():
            if name in heard and heard[name][0] == last[0]:
                heard[name] = last
        self._heard = heard
        return {name: beat for name, (beat, since) in heard.items() if now - since >= 2 * _LEASE_SECONDS}

    async def _sweep(self) -> None:
        for name, registered in self._jobs.items():
            for key in await registered.pending():
                if f"{name}:{key}" not in self._running and f"{name}:{key}" not in self._starting:
                    await self.start(name, key)


_current: Durable | None = None
_life_of_job: contextvars.ContextVar[int] = contextvars.ContextVar("life_of_job")


@DBOS.workflow(name="irbot_job", max_recovery_attempts=1000)
async def _job(name: str, key: str) -> None:
    if _current is None:
        raise RuntimeError("the engine runs a job without an application")
    if asyncio.get_running_loop() is not _current.loop:
        raise RuntimeError("the engine runs a job on another event loop than ours")
    await _current.run(name, key)


def _pause_seconds(attempt: int) -> float:
    """How long a job that failed waits before it is tried again."""
    return float(min(30.0, 0.5 * 2 ** min(attempt, 6)) * random.uniform(0.8, 1.2))  # noqa: S311


async def _start(name: str, key: str) -> None:
    with SetWorkflowID(f"{name}:{key}"):
        await DBOS.start_workflow_async(_job, name, key)


def unfit_sqlite(python: tuple[int, ...], sqlite: tuple[int, ...]) -> str | None:
    """Why the engine cannot keep its work in this SQLite; None where it can."""
    if python < (3, 12) or sqlite >= OLDEST_SQLITE:
        return None
    # From Python 3.12 on, the engine asks SQLite for fractions of a second.
    needed, found = (".".join(map(str, version[:2])) for version in (OLDEST_SQLITE, sqlite))
    return f"with Python 3.12 or newer it needs SQLite {needed} or newer, or PostgreSQL; this is SQLite {found}"


def take_lock(file: Path) -> sqlite3.Connection:
    """An exclusive lock that the operating system gives back when the process dies, on every platform."""
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file, timeout=2, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        raise Conflict(reason="database-in-use") from error
    return connection


def prepare_file(url: str) -> None:
    """Makes the engine's SQLite file with its tables, or brings it up to date. Blocking: call it off the event loop.

    The engine would do it on the loop, and in rollback-journal mode; the mode is a property of the file.
    """
    path = Path(sa.make_url(url).database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    DBOS.migrate(sync_url(url))


def _no_pickle(*_args: Any) -> NoReturn:
    raise ValueError("pickled data is refused")


_SQLITE_PASSING = ("database or disk is full", "disk i/o error", "readonly database", "unable to open database")


def _harden_engine() -> None:
    """Corrects two things of the engine, guarded so that an upgrade cannot undo them in silence.

    A row marked as pickled would execute code when read. And some passing database faults (a failed name look-up, a
    read-only failover, a full disk) are taken for final, which would leave a job unfinished in a living process.
    """
    serializer: Any = dbos._serialization.DefaultSerializer
    engine: Any = dbos._sys_db
    for owner, name in (
        (serializer, "deserialize"),
        (engine, "retriable_postgres_exception"),
        (engine, "retriable_sqlite_exception"),
    ):
        if not hasattr(owner, name):
            raise RuntimeError(f"this version of the durable engine has no {name}; it must not be used")
    serializer.deserialize = _no_pickle
    if getattr(engine, "_irbot_hardened", False):
        return
    postgres, sqlite = engine.retriable_postgres_exception, engine.retriable_sqlite_exception

    def passing_on_postgres(error: Exception) -> bool:
        original = getattr(error, "orig", None)
        return (
            postgres(error)
            or "failed to resolve host" in str(original)
            or getattr(original, "sqlstate", None) == "25006"  # read_only_sql_transaction
        )

    def passing_on_sqlite(error: Exception) -> bool:
        return sqlite(error) or any(text in str(getattr(error, "orig", error)).lower() for text in _SQLITE_PASSING)

    engine.retriable_postgres_exception = passing_on_postgres
    engine.retriable_sqlite_exception = passing_on_sqlite
    engine._irbot_hardened = True


async def lock_of(settings: Settings) -> sqlite3.Connection | None:
    """The lock of an SQLite database, taken before anything in it is touched. Raises Conflict where another has it."""
    if not is_sqlite(settings.sql_url):
        return None
    return await asyncio.to_thread(take_lock, _folder(settings) / LOCK_FILE)


def durable_of(database: Database, settings: Settings, lock: sqlite3.Connection | None) -> Durable:
    """The engine that belongs to a database, not launched yet."""
    if not database.is_sqlite:
        return Durable(database, settings.sql_url, None)
    folder = _folder(settings)
    return Durable(database, f"sqlite:///{folder / ENGINE_FILE}", folder / LOCK_FILE, lock)


def _folder(settings: Settings) -> Path:
    """Beside the tables, wherever those are: a second bot on the same file meets the same lock."""
    return Path(sa.make_url(settings.sql_url).database or "").parent
