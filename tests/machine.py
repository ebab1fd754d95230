"""What a machine must have for some tests. Where it is absent they are skipped with the reason; in CI they fail."""

from __future__ import annotations

import contextlib
import functools
import os
from typing import NoReturn

import pytest

from simulator import emulator
from tools.gallery.render import CannotDrawError, find_browser


def go_without(reason: str) -> NoReturn:
    """Ends the test: a missing part of the machine is a failure in CI, and a skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have it: {reason}", pytrace=False)
    pytest.skip(reason)


def need_emulator() -> None:
    """The Teams emulator, installed where Node and the npm registry allow it."""
    reason = _why_no_emulator()
    if reason is not None:
        go_without(reason)


@functools.cache
def _why_no_emulator() -> str | None:
    try:
        emulator.install()
    except emulator.EmulatorUnavailable as error:
        return str(error)
    return None


def need_chromium() -> str:
    """The path of a Chromium-like browser."""
    with contextlib.suppress(CannotDrawError):
        return find_browser()
    go_without("There is no Chromium, Chrome or Edge.")
