"""Everything that a demonstration in Teams needs, started together: the tenant, the bot, an emulator for each person.

The bot runs as it would for real: as a process of its own, told about the tenant by its environment alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from simulator.channel.teams import Teams, teams_of
from simulator.config import SimulatorConfig
from simulator.emulator import Emulator, any_free_port, seat
from simulator.server import Simulator

ROOT = Path(__file__).resolve().parent.parent
BOT = (sys.executable, str(ROOT / "app.py"), "run")

_COMMUNICATOR = "alex"  # two windows are enough for a whole incident
_SENDER = "reception"
_PARTNERS = """\
[[contact]]
id = "northwind"
kind = "msp"
name = "Northwind IT"
phone = "+1 425 555 0100"
mail = "soc@northwind.example"
"""

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class StageFailed(Exception):
    """Something did not start or did not stay; the text is for the person at the keyboard."""


class BotProcess:
    """The bot in a process of its own. It listens at `url`; what it says is kept in `log`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], port: int, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "bot.log"
        self._command = tuple(command)
        # Whatever the shell tells a real bot must not reach this one.
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("IRBOT_")},
            **environment,
            "IRBOT_HOST": "127.0.0.1",
            "IRBOT_PORT": str(port),
            "IRBOT_DATA_DIR": str(folder / "data"),
            "PYTHONUNBUFFERED": "1",
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the bot that was started last."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Returns when the bot says that it is ready. Raises StageFailed with its last words where it does not."""
        output = await asyncio.to_thread(self.log.open, "ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        finally:
            output.close()
        try:
            await asyncio.wait_for(self._ready(), _START_SECONDS)
        except TimeoutError:
            words = await self.last_words()
            await self.stop()
            raise StageFailed(f"The bot was not ready within {_START_SECONDS:.0f} seconds.\n{words}") from None
        except BaseException:
            await self.stop()
            raise

    async def _ready(self) -> None:
        assert self._process is not None
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http:
            while self._process.returncode is None:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)
        raise StageFailed(f"The bot did not start (exit code {self._process.returncode}).\n{await self.last_words()}")

    async def ended(self) -> str:
        """Waits until the bot ends by itself and returns its last words."""
        assert self._process is not None
        await self._process.wait()
        return await self.last_words()

    async def last_words(self, lines: int = 15) -> str:
        """The end of its log."""

        def read() -> str:
            with contextlib.suppress(OSError):
                said = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
                return "\n".join(f"  | {line}" for line in said[-lines:])
            return ""

        return await asyncio.to_thread(read) or "  | (it said nothing)"

    async def kill(self) -> None:
        """Ends the bot without a chance to tidy up, as a power cut would."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """Ends the bot; it gets some seconds to finish what it is in the middle of. May be called twice."""
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            await self.kill()


class Stage:
    """`async with Stage(people=("alex", "adele")) as stage:` starts all of it and stops all of it, whatever happens.

    `bot_port` 0 takes a free port, as the ports of the simulator's configuration do.
    """

    def __init__(
        self,
        *,
        people: Sequence[str] = (),
        config: SimulatorConfig | None = None,
        bot: Sequence[str] = BOT,
        bot_port: int = 0,
    ) -> None:
        self._people = tuple(people)
        self._config = config or SimulatorConfig()
        self._command = tuple(bot)
        self._bot_port = bot_port
        self._open = AsyncExitStack()
        self.windows: dict[str, Emulator] = {}
        self.simulator: Simulator
        self.bot: BotProcess

    @property
    def teams(self) -> Teams:
        """The simulated channel: what was said, and to whom."""
        return teams_of(self.simulator.world)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except OSError as error:
            await self._open.aclose()
            raise StageFailed(f"The demonstration could not start: {error}") from error
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def _start(self) -> None:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="irbot-stage-"))
        self._open.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
        bot_port = self._bot_port or any_free_port()
        config = replace(
            self._config,
            bot_url=f"http://127.0.0.1:{bot_port}/api/messages",
            communicators=(*self._config.communicators, _COMMUNICATOR),
        )
        self.simulator = await self._open.enter_async_context(Simulator(config))
        environment = self.simulator.environment() | await asyncio.to_thread(self._set_up, folder)
        self.bot = BotProcess(self._command, environment, bot_port, folder)
        self._open.push_async_callback(self.bot.stop)
        await self.bot.start()
        for who in self._people:
            await self.seat(who)

    def _set_up(self, folder: Path) -> dict[str, str]:
        """What the simulated company has set up beyond the least: a mailbox to send from, a helpdesk, a partner."""
        partners = folder / "partners.toml"
        partners.write_text(_PARTNERS, encoding="utf-8")
        return {
            "IRBOT_HELPDESK": "Helpdesk, extension 4000",
            "IRBOT_MAIL_FROM": f"{_SENDER}@{self._config.domain}",
            "IRBOT_PARTNERS_FILE": str(partners),
        }

    async def seat(self, who: str) -> Emulator:
        """Opens a Teams window for one more person, by first name. Raises EmulatorUnavailable or EmulatorFailed."""
        emulator = await seat(self.teams, who)
        self._open.push_async_callback(emulator.stop)
        self.windows[who] = emulator
        return emulator

    async def failure(self) -> str:
        """Waits until the bot or an emulator ends by itself and says which, and why."""
        waiting = {
            asyncio.create_task(self.bot.ended()): "The bot stopped.",
            **{
                asyncio.create_task(emulator.ended()): f"The Teams emulator of {emulator.window.person.name} stopped."
                for emulator in self.windows.values()
            },
        }
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            first = done.pop()
            return f"{waiting[first]}\n{first.result()}"
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
