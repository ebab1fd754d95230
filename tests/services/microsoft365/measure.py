"""What our layer costs: `python -m tests.services.microsoft365.measure` prints it; nothing is asserted.

The processor time of a call against that of the bare HTTP client, and the time of thirty parallel reads on a throttled
tenant against the least time that its limits allow.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx

from services.microsoft365 import Tokens, open_microsoft365
from services.microsoft365.accounts import ACCOUNT_FIELDS
from services.microsoft365.budgets import LIMITS
from services.microsoft365.directory import Directory
from services.microsoft365.operations import Row
from services.settings import Settings
from simulator.config import SimulatorConfig
from simulator.server import Simulator
from tests.services.microsoft365.graph_bench import BASE, GraphBench

_CALLS = 1000
_SLOWEST_ANSWER_SECONDS = 0.25  # of the simulator's realistic profile


async def processor_time() -> tuple[float, float]:
    """Milliseconds of processor time for one call, ours and the bare client's; neither touches a network."""
    wire = GraphBench(httpx.Response(200, json={"id": "1", "displayName": "Megan Bowen"}))
    ours = Directory(wire.graph, "app").account
    bare = httpx.AsyncClient(transport=httpx.MockTransport(wire._graph))
    url = f"{BASE}/v1.0/users/u1?$select={','.join(ACCOUNT_FIELDS)}"
    headers = {"Authorization": "Bearer x", "Accept": "application/json"}

    async def measured(call: Callable[[], Awaitable[object]]) -> float:
        for _ in range(50):
            await call()
        start = time.process_time()
        for _ in range(_CALLS):
            await call()
        return (time.process_time() - start) * 1000 / _CALLS

    async def plain() -> object:
        return (await bare.get(url, headers=headers)).json()

    result = await measured(lambda: ours("u1")), await measured(plain)
    await wire.close()
    await bare.aclose()
    return result


async def thirty_reads() -> tuple[float, float, int]:
    """Seconds for thirty reads at once, the least that the limits allow, and how often the tenant had to refuse."""
    async with Simulator(SimulatorConfig(latency="realistic", throttling=True)) as sim:
        values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
        settings = Settings(**values)
        tokens = Tokens(settings)
        m365 = await open_microsoft365(settings, tokens)
        megan = sim.world.tenant.user("megan").id
        since = datetime.now(UTC) - timedelta(days=7)
        await m365.directory.account(megan)
        reads: dict[Row, list[Callable[[], Awaitable[object]]]] = {
            Row.IDENTITY: [lambda: m365.directory.account(megan)] * 12,
            Row.OUTLOOK: [lambda: m365.mailbox.inbox_rules(megan)] * 8,
            Row.REPORTS: [lambda: m365.sign_ins.interactive(megan, since, 10)] * 7,
            Row.PROTECTION: [lambda: m365.risk.of_account(megan)] * 3,
        }
        least = max(
            (len(calls) - 1) // LIMITS[row].calls * LIMITS[row].seconds
            if LIMITS[row].at_once is None
            else (len(calls) - 1) // (LIMITS[row].at_once or 1) * _SLOWEST_ANSWER_SECONDS
            for row, calls in reads.items()
        )
        start = time.monotonic()
        await asyncio.gather(*(call() for calls in reads.values() for call in calls))
        took = time.monotonic() - start
        refused = sum(1 for entry in sim.world.journal.entries(service="graph") if entry.status == 429)
        await m365.close()
        await tokens.close()
        return took, least + _SLOWEST_ANSWER_SECONDS, refused


async def main() -> None:
    ours, bare = await processor_time()
    took, least, refused = await thirty_reads()
    sys.stdout.write(
        f"processor time of a call: {ours:.2f} ms, of which {bare:.2f} ms is the bare HTTP client's\n"
        f"thirty reads at once: {took:.1f} s; the limits allow {least:.1f} s; refused by the tenant: {refused}\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
