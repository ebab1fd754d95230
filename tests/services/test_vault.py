"""Evidence is unreadable without its key, and a changed key loses nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from services.errors import Conflict
from services.settings import Settings
from services.vault import Vault

RAW = b'{"subject": "Invoice 4711"}' * 20


def a_key() -> str:
    return Fernet.generate_key().decode()


def settings(folder: Path, **more: object) -> Settings:
    return Settings(tenant_id="t", app_id="a", app_secret="s", data_dir=folder, **more)  # type: ignore[arg-type]


def test_what_is_packed_comes_back_and_cannot_be_read_in_between() -> None:
    vault = Vault((a_key(),))
    packed = vault.pack(RAW)
    assert b"Invoice" not in packed
    assert vault.unpack(packed) == RAW


def test_a_newer_key_reads_what_an_older_one_wrote_and_renews_it() -> None:
    old, new = a_key(), a_key()
    packed = Vault((old,)).pack(RAW)
    both = Vault((new, old))
    assert both.unpack(packed) == RAW
    assert Vault((new,)).unpack(both.renew(packed)) == RAW


def test_a_wrong_key_and_a_changed_byte_are_refused() -> None:
    packed = Vault((a_key(),)).pack(RAW)
    with pytest.raises(Conflict):
        Vault((a_key(),)).unpack(packed)
    vault = Vault((a_key(),))
    good = bytearray(vault.pack(RAW))
    good[40] ^= 1
    with pytest.raises(Conflict):
        vault.unpack(bytes(good))


def test_without_a_key_nothing_is_kept() -> None:
    with pytest.raises(ValueError, match="without a key"):
        Vault(())


def test_the_key_file_is_made_once_and_only_our_user_reads_it(tmp_path: Path) -> None:
    first = Vault.open(settings(tmp_path / "data"))
    second = Vault.open(settings(tmp_path / "data"))
    assert second.unpack(first.pack(RAW)) == RAW
    assert stat.S_IMODE((tmp_path / "data" / "data.key").stat().st_mode) == 0o600


def test_keys_of_the_settings_win_and_never_show(tmp_path: Path) -> None:
    key = a_key()
    configured = settings(tmp_path, data_keys=key)
    assert Vault((key,)).unpack(Vault.open(configured).pack(RAW)) == RAW
    assert key not in repr(configured)
    assert not (tmp_path / "data.key").exists()


def test_looking_for_a_key_makes_none(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "data")
    assert Vault.existing(chosen) is None
    assert not (tmp_path / "data").exists()
    packed = Vault.open(chosen).pack(RAW)
    found = Vault.existing(chosen)
    assert found is not None
    assert found.unpack(packed) == RAW
    assert Vault.existing(settings(tmp_path / "elsewhere", data_keys=a_key())) is not None
