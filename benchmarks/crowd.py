"""A major incident: two hundred responders press buttons at the same moment, again and again for a minute.

The people are a process of their own, and so is the bot; every press is a signed activity over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.locking import ORDINARY
from benchmarks.table import Row, count, milliseconds, quantile, seconds
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.emulator import any_free_port
from simulator.people import RESPONDERS
from simulator.reading import press
from simulator.server import Simulator
from simulator.sizes import Size
from simulator.stage import BotProcess

PEOPLE = 200
NAME = f"{PEOPLE} people press at once"
ANSWER_SECONDS = 1.0
GAP_SECONDS = 0.25
_EVERY_SECONDS = 5.0
_ROUNDS = 12  # a minute
_INCIDENTS = 6
_BUTTON = "Close incident…"  # shows what is still open, and changes nothing
_WORKER = (sys.executable, "-m", "benchmarks.blast_bot")
_PATIENCE_SECONDS = 120.0
_MORE_SECONDS = 5.0


async def measure() -> tuple[list[Row], list[str]]:
    """Opens incidents, lets the crowd press, and counts what came of each press."""
    async with AsyncExitStack() as stack:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="irbot-crowd-"))
        stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
        port = any_free_port()
        url = f"http://127.0.0.1:{port}/api/messages"
        sim = await stack.enter_async_context(Simulator(SimulatorConfig(size=Size.MEDIUM, bot_url=url)))
        pulse = folder / "pulse"
        environment = sim.environment() | {"BENCH_PULSE": str(pulse), "IRBOT_LOG_LEVEL": "WARNING"}
        bot = BotProcess(_WORKER, environment, port, folder)
        stack.push_async_callback(bot.stop)
        await bot.start()
        bench = Bench(sim, bot)  # type: ignore[arg-type]  # a bench only stops its bot
        crowd = _crowd(bench)
        plan = {
            "url": url,
            "authorization": bench.teams.signer.authorization(bench.teams.service_url),
            "every_seconds": _EVERY_SECONDS,
            "people": await _presses(bench, crowd),
        }
        await bench.settled(timeout=_PATIENCE_SECONDS)
        told = await _press_all(folder, plan)
        rows = await _clicks_in_the_end(folder / "data" / "irbot.sqlite", crowd)
        await bot.stop()
        gap = await asyncio.to_thread(_gap, pulse)
    return _rows(told, rows, gap)


def _gap(pulse: Path) -> float:
    """The longest gap of the bot's event loop; not a number where the bot had to be ended by force."""
    with suppress(OSError):
        return float(json.loads(pulse.read_text("ascii"))["gap"])
    return math.nan


def _crowd(bench: Bench) -> list[str]:
    """Object ids of people who are responders from now on."""
    tenant = bench.sim.world.tenant
    people = list(islice(tenant.users, 100, 100 + PEOPLE))
    tenant.group(RESPONDERS).members.extend(people)
    return people


async def _presses(bench: Bench, crowd: Sequence[str]) -> list[list[dict[str, Any]]]:
    """What each of them presses, one after another: the button of each incident's card, twice."""
    threads = [
        (await bench.say(f"compromise {bench.user(account).upn}", by="alex")).post.conversation_id
        for account in islice(ORDINARY, _INCIDENTS)
    ]
    cards = []
    for thread in threads:
        shown = await bench.until_button(_BUTTON, by="alex", where=thread, timeout=_PATIENCE_SECONDS)
        post = next(post for post in bench.posts(by="alex", where=thread) if post.activity_id == shown.activity_id)
        cards.append((post, press(shown.choice(_BUTTON), {})))
    return [
        [bench.teams.press_activity(*cards[(number + start) % len(cards)], by=person) for number in range(_ROUNDS)]
        for start, person in enumerate(crowd)
    ]


async def _press_all(folder: Path, plan: dict[str, Any]) -> list[tuple[float, str]]:
    file = folder / "plan.json"
    await asyncio.to_thread(file.write_text, json.dumps(plan), "utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.crowd_people", str(file)), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return [(float(took), str(fault)) for took, fault in json.loads(output)]


async def _clicks_in_the_end(file: Path, crowd: Sequence[str]) -> int:
    """What a press asked for may come behind its answer: its end is waited for as long as more of them end."""
    before, now = -1, 0
    while before < now < PEOPLE * _INCIDENTS:
        await asyncio.sleep(_MORE_SECONDS)
        before, now = now, await asyncio.to_thread(_clicks, file, crowd)
    return now


def _clicks(file: Path, crowd: Sequence[str]) -> int:
    """How many different clicks of these people are written down and answered."""
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT actor_id FROM requests WHERE state = 'done'").fetchall()
    people = set(crowd)
    return sum(actor in people for (actor,) in rows)


def _rows(told: Sequence[tuple[float, str]], rows: int, gap: float) -> tuple[list[Row], list[str]]:
    took = [each for each, _ in told]
    faults = Counter(fault for _, fault in told if fault)
    different = PEOPLE * _INCIDENTS
    return [
        Row(f"{NAME}: half of them answered within", quantile(took, 0.5), milliseconds),
        Row(f"{NAME}: 99 % answered within", quantile(took, 0.99), seconds, target=ANSWER_SECONDS),
        Row(f"{NAME}: without a good answer", sum(faults.values()), count, target=0),
        Row(f"{NAME}: not done in the end", max(0, different - rows), count, target=0),
        Row(f"{NAME}: longest gap of the event loop", gap, milliseconds, target=GAP_SECONDS),
    ], [
        f"{NAME}: {len(told)} presses in {_ROUNDS * _EVERY_SECONDS:g} s, slowest {seconds(max(took))}"
        + "".join(f", {fault} {number} times" for fault, number in faults.items())
    ]
