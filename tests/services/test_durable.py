from __future__ import annotations

import asyncio
import base64
import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import dbos
import dbos._serialization
import dbos._sys_db
import pytest
import sqlalchemy as sa

import services.durable
from services.database import Database, sync_url, tables
from services.durable import Durable
from services.errors import Conflict
from tests.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110  # what another process does has no event here
            await asyncio.sleep(0.02)


# -- in this process ---------------------------------------------------------------------------------------------------


class Jobs:
    """What a test lets jobs do, and what they did."""

    def __init__(self) -> None:
        self.durable: Durable = None  # type: ignore[assignment]  # set by the fixture
        self.began: list[str] = []
        self.given_up: list[str] = []
        self.rows: list[str] = []
        self.work: Callable[[str], Awaitable[None]] = self.nothing
        self.settle: Callable[[str], Awaitable[None]] = self.nothing

    async def nothing(self, key: str) -> None:
        pass

    async def run(self, key: str) -> None:
        self.began.append(key)
        await self.work(key)

    async def pending(self) -> list[str]:
        return self.rows

    async def give_up(self, key: str, correlation_id: str) -> None:
        await self.settle(key)
        self.given_up.append(key)


def _durable(database: Database, database_url: str, folder: Path) -> Durable:
    on_file = database.is_sqlite
    return Durable(
        database,
        f"sqlite:///{folder / 'engine.sqlite'}" if on_file else database_url,
        folder / "lock.sqlite" if on_file else None,
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each test's own: the engine keeps its jobs in it."""
    if request.param == "sqlite":
        file = tmp_path / "irbot.sqlite"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite+aiosqlite:///{file}"
        return
    server: Cluster = request.getfixturevalue("postgres")
    name = server.new_database(request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waits between the attempts of a job that fails."""
    monkeypatch.setattr(services.durable, "_pause_seconds", lambda attempt: 0.0)


@asynccontextmanager
async def _launched(database: Database, database_url: str, folder: Path) -> AsyncIterator[Jobs]:
    made = Jobs()
    made.durable = _durable(database, database_url, folder)
    made.durable.register("job", made.run, pending=made.pending, give_up=made.give_up)
    await made.durable.launch()
    yield made
    await made.durable.close(patience_seconds=0.1)


@pytest.fixture
async def jobs(tmp_path: Path, quick: None) -> AsyncIterator[Jobs]:
    """An engine on a file, for what does not depend on the database."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'irbot.sqlite'}"
    database = await Database.open(url)
    async with _launched(database, url, tmp_path) as launched:
        yield launched
    await database.close()


@pytest.fixture
async def jobs_on_both(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Jobs]:
    async with _launched(database, database_url, tmp_path) as launched:
        yield launched


async def test_a_job_that_answers_the_end_with_an_error_lets_the_loop_end(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    async def stubborn(key: str) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ConnectionError from None  # as a driver does whose connection is gone

    async with _launched(database, database_url, tmp_path) as jobs:
        jobs.work = stubborn
        await jobs.durable.start("job", "a")
        await _until(lambda: jobs.began == ["a"])
        [task] = [each for each in asyncio.all_tasks() if "_execute_workflow_async" in repr(each)]
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
    assert jobs.began == ["a"]


async def test_a_job_is_run_once_however_often_it_is_started(jobs_on_both: Jobs) -> None:
    jobs = jobs_on_both
    await asyncio.gather(*(jobs.durable.start("job", "k") for _ in range(8)))
    await _until(lambda: bool(jobs.began))
    await jobs.durable.idle()
    await jobs.durable.start("job", "k")
    await jobs.durable.start("job", "other")
    await _until(lambda: "other" in jobs.began)
    await jobs.durable.idle()
    assert jobs.began == ["k", "other"]


async def test_an_unknown_job_is_refused(jobs: Jobs) -> None:
    with pytest.raises(KeyError):
        await jobs.durable.start("nothing", "k")


async def test_a_job_that_fails_is_tried_again(jobs: Jobs) -> None:
    async def fail_twice(key: str) -> None:
        if len(jobs.began) < 3:
            raise RuntimeError("not yet")

    jobs.work = fail_twice
    await jobs.durable.start("job", "k")
    await _until(lambda: len(jobs.began) == 3)
    await jobs.durable.idle()
    assert (jobs.began, jobs.given_up) == (["k"] * 3, [])


async def test_a_job_that_always_fails_is_given_up_once(jobs: Jobs) -> None:
    async def fail(key: str) -> None:
        raise RuntimeError("never")

    jobs.work = fail
    await jobs.durable.start("job", "k")
    await _until(lambda: bool(jobs.given_up))
    await jobs.durable.idle()
    assert (len(jobs.began), jobs.given_up) == (services.durable._ATTEMPTS, ["k"])


async def test_a_row_that_cannot_be_given_up_is_not_forgotten(jobs: Jobs) -> None:
    refusals = iter([True, True, False])

    async def fail(key: str) -> None:
        raise RuntimeError("never")

    async def no_database(key: str) -> None:
        if next(refusals):
            raise sa.exc.OperationalError("", {}, Exception("the database is away"))

    jobs.work, jobs.settle = fail, no_database
    await jobs.durable.start("job", "k")
    await _until(lambda: bool(jobs.given_up))
    assert jobs.given_up == ["k"]


async def test_idle_means_that_no_job_runs(jobs: Jobs) -> None:
    go = asyncio.Event()

    async def wait(key: str) -> None:
        await go.wait()

    jobs.work = wait
    await jobs.durable.idle()
    await jobs.durable.start("job", "k")
    await _until(lambda: bool(jobs.began))
    idle = asyncio.create_task(jobs.durable.idle())
    await asyncio.sleep(0.05)
    assert not idle.done()
    go.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await idle


async def test_a_living_process_holds_its_lease(jobs_on_both: Jobs, database: Database) -> None:
    jobs = jobs_on_both
    assert jobs.durable.holds_lease()
    async with database.read() as connection:
        rows = list((await connection.execute(sa.select(tables.executors.c.id))).scalars())
    assert rows == [jobs.durable.executor_id]
    jobs.durable._lease_until = 0.0
    assert not jobs.durable.is_punctual()
    # Nobody else can have the file while this process holds its lock, however late its heartbeats are.
    assert jobs.durable.holds_lease() is database.is_sqlite


async def test_a_job_that_fails_because_its_process_was_late_is_not_given_up(
    jobs_on_both: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.durable, "_ATTEMPTS", 2)
    monkeypatch.setattr(services.durable, "_pause_seconds", lambda _attempt: 0.01)
    jobs = jobs_on_both

    async def fail_while_late(key: str) -> None:
        late = len(jobs.began) <= 5
        jobs.durable._lease_until = 0.0 if late else float("inf")
        jobs.durable._lock = None  # as on PostgreSQL
        if late:
            raise Conflict(reason="lease-lost")

    lock, jobs.work = jobs.durable._lock, fail_while_late
    await jobs.durable.start("job", "k")
    await _until(lambda: len(jobs.began) == 6)
    await jobs.durable.idle()
    jobs.durable._lock = lock
    assert jobs.given_up == []


async def test_who_was_declared_dead_lets_its_jobs_go_and_takes_new_ones(
    jobs_on_both: Jobs, database: Database
) -> None:
    jobs = jobs_on_both
    go = asyncio.Event()
    leases: dict[str, bool] = {}

    async def wait(key: str) -> None:
        if key == "old":
            await go.wait()
        leases[key] = jobs.durable.holds_lease()
        if not leases[key]:
            raise RuntimeError("lease lost")

    jobs.work = wait
    await jobs.durable.start("job", "old")
    await _until(lambda: jobs.began == ["old"])
    async with database.write() as connection:
        await connection.execute(sa.delete(tables.executors))
    await jobs.durable._beat()
    go.set()
    await _until(lambda: "old" in leases)
    await jobs.durable.idle()
    await jobs.durable.start("job", "new")
    await _until(lambda: "new" in leases)
    await jobs.durable.idle()
    assert leases == {"old": False, "new": True}
    assert jobs.began == ["old", "new"]
    assert jobs.given_up == []


async def test_rows_without_a_job_are_started_by_the_sweep(jobs: Jobs) -> None:
    jobs.rows = ["lost"]
    await jobs.durable._sweep()
    await _until(lambda: jobs.began == ["lost"])


async def test_the_sweep_leaves_alone_what_is_about_to_be_started(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    start, gate, started = services.durable._start, asyncio.Event(), list[str]()

    async def late(name: str, key: str) -> None:
        started.append(key)
        await gate.wait()
        await start(name, key)

    monkeypatch.setattr(services.durable, "_start", late)
    jobs.rows = [str(number) for number in range(12)]
    first = [asyncio.create_task(jobs.durable.start("job", key)) for key in jobs.rows]
    await _until(lambda: len(started) > 1)
    await jobs.durable._sweep()
    assert len(started) < len(jobs.rows)  # not all at once
    gate.set()
    await asyncio.gather(*first)
    await _until(lambda: sorted(jobs.began) == sorted(jobs.rows))
    assert sorted(started) == sorted(jobs.rows)


async def test_of_a_kind_no_more_run_at_once_than_it_allows(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'irbot.sqlite'}"
    database = await Database.open(url)
    durable, running, most, done = _durable(database, url, tmp_path), 0, 0, list[str]()

    async def run(key: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        done.append(key)

    idle = Jobs()
    durable.register("few", run, pending=idle.pending, give_up=idle.give_up, at_once=3)
    await durable.launch()
    await asyncio.gather(*(durable.start("few", str(number)) for number in range(9)))
    await _until(lambda: len(done) == 9)
    assert most == 3
    await durable.close()
    await database.close()


# -- hardening ---------------------------------------------------------------------------------------------------------


async def test_a_pickled_row_does_not_run_code(jobs_on_both: Jobs, database_url: str, tmp_path: Path) -> None:
    """A row that says of itself that it is pickled would execute what it holds when the engine reads it."""
    jobs = jobs_on_both

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    await jobs.durable.start("job", "k")
    await _until(lambda: jobs.began == ["k"])
    await jobs.durable.idle()
    on_file = database_url.startswith("sqlite")
    url = f"sqlite:///{tmp_path / 'engine.sqlite'}" if on_file else sync_url(database_url)
    engine = sa.create_engine(url)
    prefix = "" if on_file else "dbos."
    pickled = base64.b64encode(pickle.dumps(Bomb())).decode()
    with engine.begin() as connection:
        columns = {column["name"] for column in sa.inspect(engine).get_columns(
            "workflow_status", schema=None if on_file else "dbos")}  # fmt: skip
        assert "serialization" in columns
        changed = connection.execute(
            sa.text(f"UPDATE {prefix}workflow_status SET serialization = 'py_pickle' WHERE workflow_uuid = 'job:k'")
        )
        assert changed.rowcount == 1
        for table in ("workflow_input", "workflow_inputs", "workflow_output"):
            if sa.inspect(engine).has_table(table, schema=None if on_file else "dbos"):
                names = [column["name"] for column in sa.inspect(engine).get_columns(
                    table, schema=None if on_file else "dbos")]  # fmt: skip
                for name in ("inputs", "input", "output"):
                    if name in names:
                        connection.execute(
                            sa.text(f"UPDATE {prefix}{table} SET {name} = :value WHERE workflow_uuid = 'job:k'"),
                            {"value": pickled},
                        )
    engine.dispose()
    found = await dbos.DBOS.list_workflows_async(workflow_ids=["job:k"])
    assert [workflow.workflow_id for workflow in found] == ["job:k"]
    assert not (tmp_path / "exploded").exists()
    with pytest.raises(ValueError, match="pickled data is refused"):
        dbos._serialization.DefaultSerializer().deserialize(pickled)


class _Passing(Exception):
    def __init__(self, text: str, sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("passes", "on", "error"),
    [
        (True, "postgres", _Passing("failed to resolve host 'db': no")),
        (True, "postgres", _Passing("cannot execute UPDATE", "25006")),
        (False, "postgres", _Passing("duplicate key", "23505")),
        (True, "sqlite", _Passing("database or disk is full")),
        (True, "sqlite", _Passing("disk I/O error")),
        (True, "sqlite", _Passing("attempt to write a readonly database")),
        (True, "sqlite", _Passing("unable to open database file")),
        (False, "sqlite", _Passing("UNIQUE constraint failed")),
    ],
)
def test_passing_faults_of_the_database_end_no_job(passes: bool, on: str, error: Exception) -> None:
    services.durable._harden_engine()
    judge = getattr(dbos._sys_db, f"retriable_{on}_exception")
    assert judge(sa.exc.OperationalError("", {}, error)) is passes


@pytest.mark.parametrize("name", ["retriable_postgres_exception", "retriable_sqlite_exception"])
def test_an_engine_that_cannot_be_hardened_is_not_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delattr(dbos._sys_db, name)
    with pytest.raises(RuntimeError, match=name):
        services.durable._harden_engine()


def test_an_engine_whose_pickle_cannot_be_shut_off_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbos._serialization, "DefaultSerializer", SimpleNamespace())
    with pytest.raises(RuntimeError, match="deserialize"):
        services.durable._harden_engine()


def test_hardening_twice_is_hardening_once() -> None:
    services.durable._harden_engine()
    before = dbos._sys_db.retriable_sqlite_exception
    services.durable._harden_engine()
    assert dbos._sys_db.retriable_sqlite_exception is before


# -- processes that die ------------------------------------------------------------------------------------------------


class Processes:
    """Workers in processes of their own, over one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *keys: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.services.durable_worker", self.url, str(self.folder), name, *keys]
        with (self.folder / f"{name}.err").open("wb") as errors:
            self.running[name] = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
        return self.running[name]

    def said(self, *words: str) -> int:
        """How often this was said."""
        file = self.folder / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        return sum(line.split()[-len(words) :] == list(words) for line in lines)

    async def until(self, *words: str, times: int = 1) -> None:
        try:
            await _until(lambda: self.said(*words) >= times)
        except TimeoutError:
            errors = {name: (self.folder / f"{name}.err").read_text()[-3000:] for name in self.running}
            log = self.folder / "log"
            pytest.fail(f"nobody said {words}: {log.read_text() if log.exists() else ''} {json.dumps(errors)[:6000]}")

    async def gone(self, name: str) -> int:
        await _until(lambda: self.running[name].poll() is not None)
        return int(self.running[name].returncode)

    def stop(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def processes(database_url: str, tmp_path: Path) -> Iterator[Processes]:
    made = Processes(database_url, tmp_path)
    yield made
    made.stop()


async def test_a_job_is_resumed_after_its_process_was_killed(processes: Processes) -> None:
    processes.start("one", "die-k")
    assert await processes.gone("one") == -signal.SIGKILL
    assert processes.said("began", "die-k") == 1
    processes.start("two")
    await processes.until("ended", "die-k")
    assert processes.said("one", "ended", "die-k") == 0
    assert processes.said("two", "ended", "die-k") == 1


async def test_a_job_that_outlasts_an_orderly_stop_is_resumed(processes: Processes) -> None:
    first = processes.start("one", "wait-k")
    await processes.until("one", "began", "wait-k")
    first.send_signal(signal.SIGTERM)
    await processes.gone("one")
    assert processes.said("ended", "wait-k") == 0
    (processes.folder / "go").touch()
    processes.start("two")
    await processes.until("two", "ended", "wait-k")


async def test_a_resumed_job_starts_what_it_now_needs(processes: Processes) -> None:
    processes.start("one", "parent-k")
    await processes.gone("one")
    processes.start("two")
    await processes.until("ended", "parent-k")
    await processes.until("ended", "quick-second")


async def test_one_process_at_a_time_uses_an_sqlite_database(tmp_path: Path, sqlite_template: Path) -> None:
    processes = Processes(f"sqlite+aiosqlite:///{tmp_path / 'irbot.sqlite'}", tmp_path)
    try:
        processes.start("one", "wait-k")
        await processes.until("one", "began", "wait-k")
        database = await Database.open(processes.url)
        second = _durable(database, processes.url, tmp_path)
        with pytest.raises(Conflict, match="database-in-use"):
            await second.launch()
        await database.close()
        assert processes.running["one"].poll() is None
    finally:
        processes.stop()


def test_a_lock_that_cannot_be_made_is_not_taken_for_another_process(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        services.durable.take_lock(tmp_path)


def test_a_dead_process_holds_no_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock.sqlite"
    code = (
        f"import os, services.durable as d, pathlib; d.take_lock(pathlib.Path({str(lock)!r})); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    services.durable.take_lock(lock).close()


@pytest.fixture
def replicas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Processes]:
    """Processes that share a PostgreSQL database."""
    server = request.getfixturevalue("postgres")
    name = server.new_database(request.getfixturevalue("postgres_template"))
    made = Processes(server.url(name), tmp_path)
    yield made
    made.stop()
    server.drop(name)


async def test_a_living_replica_takes_over_from_a_dead_one(replicas: Processes) -> None:
    replicas.start("two")
    replicas.start("one", "die-k")
    await replicas.gone("one")
    await replicas.until("two", "ended", "die-k")
    assert replicas.said("ended", "die-k") == 1


async def test_a_dead_replica_whose_clock_ran_ahead_is_taken_over_from_all_the_same(replicas: Processes) -> None:
    replicas.start("two")
    await replicas.until("two", "ready")
    replicas.start("one", "wait-k")
    await replicas.until("one", "began", "wait-k")
    os.kill(replicas.running["one"].pid, signal.SIGKILL)
    await replicas.gone("one")
    engine = sa.create_engine(sync_url(replicas.url))
    with engine.begin() as connection:
        ahead = datetime.now(UTC) + timedelta(days=1)
        connection.execute(sa.update(tables.executors).values(heartbeat_at=ahead))
    engine.dispose()
    (replicas.folder / "go").touch()
    await replicas.until("two", "ended", "wait-k")


async def test_living_replicas_leave_each_others_jobs_alone(replicas: Processes) -> None:
    (replicas.folder / "pending").write_text("wait-k")
    replicas.start("one", "wait-k")
    replicas.start("two")
    await replicas.until("two", "ready")
    await replicas.until("began", "wait-k")
    await asyncio.sleep(2)  # several leases and sweeps of both
    assert replicas.said("began", "wait-k") == 1
    (replicas.folder / "go").touch()
    (replicas.folder / "pending").write_text("")
    await replicas.until("ended", "wait-k")
    assert replicas.said("ended", "wait-k") == 1


async def test_a_replica_that_slept_too_long_causes_no_effect(replicas: Processes) -> None:
    first = replicas.start("one", "wait-k")
    replicas.start("two")
    await replicas.until("two", "ready")
    await replicas.until("one", "began", "wait-k")
    first.send_signal(signal.SIGSTOP)
    await replicas.until("two", "began", "wait-k")
    (replicas.folder / "go").touch()
    await replicas.until("two", "ended", "wait-k")
    first.send_signal(signal.SIGCONT)
    await replicas.until("one", "may-not", "wait-k")
    await asyncio.sleep(0.5)
    assert replicas.said("one", "ended", "wait-k") == 0
    assert first.poll() is None
