"""What a function of this package needs and does: declared beside it, read by `doctor` and by the steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from services.microsoft365.operations import Effect

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Operation(Generic[P, R_co]):
    """An async function with the cmdlets that it runs, its effect, and the licence of the mailbox that it takes."""

    def __init__(
        self, function: Callable[P, Awaitable[R_co]], needs: tuple[str, ...], effect: Effect, licence: str | None
    ) -> None:
        self._function = function
        self.needs = needs
        self.effect = effect
        self.licence = licence
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        update_wrapper(self, function)
        ALL[self.name] = self

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return await self._function(*args, **kwargs)


ALL: dict[str, Operation[..., Any]] = {}


def operation(
    *needs: str, effect: Effect, licence: str | None = None
) -> Callable[[Callable[P, Awaitable[R]]], Operation[P, R]]:
    """Declares the cmdlets that a function runs, its effect, and the licence that it takes."""

    def declare(function: Callable[P, Awaitable[R]]) -> Operation[P, R]:
        return Operation(function, needs, effect, licence)

    return declare


__all__ = ["ALL", "Effect", "Operation", "operation"]
