"""How the processes of a run share its work: what they load, and who begins with what.

Stories wait most of the time, and most other tests compute. So half of the processes begin with the stories while the
others compute, and no long story is left for the end. Browsers stay with one process: two at once slow each other down.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from aiohttp import web_app

_T = TypeVar("_T")

_WITH_A_BROWSER = ("tests/e2e/",)
_WAITING = ("tests/stories/", "tests/services/triggers/test_replicas.py", "tests/services/mailing/test_kill.py")

_MEMORY = Path("/dev/shm")  # a folder of its own is made in it
_ROOM_BYTES = 6 * 2**30


def _write_to_memory() -> None:
    """Half of a run would be waiting for a disk to keep what is thrown away a moment later."""
    if "TMPDIR" in os.environ or not _MEMORY.is_dir():
        return
    if shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


_write_to_memory()

# Assertions are rewritten and compiled once for all processes of a run, and for the bots that tests start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Loads one share of the test modules, so that the other processes find them compiled when they come to them."""
    place = _place(session.config)
    if place is None:
        return
    number, count = place
    for name in sorted(_modules(session.config))[number::count]:
        # Whatever is wrong with a module is reported when it is collected.
        with contextlib.suppress(Exception, pytest.skip.Exception, pytest.fail.Exception):
            importlib.import_module(name)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    place = _place(config)
    if place is None:
        return
    browsers = [item for item in items if item.nodeid.startswith(_WITH_A_BROWSER)]
    waiting = [item for item in items if item.nodeid.startswith(_WAITING)]
    first = {*browsers, *waiting}
    items[:] = spread(browsers, waiting, [item for item in items if item not in first], place[1])


def pytest_collection_finish() -> None:
    """What is loaded by now stays for the whole run: nobody need look through it for garbage again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Lets go of a test's tenant: aiohttp remembers the handlers of a thousand applications, and all that they hold."""
    web_app._cached_build_middleware.cache_clear()


def spread(browsers: Sequence[_T], waiting: Sequence[_T], rest: Sequence[_T], processes: int) -> list[_T]:
    """One list, of which each process gets an equal piece to begin with: in the first half of them with what waits."""
    total = len(browsers) + len(waiting) + len(rest)
    waiters = max(1, processes // 2)
    slow = [[*browsers, *waiting[::waiters]], *(waiting[number::waiters] for number in range(1, waiters))]
    left, order = list(rest), list[_T]()
    for number in range(processes):
        mine = slow[number] if number < waiters else []
        size = total * (number + 1) // processes - len(order)
        order += mine
        order += left[: max(0, size - len(mine))]
        del left[: max(0, size - len(mine))]
    return order + left


def _place(config: pytest.Config) -> tuple[int, int] | None:
    """Which process of how many this is; None where there is one alone, or where this one only hands out the work."""
    given = getattr(config, "workerinput", None)
    return None if given is None else (int(given["workerid"].removeprefix("gw")), int(given["workercount"]))


def _modules(config: pytest.Config) -> Iterator[str]:
    for argument in config.args:
        path = Path(config.invocation_params.dir, argument.partition("::")[0]).resolve()
        files = path.rglob("test_*.py") if path.is_dir() else [path]
        for file in files:
            if file.is_relative_to(config.rootpath) and (file.parent / "__init__.py").is_file():
                yield ".".join(file.relative_to(config.rootpath).with_suffix("").parts)
