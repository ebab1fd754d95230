"""What a round is played on: a tenant, a partner, a database, a disk of its own, and the bot as a process."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import aiohttp
from cryptography.fernet import Fernet

from services.database import sync_url
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.emulator import any_free_port
from simulator.faults import Fault, Kind
from simulator.server import Simulator
from simulator.stories import told
from tests.chaos.bot import ForkedBot, MovedClock, NotStarted
from tests.chaos.harms import CALL_SECONDS, Engine, Round, Scene
from tests.chaos.inside import InsideBot
from tests.postgres import Cluster, cluster
from tests.services.partners.receiver import Receiver, partners_file, receiver
from tests.stories.blast_steps import sent

Bot: TypeAlias = ForkedBot | InsideBot
MakeBot: TypeAlias = Callable[[Mapping[str, str], int, Path, Path], Bot]

SENDER = "reception"
_WROTE_TO = (
    "henrietta",
    "isaiah",
    "jose",
    "joni",
    "joni.sherman2",
    "lee",
    "lynne",
    "megan",
    "miriam.o'connor",
    "patti",
)
_DISK_MEGABYTES = 48
_PAUSE_SECONDS = 0.3
_READY_SECONDS = 180.0


class Disk:
    """The bot's data folder on a small file system of its own where this user may mount one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Takes all the space that is left."""
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)

    def free(self) -> None:
        """Gives it back."""
        self._filler.unlink(missing_ok=True)


class Stage:
    """The parts of a running round. `keep` starts the bot again whenever it has died, as a service manager does."""

    def __init__(
        self,
        played: Round,
        sim: Simulator,
        bot: Bot,
        clock: MovedClock,
        partner: Receiver,
        url: str,
        key: str,
        server: Cluster | None,
        disk: Disk | None,
    ) -> None:
        self.round = played
        self.sim = sim
        self.bot = bot
        self.clock = clock
        self.partner = partner
        self.database_url = url
        self.data_key = key
        self.server = server
        self.disk = disk
        self.starts = 0
        self._faults: list[Fault] = []

    def bench(self) -> Bench:
        """People who have just come to Teams: every card is new to them."""
        return Bench(self.sim, self.bot)  # type: ignore[arg-type]  # a bench only stops its bot

    async def keep(self) -> None:
        """Starts the bot, and again whenever it ends, until it is cancelled."""
        while True:
            self.starts += 1
            try:
                await self.bot.start()
            except NotStarted:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            for fault in self._faults:
                self.sim.world.faults.add(fault)
                fault.pid = self.bot.pid
            self._faults.clear()
            await self.bot.ended()
            # A fault that kills must not meet whoever gets this process id next.
            for fault in self.sim.world.faults.waiting():
                if fault.kind is Kind.KILL:
                    self.sim.world.faults.remove(fault.id)
                    self._faults.append(fault)
            await asyncio.sleep(_PAUSE_SECONDS)

    def no_more_faults(self) -> None:
        """Takes back every fault that has not met its call."""
        self._faults.clear()
        self.sim.world.faults.clear()

    async def until_ready(self) -> bool:
        """Whether the bot says that it is ready within a minute and a half."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _READY_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            while loop.time() < end:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(f"{self.bot.url}/readyz") as answer:
                        if answer.status == 200:
                            return True
                await asyncio.sleep(0.1)
        return False


@asynccontextmanager
async def staged(played: Round, make_bot: MakeBot) -> AsyncIterator[Stage]:
    """Everything but the bot, which `keep` starts."""
    async with AsyncExitStack() as stack:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="irbot-chaos-"))
        stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
        server: Cluster | None = None
        disk: Disk | None = None
        data = folder / "data"
        if played.engine is Engine.POSTGRESQL:
            held = stack.enter_context(ExitStack())
            server = await asyncio.to_thread(held.enter_context, cluster("synchronous_commit=on"))
            url = server.url(await asyncio.to_thread(server.new_database))
        else:
            disk = Disk(data)
            if await asyncio.to_thread(_mount, data):
                stack.push_async_callback(asyncio.to_thread, _unmount, data)
            url = f"sqlite+aiosqlite:///{data / 'irbot.sqlite'}"
        partner = await stack.enter_async_context(receiver(folder))
        port = any_free_port()
        config = SimulatorConfig(
            audit_query_seconds=0,
            device_seconds=0,
            stories=(played.story,),
            bot_url=f"http://127.0.0.1:{port}/api/messages",
        )
        sim = await stack.enter_async_context(Simulator(config))
        key = Fernet.generate_key().decode()
        settings = {
            "call_timeout_seconds": str(CALL_SECONDS),
            "check_timeout_seconds": "40",
            "data_keys": key,
            "database_url": url,
            "log_level": "DEBUG" if played.seed % 10 == 9 else "INFO",
            "mail_from": f"{SENDER}@contoso.com",
            "partners_file": str(await asyncio.to_thread(partners_file, folder, partner.url)),
            "stop_seconds": "1",
            "trigger_seconds": "0",
            "verify_patience_seconds": "15",
            "webhook_hosts": "127.0.0.1",
        }
        environment = sim.environment() | {f"IRBOT_{name.upper()}": value for name, value in settings.items()}
        clock = folder / "clock"
        environment["IRBOT_DATA_DIR"] = str(data)
        bot = make_bot(environment, port, folder / "bot.log", clock)
        stack.push_async_callback(bot.stop)
        stage = Stage(played, sim, bot, MovedClock(clock), partner, sync_url(url), key, server, disk)
        if Scene.WARNING in played.scenes:
            _send_mail(stage)
        yield stage


def _send_mail(stage: Stage) -> None:
    """The intruder's mail to some colleagues and to others, of which people are to be warned."""
    bench, world = stage.bench(), stage.sim.world
    account = world.tenant.users[told(world)[stage.round.story].account_id].upn
    inside = [f"{name}@{world.tenant.domain}" for name in _WROTE_TO]
    sent(bench, account, "Invoice 20931 overdue", *(each for each in inside if each != account))
    sent(bench, account, "Invoice 20931 overdue", "anna@fabrikam.com", "bernd@tailspin.de", minutes_ago=20)


def _mount(folder: Path) -> bool:
    """A small file system in memory; False where that is not allowed, or not known on this system."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MEGABYTES}m", "tmpfs", str(folder)]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
