"""SQLite's connections: each lives on a thread of its own, which is asked once for a statement and all its rows.

The driver beneath asks four times (for a cursor, the statement, its rows, and the end of the cursor), once more for the
beginning of a transaction, and for the end of one that has ended. Each answer waits for its turn on the event loop, and
on a busy loop whoever writes would hold the one write lock for all of these turns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import aiosqlite

Row = tuple[Any, ...]


class Connection(aiosqlite.Connection):
    """A connection whose cursors have no life of their own, and whose transactions begin with their first statement."""

    _beginning = ""

    def begin_with(self, beginning: str) -> None:
        """Has `beginning` (BEGIN, or BEGIN IMMEDIATE) run right before the next statement, with the same question."""
        self._beginning = beginning

    def cursor(self) -> Cursor:  # type: ignore[override]  # the part of a cursor that SQLAlchemy asks for
        """A cursor; nothing is asked of the thread before its first statement."""
        return Cursor(self)

    async def run(self, cursor: Cursor, how: str, operation: str, parameters: Any) -> None:
        """Runs a statement of a cursor on the thread."""
        await self._execute(self._run, cursor, how, operation, parameters)  # type: ignore[no-untyped-call]

    async def commit(self) -> None:
        """Keeps what the transaction did; asks nothing where none was begun."""
        if self._has_begun():
            await super().commit()

    async def rollback(self) -> None:
        """Undoes what the transaction did; asks nothing where none was begun, or it has ended."""
        if self._has_begun():
            await super().rollback()

    def _has_begun(self) -> bool:
        self._beginning = ""
        return self._conn.in_transaction

    def _run(self, asked: Cursor, how: str, operation: str, parameters: Any) -> None:
        cursor = self._conn.cursor()
        try:
            if self._beginning:
                cursor.execute(self._beginning)
                self._beginning = ""  # not before it has worked: no statement may run without its transaction
            getattr(cursor, how)(operation, parameters)
            asked.keep(cursor)
        finally:
            cursor.close()


class Cursor:
    """One statement and what came of it. Implements what SQLAlchemy asks of an asynchronous driver's cursor."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Row] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, operation: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Self:
        """Runs one statement, and keeps all its rows."""
        await self._connection.run(self, "execute", operation, parameters)
        return self

    async def executemany(self, operation: str, parameters: Sequence[Any]) -> Self:
        """Runs one statement for each set of parameters; it has no rows."""
        await self._connection.run(self, "executemany", operation, parameters)
        return self

    async def fetchall(self) -> list[Row]:
        """The rows that have not been fetched yet."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is open: the thread has given all rows already."""

    def keep(self, cursor: sqlite3.Cursor) -> None:
        """Keeps what came of a statement. Called on the connection's thread."""
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid


def connect(database: str, **options: Any) -> Connection:
    """A connection that opens when it is awaited; `options` are those of `sqlite3.connect`."""
    connection = Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # what is left open must not hold up the end of the process
    return connection
