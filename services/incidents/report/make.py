"""Makes the bundle of one incident from the database of the settings, beside a bot that may be running."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.database import Database
from services.errors import NotFound
from services.incidents import store
from services.incidents.report.bundle import write_bundle
from services.incidents.report.case import Case, read_case
from services.settings import Settings
from services.vault import Vault


@dataclass(frozen=True)
class Made:
    """A bundle that was written, and the SHA-256 to note somewhere else."""

    case: Case
    fingerprint: str


async def make_bundle(settings: Settings, number: int, out: Path, now: datetime) -> Made:
    """Writes the bundle to a new file that only our own user may read.

    Reads the database and nothing else of the bot's. Raises NotFound (no such incident), OSError (the file is there
    already, or cannot be written) and what the driver raises when the database cannot be read.
    """
    vault = await asyncio.to_thread(Vault.existing, settings)
    database = Database.connect_to_read(settings.sql_url)
    if vault is not None:
        database.seal(vault)
    try:
        async with database.read() as connection:
            incident = await store.by_number(connection, number)
            if incident is None:
                raise NotFound(what="incident", sought=f"IR-{number:04d}")
            case = await read_case(connection, vault, incident, now)
    finally:
        await database.close()
    return Made(case, await asyncio.to_thread(_write, case, out))


def _write(case: Case, out: Path) -> str:
    handle = os.open(out, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(handle, "w+b") as written:
            write_bundle(case, written)
            written.flush()
            os.fsync(written.fileno())
            written.seek(0)
            return hashlib.file_digest(written, "sha256").hexdigest()
    except BaseException:
        out.unlink()
        raise
