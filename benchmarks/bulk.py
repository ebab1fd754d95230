"""IMAP off for 50,000 mailboxes: how near to the permitted rate, how flat the memory, and what two kills leave out.

The service permits ten commands at once, and each takes its time: nobody gets more through than ten in the time that
one takes, and both are measured at the service in the same run. Time is scaled: a command takes a fifth of the 0.85
seconds of the real service, so that the run takes minutes and not more than an hour; what counts is the ratio. The
worker is a process of its own and is killed without warning.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import resident_bytes
from benchmarks.table import Row, count, megabytes, seconds
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.server import Simulator
from simulator.sizes import Size

ROOT = Path(__file__).resolve().parent.parent
SCALE = 5.0
_COMMAND_SECONDS = 0.85  # measured against the real service
_AT_ONCE = 10
_KILLED_AT = (0.1, 0.3)  # of all mailboxes
SHARE = 0.9
GROWTH_BYTES = 25_000_000.0
_SETTLED_SECONDS = 15.0  # until a fresh process has imported and read what it needs
_LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 3600.0
_SET = "^/Set-CASMailbox$"


@dataclass
class Life:
    """One process: when it worked, and what it held in memory."""

    began: datetime
    ended: datetime | None = None
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """How much more it held at its most than when it had settled."""
        settled = [held for at, held in self.memory if at >= _SETTLED_SECONDS]
        return max(settled) - settled[0] if settled else 0.0


async def measure(size: Size = Size.LARGE) -> tuple[list[Row], list[str]]:
    """All of it, once."""
    busy = _COMMAND_SECONDS / SCALE
    async with Simulator(SimulatorConfig(size=size, throttling=True)) as sim:
        exchange = exchange_of(sim.world)
        exchange.knobs.concurrent_calls = _AT_ONCE
        with tempfile.TemporaryDirectory(prefix="irbot-bulk-") as name:
            folder = Path(name)
            async with _worker(sim, "plan", folder) as planning:
                await asyncio.wait_for(planning.wait(), _PATIENCE_SECONDS)
            exchange.knobs.busy_seconds = busy
            lives = await _lives(sim, folder)
            exchange.knobs.busy_seconds = 0.0
            told = json.loads((folder / "done.json").read_text(encoding="utf-8"))
            applied = datetime.fromisoformat(json.loads((folder / "applied.json").read_text(encoding="utf-8"))["at"])
        return _rows(sim, lives, told, applied)


async def _lives(sim: Simulator, folder: Path) -> list[Life]:
    total = sum(1 for view in exchange_of(sim.world).cas_views() if view.cas["ImapEnabled"])
    lives: list[Life] = []
    for share in (*_KILLED_AT, None):
        async with _worker(sim, "work", folder) as process:
            life = Life(datetime.now(UTC))
            lives.append(life)
            while process.returncode is None:
                await asyncio.sleep(_LOOK_SECONDS)
                age = (datetime.now(UTC) - life.began).total_seconds()
                life.memory.append((age, await asyncio.to_thread(resident_bytes, process.pid)))
                # Each mailbox is two changes in the tenant's own record: IMAP and POP.
                if share is not None and len(sim.world.tenant.changes) >= 2 * share * total:
                    os.kill(process.pid, signal.SIGKILL)
                    await process.wait()
            life.ended = datetime.now(UTC)
    return lives


def _rows(sim: Simulator, lives: list[Life], told: dict[str, Any], applied: datetime) -> tuple[list[Row], list[str]]:
    calls = sim.world.journal.entries(service="cmdlet", path=_SET)
    done = [call for call in calls if call.carried_out and call.status == 200]
    permitted = _AT_ONCE / statistics.fmean(call.duration_seconds or 0.0 for call in done)
    worked, spent = 0, 0.0
    for life in lives:
        assert life.ended is not None
        mine = [call.wall for call in done if life.began <= call.wall <= min(life.ended, applied)]
        if len(mine) > 1:
            worked += len(mine)
            spent += (max(mine) - min(mine)).total_seconds()
    rate = worked / spent
    still_open = [
        view.address for view in exchange_of(sim.world).cas_views() if view.cas["ImapEnabled"] or view.cas["PopEnabled"]
    ]
    changed = Counter((change.target_id, change.property) for change in sim.world.tenant.changes)
    twice = [key for key, count in changed.items() if count > 1]
    sent = Counter(call.body["Identity"] for call in done)
    again = sum(count - 1 for count in sent.values())
    refused = sum(call.status == 429 for call in calls)
    shown = sum(check["shown"] for check in told["checks"])
    whole = told["shown"] and not still_open and not twice
    rows = [
        # The table's ratios are "not more than": permitted over measured says the same as 90 % and more.
        Row("Seconds for a thousand mailboxes, IMAP off", 1000 / rate, seconds, 1000 / permitted, 1 / SHARE, True),
        Row("Memory that the working process gained", max(lives[-1].growth, 0.0), megabytes, target=GROWTH_BYTES),
        Row("Mailboxes skipped, still open or changed twice", float(len(still_open) + len(twice)), count, target=0.0),
        Row("Reading back found something else", float(not whole), count, target=0.0),
    ]
    held = [memory for _, memory in lives[-1].memory]
    return rows, [
        f"IMAP off: {rate:.1f} mailboxes a second of {permitted:.1f} permitted ({rate / permitted:.1%}), time scaled"
        f" {SCALE:g} times; {refused} commands refused by the limit",
        f"{len(sent):,} mailboxes sent, {shown:,} read back; killed {len(_KILLED_AT)} times, after which"
        f" {again} commands were sent again",
        f"memory of the last process: {megabytes(held[0])} at first, {megabytes(max(held))} at most",
    ]


@asynccontextmanager
async def _worker(sim: Simulator, mode: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IRBOT_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.bulk_worker",
        mode,
        str(folder),
        sim.world.tenant.user("megan").id,
        cwd=ROOT,
        env=environment | sim.environment() | {"IRBOT_DATA_DIR": str(folder)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
