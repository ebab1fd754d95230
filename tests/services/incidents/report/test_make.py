"""The bundle is made beside a bot that runs, and leaves its database as it is."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from services.database import Database, tables
from services.errors import NotFound
from services.incidents import store
from services.incidents.report import make
from services.incidents.report.case import Case
from services.incidents.report.check import check_bundle
from services.incidents.report.make import make_bundle
from services.settings import Settings
from services.vault import Vault
from tests.services.fakes import CHANNEL, NOW, actor, settings, subject

KEY = Fernet.generate_key().decode()


@pytest.fixture
async def chosen(database: Database, database_url: str, tmp_path: Path) -> Settings:
    """The settings of a database with one incident, in which evidence is kept."""
    incident, _ = await store.open_incident(database, subject(), actor("alex"), CHANNEL, NOW)
    async with database.write() as connection:
        await store.keep_evidence(connection, Vault((KEY,)), incident.id, "snapshot", {"account": {"a": 1}}, NOW)
    return settings(database_url=database_url, data_keys=KEY, data_dir=tmp_path / "data")


async def test_the_file_is_whole_private_and_holds_the_evidence(chosen: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    made = await make_bundle(chosen, 1, out, NOW)
    verdict = check_bundle(out, made.fingerprint)
    assert verdict.faults == ()
    assert made.fingerprint == hashlib.sha256(out.read_bytes()).hexdigest()
    if os.name == "posix":
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with zipfile.ZipFile(out) as bundle:
        assert json.loads(bundle.read("evidence/0001-snapshot-account.json")) == {"a": 1}


async def test_it_reads_while_the_bot_writes_and_changes_nothing(
    chosen: Settings, database: Database, tmp_path: Path
) -> None:
    async with database.write() as connection:
        await connection.execute(sa.update(tables.incidents).values(phase="evict"))
        made = await make_bundle(chosen, 1, tmp_path / "out.zip", NOW)
    assert made.case.incident.phase == "prepare"
    assert not (tmp_path / "data").exists()


async def test_a_connection_to_read_cannot_write(chosen: Settings) -> None:
    reading = Database.connect_to_read(chosen.sql_url)
    with pytest.raises(sa.exc.DBAPIError):
        async with reading.write() as connection:
            await connection.execute(sa.update(tables.incidents).values(phase="evict"))
    await reading.close()


async def test_without_a_key_none_is_made_and_the_report_says_so(chosen: Settings, tmp_path: Path) -> None:
    bare = chosen.model_copy(update={"data_keys": ()})
    made = await make_bundle(bare, 1, tmp_path / "out.zip", NOW)
    assert made.case.evidence[0].problem.startswith("Could not be decrypted")
    assert check_bundle(tmp_path / "out.zip").faults == ()
    assert not (tmp_path / "data").exists()


async def test_a_file_that_is_there_is_never_overwritten(chosen: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    out.write_bytes(b"older")
    with pytest.raises(FileExistsError):
        await make_bundle(chosen, 1, out, NOW)
    assert out.read_bytes() == b"older"


async def test_an_incident_that_is_not_there_leaves_no_file(chosen: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await make_bundle(chosen, 2, tmp_path / "out.zip", NOW)
    assert not (tmp_path / "out.zip").exists()


async def test_what_breaks_half_way_leaves_no_file(
    chosen: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_case: Case, into: Any) -> None:
        into.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(make, "write_bundle", fails)
    with pytest.raises(OSError, match="no space"):
        await make_bundle(chosen, 1, tmp_path / "out.zip", NOW)
    assert not (tmp_path / "out.zip").exists()


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        await make_bundle(settings(data_dir=tmp_path), 1, tmp_path / "out.zip", NOW)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a b", "100%", "q?mode=rwc", "ü#x"])
async def test_any_folder_is_read_as_it_is_called(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    url = sa.URL.create("sqlite", database=str(folder / "irbot.sqlite")).render_as_string()
    opened = await Database.open(url)
    await store.open_incident(opened, subject(), actor("alex"), CHANNEL, NOW)
    made = await make_bundle(settings(database_url=url, data_dir=tmp_path / "data"), 1, tmp_path / "out.zip", NOW)
    assert made.case.incident.number == 1
    await opened.close()
