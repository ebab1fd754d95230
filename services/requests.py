"""The inbox: everything that a person asks is a row under an idempotency key before anything is done about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from services import logs
from services.database import Database, insert_once, tables

# How soon another process's answer is looked for; then ever more seldom, as very many may wait at once.
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.2, 1.0


class RequestState(StrEnum):
    """What became of a request. A done one gives its answer again."""

    DONE = "done"
    RECEIVED = "received"
    REFUSED = "refused"


@dataclass(frozen=True)
class Request:
    """One row of `requests`."""

    key: str
    body: Mapping[str, Any]
    state: RequestState
    answer: Mapping[str, Any] | None
    correlation_id: str
    received_at: datetime
    finished_at: datetime | None = None


class Requests:
    """Records, finishes and waits for requests. Waiting works across processes; within one it is immediate."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._finished: dict[str, asyncio.Event] = {}

    async def record(
        self,
        key: str,
        body: Mapping[str, Any],
        actor_id: str,
        *,
        may_repeat: bool,
        again_after_seconds: float | None = None,
    ) -> Request:
        """The request of this key: new, or the one that came before.

        Where a person may ask for the same again (press a button twice), what was refused before is taken up as new:
        the reason may be gone, and every check is made again. With `again_after_seconds` so is what was done that
        long ago: nobody delivers a click again so late.
        """
        correlation_id = logs.correlation.get() or logs.new_correlation_id()
        for _ in range(100):
            new = Request(key, body, RequestState.RECEIVED, None, correlation_id, self._now())
            async with self._database.write() as connection:
                is_new = await insert_once(
                    connection,
                    tables.requests,
                    key=key,
                    body=dict(body),
                    actor_id=actor_id,
                    state=new.state.value,
                    correlation_id=new.correlation_id,
                    received_at=new.received_at,
                )
                existing = new if is_new else await self._get(connection, key)
            refused = may_repeat and existing is not None and existing.state is RequestState.REFUSED
            if existing is not None and not refused and not self._is_over(existing, again_after_seconds):
                return existing
            head, _, count = key.rpartition("#")
            key = f"{head}#{int(count) + 1}" if head and count.isdigit() else f"{key}#2"
        raise LookupError(key)

    def _is_over(self, request: Request, seconds: float | None) -> bool:
        if seconds is None or request.state is not RequestState.DONE or request.finished_at is None:
            return False
        return (self._now() - request.finished_at).total_seconds() >= seconds

    async def get(self, key: str) -> Request | None:
        """One request by its key."""
        async with self._database.read() as connection:
            return await self._get(connection, key)

    async def by_correlation(self, correlation_id: str) -> Request | None:
        """One request by its correlation id."""
        query = sa.select(tables.requests).where(tables.requests.c.correlation_id == correlation_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _request(row)

    async def unfinished(self) -> list[str]:
        """The keys of all requests without an answer."""
        query = sa.select(tables.requests.c.key).where(tables.requests.c.state == RequestState.RECEIVED.value)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def finish(self, key: str, state: RequestState, answer: Mapping[str, Any]) -> None:
        """Keeps the answer and wakes who waits for it; the first answer stays."""
        received = tables.requests.c.state == RequestState.RECEIVED.value
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(tables.requests)
                .where(tables.requests.c.key == key, received)
                .values(state=state.value, answer=dict(answer), finished_at=self._now())
            )
        waiting = self._finished.get(key)
        if waiting is not None:
            waiting.set()

    async def wait(self, key: str, seconds: float) -> Request | None:
        """The finished request, or None when it is not finished in time."""
        end = asyncio.get_running_loop().time() + seconds
        event = self._finished.setdefault(key, asyncio.Event())
        pause = _FIRST_LOOK_SECONDS
        try:
            while True:
                request = await self.get(key)
                if request is not None and request.state is not RequestState.RECEIVED:
                    return request
                left = end - asyncio.get_running_loop().time()
                if left <= 0:
                    return None
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, pause)):
                        await event.wait()
                pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
        finally:
            self._finished.pop(key, None)

    @staticmethod
    async def _get(connection: Any, key: str) -> Request | None:
        row = (await connection.execute(sa.select(tables.requests).where(tables.requests.c.key == key))).one_or_none()
        return None if row is None else _request(row)


def _request(row: sa.Row[Any]) -> Request:
    return Request(
        key=row.key,
        body=row.body,
        state=RequestState(row.state),
        answer=row.answer,
        correlation_id=row.correlation_id,
        received_at=row.received_at,
        finished_at=row.finished_at,
    )
