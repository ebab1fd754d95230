"""Does the harm of a round, each at its time, and takes all of it back."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from simulator.faults import Fault, Kind
from tests.chaos.harms import ERRORS, Harm, HarmKind, Scene
from tests.chaos.stage import Stage

_HOUR = 3600


class Inflicting:
    """Begins the harms of each scene when the scene begins; `over` waits for their end."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tasks: list[asyncio.Task[None]] = []
        self._faults: list[tuple[Fault, int | None]] = []  # and how often each was to be met
        self._does: Mapping[HarmKind, Callable[[Harm], Awaitable[None]]] = {
            HarmKind.CALL_FAILS: self._fail_a_call,
            HarmKind.CLOCK_MOVES: self._move_the_clock,
            HarmKind.DATABASE_AWAY: self._take_the_database_away,
            HarmKind.DISK_FULL: self._fill_the_disk,
            HarmKind.KILL_AT_CALL: self._kill_at_a_call,
            HarmKind.KILL_AT_ONCE: self._kill,
            HarmKind.PARTNER_FAILS: self._let_the_partner_fail,
        }

    def begin(self, scene: Scene) -> None:
        """The scene begins, and its harms with it."""
        for harm in self._stage.round.harms:
            if harm.scene is scene:
                self._tasks.append(asyncio.create_task(self._inflict(harm)))

    async def over(self) -> int:
        """Returns when every harm that has begun is over, and nothing more is to come: how many faults met no call."""
        await asyncio.gather(*self._tasks)
        self._stage.no_more_faults()
        self._stage.partner.status = 204
        return sum(fault.times == times for fault, times in self._faults)

    async def _inflict(self, harm: Harm) -> None:
        await asyncio.sleep(harm.after_seconds)
        await self._does[harm.kind](harm)

    async def _fail_a_call(self, harm: Harm) -> None:
        call = {name: value for name, value in harm.how.items() if name != "error"}
        self._set(Fault(**call, **ERRORS[harm.how["error"]]))

    async def _kill_at_a_call(self, harm: Harm) -> None:
        self._set(Fault(kind=Kind.KILL, pid=self._stage.bot.pid, **harm.how))

    def _set(self, fault: Fault) -> None:
        self._faults.append((self._stage.sim.world.faults.add(fault), fault.times))

    async def _kill(self, _harm: Harm) -> None:
        await self._stage.bot.kill()

    async def _move_the_clock(self, harm: Harm) -> None:
        self._stage.clock.move(harm.how["hours"] * _HOUR)
        if harm.lasts_seconds:
            await asyncio.sleep(harm.lasts_seconds)
            self._stage.clock.move(0)

    async def _take_the_database_away(self, harm: Harm) -> None:
        server = self._stage.server
        if server is not None:
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(harm.lasts_seconds)
            await asyncio.to_thread(server.start)
        elif self._stage.disk is not None:
            await _hold(self._stage.disk.folder / f"{harm.how['file']}.sqlite", harm.lasts_seconds)

    async def _fill_the_disk(self, harm: Harm) -> None:
        disk = self._stage.disk
        if disk is None:
            return
        if disk.folder.is_mount():
            await asyncio.to_thread(disk.fill)
            await asyncio.sleep(harm.lasts_seconds)
            await asyncio.to_thread(disk.free)
            return
        with contextlib.suppress(ProcessLookupError):  # without a disk of its own, no file may grow
            before = resource.prlimit(self._stage.bot.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            await asyncio.sleep(harm.lasts_seconds)
            resource.prlimit(self._stage.bot.pid, resource.RLIMIT_FSIZE, before)

    async def _let_the_partner_fail(self, harm: Harm) -> None:
        partner, status = self._stage.partner, harm.how["status"]
        if status:
            partner.status = status
        else:
            partner.slow_seconds = harm.lasts_seconds
        await asyncio.sleep(harm.lasts_seconds)
        partner.status, partner.slow_seconds = 204, 0.0


async def _hold(file: Path, seconds: float) -> None:
    """Another process has the file's write lock."""
    with contextlib.suppress(sqlite3.OperationalError):
        other: Any = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=2, check_same_thread=False)
        with contextlib.closing(other):
            other.isolation_level = None
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            other.execute("ROLLBACK")
