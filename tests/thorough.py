"""What a test run tries a few of, and `make thorough` all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest
from _pytest.mark.structures import ParameterSet

_T = TypeVar("_T")


def a_few(values: Iterable[_T], always: Callable[[_T], bool], id_of: Callable[[_T], str] = str) -> list[ParameterSet]:
    """The values as parameters; a test run tries those that `always` says yes to."""
    return [
        pytest.param(value, id=id_of(value), marks=() if always(value) else pytest.mark.thorough) for value in values
    ]


def one_in(many: int, values: Iterable[_T], id_of: Callable[[_T], str] = str) -> list[ParameterSet]:
    """The values as parameters; a test run tries the first one and every `many`th after it."""
    every = list(values)
    tried = set(range(0, len(every), many))
    return [
        pytest.param(value, id=id_of(value), marks=() if index in tried else pytest.mark.thorough)
        for index, value in enumerate(every)
    ]
