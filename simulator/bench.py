"""Talk to the bot in a few words: people write and press, and the bench shows what each of them sees.

The bot runs unchanged, in this process or in one of its own, against a simulated tenant. Nothing here knows what the
bot answers; what it did is in `bench.sim.world.tenant`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, overload

import aiohttp
from aiohttp import web

from services.settings import Settings
from simulator.channel.conversations import Json, Post
from simulator.channel.signing import Forgery
from simulator.channel.teams import Said, Teams, teams_of
from simulator.config import SimulatorConfig
from simulator.emulator import free_port
from simulator.pressing import Aim, BenchError, Pressed, as_shown, pressed
from simulator.reading import CannotPress, Shown, press
from simulator.server import Simulator
from simulator.stage import BOT, BotProcess
from simulator.tenant import User

__all__ = ["Aim", "Bench", "BenchError", "Pressed"]

T = TypeVar("T")
Build = Callable[[Settings], web.Application]

# Settings of every bench of this process that does not choose its own.
SETTINGS: dict[str, str] = {}
# Gives the data that a bot in this process begins with, instead of making its tables anew each time.
DATA: Callable[[], Path] | None = None

# A story changes groups behind IRBot's back; one that is about just that says when IRBot looks.
_CALM = {"guard_minutes": "0"}

# How long people wait for what must come, where nothing else is said. A test run on a busy machine sets more.
PATIENCE_SECONDS = 10.0
_READY_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.02
# Longer than the pause in which a bot keeps to the pace that Teams asks of it.
_QUIET_SECONDS = 1.5
_BOT_PORT = 41000
_REFRESHED = 60
_NOT_HERE = "only a bot in its own process has that: Bench.start(own_process=True)"


class Bench:
    """`async with Bench.start() as bench:` has a tenant, a channel and the bot. People go by first name or UPN.

    `where` is "channel" (a new thread where something is said, the current thread where something is looked for),
    "thread" (the current thread), "personal" (the person's own chat with the bot) or a conversation id; None looks
    everywhere that the person can see.
    """

    def __init__(self, sim: Simulator, bot: _InProcess | _OwnProcess) -> None:
        self.sim = sim
        self.bot = bot
        self.thread: str | None = None
        self._refreshed_looks: set[tuple[str, str, int]] = set()

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        config: SimulatorConfig | None = None,
        *,
        own_process: bool = False,
        build: Build | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Bench]:
        """Starts all of it, and stops all of it at the end.

        `settings` are further settings by name, such as {"approval_minutes": "0.01"}. `build` makes another bot than
        `app.build`.
        """
        async with AsyncExitStack() as stack:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="irbot-bench-"))
            stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
            port = await asyncio.to_thread(free_port, _BOT_PORT + os.getpid() % 4000)
            url = f"http://127.0.0.1:{port}/api/messages"
            sim = await stack.enter_async_context(Simulator(replace(config or SimulatorConfig(), bot_url=url)))
            chosen = {**_CALM, **SETTINGS, **(settings or {})}
            environment = sim.environment() | {f"IRBOT_{name.upper()}": value for name, value in chosen.items()}
            if DATA is not None and not own_process:
                await asyncio.to_thread(lambda made: shutil.copytree(made(), folder / "data"), DATA)
            bot = (
                _OwnProcess(environment, port, folder)
                if own_process
                else _InProcess(build or _the_bot(), environment, port, folder)
            )
            stack.push_async_callback(bot.stop)
            await bot.start()
            yield cls(sim, bot)

    # -- the tenant and the people ---------------------------------------------------------------------------------

    @property
    def teams(self) -> Teams:
        """The channel: who is installed, blocked, throttled, and everything that was said."""
        return teams_of(self.sim.world)

    def user(self, who: str) -> User:
        """An account as it is in the tenant now."""
        return self.teams.person(who)

    # -- what people do --------------------------------------------------------------------------------------------

    async def say(
        self,
        text: str,
        *,
        by: str,
        where: str = "channel",
        forgery: Forgery | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Said:
        """A person writes to the bot, with the bot's mention where Teams needs one. `{megan}` mentions Megan.

        `overrides` replaces parts of the activity before it is signed: another tenant, a missing sender.
        """
        conversation = None if where == "channel" else self._conversation(where, by)
        said = await self.teams.say(text, by=by, in_conversation=conversation, forgery=forgery, overrides=overrides)
        if where == "channel":
            self.thread = said.post.conversation_id
        return said

    async def click(
        self,
        title: str,
        *,
        by: str,
        where: str | None = None,
        inputs: Mapping[str, str] | None = None,
        refresh: bool = True,
        check: bool = True,
        patience: float | None = None,
    ) -> Pressed:
        """Presses the button of that title on the newest card on which this person sees one, as soon as there is one.

        `refresh` off presses what everybody sees, as somebody does who is faster than the card's refresh. Raises
        BenchError where there is none within `patience` seconds (else PATIENCE_SECONDS), and where the bot's answer is
        one that Teams would not take, unless `check` is off.
        """
        aim = await self.aim(title, by=by, where=where, inputs=inputs, refresh=refresh, patience=patience)
        return await aim.press(check=check)

    async def aim(
        self,
        title: str,
        *,
        by: str,
        where: str | None = None,
        inputs: Mapping[str, str] | None = None,
        refresh: bool = True,
        patience: float | None = None,
    ) -> Aim:
        """Finds the button as `click` does and fills in its inputs, without pressing."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (PATIENCE_SECONDS if patience is None else patience)
        while True:
            found, reasons = await self._aim(title, by, where, inputs, refresh=refresh)
            if found is not None:
                return found
            if loop.time() >= end:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.teams.conversations.changed(), _LOOK_AGAIN_SECONDS)
        raise BenchError(
            f"{by} cannot press {title!r}:\n  " + ("\n  ".join(reasons) or "there is no card") + self.report()
        )

    async def _aim(
        self, title: str, by: str, where: str | None, inputs: Mapping[str, str] | None, *, refresh: bool
    ) -> tuple[Aim | None, list[str]]:
        """The button as it is now, or why each card has none that can be pressed."""
        reasons: list[str] = []
        for post in self._visible(by, where):
            shown = await self._refreshed(post, by) if refresh else as_shown(post, post.card or {})
            try:
                choice = shown.choice(title)
                return Aim(self.teams, post, choice, press(choice, inputs or {}), by, self.report), []
            except CannotPress as problem:
                reasons.append(f"{shown.lines[0] if shown.lines else shown.activity_id}: {problem}")
        return None, reasons

    async def decide(self, title: str, timeout: float | None = None) -> None:
        """Alex confirms by the button of that title, or Adele approves: whichever the rule asks for."""

        async def waiting() -> tuple[str, str, str] | None:
            for button, by, where in ((title, "alex", "thread"), ("Approve", "adele", "personal")):
                if any(button in shown.buttons for shown in self.cards(by=by, where=where)[:2]):
                    return button, by, where
            return None

        button, by, where = await self.until(waiting, timeout, f"a question that {title!r} or Approve answers")
        await self.click(button, by=by, where=where)

    # -- what people see -------------------------------------------------------------------------------------------

    def cards(self, *, by: str, where: str | None = None) -> list[Shown]:
        """The cards that this person sees, the last changed one first."""
        object_id = self.user(by).id
        return [as_shown(post, post.card_for(object_id) or {}) for post in self._visible(by, where)]

    def card(self, *, by: str, where: str | None = None) -> Shown:
        """The newest of them. Raises BenchError where there is none."""
        found = self.cards(by=by, where=where)
        if not found:
            raise BenchError(f"{by} sees no card{self.report()}")
        return found[0]

    async def view(self, *, by: str, where: str | None = None) -> Shown:
        """The newest card as Teams shows it to this person when it comes into view: refreshed where the card asks."""
        for post in self._visible(by, where):
            return await self._refreshed(post, by)
        raise BenchError(f"{by} sees no card{self.report()}")

    def posts(self, *, by: str, where: str | None = None) -> list[Post]:
        """What the bot wrote that this person can see, oldest first; texts too."""
        visible = self._in_place(by, where)
        return sorted((post for post in visible if post.by_bot), key=lambda post: post.sequence)

    def texts(self, *, by: str, where: str | None = None) -> list[str]:
        """The bot's plain messages, oldest first."""
        return [post.text for post in self.posts(by=by, where=where) if post.text]

    # -- waiting ---------------------------------------------------------------------------------------------------

    @overload
    async def until(
        self, predicate: Callable[[], Awaitable[T | None]], timeout: float | None = None, what: str = ""
    ) -> T: ...

    @overload
    async def until(self, predicate: Callable[[], T | None], timeout: float | None = None, what: str = "") -> T: ...

    async def until(self, predicate: Callable[[], Any], timeout: float | None = None, what: str = "") -> Any:
        """Waits until the predicate gives something true, and returns that. A BenchError in it means not yet.

        Raises BenchError after `timeout` seconds, else after PATIENCE_SECONDS; `what` says what was waited for.
        """
        timeout = PATIENCE_SECONDS if timeout is None else timeout
        end = asyncio.get_running_loop().time() + timeout
        problem: Exception | None = None
        while True:
            with _remembering(BenchError) as problems:
                found = predicate()
                value = await found if inspect.isawaitable(found) else found
                if value:
                    return value
            problem = problems[0] if problems else problem
            if asyncio.get_running_loop().time() > end:
                raise BenchError(f"{what or 'it'} did not come within {timeout:g} s{self.report()}") from problem
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.teams.conversations.changed(), _LOOK_AGAIN_SECONDS)

    async def until_card(self, words: str, *, by: str, where: str | None = None, timeout: float | None = None) -> Shown:
        """Waits until a card with these words is there for this person and returns it."""

        def look() -> Shown | None:
            return next((shown for shown in self.cards(by=by, where=where) if shown.has(words)), None)

        return await self.until(look, timeout, f"a card with {words!r} for {by}")

    async def until_button(
        self, title: str, *, by: str, where: str | None = None, refresh: bool = True, timeout: float | None = None
    ) -> Shown:
        """Waits until this person sees a button of that title, refreshing as Teams does, and returns its card."""

        async def look() -> Shown | None:
            for post in self._visible(by, where):
                shown = await self._refreshed(post, by) if refresh else as_shown(post, post.card or {})
                with contextlib.suppress(CannotPress):
                    shown.choice(title)
                    return shown
            return None

        return await self.until(look, timeout, f"the button {title!r} for {by}")

    async def settled(self, timeout: float = 15.0, quiet: float = _QUIET_SECONDS) -> None:
        """Waits until nothing is under way between the bot and the simulator, and nothing was for `quiet` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        seen, since = -1, loop.time()
        while True:
            journal = self.sim.world.journal
            busy = any(entry.status is None and entry.outcome == "under way" for entry in journal)
            now = loop.time()
            state = len(journal) + self.teams.conversations.sequence + len(self.teams.delivery.answers)
            if busy or self.teams.delivery.under_way or state != seen:
                seen, since = state, now
            elif now - since >= quiet:
                return
            if now > end:
                raise BenchError(f"still busy after {timeout:g} s{self.report()}")
            await asyncio.sleep(min(quiet / 4, 0.05))

    def report(self) -> str:
        """What is there, for the text of a failure."""
        lines = ["", "--- the newest cards"]
        posts = sorted((post for record in self.teams.conversations for post in record.posts), key=lambda p: p.changed)
        for post in posts[-4:]:
            card = post.card
            shown = as_shown(post, card) if card else None
            lines.append(f"[{post.sender_name} in {post.conversation_id[:24]}…] {post.text or post.summary}")
            lines += [f"    {line}" for line in (shown.lines[:30] if shown else [])]
            lines += [f"    buttons: {shown.buttons}"] if shown else []
        lines.append("--- the last requests")
        lines += [
            f"{entry.service} {entry.method} {entry.path[:90]} → {entry.status or entry.outcome}"
            for entry in list(self.sim.world.journal)[-12:]
        ]
        lines += [f"delivery failed: {answer.fault}" for answer in self.teams.delivery.failures[-3:]]
        return "\n".join(lines)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _conversation(self, where: str, by: str) -> str:
        if where == "personal":
            return self.teams.personal(by).id
        if where in {"channel", "thread"}:
            if self.thread is None:
                raise BenchError("nothing was said in the channel yet")
            return self.thread
        return where

    def _in_place(self, by: str, where: str | None) -> list[Post]:
        posts = self.teams.conversations.visible_to(self.user(by).id)
        if where is None:
            return posts
        conversation = self._conversation(where, by)
        return [post for post in posts if post.conversation_id == conversation]

    def _visible(self, by: str, where: str | None) -> Iterator[Post]:
        """Posts of the bot with a card, the last changed one first."""
        return (post for post in reversed(self._in_place(by, where)) if post.by_bot and post.card is not None)

    async def _refreshed(self, post: Post, by: str) -> Shown:
        """The card as Teams shows it to this person, with the automatic refresh that the card asks for."""
        user = self.user(by)
        card = post.card
        assert card is not None
        this_look = (post.activity_id, user.id, post.changed)
        if (
            user.id not in post.views
            and this_look not in self._refreshed_looks
            and self._asks_refresh(post, card, user)
        ):
            self._refreshed_looks.add(this_look)
            answer = await self.teams.press(post, card["refresh"]["action"], by=by, trigger="automatic")
            pressed(answer, post, self.report)
        return as_shown(post, post.card_for(user.id) or card)

    def _asks_refresh(self, post: Post, card: Json, user: User) -> bool:
        """Whether Teams refreshes by itself: for those named, or for all where nobody is named and few see it."""
        refresh = card.get("refresh")
        record = self.teams.conversations.get(post.conversation_id)
        if not refresh or record is None:
            return False
        named = refresh.get("userIds")
        return len(record.members) <= _REFRESHED if named is None else self.teams.teams_id(user.id) in named


class _InProcess:
    """The bot in this process, on a port of its own."""

    def __init__(self, build: Build, environment: Mapping[str, str], port: int, folder: Path) -> None:
        self.folder = folder
        self._build = build
        self._port = port
        with _no_settings_from_outside():
            values: dict[str, Any] = {name.removeprefix("IRBOT_").lower(): value for name, value in environment.items()}
            self.settings = Settings(**{**values, "port": port, "data_dir": folder / "data"})
        self._runner: web.AppRunner | None = None
        self.app: web.Application | None = None

    async def start(self) -> None:
        self.app = self._build(self.settings)
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=2.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        await _until_ready(self._port)

    async def stop(self) -> None:
        """Ends the bot as an orderly shutdown does."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def restart(self) -> None:
        """An orderly restart with the same data."""
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """Not possible here."""
        raise BenchError(_NOT_HERE)

    @property
    def pid(self) -> int:
        """There is none to kill."""
        raise BenchError(_NOT_HERE)

    @property
    def log(self) -> Path:
        """The log of this process is the test's own."""
        raise BenchError(_NOT_HERE)


class _OwnProcess:
    """The bot as `python app.py run`, with its output in `log`."""

    def __init__(self, environment: Mapping[str, str], port: int, folder: Path) -> None:
        self.folder = folder
        self._process = BotProcess(BOT, environment, port, folder)
        self.log = self._process.log

    async def start(self) -> None:
        await self._process.start()

    async def stop(self) -> None:
        """Ends the bot with a chance to tidy up."""
        await self._process.stop()

    async def restart(self) -> None:
        """Starts it again with the same data, after an orderly end or a kill."""
        await self._process.stop()
        await self.start()

    async def kill(self) -> None:
        """SIGKILL."""
        await self._process.kill()

    @property
    def pid(self) -> int:
        """The process id, for faults that kill at an exact request."""
        return self._process.pid


async def _until_ready(port: int) -> None:
    """Waits for 200 from /readyz; any other answer than 503 is an error."""
    end = asyncio.get_running_loop().time() + _READY_SECONDS
    status: int | None = None
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        while asyncio.get_running_loop().time() < end:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    status = answer.status
                    if status == 200:
                        return
                    if status != 503:
                        break
            await asyncio.sleep(0.05)
    raise BenchError(f"the bot is not ready: /readyz says {status}")


def _the_bot() -> Build:
    """The project's own bot. Found at run time: the simulator depends on no part of it."""
    build: Build = importlib.import_module("app").build
    return build


@contextlib.contextmanager
def _no_settings_from_outside() -> Iterator[None]:
    """Whatever the shell tells a real bot must not reach this one."""
    outside = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("IRBOT_")}
    try:
        yield
    finally:
        os.environ.update(outside)


@contextlib.contextmanager
def _remembering(kind: type[BaseException]) -> Iterator[list[Any]]:
    """Goes on after this kind of exception, and keeps it."""
    problems: list[Any] = []
    try:
        yield problems
    except kind as problem:
        problems.append(problem)
