"""A process of its own that works with Microsoft 365 and feels its event loop's pulse meanwhile; prints JSON.

Two hundred calls at once, twice, from a cold start, with the token refused and renewed in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import sys
import time

from services.microsoft365 import Microsoft365, Tokens, open_microsoft365
from services.settings import load


def waited_for_a_processor() -> float:
    """Seconds that this process's threads stood in the queue for a processor; 0 where the system does not tell."""
    total = 0
    for path in glob.glob("/proc/self/task/*/schedstat"):
        with contextlib.suppress(OSError, IndexError, ValueError), open(path, encoding="ascii") as file:
            total += int(file.read().split()[1])
    return total / 1e9


class Pulse:
    """The longest gap between two turns of the loop, without what other processes took. `part` names what goes on."""

    def __init__(self) -> None:
        self.gaps: dict[str, float] = {}
        self.part = "start"

    async def beat(self) -> None:
        """Measures until it is cancelled."""
        last, queued = time.monotonic(), waited_for_a_processor()
        while True:
            await asyncio.sleep(0.002)
            gap = time.monotonic() - last
            gap -= min(gap, waited_for_a_processor() - queued)
            self.gaps[self.part] = max(self.gaps.get(self.part, 0.0), gap)
            last, queued = time.monotonic(), waited_for_a_processor()


async def two_hundred_calls(microsoft365: Microsoft365, people: list[str], groups: list[str]) -> int:
    """How many were answered."""
    directory = microsoft365.directory
    answers = await asyncio.gather(
        *(directory.account(person) for person in people[:50]),
        *(directory.groups_of(person, groups) for person in people[:50]),
        *(microsoft365.mailbox.inbox_rules(person) for person in people[:50]),
        *(microsoft365.licences.of_account(person) for person in people[:50]),
    )
    return len(answers)


async def main() -> None:
    """The whole run; the environment says which tenant."""
    settings = load()
    pulse = Pulse()
    heart = asyncio.create_task(pulse.beat())
    await asyncio.sleep(0.02)
    pulse.part = "open"
    tokens = Tokens(settings)
    microsoft365 = await open_microsoft365(settings, tokens)
    pulse.part = "first call"
    everyone = await microsoft365.directory.nearest_accounts("e", 500)
    group = settings.approver_groups[0]
    people = [account.id for account in everyone] + [
        account.id for account in (await microsoft365.directory.people_in(group, 50)).accounts
    ]
    people = (people * 50)[:50]
    calls = 0
    for part in ("calls", "calls with a new token"):
        pulse.part = part
        if calls:
            await tokens.forget(settings.graph_scope, await tokens.token(settings.graph_scope))
        calls += await two_hundred_calls(microsoft365, people, [*settings.responder_groups, *settings.approver_groups])
    pulse.part = "close"
    await microsoft365.close()
    await tokens.close()
    await asyncio.sleep(0.02)
    heart.cancel()
    sys.stdout.write(json.dumps({"calls": calls, "gaps": {part: round(gap, 4) for part, gap in pulse.gaps.items()}}))


if __name__ == "__main__":
    asyncio.run(main())
