"""A copy of the data while the bot runs, putting one back, and everything encrypted under a new key.

The durable engine's file needs no copy: it holds nothing that our own tables do not know. The key is never part of a
copy; without it the evidence in it cannot be read.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from services.database import Database, is_sqlite, migrate, newest_revision
from services.database.schema import metadata
from services.database.sealed import PREFIX, Packed
from services.database.sealing import close_anew
from services.durable import ENGINE_FILE, LOCK_FILE, take_lock
from services.errors import BadInput, Conflict
from services.settings import Settings
from services.vault import Vault

_AT_ONCE = 50  # pieces in one transaction


def backup(settings: Settings, out: Path) -> int:
    """Copies the database to a new file that only our own user may read, as of one moment; its size in bytes.

    The bot may run and write. Raises BadInput (the data are in PostgreSQL, which has its own tools), FileExistsError,
    FileNotFoundError (there are no data) and OSError.
    """
    source = _file(settings)
    if not source.is_file():
        raise FileNotFoundError(source)
    os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        readable = f"{source.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(readable, uri=True)) as running, closing(sqlite3.connect(out)) as copy:
            running.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole
            _insist_on_whole(copy)
    except BaseException:
        out.unlink()
        raise
    return out.stat().st_size


def restore(settings: Settings, copy: Path, now: datetime) -> Path | None:
    """Puts a copy in the place of the data, which are kept beside it; gives where, or None where there were none.

    The bot must not run. Tables of an older version are brought up to date. Raises Conflict (it runs; "newer-data";
    "wrong-data-key"), BadInput (PostgreSQL; "not-a-copy") and OSError. Nothing is changed unless all of it works.
    """
    target = _file(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(take_lock(target.parent / LOCK_FILE)):
        aside = target.with_name(f"{target.name}.restoring")
        aside.unlink(missing_ok=True)
        try:
            _take_over(copy, aside)
            _insist_on_our_key(settings, aside)
            migrate(f"sqlite:///{aside}")
            before = _move_away(target, now)
            aside.replace(target)
        finally:
            for left in (aside, aside.with_name(f"{aside.name}-wal"), aside.with_name(f"{aside.name}-shm")):
                left.unlink(missing_ok=True)
        # What the engine remembers belongs to other data; it finds unfinished work in our tables.
        for name in (ENGINE_FILE, f"{ENGINE_FILE}-wal", f"{ENGINE_FILE}-shm"):
            (target.parent / name).unlink(missing_ok=True)
    return before


async def rotate(settings: Settings) -> int:
    """Encrypts all that is encrypted anew under the newest key; gives how many pieces.

    The bot may run; safe to run again.

    Raises BadInput ("one-data-key": there is no older one to leave) and Conflict (a piece is under a key that is not
    there; the others are done).
    """
    if len(settings.data_keys) < 2:
        raise BadInput(reason="one-data-key")
    vault = await asyncio.to_thread(Vault.open, settings)
    database = Database.connect(settings.sql_url)
    renewed = lost = 0
    try:
        for column in _packed_columns():
            done, failed = await _pack_anew(database, vault, column)
            renewed, lost = renewed + done, lost + failed
        database.seal(vault)
        closed = await close_anew(database)
    except Conflict as error:  # of what is closed; what is packed is done
        lost += int(str(error.data.get("lost") or 0))
        closed = int(str(error.data.get("renewed") or 0))
    finally:
        await database.close()
    if lost:
        raise Conflict(reason="wrong-data-key", lost=lost, renewed=renewed + closed)
    return renewed + closed


def _packed_columns() -> list[sa.Column[bytes]]:
    return [column for table in metadata.sorted_tables for column in table.columns if isinstance(column.type, Packed)]


async def _pack_anew(database: Database, vault: Vault, column: sa.Column[bytes]) -> tuple[int, int]:
    """Packs one column under the newest key. Gives how many pieces are, and for how many there is no key."""
    [key] = column.table.primary_key.columns
    renewed, lost, last = 0, 0, ""
    while True:
        query = sa.select(key, column).where(key > last, column.is_not(None)).order_by(key).limit(_AT_ONCE)
        async with database.write() as connection:
            rows = list(await connection.execute(query))
            for id_, packed in rows:
                try:
                    body = await asyncio.to_thread(vault.renew, packed)
                except Conflict:
                    lost += 1
                    continue
                await connection.execute(sa.update(column.table).where(key == id_).values({column: body}))
                renewed += 1
        if not rows:
            return renewed, lost
        last = rows[-1][0]


def _file(settings: Settings) -> Path:
    if not is_sqlite(settings.sql_url):
        raise BadInput(reason="not-sqlite")
    return Path(sa.make_url(settings.sql_url).database or "")


def _take_over(copy: Path, aside: Path) -> None:
    """Copies and checks. Raises BadInput for what is no copy of ours, Conflict for one of a newer program."""
    if not copy.is_file():
        raise FileNotFoundError(copy)
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as source:
            _insist_on_whole(source)
            [revision] = source.execute("SELECT version_num FROM alembic_version").fetchone()
            if revision > newest_revision():
                raise Conflict(reason="newer-data")
            with closing(sqlite3.connect(aside)) as target:
                source.backup(target)
    except (sqlite3.DatabaseError, TypeError) as error:
        raise BadInput(reason="not-a-copy") from error
    aside.chmod(0o600)


def _insist_on_whole(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
        raise BadInput(reason="not-a-copy")


def _insist_on_our_key(settings: Settings, file: Path) -> None:
    """What was kept last must open: else everything of it would be lost without a word."""
    with closing(sqlite3.connect(file)) as connection:
        body = connection.execute("SELECT body FROM evidence ORDER BY at DESC LIMIT 1").fetchone()
        met = connection.execute("SELECT service_url FROM people ORDER BY last_seen DESC LIMIT 1").fetchone()
    closed = met is not None and str(met[0]).startswith(PREFIX)
    if body is None and not closed:
        return
    vault = Vault.existing(settings)
    if vault is None:
        raise Conflict(reason="wrong-data-key")
    if body is not None:
        vault.unpack(body[0])
    if closed:
        vault.open_text(str(met[0]).removeprefix(PREFIX))


def _move_away(target: Path, now: datetime) -> Path | None:
    """Keeps what was there, with all that SQLite had not yet written into the file itself."""
    if not target.exists():
        return None
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = target.with_name(f"{target.name}.before-{now:%Y%m%d-%H%M%S}")
    target.replace(before)
    for left in (f"{target.name}-wal", f"{target.name}-shm"):
        target.with_name(left).unlink(missing_ok=True)
    return before
