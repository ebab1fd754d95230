"""The names by which the tenant knows a thing."""

from __future__ import annotations


def names(*known: object) -> frozenset[str]:
    """All of them as text, without the empty ones."""
    return frozenset(str(each) for each in known if each not in (None, ""))
