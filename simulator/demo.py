"""`make demo`: the whole thing on one machine, for a person with a browser."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

from simulator import emulator
from simulator.channel.teams import CHANNEL_NAME
from simulator.config import SimulatorConfig
from simulator.emulator import EmulatorFailed, EmulatorUnavailable, free_port
from simulator.stage import Stage, StageFailed
from simulator.stories import STORIES, told

RESPONDER, APPROVER = "alex", "adele"
_INSTEAD = (
    "The drill plays the same compromise in this terminal, without Teams and without Node:"
    " make drill   (Windows: py dev.py drill)"
)
_ADDRESSES = """
IRBot runs in a simulated company. Nothing here is real. Open all three addresses now: a Teams window shows
only what happens after it was opened.

  Teams of Alex, helpdesk: responds         {responder}
  Teams of Adele, security lead: approves   {approver}
  The company's tenant, live                {tenant}

Three things to try

  1. As Alex, in the channel {channel}, write   @IRBot compromise megan@{domain}
     (type @ and choose IRBot from the list). Press the buttons of the card that comes, and watch the tenant.
  2. As Alex, in the same channel, write        @IRBot compromise isaiah@{domain}
     Isaiah is a Global Administrator: Alex cannot lock him alone. Adele finds the request in her Personal Chat.
  3. As Alex, in Personal Chat, write           whoami   and   help

Ctrl-C stops everything. The bot's log: {log}
"""


def run(stories: Sequence[str] = ()) -> int:
    """Runs the demo until Ctrl-C, beginning with these stories; the answer is the exit code."""
    unknown = [story for story in stories if story not in STORIES]
    if unknown:
        return _complain(f"There is no story {unknown[0]!r}. There are: {', '.join(STORIES)}.")
    try:
        return asyncio.run(_run(tuple(stories)))
    except KeyboardInterrupt:
        return 0


async def _run(stories: tuple[str, ...]) -> int:
    main = asyncio.current_task()
    assert main is not None
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:  # a second Ctrl-C must not interrupt the stopping
            stopped = True
            main.cancel()

    _on_signal(stop)
    try:
        await _check_emulator()
        _say("Starting the simulated company, the bot and two Teams windows ...")
        async with _stage(stories) as stage:
            _say(
                _ADDRESSES.format(
                    responder=stage.windows[RESPONDER].url,
                    approver=stage.windows[APPROVER].url,
                    tenant=stage.simulator.url,
                    channel=CHANNEL_NAME,
                    domain=stage.simulator.config.domain,
                    log=stage.bot.log,
                )
            )
            for each in told(stage.simulator.world).values():
                _say(f"  The company's story: {STORIES[each.story_id].title} ({each.upn})")
            problem = await stage.failure()
        return _complain(problem)
    except EmulatorUnavailable as error:
        return _complain(f"{error}\n{_INSTEAD}")
    except (EmulatorFailed, StageFailed) as error:
        return _complain(str(error))
    except asyncio.CancelledError:
        if not stopped:
            raise
        _say("Stopped.")
        return 0


def _stage(stories: tuple[str, ...]) -> Stage:
    """The same ports each time, so that bookmarks stay good; where one is taken, the next free one."""
    try:
        page = free_port(3990)
        config = SimulatorConfig(latency="realistic", stories=stories, port=page, login_port=free_port(page + 1))
        return Stage(people=(RESPONDER, APPROVER), config=config, bot_port=free_port(3978))
    except OSError as error:
        raise StageFailed(str(error)) from error


async def _check_emulator() -> None:
    """Before anything starts: is there Node, and is the emulator here?"""
    await asyncio.to_thread(emulator.node)
    if not emulator.script().is_file():
        _say(
            f"Installing Microsoft 365 Agents Playground {emulator.VERSION}, the Teams emulator, from the npm registry."
            " It comes under Microsoft's own pre-release licence; see LICENSE in its folder."
        )
    await asyncio.to_thread(emulator.install)


def _on_signal(stop: Callable[[], None]) -> None:
    """Ctrl-C and a polite kill stop everything in order. Windows has no handlers on loops: there Ctrl-C interrupts."""
    if sys.platform != "win32":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 1
