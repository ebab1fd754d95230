"""How soon the bot answers what Teams delivers: with nothing to wait for, and while Graph takes twenty seconds."""

from __future__ import annotations

import asyncio
from itertools import cycle, islice

from benchmarks.machine import resident_bytes
from benchmarks.table import Row, megabytes, milliseconds, quantile, seconds
from simulator.bench import Bench
from simulator.config import SimulatorConfig

PROMISE_SECONDS = 2.0
_PEOPLE = ("alex", "adele", "diego", "henrietta", "grady", "megan", "joni", "jose")
_MESSAGES = 120
_ROUNDS = 30
_SLOW = "slow:20"
_SLOW_MESSAGES = 5


async def measure() -> tuple[list[Row], list[str]]:
    """Messages and clicks one after another, first quick, then slow; and the memory that it all took."""
    async with Bench.start(SimulatorConfig(), own_process=True) as bench:
        messages = [
            (await bench.say("help", by=person, where="personal")).answer.seconds
            for person in islice(cycle(_PEOPLE), _MESSAGES)
        ]
        await bench.settled(timeout=120)
        await bench.say("compromise megan@contoso.com", by="alex")
        await bench.until_button("Lock account…", by="alex", where="thread")
        clicks = []
        for _ in range(_ROUNDS):
            for title in ("Lock account…", "Cancel"):
                await bench.until_button(title, by="alex", where="thread")
                clicks.append((await bench.click(title, by="alex", where="thread")).answer.seconds)
        await bench.settled(timeout=60)
        used = await asyncio.to_thread(resident_bytes, bench.bot.pid)
        slow = await _slow(bench)
    return [
        Row("Answer to a message, half of them within", quantile(messages, 0.5), milliseconds),
        Row("Answer to a message, 99 % within", quantile(messages, 0.99), milliseconds),
        Row("Answer to a click, half of them within", quantile(clicks, 0.5), milliseconds),
        Row("Answer to a click, 99 % within", quantile(clicks, 0.99), milliseconds),
        Row("Slowest answer while Graph takes 20 s", max(slow), seconds, target=PROMISE_SECONDS),
        Row(f"Memory after {_MESSAGES} messages and {len(clicks)} clicks", used, megabytes),
    ], []


async def _slow(bench: Bench) -> list[float]:
    """The answers to messages and to presses of every kind of button while every Graph call hangs."""
    await bench.until_button("Lock account…", by="alex", where="thread")
    ask = await bench.aim("Lock account…", by="alex", where="thread")
    bench.sim.world.latency.choose(_SLOW)
    answers = [
        (await bench.say("compromise joni@contoso.com", by=person)).answer
        for person in islice(cycle(_PEOPLE), _SLOW_MESSAGES)
    ]
    answers.append((await ask.press()).answer)
    answers.append((await ask.but(by="diego").press()).answer)
    unanswered = [answer.fault for answer in answers if answer.fault]
    if unanswered:
        raise RuntimeError(f"no good answer: {unanswered[0]}")
    return [answer.seconds for answer in answers]
