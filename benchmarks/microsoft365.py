"""The Microsoft 365 layer: what it costs beside the bare HTTP client, and whether it lets the event loop breathe.

The layer runs in a process of its own, so that the simulated tenant's work is not counted as its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.lanes import least_seconds
from benchmarks.table import Row, milliseconds, seconds
from simulator.config import SimulatorConfig
from simulator.server import Simulator

ROOT = Path(__file__).resolve().parent.parent
LONGEST_GAP_SECONDS = 0.1
_REPEATS = 5
_HEARTBEATS = 3
_PATIENCE_SECONDS = 120.0


async def measure() -> tuple[list[Row], list[str]]:
    """All three figures."""
    async with Simulator(SimulatorConfig()) as sim:
        cost = await _told(sim, "benchmarks.reading", "cpu", *_people(sim))
        beats = [await _told(sim, "benchmarks.heartbeat") for _ in range(_HEARTBEATS)]
    runs = sorted([await _parallel() for _ in range(_REPEATS)], key=lambda run: run[0] / run[1])
    took, bound = runs[len(runs) // 2]
    # Another process on the same processors can make a gap too, but hardly in the same part of every run.
    gaps = {part: min(beat["gaps"][part] for beat in beats) for part in beats[0]["gaps"]}
    worst = max(gaps, key=lambda part: gaps[part])
    return [
        Row("Processor time of one Graph call", cost["ours"], milliseconds, cost["bare"]),
        Row("30 reads at once, throttle-aware limit", took, seconds, bound),
        Row("Event loop's longest gap in 200 calls at once", gaps[worst], milliseconds, target=LONGEST_GAP_SECONDS),
    ], [f"longest gap of the event loop while: {part} {milliseconds(gap)}" for part, gap in gaps.items()]


async def _parallel() -> tuple[float, float]:
    """The wall time, and the least time in which the same calls could have been answered within the limits."""
    async with Simulator(SimulatorConfig(latency="realistic", throttling=True)) as sim:
        told = await _told(sim, "benchmarks.reading", "parallel", *_people(sim))
        calls = sim.world.journal.entries(service="graph")
    started = max(number for number, call in enumerate(calls) if call.path.endswith("/organization"))
    made = calls[started + 1 :]
    refused = [call for call in made if call.status != 200]
    if refused:
        raise RuntimeError(f"a read was refused: {refused[0].method} {refused[0].path} → {refused[0].status}")
    return told["seconds"], least_seconds(made)


def _people(sim: Simulator) -> list[str]:
    """The object ids of a dozen employees, the usual victim first."""
    users = [user for user in sim.world.tenant.users.values() if user.enabled and not user.guest and not user.synced]
    users.sort(key=lambda user: not user.upn.startswith("megan@"))
    return [user.id for user in users[:12]]


async def _told(sim: Simulator, module: str, *arguments: str) -> Any:
    """What a process of our layer prints about its run against this tenant."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IRBOT_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        env=environment | sim.environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return json.loads(output)
