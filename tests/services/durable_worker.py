"""A process that runs durable jobs, for tests that kill processes. Every word that it writes to `log` is a fact.

usage: python -m tests.services.durable_worker URL FOLDER NAME [KEY …]     starts the keys, works until it is killed
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import services.durable
from services.database import Database
from services.durable import Durable

# Short, so that a test need not wait: the proportions are those of the product.
services.durable._HEARTBEAT_SECONDS = 0.1
services.durable._LEASE_SECONDS = 0.6
services.durable._SWEEP_SECONDS = 0.3


class Worker:
    """Jobs by the first word of their key: see `run`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.durable: Durable | None = None

    def note(self, *words: str) -> None:
        """Writes a line at once, in one piece."""
        with (self.folder / "log").open("a") as log:
            log.write(" ".join((self.name, *words)) + "\n")

    async def run(self, key: str) -> None:
        """`quick`, `wait-…` (until a file says so), `die-…` (kills its process the first time), `parent-…`."""
        assert self.durable is not None
        self.note("began", key)
        kind = key.partition("-")[0]
        if kind == "wait":
            while not (self.folder / "go").exists():  # noqa: ASYNC110  # the test is another process
                await asyncio.sleep(0.02)
        if kind == "die" and not (self.folder / "died").exists():
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "parent":
            first = not (self.folder / "died").exists()
            await self.durable.start("job", "quick-first" if first else "quick-second")
            if first:
                await asyncio.sleep(0.3)
                (self.folder / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if not self.durable.holds_lease():
            self.note("may-not", key)
            raise RuntimeError("the lease is lost")
        self.note("ended", key)

    async def pending(self) -> list[str]:
        """Rows of a test's own: the file `pending` holds their keys."""
        file = self.folder / "pending"
        return file.read_text().split() if file.exists() else []

    async def give_up(self, key: str, correlation_id: str) -> None:
        self.note("gave-up", key)


async def main(url: str, folder: Path, name: str, keys: list[str]) -> None:
    database = await Database.open(url)
    worker = Worker(folder, name)
    on_file = database.is_sqlite
    worker.durable = Durable(
        database,
        f"sqlite:///{folder / 'engine.sqlite'}" if on_file else url,
        folder / "lock.sqlite" if on_file else None,
    )
    worker.durable.register("job", worker.run, pending=worker.pending, give_up=worker.give_up)
    await worker.durable.launch()
    worker.note("ready")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    for key in keys:
        await worker.durable.start("job", key)
        worker.note("started", key)
    await stop.wait()
    await worker.durable.close(patience_seconds=0.2)
    await database.close()
    worker.note("closed")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]))
