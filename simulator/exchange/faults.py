"""Faults that meet one cmdlet, in Exchange's own words.

Set them with service "cmdlet", method "POST" and a path such as "^/Get-InboxRule": the decoded path is
`/<cmdlet>/<identity>`. Faults with service "exchange" meet the HTTP request before anybody knows its cmdlet.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time

from simulator.exchange import errors
from simulator.exchange.answer import Reply
from simulator.faults import Fault, Kind
from simulator.gateway import ConnectionDropped
from simulator.world import World

# Exception names that the service's own module takes for passing trouble.
TRANSIENT = frozenset(
    {
        "ADServerSettingsChangedException",
        "BackendCommunicationException",
        "CmdletProxyNotAvailableFailure",
        "DCOverloadedException",
        "ServerBusyException",
        "ServerInMMException",
        "StorageTransientException",
        "SuitabilityDirectoryException",
        "TransientException",
    }
)
CONCURRENCY = "The maximum number of concurrent requests per tenant has been reached. Please try again later."


async def suffer(world: World, fault: Fault) -> Reply | None:
    """What the fault does: an answer, None to go on, ConnectionDropped or the service's own error."""
    if fault.kind is Kind.DELAY:
        await asyncio.sleep(fault.delay_seconds)
        return None
    if fault.kind is Kind.HANG:
        until = time.monotonic() + (fault.delay_seconds or 3600)
        while time.monotonic() < until and not world.closing:  # noqa: ASYNC110  # the world has a flag and no event
            await asyncio.sleep(0.05)
        raise ConnectionDropped
    if fault.kind is Kind.KILL and fault.pid is not None:
        os.kill(fault.pid, signal.SIGKILL)
        raise ConnectionDropped
    if fault.kind in {Kind.DROP, Kind.HALF}:
        raise ConnectionDropped
    if fault.kind is Kind.HTML502:
        return Reply(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"Content-Type": "text/html"})
    return _status(fault)


def _status(fault: Fault) -> Reply:
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    if fault.status == 401:
        raise errors.Unauthorised("fault")
    if fault.status == 403:
        raise errors.Forbidden
    if fault.code == "concurrency":
        return Reply(fault.status, CONCURRENCY.encode(), {"Content-Type": "text/plain"} | headers)
    if fault.code in TRANSIENT:
        problem = errors.transient(fault.code, fault.status)
    elif fault.status == 429:
        problem = errors.CmdletError(
            "Too many requests.", "", status=429, code="TooManyRequests", message="Too many requests"
        )
    else:
        problem = errors.CmdletError(fault.message, fault.code, status=fault.status, code=fault.code)
    return Reply(problem.status, problem.body(), problem.headers() | headers)
