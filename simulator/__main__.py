"""`python -m simulator`: the simulated tenant alone, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys

from simulator.config import SimulatorConfig
from simulator.server import Simulator
from simulator.sizes import Size
from simulator.stories import STORIES, told


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A Microsoft 365 tenant in a box.")
    parser.add_argument("--port", type=int, default=0, help="HTTP port (default: a free one)")
    parser.add_argument("--login-port", type=int, default=0, help="HTTPS port of the sign-in service")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", type=Size, choices=list(Size), default=Size.SMALL)
    parser.add_argument("--latency", default="realistic", help="none, realistic or slow:<seconds>")
    parser.add_argument("--replication-seconds", type=float, default=1.5, help="how old a read may be at most")
    parser.add_argument("--throttling", action="store_true", help="refuse as the limits table says")
    parser.add_argument(
        "--story", action="append", choices=sorted(STORIES), default=[], help="a compromise to start with; repeatable"
    )
    parser.add_argument("--bot-url", default="http://127.0.0.1:3978/api/messages")
    return parser.parse_args(argv)


async def _run(arguments: argparse.Namespace) -> None:
    config = SimulatorConfig(
        seed=arguments.seed,
        size=arguments.size,
        port=arguments.port,
        login_port=arguments.login_port,
        latency=arguments.latency,
        throttling=arguments.throttling,
        replication_seconds=arguments.replication_seconds,
        bot_url=arguments.bot_url,
        stories=tuple(arguments.story),
    )
    stopped = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(sign, stopped.set)
    async with Simulator(config) as simulator:
        lines = [f"The tenant is at {simulator.url}/"]
        lines += [f"{STORIES[each.story_id].title}: {each.upn}" for each in told(simulator.world).values()]
        lines += ["", *(f"{k}={v}" for k, v in simulator.environment().items())]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def main(argv: list[str] | None = None) -> None:
    """Runs until it is interrupted."""
    asyncio.run(_run(_arguments(argv)))


if __name__ == "__main__":
    main()
