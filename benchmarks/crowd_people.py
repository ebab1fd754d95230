"""Very many people who press buttons, as a process of their own: what each presses is read from a file.

It prints, for each press, how long the answer took and what was wrong with it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import aiohttp

_PATIENCE = aiohttp.ClientTimeout(total=15)  # Teams gives up after that


async def main(plan: dict[str, Any]) -> list[tuple[float, str]]:
    """Everybody presses at the same moment, and again every so many seconds."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as http:
        begin = asyncio.get_running_loop().time() + 1
        presses = [_presses(http, plan, person, begin) for person in plan["people"]]
        return [told for person in await asyncio.gather(*presses) for told in person]


async def _presses(
    http: aiohttp.ClientSession, plan: dict[str, Any], activities: list[dict[str, Any]], begin: float
) -> list[tuple[float, str]]:
    loop, told = asyncio.get_running_loop(), []
    for number, activity in enumerate(activities):
        await asyncio.sleep(max(0.0, begin + number * plan["every_seconds"] - loop.time()))
        told.append(await _press(http, plan, activity))
    return told


async def _press(http: aiohttp.ClientSession, plan: dict[str, Any], activity: dict[str, Any]) -> tuple[float, str]:
    """The seconds until the whole answer was there, and why Teams would not take it."""
    sent = activity | {"id": f"f:{uuid.uuid4()}"}
    headers = {"Authorization": plan["authorization"]}
    began = time.monotonic()
    try:
        async with http.post(plan["url"], json=sent, headers=headers) as answer:
            body = await answer.json(content_type=None)
            good = answer.status == 200 and isinstance(body, dict) and body.get("value") is not None
            return time.monotonic() - began, "" if good else f"HTTP {answer.status}"
    except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
        return time.monotonic() - began, type(problem).__name__


if __name__ == "__main__":
    found = asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    sys.stdout.write(json.dumps(found))
