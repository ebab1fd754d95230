"""Plays a whole compromise in the terminal: the real bot, simulated people and a simulated tenant, no Teams needed.

What the bot says is only shown. Whether the accounts are locked is read from the tenant itself, and decides the
exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

from simulator.bench import Bench, BenchError, Build, Pressed
from simulator.channel.conversations import Post
from simulator.channel.teams import CHANNEL_NAME, TEAM_NAME, plain_text
from simulator.config import SimulatorConfig
from simulator.narrator import Narrator
from simulator.reading import Shown
from simulator.tenant import Change, User

_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.03
_LOG_LINES = 20
_NEXT = "Next: "
_SIGNED_IN = ("megan", "isaiah")
# What the tenant calls it, and what a person calls it; the rest of the tenant's record says the same a second time.
_WHAT: dict[str, str] = {
    "accountEnabled": "sign-in",
    "password": "password",
    "signInSessionsValidFromDateTime": "only sign-ins count that are newer than",
}
_SAID_TWICE = frozenset({"lastPasswordChangeDateTime", "passwordProfile"})


@dataclass(frozen=True)
class Before:
    """How an account was when the drill began."""

    user: User
    password_version: int
    sessions: int


async def drill(
    out: TextIO,
    *,
    latency: str = "realistic",
    patience_seconds: float = _PATIENCE_SECONDS,
    width: int | None = None,
    build: Build | None = None,
) -> int:
    """Plays the drill and tells it on `out`. Returns 0 only when both accounts are locked in the tenant.

    `latency` is how long the simulated services take (none, realistic or slow:<seconds>); `patience_seconds` is how
    long each thing that must happen may take.
    """
    narrator = Narrator(out, width=width)
    narrator.scene("A drill: two compromised accounts, from the first message to the lock")
    narrator.remark("Everything here is simulated except IRBot itself. Nothing leaves this machine.")
    async with Bench.start(SimulatorConfig(latency=latency), build=build) as bench:
        befores = [_before(bench, who) for who in _SIGNED_IN]
        story = Story(bench, narrator, patience_seconds)
        finished = False
        try:
            async with story.followed():
                await story.megan()
                await story.isaiah()
            finished = True
        except BenchError as problem:
            narrator.verdict(f"The drill stopped: {str(problem).strip().splitlines()[0]}", good=False)
        return _verdict(narrator, befores, finished=finished)


def run() -> int:
    """The drill on the standard output, for the command line. Returns the exit code; 130 when it is interrupted.

    The story alone is on the screen; what IRBot logged follows only after a drill that failed.
    """
    kept: deque[str] = deque(maxlen=_LOG_LINES)
    handler = _Keeping(kept)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    try:
        code = asyncio.run(drill(sys.stdout))
    except KeyboardInterrupt:
        return 130
    if code != 0 and kept:
        sys.stderr.write("\nWhat IRBot logged:\n" + "\n".join(kept) + "\n")
    return code


class _Keeping(logging.Handler):
    """Keeps the last lines of the log."""

    def __init__(self, kept: deque[str]) -> None:
        super().__init__()
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(self.format(record))


def _before(bench: Bench, who: str) -> Before:
    """The account as it is now, with an intruder's session, so that there is something to end."""
    user = bench.user(who)
    bench.sim.world.tenant.sign_in(user, "Outlook on the web", "203.0.113.77", "an unknown place", intruder=True)
    return Before(user, user.password.version, len(user.active_sessions()))


def _verdict(narrator: Narrator, befores: list[Before], *, finished: bool) -> int:
    narrator.scene("Is it really locked? Read from the tenant, not from what IRBot says")
    locked = True
    for before in befores:
        user = before.user
        left = len(user.active_sessions())
        checks = [
            (f"{user.display_name}: sign-in is blocked", not user.enabled),
            (f"{user.display_name}: {before.sessions} sessions ended, {left} left", left == 0 < before.sessions),
            (f"{user.display_name}: the password was changed", user.password.version > before.password_version),
        ]
        for words, good in checks:
            narrator.check(words, good=good)
            locked = locked and good
    if locked and finished:
        narrator.verdict("Both accounts are locked.", good=True)
        return 0
    why = "the story did not come to its end" if locked else "not everything is locked"
    narrator.verdict(f"The drill failed: {why}.", good=False)
    return 1


@dataclass
class _Told:
    """What the reader knows of one message: its last change, the lines of it now, and all that it ever showed."""

    changed: int = 0
    lines: list[str] = field(default_factory=list)
    ever: set[str] = field(default_factory=set)
    buttons: list[str] = field(default_factory=list)
    new_buttons: bool = False

    def news(self, shown: Shown) -> list[str]:
        """The lines that are worth telling: never told before, or what is next when that changed back."""
        lines = shown.lines
        news = [line for line in lines if line not in self.ever or (line.startswith(_NEXT) and line not in self.lines)]
        self.new_buttons = shown.buttons != self.buttons
        self.lines, self.buttons = lines, shown.buttons
        self.ever.update(lines)
        return news


class Story:
    """The two scenes. While they play, everything that happens is told as it comes."""

    def __init__(self, bench: Bench, narrator: Narrator, patience_seconds: float) -> None:
        self._bench = bench
        self._narrator = narrator
        self._patience = patience_seconds
        self._told: dict[tuple[str, str], _Told] = {}
        self._changes = len(bench.sim.world.tenant.changes)
        self._pressed_at = 0.0

    async def megan(self) -> None:
        """An ordinary account: whoever asks confirms."""
        self._narrator.scene("Scene 1: Megan's mailbox sends strange mail. Alex is on the helpdesk")
        await self._say("compromise megan@contoso.com", by="alex")
        await self._ready("Lock account…", by="alex")
        await self._press("Lock account…", by="alex")
        await self._press("Lock now", by="alex")
        await self._until_locked("megan")

    async def isaiah(self) -> None:
        """A privileged account: somebody else must approve."""
        self._narrator.scene("Scene 2: Isaiah is a Global Administrator. One person alone must not lock him")
        await self._say("compromise isaiah@contoso.com", by="alex")
        await self._ready("Lock account…", by="alex")
        await self._press("Lock account…", by="alex")
        await self._ready("Approve", by="adele", where="personal")
        await self._ready("Approve", by="alex", refresh=False)
        self._narrator.remark("Alex tries to approve what he asked for himself, with a button from an old view.")
        refused = await self._press("Approve", by="alex", where="thread", refresh=False)
        await self._bench.settled(timeout=self._patience, quiet=0.5)
        if not self._bench.user("isaiah").enabled:
            raise BenchError("Alex approved his own request")
        if not refused.text:
            raise BenchError("Alex's own approval was not answered with a reason")
        await self._press("Approve", by="adele", where="personal")
        await self._until_locked("isaiah")

    # -- what people do --------------------------------------------------------------------------------------------

    async def _say(self, text: str, *, by: str) -> None:
        name = self._bench.user(by).display_name
        self._narrator.says(name, f"{TEAM_NAME} / {CHANNEL_NAME}", f"@IRBot {text}")
        said = await self._bench.say(text, by=by)
        if said.answer.fault:
            raise BenchError(f"IRBot did not take the message: {said.answer.fault}")

    async def _ready(self, title: str, *, by: str, where: str = "thread", refresh: bool = True) -> None:
        """Waits for a button."""
        await self._bench.until_button(title, by=by, where=where, refresh=refresh, timeout=self._patience)
        self._catch_up()

    async def _press(self, title: str, *, by: str, where: str = "thread", refresh: bool = True) -> Pressed:
        self._catch_up()
        name = self._bench.user(by).display_name
        self._narrator.presses(name, title)
        self._pressed_at = asyncio.get_running_loop().time()
        pressed = await self._bench.click(title, by=by, where=where, refresh=refresh)
        self._narrator.bot(f"answers {name} after {pressed.answer.seconds:.1f} s")
        if pressed.card is not None:
            told = self._told.setdefault((pressed.card.conversation_id, pressed.card.activity_id), _Told())
            self._narrator.card(pressed.card, lines=told.news(pressed.card))
        else:
            self._narrator.text(pressed.text)
        return pressed

    async def _until_locked(self, who: str) -> None:
        """Waits until the tenant shows the lock, and the bot's cards have come to rest."""
        user = self._bench.user(who)
        await self._bench.until(
            lambda: not user.enabled and not user.active_sessions(), self._patience, f"the lock of {user.display_name}"
        )
        seconds = asyncio.get_running_loop().time() - self._pressed_at
        await self._bench.settled(timeout=self._patience)
        self._catch_up()
        self._narrator.remark(f"Blocked and signed out {seconds:.1f} s after the press.")

    # -- what is told ----------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Tells what happens while the story plays."""
        follower = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await follower
            self._catch_up()

    async def _follow(self) -> None:
        while True:
            self._catch_up()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bench.teams.conversations.changed(), _LOOK_SECONDS)

    def _catch_up(self) -> None:
        """Tells everything that has happened since the last time, in its order."""
        events: list[tuple[Any, Callable[[], None]]] = []
        changes = self._bench.sim.world.tenant.changes
        for change in changes[self._changes :]:
            if change.property in _SAID_TWICE:
                continue
            events.append((change.at, lambda change=change: self._tell_change(change)))  # type: ignore[misc]  # bound now
        self._changes = len(changes)
        for record in self._bench.teams.conversations:
            for post in record.posts:
                told = self._told.get((post.conversation_id, post.activity_id))
                if post.by_bot and (told is None or told.changed < post.changed):
                    at = post.edited_at or post.at
                    events.append((at, lambda post=post, kind=record.kind: self._tell_post(post, kind)))  # type: ignore[misc]  # bound now
        for _, tell in sorted(events, key=lambda event: event[0]):
            tell()

    def _tell_change(self, change: Change) -> None:
        before, after = (_value(change.property, value) for value in (change.before, change.after))
        what = _WHAT.get(change.property, change.property)
        self._narrator.changed(change.target_name, what, before, after, change.by)

    def _tell_post(self, post: Post, kind: str) -> None:
        key = (post.conversation_id, post.activity_id)
        first = key not in self._told
        told = self._told.setdefault(key, _Told())
        told.changed = post.changed
        where = self._where(post, kind)
        if post.card is None:
            self._narrator.bot(f"writes {where}")
            self._narrator.text(plain_text(post))
            return
        shown = Shown(post.card)
        same = first and any(other.lines == shown.lines for other in self._told.values() if other is not told)
        news = told.news(shown)
        if not first and not news and not told.new_buttons:
            return
        does = "posts the same card" if same else "posts a card" if first else "updates its card"
        self._narrator.bot(f"{does} {where}")
        self._narrator.card(shown, lines=[] if same else news)

    def _where(self, post: Post, kind: str) -> str:
        if kind != "personal":
            return "in the thread"
        record = self._bench.teams.conversations.get(post.conversation_id)
        names = [self._bench.user(member).display_name for member in record.members] if record else []
        return f"in {names[0]}'s own chat" if names else "in a chat"


def _value(name: str, value: Any) -> str:
    """A value of a property in a person's words."""
    if name == "accountEnabled":
        return "allowed" if value else "blocked"
    if name == "password":
        return "as it was" if str(value).startswith("(") else "changed, known to nobody"
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
