"""Several bots on one PostgreSQL behind one address, as a load balancer shares them out."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography.fernet import Fernet

from simulator.bench import SETTINGS, Bench
from simulator.config import SimulatorConfig
from simulator.emulator import any_free_port
from simulator.server import Simulator
from simulator.stage import BOT, BotProcess

_PATIENCE = aiohttp.ClientTimeout(total=20)


class Replicas:
    """The bots and the balancer before them. `bots` may be killed, stopped and started one by one."""

    def __init__(self, bots: tuple[BotProcess, ...]) -> None:
        self.bots = bots
        self._turn = itertools.count()
        self.favourite: BotProcess | None = None  # gets everything while it answers
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> None:
        """Starts all bots at once, as a deployment does, and then the balancer."""
        await asyncio.gather(*(bot.start() for bot in self.bots))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()

    async def stop(self) -> None:
        """Ends all of it."""
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.gather(*(bot.stop() for bot in self.bots))

    async def _pass_on(self, request: web.Request) -> web.Response:
        """To the next bot that answers; 502 where none does. What was sent to one is not sent to another."""
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        start = next(self._turn)
        async with aiohttp.ClientSession(timeout=_PATIENCE) as http:
            for place in range(len(self.bots)):
                bot = self.favourite or self.bots[(start + place) % len(self.bots)]
                try:
                    async with http.request(
                        request.method, f"{bot.url}{request.path_qs}", data=body, headers=headers
                    ) as answer:
                        return web.Response(
                            status=answer.status, body=await answer.read(), content_type=answer.content_type
                        )
                except aiohttp.ClientConnectorError:
                    continue
                except (aiohttp.ClientError, TimeoutError):
                    break
        return web.Response(status=502)


@asynccontextmanager
async def replicas(
    number: int, database_url: str, config: SimulatorConfig | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Bench, Replicas]]:
    """A bench whose bot is `number` processes on one database."""
    async with AsyncExitStack() as stack:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="irbot-replicas-"))
        stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
        port = any_free_port()
        url = f"http://127.0.0.1:{port}/api/messages"
        sim = await stack.enter_async_context(Simulator(replace(config or SimulatorConfig(), bot_url=url)))
        chosen = {**SETTINGS, "database_url": database_url, "data_keys": Fernet.generate_key().decode()}
        chosen |= settings or {}
        environment = sim.environment() | {f"IRBOT_{name.upper()}": value for name, value in chosen.items()}
        made = []
        for place in range(number):
            home = folder / str(place)
            await asyncio.to_thread(home.mkdir)
            made.append(BotProcess(BOT, environment, any_free_port(), home))
        shared = Replicas(tuple(made))
        stack.push_async_callback(shared.stop)
        await shared.start(port)
        yield Bench(sim, shared), shared  # type: ignore[arg-type]  # a bench only stops its bot
