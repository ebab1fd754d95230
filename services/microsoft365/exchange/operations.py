"""What a function of this package needs and does: declared beside it, read by `doctor` and by the steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Effect(StrEnum):
    """What calling twice does."""

    ONCE = "once"  # every call changes something anew: look before repeating
    READ = "read"  # changes nothing
    SAME = "same"  # the second call finds it done


class Operation(Generic[P, R_co]):
    """An async function with the cmdlets that it runs and its effect."""

    def __init__(self, function: Callable[P, Awaitable[R_co]], needs: tuple[str, ...], effect: Effect) -> None:
        self._function = function
        self.needs = needs
        self.effect = effect
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        update_wrapper(self, function)
        ALL[self.name] = self

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return await self._function(*args, **kwargs)


ALL: dict[str, Operation[..., Any]] = {}


def operation(*needs: str, effect: Effect) -> Callable[[Callable[P, Awaitable[R]]], Operation[P, R]]:
    """Declares the cmdlets that a function runs, and its effect."""

    def declare(function: Callable[P, Awaitable[R]]) -> Operation[P, R]:
        return Operation(function, needs, effect)

    return declare
