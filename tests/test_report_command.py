"""`app.py report`: made beside a bot that runs, checked anywhere, and 1 where anything was changed."""

from __future__ import annotations

import asyncio
import os
import zipfile
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

import app as irbot
from services.database import Database
from services.durable import take_lock
from services.incidents import store
from services.vault import Vault
from tests.services.fakes import CHANNEL, NOW, actor, subject

KEY = Fernet.generate_key().decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the settings, with one incident in it."""
    for name in [name for name in os.environ if name.upper().startswith("IRBOT_")]:
        monkeypatch.delenv(name)
    values = {"TENANT_ID": "tenant", "APP_ID": "app", "APP_SECRET": "secret", "DATA_KEYS": KEY, "DATA_DIR": tmp_path}
    for name, value in values.items():
        monkeypatch.setenv(f"IRBOT_{name}", str(value))
    asyncio.run(_an_incident(tmp_path))
    return tmp_path


async def _an_incident(folder: Path) -> None:
    database = await Database.open(f"sqlite:///{folder / 'irbot.sqlite'}")
    incident, _ = await store.open_incident(database, subject(), actor("alex"), CHANNEL, NOW)
    async with database.write() as connection:
        await store.keep_evidence(connection, Vault((KEY,)), incident.id, "snapshot", {"account": {}}, NOW)
    await database.close()


@pytest.fixture
def made(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """A bundle, and the sum that was said when it was made."""
    out = folder / "out.zip"
    assert irbot.main(["report", "make", "IR-0001", "--out", str(out)]) == 0
    return out, capsys.readouterr().out.split()[-1]


def test_a_report_is_made_and_verified(made: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    out, fingerprint = made
    assert irbot.main(["report", "verify", str(out), "--sha256", fingerprint]) == 0
    assert "IR-0001: 14 files and 2 lines of the timeline fit each other." in capsys.readouterr().out
    assert irbot.main(["report", "verify", str(out)]) == 0
    assert fingerprint in capsys.readouterr().out


def test_verifying_needs_no_settings(made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IRBOT_TENANT_ID")
    assert irbot.main(["report", "verify", str(made[0])]) == 0


def test_a_change_is_named_and_ends_with_1(made: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    out, fingerprint = made
    with zipfile.ZipFile(out, "a") as bundle:
        bundle.writestr("more\x1b[2J\nCHANGED: nothing\u202e.txt", b"")
    assert irbot.main(["report", "verify", str(out)]) == 1
    said = capsys.readouterr().out
    assert "CHANGED: more[U+001B][2J CHANGED: nothing[U+202E].txt was put in" in said
    assert irbot.main(["report", "verify", str(out), "--sha256", fingerprint]) == 1
    assert "not the one whose SHA-256 you gave" in capsys.readouterr().out


def test_a_report_is_made_beside_a_running_bot(folder: Path) -> None:
    lock = take_lock(folder / "lock.sqlite")
    before = sorted(os.listdir(folder))
    assert irbot.main(["report", "make", "7", "--out", str(folder / "none.zip")]) == 2
    assert irbot.main(["report", "make", "#1", "--out", str(folder / "out.zip")]) == 0
    lock.close()
    assert set(os.listdir(folder)) - set(before) <= {"out.zip", "irbot.sqlite-shm", "irbot.sqlite-wal"}


@pytest.mark.parametrize(
    ("incident", "out", "changes", "words"),
    [
        ("megan", "out.zip", {}, "Write the incident as IR-0007."),
        ("IR-0099", "out.zip", {}, "there is no incident IR-0099"),
        ("IR-0001", "irbot.sqlite", {}, "is there already"),
        ("IR-0001", "nowhere/out.zip", {}, "No such file"),
        ("IR-0001", "out.zip", {"IRBOT_DATA_DIR": "/nowhere"}, "the database cannot be read"),
        ("IR-0001", "out.zip", {"IRBOT_DATA_KEYS": "not-a-key"}, "No report was made"),
        ("IR-0001", "out.zip", {"IRBOT_TYPO": "x"}, "unknown settings: IRBOT_TYPO"),
    ],
)
def test_what_stands_in_the_way_is_said_in_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    incident: str, out: str, changes: dict[str, str], words: str,
) -> None:  # fmt: skip
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert irbot.main(["report", "make", incident, "--out", str(folder / out)]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert KEY not in said.err + said.out
    assert "not-a-key" not in said.err
    assert not (folder / "out.zip").exists()


def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert irbot.main(["report", "verify", str(tmp_path / "none.zip")]) == 2
    assert capsys.readouterr().err.startswith("Not checked: ")
