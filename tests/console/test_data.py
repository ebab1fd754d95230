"""`app.py data` says what it did, and why it did not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

import app as irbot


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "irbot.sqlite")
    for name, value in {"TENANT_ID": "t", "APP_ID": "a", "APP_SECRET": "not-for-eyes", "DATA_DIR": str(folder)}.items():
        monkeypatch.setenv(f"IRBOT_{name}", value)
    return folder


def test_a_copy_and_its_return(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert irbot.main(["data", "backup", "--out", str(tmp_path / "copy")]) == 0
    assert irbot.main(["data", "restore", str(tmp_path / "copy")]) == 0
    said = capsys.readouterr()
    assert "whole" in said.out
    assert "is in place" in said.out
    assert "not-for-eyes" not in said.out + said.err
    assert [path.name for path in folder.glob("irbot.sqlite.before-*")]


def test_refusals_say_what_to_do(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert irbot.main(["data", "rotate-keys"]) == 2
    assert "IRBOT_DATA_KEYS" in capsys.readouterr().err
    assert irbot.main(["data", "restore", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
    (tmp_path / "text").write_text("hello")
    assert irbot.main(["data", "restore", str(tmp_path / "text")]) == 2
    assert "no copy" in capsys.readouterr().err


def test_a_new_key_is_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert irbot.main(["data", "new-key"]) == 0
    Fernet(capsys.readouterr().out.strip())
