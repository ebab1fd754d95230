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
