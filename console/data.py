"""`data`: a copy of the data, putting one back, a new key, and everything encrypted under it."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from cryptography.fernet import Fernet

from console.words import complain, say, words_of
from services.errors import IRBotError
from services.plain_words import explain
from services.safekeeping import backup, restore, rotate
from services.settings import Settings, load


def run(chosen: argparse.Namespace) -> int:
    """Copies the data, puts a copy back, or renews the key of the evidence."""
    if chosen.action == "new-key":
        say(Fernet.generate_key().decode("ascii"))
        return 0
    try:
        settings = load()
    except ValueError as error:
        return complain(f"Nothing was done: {words_of(error)}")
    try:
        return _ACTIONS[chosen.action](settings, chosen)
    except IRBotError as error:
        words = explain(error)
        return complain(f"Nothing was done: {words.what} {words.next_step}".strip())
    except sa.exc.DBAPIError as error:
        return complain(f"The database does not answer ({type(error.orig).__name__}).")
    except OSError as error:
        return complain(f"Nothing was done: {error.strerror or error}: {error.filename or ''}".rstrip(": "))


def _backup(settings: Settings, chosen: argparse.Namespace) -> int:
    size = backup(settings, chosen.out)
    say(f"{chosen.out}: {size:,} bytes, whole. Keep the key of the evidence somewhere else.")
    return 0


def _restore(settings: Settings, chosen: argparse.Namespace) -> int:
    before = restore(settings, chosen.file, datetime.now(UTC))
    say(f"{chosen.file} is in place." + (f" What was there before is {before}." if before else ""))
    return 0


def _rotate(settings: Settings, _chosen: argparse.Namespace) -> int:
    renewed = asyncio.run(rotate(settings))
    say(f"{renewed} rows are under the newest key. The older keys are needed for copies of before alone.")
    return 0


_ACTIONS = {"backup": _backup, "restore": _restore, "rotate-keys": _rotate}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be written after `data`."""
    actions = parser.add_subparsers(dest="action", required=True)
    copy = actions.add_parser("backup", help="copy the data while the bot runs (SQLite; for PostgreSQL use pg_dump)")
    copy.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    back = actions.add_parser("restore", help="put a copy back; the bot must not run")
    back.add_argument("file", type=Path, metavar="FILE")
    actions.add_parser("new-key", help="print a new key for IRBOT_DATA_KEYS")
    actions.add_parser("rotate-keys", help="encrypt everything anew under the newest key of IRBOT_DATA_KEYS")
