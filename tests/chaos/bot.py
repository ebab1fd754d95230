"""The bot in a process of its own that is soon there, and whose clock can be set while it runs.

Each one is forked from a process that has everything imported, because a round starts the bot several times.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

import app
from services import logs
from services.settings import load

_START_SECONDS = 180.0
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.1


class NotStarted(Exception):
    """The bot ended before it was ready, or was not ready in time."""


class MovedClock:
    """Real time, moved by as many seconds as a file says; not at all where there is none."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self) -> datetime:
        try:
            seconds = float(self._file.read_text("ascii"))
        except FileNotFoundError:
            seconds = 0.0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    def move(self, seconds: float) -> None:
        """Sets it; 0 is real time again."""
        aside = self._file.with_suffix(".new")
        aside.write_text(str(seconds), "ascii")
        aside.replace(self._file)


class Forks:
    """Forks bots on demand. Made before any thread and any loop: a fork takes neither along."""

    def __init__(self) -> None:
        self._asks, theirs = socket.socketpair()
        if os.fork() == 0:
            self._asks.close()
            _fork_on_demand(theirs)
            os._exit(0)
        theirs.close()

    def fork(self, environment: Mapping[str, str], log: Path, clock: Path) -> int:
        """Starts a bot process, and returns its id."""
        asked = json.dumps({"environment": dict(environment), "log": str(log), "clock": str(clock)})
        self._asks.sendall(asked.encode() + b"\n")
        return int(self._asks.recv(32))

    def close(self) -> None:
        """No more will be asked for."""
        self._asks.close()


class ForkedBot:
    """One bot process after another, on the same port and the same data. What they say is kept in `log`."""

    def __init__(self, forks: Forks, environment: Mapping[str, str], port: int, log: Path, clock: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.pid = 0  # of the one that was started last
        self._forks = forks
        self._environment = {**environment, "IRBOT_HOST": "127.0.0.1", "IRBOT_PORT": str(port)}
        self._clock = clock

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        with contextlib.suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, 0)
                return True
        return False

    async def start(self) -> None:
        """Returns when the bot says that it is ready. Raises NotStarted where it ended before, or took too long."""
        self.pid = self._forks.fork(self._environment, self.log, self._clock)
        patience = aiohttp.ClientTimeout(total=5)
        try:
            async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession(timeout=patience) as http:
                while self.runs:
                    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                        async with http.get(f"{self.url}/readyz") as answer:
                            if answer.status == 200:
                                return
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            await self.kill()
        raise NotStarted

    async def ended(self) -> None:
        """Returns when the process has ended."""
        while self.runs:  # noqa: ASYNC110  # it is another process's child, so that nothing tells of its end
            await asyncio.sleep(_LOOK_SECONDS)

    async def kill(self) -> None:
        """SIGKILL."""
        if self.runs:
            os.kill(self.pid, signal.SIGKILL)
            await self.ended()

    async def stop(self) -> None:
        """Ends it with a chance to tidy up. May be called twice."""
        if not self.runs:
            return
        os.kill(self.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(self.ended(), _STOP_SECONDS)
        except TimeoutError:
            await self.kill()

    async def last_words(self) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            said = await asyncio.to_thread(self.log.read_text, "utf-8", "replace")
            return "\n".join(said.splitlines()[-15:])
        return ""


def _fork_on_demand(asked: socket.socket) -> None:
    """The life of the process that forks: until nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone at once
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asked.makefile("r") as lines:
        for line in lines:
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                wanted = json.loads(line)
                code = 1
                with contextlib.suppress(Exception):
                    code = _serve(wanted["environment"], Path(wanted["log"]), Path(wanted["clock"]))
                os._exit(code)
            asked.sendall(str(pid).encode())


def _serve(environment: Mapping[str, str], log: Path, clock: Path) -> int:
    """The whole life of a bot process; its exit code."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    # Whatever the shell tells a real bot must not reach this one.
    for name in [name for name in os.environ if name.startswith("IRBOT_")]:
        del os.environ[name]
    os.environ.update(environment)
    settings = load()
    logs.configure(settings.log_level)
    if settings.app_secret is not None:
        logs.hide(settings.app_secret.get_secret_value())
    try:
        asyncio.run(app.serve(app.build(settings, MovedClock(clock)), settings))
    except Exception as error:  # noqa: BLE001  # the end of a process
        sys.stderr.write(f"could not serve: {type(error).__name__}: {error}\n")
        sys.stderr.flush()
        return 1
    return 0
