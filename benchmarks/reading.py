"""A process of its own that reads Microsoft 365, through our layer and with the bare HTTP client; prints JSON.

`cpu` compares the processor time of one call; `parallel` makes thirty reads at once after a call for the organization.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.microsoft365 import Microsoft365, Tokens, open_microsoft365
from services.microsoft365.accounts import ACCOUNT_FIELDS
from services.settings import Settings, load

_ROUNDS = 12
_CALLS = 50
_READS = 30


async def cpu(settings: Settings, tokens: Tokens, microsoft365: Microsoft365, people: list[str]) -> dict[str, float]:
    """Seconds of processor time for the same read, by us and bare; the medians of rounds that take turns."""
    context = await asyncio.to_thread(ssl.create_default_context)
    fields = ",".join(ACCOUNT_FIELDS)
    async with httpx.AsyncClient(verify=context, timeout=30) as http:
        token = await tokens.token(settings.graph_scope)

        async def ours(person: str) -> None:
            await microsoft365.directory.account(person)

        async def bare(person: str) -> None:
            url = f"{settings.graph_url}/v1.0/users/{person}?$select={fields}"
            answer = await http.get(url, headers={"Authorization": f"Bearer {token}"})
            answer.raise_for_status()
            answer.json()

        await ours(people[0])
        await bare(people[0])
        spent: dict[str, list[float]] = {"ours": [], "bare": []}
        for _ in range(_ROUNDS):
            for name, call in (("ours", ours), ("bare", bare)):
                spent[name].append(await _processor_time(call, people))
    return {name: statistics.median(seconds) for name, seconds in spent.items()}


async def _processor_time(call: Callable[[str], Awaitable[None]], people: list[str]) -> float:
    begun = time.process_time()
    for number in range(_CALLS):
        await call(people[number % len(people)])
    return (time.process_time() - begun) / _CALLS


async def parallel(
    settings: Settings, tokens: Tokens, microsoft365: Microsoft365, people: list[str]
) -> dict[str, float]:
    """Wall time of thirty reads at once: directory, one busy mailbox, sign-in reports."""
    since = datetime.now(UTC) - timedelta(days=3)
    directory, mailbox = microsoft365.directory, microsoft365.mailbox
    groups = [*settings.responder_groups, *settings.approver_groups]
    reads: list[Awaitable[Any]] = [
        *(directory.account(person) for person in people[:12]),
        *(directory.groups_of(person, groups) for person in people[:6]),
        *(mailbox.settings(people[0]) for _ in range(4)),
        *(mailbox.inbox_rules(people[0]) for _ in range(4)),
        *(microsoft365.sign_ins.interactive(person, since, 50) for person in people[:4]),
    ]
    if len(reads) != _READS:
        raise RuntimeError(f"{len(reads)} reads instead of {_READS}")
    await directory.organization()
    begun = time.monotonic()
    await asyncio.gather(*reads)
    return {"seconds": time.monotonic() - begun}


async def main(what: str, people: list[str]) -> None:
    """One of the two, about these accounts; the environment says which tenant."""
    settings = load()
    tokens = Tokens(settings)
    microsoft365 = await open_microsoft365(settings, tokens)
    try:
        work = {"cpu": cpu, "parallel": parallel}[what]
        told = await work(settings, tokens, microsoft365, people)
        sys.stdout.write(json.dumps(told))
    finally:
        await microsoft365.close()
        await tokens.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
