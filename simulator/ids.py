"""Stable identifiers: the same seed and name always give the same GUID."""

from __future__ import annotations

import hashlib
from random import Random

_NAMESPACE = bytes.fromhex("5b0cfb2e2f0e4bd69df44c1d8a4a9d10")
_VARIANT = "89ab"
_chance = Random()  # of our own: what seeds the shared one would repeat ids


def guid(seed: int, name: str) -> str:
    """A GUID derived from seed and name: a name-based UUID (RFC 9562, version 5), written without its class.

    A tenant has thousands of them, and is made anew for each test.
    """
    digest = hashlib.sha1(_NAMESPACE + f"{seed}:{name}".encode(), usedforsecurity=False).hexdigest()
    return _written(digest, "5")


def new_guid() -> str:
    """A GUID by chance (version 4). It guards nothing, so that any chance will do."""
    return _written(f"{_chance.getrandbits(128):032x}", "4")


def _written(digits: str, version: str) -> str:
    variant = _VARIANT[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
