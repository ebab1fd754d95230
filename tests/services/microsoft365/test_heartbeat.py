from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LONGEST_GAP_SECONDS = 0.1
TRIES = 4  # another process on the same processors can make a gap too, but not every time in the same part


async def _environment(simulator: asyncio.subprocess.Process) -> dict[str, str]:
    found: dict[str, str] = {}
    assert simulator.stdout is not None
    async with asyncio.timeout(60):
        async for line in simulator.stdout:
            name, _, value = line.decode().strip().partition("=")
            if name.startswith("IRBOT_"):
                found[name] = value
            if name == "IRBOT_BREAK_GLASS_USERS":
                return found
    raise AssertionError("the simulator did not start")


async def test_two_hundred_calls_at_once_never_hold_the_event_loop(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "--latency", "none", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("IRBOT_")}
        environment |= await _environment(simulator)
        best: dict[str, float] = {}
        for _ in range(TRIES):
            beating = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "benchmarks.heartbeat",
                cwd=ROOT,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(120):
                output, _ = await beating.communicate()
            assert beating.returncode == 0
            told = json.loads(output)
            assert told["calls"] == 400
            best = {part: min(gap, best.get(part, gap)) for part, gap in told["gaps"].items()}
            if max(best.values()) <= LONGEST_GAP_SECONDS:
                break
        with capsys.disabled():
            sys.stdout.write(f"\nlongest gaps of the event loop, in seconds: {best}\n")
        assert max(best.values()) <= LONGEST_GAP_SECONDS
    finally:
        simulator.terminate()
        await simulator.wait()
