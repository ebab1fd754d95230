"""Closing what older programs left open, and closing everything anew under the newest key."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.database import Database, tables
from services.database.schema import metadata
from services.database.sealed import PREFIX, SealedJson, SealedText, mark
from services.errors import Conflict
from services.settings import Settings
from services.vault import Vault

_AT_ONCE = 100


async def seal_up(database: Database, settings: Settings) -> Vault:
    """Seals the database with our own key. The vault, once nothing stands open that should be closed."""
    vault = await asyncio.to_thread(Vault.open, settings)
    database.seal(vault)
    await close_what_is_open(database)
    return vault


async def close_what_is_open(database: Database) -> int:
    """Closes the plain values of rows of before; gives how many rows. Safe to run again, and beside others."""
    closed = 0
    for table, columns in _sealed_columns():
        is_open = sa.or_(*(_is_plain(column) for column in columns))
        while True:
            async with database.write() as connection:
                rows = list(await connection.execute(_of(table, columns).where(is_open).limit(_AT_ONCE)))
                for row in rows:
                    await _write(connection, table, columns, row)
            closed += len(rows)
            if len(rows) < _AT_ONCE:
                break
    return closed


async def close_anew(database: Database) -> int:
    """Closes every value under the newest key; gives how many rows. Raises Conflict where a key is lost."""
    renewed = lost = 0
    for table, columns in _sealed_columns():
        key = sa.tuple_(*table.primary_key.columns)
        last: tuple[Any, ...] | None = None
        while True:
            async with database.write() as connection:
                plain = sa.select(*table.primary_key.columns).order_by(*table.primary_key.columns).limit(_AT_ONCE)
                ids = list(await connection.execute(plain if last is None else plain.where(key > sa.tuple_(*last))))
                for each in ids:
                    try:
                        row = (await connection.execute(_of(table, columns).where(_is(table, each)))).one()
                    except Conflict:
                        lost += 1
                        continue
                    await _write(connection, table, columns, row)
                    renewed += 1
            if not ids:
                break
            last = tuple(ids[-1])
    if lost:
        raise Conflict(reason="wrong-data-key", lost=lost, renewed=renewed)
    return renewed


def _sealed_columns() -> list[tuple[sa.Table, list[sa.Column[Any]]]]:
    found = []
    for table in metadata.sorted_tables:
        columns = [column for column in table.columns if isinstance(column.type, SealedJson | SealedText)]
        if columns:
            found.append((table, columns))
    return found


def _is_plain(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether a value stands there for everybody to read."""
    if isinstance(column.type, SealedText):
        text = sa.type_coerce(column, sa.String)
        return sa.and_(text != "", sa.not_(text.startswith(PREFIX)))
    written = sa.cast(sa.type_coerce(column, sa.JSON), sa.Text)
    return sa.and_(written != "null", sa.not_(written.startswith(f'"{PREFIX}')))


def _of(table: sa.Table, columns: list[sa.Column[Any]]) -> sa.Select[Any]:
    return sa.select(*table.primary_key.columns, *columns)


def _is(table: sa.Table, row: sa.Row[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == getattr(row, column.name) for column in table.primary_key.columns))


async def _write(connection: AsyncConnection, table: sa.Table, columns: list[sa.Column[Any]], row: sa.Row[Any]) -> None:
    values = {column.name: getattr(row, column.name) for column in columns}
    if table is tables.people:
        values["teams_mark"] = mark(connection, row.teams_id) if row.teams_id else None
    if table is tables.incidents:
        values["place_mark"] = mark(connection, row.conversation["id"])
    await connection.execute(sa.update(table).where(_is(table, row)).values(**values))
