"""A list that knows whether it is whole: what could not be read to its end never looks finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.microsoft365.graph import Items, Json

T = TypeVar("T")


@dataclass(frozen=True)
class Listing(Generic[T]):
    """Entries in the service's order. Not `complete`: there are more than were asked for."""

    values: tuple[T, ...]
    complete: bool

    def __iter__(self) -> Iterator[T]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def listing(items: Items, read: Callable[[Json], T]) -> Listing[T]:
    return Listing(tuple(read(entry) for entry in items.values), items.complete)
