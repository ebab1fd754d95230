"""Stable identifiers: the same seed and name always give the same GUID."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("5b0cfb2e-2f0e-4bd6-9df4-4c1d8a4a9d10")


def guid(seed: int, name: str) -> str:
    """A GUID derived from seed and name."""
    return str(uuid5(_NAMESPACE, f"{seed}:{name}"))
