"""Encryption at rest: evidence, and where people are reached in Teams, are unreadable without the key.

The key comes from `IRBOT_DATA_KEYS` (newest first: a key can be changed, and older data still be read), or from a file
beside the database that is made at the first start and that only our own user may read.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.errors import Conflict
from services.settings import Settings

_KEY_FILE = "data.key"
_FOR_MARKS = b"irbot marks 1:"


class Vault:
    """Packs and unpacks bytes: compressed, then encrypted and authenticated."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """Raises ValueError when a key is not 32 bytes in URL-safe Base64."""
        if not keys:
            raise ValueError("IRBot never keeps evidence without a key")
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        # Marks have keys of their own, so that neither use of a key tells anything about the other.
        self._mark_keys = [hashlib.sha256(_FOR_MARKS + key.encode("ascii")).digest() for key in keys]

    @classmethod
    def open(cls, settings: Settings) -> Vault:
        """The vault of these settings. Reads and may write a file: call it off the event loop."""
        if settings.data_keys:
            return cls(tuple(key.get_secret_value() for key in settings.data_keys))
        return cls((_key_of(settings.data_dir / _KEY_FILE),))

    @classmethod
    def existing(cls, settings: Settings) -> Vault | None:
        """As `open`, and makes no key: None where there is none yet. Reads a file: call it off the event loop."""
        if not settings.data_keys and not (settings.data_dir / _KEY_FILE).exists():
            return None
        return cls.open(settings)

    def pack(self, raw: bytes) -> bytes:
        """Compresses and encrypts."""
        return self._fernet.encrypt(gzip.compress(raw, mtime=0))

    def unpack(self, packed: bytes) -> bytes:
        """Gives back what was packed. Raises Conflict when no key fits or a byte was changed."""
        try:
            return gzip.decompress(self._fernet.decrypt(packed))
        except InvalidToken as error:
            raise Conflict(reason="wrong-data-key") from error

    def close_text(self, text: str) -> str:
        """Encrypts a short text under the newest key."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open_text(self, closed: str) -> str:
        """Gives back what was closed. Raises Conflict when no key fits or a byte was changed."""
        try:
            return self._fernet.decrypt(closed).decode()
        except InvalidToken as error:
            raise Conflict(reason="wrong-data-key") from error

    def marks(self, text: str) -> tuple[str, ...]:
        """What stands for a text in a look-up, by each key, newest first. Tells nothing without the key."""
        return tuple(hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for key in self._mark_keys)

    def renew(self, packed: bytes) -> bytes:
        """The same content under the newest key."""
        try:
            return self._fernet.rotate(packed)
        except InvalidToken as error:
            raise Conflict(reason="wrong-data-key") from error


def _key_of(file: Path) -> str:
    """The key in the file, made where there is none. Two processes that make it at once agree on one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as written:
        written.write(Fernet.generate_key().decode("ascii"))
        written.flush()
        os.fsync(written.fileno())
    return file.read_text(encoding="ascii").strip()
