"""The account's records of the unified audit log. Microsoft gathers them in minutes to hours, so the query outlives us.

A query carries the incident, the round and its own time in its name. After a restart the round finds its query again;
a later round takes up one that is still running, and asks anew where the last one has ended, as records come late.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.errors import IRBotError, Throttled, UnknownOutcome
from services.microsoft365.audit import AuditQuery
from services.microsoft365.exchange import unified_audit
from services.microsoft365.exchange.unified_audit import without_port
from services.microsoft365.reading import instant
from services.playbook.step import Context

_AS_OF = " as of "
_MOST_RECORDS = 10_000
_FIRST_PAUSE_SECONDS, _GROWTH, _LONGEST_PAUSE_SECONDS = 0.5, 1.6, 30.0
_SHARE_OF_PATIENCE = 0.8  # of the time that a check has: the rest is for reading what was found
_STILL_THE_SAME = timedelta(hours=24)  # a query that runs for longer has been lost


@dataclass(frozen=True)
class Record:
    """One logged deed, whichever way it was read. `data` is as the service wrote it."""

    at: datetime | None
    operation: str
    ip: str
    object_id: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Trail:
    """What was found, as of when. `running`: the query has not ended; `failed`: it ended without an answer."""

    records: tuple[Record, ...] = ()
    as_of: datetime | None = None
    complete: bool = True
    running: bool = False
    failed: bool = False


async def trail_of(ctx: Context, operations: Sequence[str]) -> Trail:
    """The subject's records since `ctx.since`: by Graph's query, else by Exchange's search.

    Raises what Graph says where neither may be asked.
    """
    try:
        return await _by_query(ctx, operations)
    except IRBotError as first:
        if isinstance(first, Throttled):
            raise
        try:
            return await _by_search(ctx, operations)
        except IRBotError:
            raise first from None


async def _by_query(ctx: Context, operations: Sequence[str]) -> Trail:
    deadline = asyncio.get_running_loop().time() + ctx.settings.check_timeout_seconds * _SHARE_OF_PATIENCE
    query = await _query(ctx, operations)
    pause = _FIRST_PAUSE_SECONDS
    while not query.has_ended:
        if asyncio.get_running_loop().time() + pause > deadline:
            return Trail(running=True, as_of=_as_of(query))
        await asyncio.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE_SECONDS)
        query = await ctx.m365.audit.state(query.id)
    if not query.succeeded:
        return Trail(failed=True, as_of=_as_of(query))
    found = await ctx.m365.audit.records(query.id, _MOST_RECORDS)
    records = tuple(Record(each.at, each.operation, without_port(each.ip), each.object_id, each.data) for each in found)
    return Trail(records, _as_of(query), found.complete and not query.truncated)


async def _query(ctx: Context, operations: Sequence[str]) -> AuditQuery:
    """This round's query, or one of an earlier round that is still running, or a new one."""
    found = await _found(ctx)
    if found is not None:
        return found
    name = f"{_of_round(ctx)}{_AS_OF}{instant(ctx.now)}"
    try:
        return await ctx.m365.audit.submit(name, ctx.since, ctx.now, upns=[ctx.subject.upn], operations=operations)
    except UnknownOutcome:
        # It may be there all the same, and every call would make another one.
        found = await _found(ctx)
        if found is None:
            raise
        return found


async def _found(ctx: Context) -> AuditQuery | None:
    known = sorted(
        await ctx.m365.audit.named(_of_incident(ctx)), key=lambda query: query.name.rpartition(_AS_OF)[2], reverse=True
    )
    for query in known:
        if query.name.startswith(_of_round(ctx) + _AS_OF):
            return query
    for query in known:
        as_of = _as_of(query)
        if not query.has_ended and as_of is not None and ctx.now - as_of < _STILL_THE_SAME:
            return query
    return None


def _of_incident(ctx: Context) -> str:
    incident = ctx.incident or f"{ctx.subject.object_id} {instant(ctx.opened_at)}"
    return f"IRBot activity {_mark(incident)} "


def _of_round(ctx: Context) -> str:
    return f"{_of_incident(ctx)}round {_mark(ctx.round)}"


def _mark(text: str) -> str:
    """Stands for an id that need not be shown in the tenant's list of queries."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _as_of(query: AuditQuery) -> datetime | None:
    try:
        return datetime.fromisoformat(query.name.rpartition(_AS_OF)[2])
    except ValueError:
        return None


async def _by_search(ctx: Context, operations: Sequence[str]) -> Trail:
    found = await unified_audit.search(
        ctx.m365.exchange, ctx.since, ctx.now, users=[ctx.subject.upn], operations=operations
    )
    records = tuple(
        Record(each.at, each.operation, each.ip, str(each.data.get("ObjectId") or ""), each.data)
        for each in found.records
    )
    return Trail(records, ctx.now, found.complete)
